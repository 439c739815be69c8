//! Forecasts of a running server: their turns, and how they go on at a reload.

use std::sync::Arc;

use anyhow::Result;
use bellwether_config::Config;
use bellwether_rules::prediction::{Predictions, PredictionsParts};
use parking_lot::Mutex;
use tokio::task::JoinHandle;

/// The running parts.
#[derive(Debug)]
pub(crate) struct PredictionsProgram {
    /// What the edge shows.
    pub(crate) predictions: Predictions,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl PredictionsProgram {
    /// Starts with the forecasts of the configuration.
    ///
    /// # Errors
    /// The first that is wrong.
    pub(crate) async fn start(parts: PredictionsParts, config: &Config) -> Result<Arc<Self>> {
        let this = Arc::new(Self {
            predictions: Predictions::new(parts),
            task: Mutex::new(None),
        });
        this.apply(config).await?;
        let predictions = this.predictions.clone();
        *this.task.lock() = Some(tokio::spawn(async move { predictions.run().await }));
        Ok(this)
    }

    /// Goes on with another configuration.
    ///
    /// # Errors
    /// The first forecast that is wrong; those of before go on.
    pub(crate) async fn apply(&self, config: &Config) -> Result<()> {
        let (predictions, forecasts) = (self.predictions.clone(), config.forecasts.clone());
        // It waits for the turns of those that end.
        tokio::task::spawn_blocking(move || predictions.apply(forecasts)).await??;
        Ok(())
    }

    /// Ends when the turns that run have ended.
    pub(crate) async fn stop(&self) {
        self.predictions.stop();
        let task = self.task.lock().take();
        if let Some(task) = task {
            // It ends by itself; if it panicked, that is in the log.
            task.await.ok();
        }
    }
}
