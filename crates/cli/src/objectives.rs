//! Objectives of a running server: looked at each minute, applied again at a reload. Their rules are
//! among those of the configuration.

use std::sync::Arc;

use bellwether_config::Config;
use bellwether_rules::objective::{Objectives, ObjectivesParts};
use parking_lot::Mutex;
use tokio::task::JoinHandle;

/// The running parts.
#[derive(Debug)]
pub(crate) struct ObjectivesProgram {
    /// What the edge shows.
    pub(crate) objectives: Objectives,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl ObjectivesProgram {
    /// Starts to look at the objectives of the configuration.
    pub(crate) fn start(parts: ObjectivesParts, config: &Config) -> Arc<Self> {
        let objectives = Objectives::new(parts);
        objectives.apply(config.objectives.clone());
        let task = tokio::spawn({
            let objectives = objectives.clone();
            async move { objectives.run().await }
        });
        Arc::new(Self {
            objectives,
            task: Mutex::new(Some(task)),
        })
    }

    /// Goes on with another configuration.
    pub(crate) fn apply(&self, config: &Config) {
        self.objectives.apply(config.objectives.clone());
    }

    /// Ends when the turn that runs has ended.
    pub(crate) async fn stop(&self) {
        self.objectives.stop();
        let task = self.task.lock().take();
        if let Some(task) = task {
            // It ends by itself; if it panicked, that is in the log.
            task.await.ok();
        }
    }
}
