//! Scalers of a running server: made of the configuration, applied again at a reload; and the webhooks
//! that are told of their decisions.
//!
//! ## Model
//! A webhook gets a POST of JSON when the number of workers changes, and when the server starts; it is
//! tried again, less and less often, until it is taken or another number is decided. Of several replicas
//! the one that notifies posts.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bellwether_config::{Config, ScalingWebhook};
use bellwether_notify::replica::Replica;
use bellwether_outbound::header::{CONTENT_TYPE, HeaderValue};
use bellwether_outbound::settings::SecretSource;
use bellwether_outbound::{Client, OutboundError, Request, lazy_client};
use bellwether_rules::scaling::{Decided, ScalerStatus, Scalers, ScalersParts};
use bellwether_telemetry::{Counter, Registry};
use parking_lot::Mutex;
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::task::JoinHandle;

/// The first pause after a webhook did not take a decision, and the longest. Chosen.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// How often one that does not notify looks whether it does now.
const LOOK: Duration = Duration::from_secs(2);
/// Longest file with a URL. Chosen.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// The running parts.
#[derive(Debug)]
pub(crate) struct ScalingProgram {
    /// What the edge shows.
    pub(crate) edge: Scalers,
    registry: Registry,
    replica: Option<Replica>,
    /// Webhooks by scaler, and what they are.
    webhooks: Mutex<BTreeMap<String, (ScalingWebhook, JoinHandle<()>)>>,
    turning: Mutex<Option<JoinHandle<()>>>,
}

impl ScalingProgram {
    /// Starts everything.
    pub(crate) async fn start(
        parts: ScalersParts,
        replica: Option<Replica>,
        config: &Config,
    ) -> Result<Self> {
        let registry = parts.registry.clone();
        let edge = tokio::task::spawn_blocking(move || Scalers::new(parts)).await??;
        let program = Self {
            edge: edge.clone(),
            registry,
            replica,
            webhooks: Mutex::default(),
            turning: Mutex::default(),
        };
        program.apply(config).await?;
        *program.turning.lock() = Some(tokio::spawn(async move { edge.run().await }));
        Ok(program)
    }

    /// Goes on with another configuration.
    pub(crate) async fn apply(&self, config: &Config) -> Result<()> {
        let scalers = self.edge.clone();
        let settings = config.scaling.iter();
        let settings: Vec<_> = settings.map(|it| it.settings.clone()).collect();
        tokio::task::spawn_blocking(move || scalers.apply(settings)).await??;
        let wanted: BTreeMap<&str, &ScalingWebhook> = config
            .scaling
            .iter()
            .filter(|it| !it.settings.is_dry_run)
            .filter_map(|it| Some((it.settings.name.as_str(), it.webhook.as_ref()?)))
            .collect();
        let mut webhooks = self.webhooks.lock();
        webhooks.retain(|name, (known, task)| {
            let stays = wanted.get(name.as_str()) == Some(&&*known);
            if !stays {
                task.abort();
            }
            stays
        });
        for (name, webhook) in wanted {
            if !webhooks.contains_key(name) {
                let task = tokio::spawn(self.teller(name, webhook)?.tell());
                webhooks.insert(name.to_owned(), (webhook.clone(), task));
            }
        }
        Ok(())
    }

    fn teller(&self, name: &str, webhook: &ScalingWebhook) -> Result<Teller> {
        let count = |result| {
            self.registry.counter(
                "bellwether_scaler_webhook_requests_total",
                "Requests to webhooks of scalers, by whether they were taken.",
                &[("scaler", name), ("result", result)],
            )
        };
        Ok(Teller {
            scalers: self.edge.clone(),
            replica: self.replica.clone(),
            name: name.to_owned(),
            client: lazy_client(&webhook.http).with_context(|| format!("scaler {name:?}"))?,
            webhook: webhook.clone(),
            taken: count("taken"),
            failed: count("failed"),
        })
    }

    /// Ends all turns and requests.
    pub(crate) async fn stop(&self) -> Result<()> {
        let scalers = self.edge.clone();
        tokio::task::spawn_blocking(move || scalers.stop()).await?;
        let turning = self.turning.lock().take();
        if let Some(turning) = turning {
            turning.await?;
        }
        for (_, task) in std::mem::take(&mut *self.webhooks.lock()).into_values() {
            task.abort();
        }
        Ok(())
    }
}

/// Tells one webhook.
struct Teller {
    scalers: Scalers,
    replica: Option<Replica>,
    name: String,
    client: Client,
    webhook: ScalingWebhook,
    taken: Arc<Counter>,
    failed: Arc<Counter>,
}

impl Teller {
    async fn tell(self) {
        let mut told = None;
        let mut pause = PAUSES.0;
        loop {
            let changes = self.scalers.changes(&self.name);
            let Some((status, mut changes)) = self.scalers.status(&self.name).zip(changes) else {
                return;
            };
            let replica = self.replica.as_ref();
            let is_leading = replica.is_none_or(|it| it.status().leading.is_some());
            let decided = status.decided.as_ref();
            let news = decided.filter(|it| told != Some(it.number));
            let wait = match news {
                Some(_) if !is_leading => LOOK,
                Some(decided) => match self.post(&status, decided).await {
                    Ok(()) => {
                        self.taken.increment();
                        (told, pause) = (Some(decided.number), PAUSES.0);
                        continue;
                    }
                    Err(error) => {
                        self.failed.increment();
                        tracing::warn!(
                            scaler = self.name,
                            "a webhook did not take a decision: {error:#}"
                        );
                        let wait = pause;
                        pause = (pause * 2).min(PAUSES.1);
                        wait
                    }
                },
                // A decision from before a reload may be another scaler's by then.
                None => PAUSES.1,
            };
            tokio::select! {
                changed = changes.changed() => if changed.is_err() {
                    tokio::time::sleep(PAUSES.0).await;
                },
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    async fn post(&self, status: &ScalerStatus, decided: &Decided) -> Result<()> {
        let decision = decided.decision.as_ref();
        let body = json!({
            "version": "1",
            "scaler": self.name,
            "labels": status.settings.labels.iter().cloned().collect::<BTreeMap<_, _>>(),
            "number": decided.number,
            "workers": decided.workers,
            "min": status.settings.policy.workers_min,
            "max": status.settings.policy.workers_max,
            "time": decided.time_ms as f64 / 1_000.0,
            "reason": decision.map(|it| it.reason.name()),
            "text": decision.map(ToString::to_string),
        });
        let url = self.url().await?;
        // Its path may be a secret: no error shows it.
        let mut request =
            Request::post(url.parse().context("url is none")?, body.to_string().into());
        let json = HeaderValue::from_static("application/json");
        request.headers.insert(CONTENT_TYPE, json);
        let timeout = u64::try_from(self.webhook.timeout_ms).unwrap_or(0);
        request.timeout = Some(Duration::from_millis(timeout.max(1)));
        let response = self.client.send(request).await;
        let response = response.map_err(|error| match error {
            OutboundError::Transport { reason, .. } => anyhow::anyhow!("no answer: {reason}"),
            other => anyhow::Error::new(other),
        })?;
        if !response.status().is_success() {
            bail!("it answered {}", response.status());
        }
        Ok(())
    }

    async fn url(&self) -> Result<String> {
        match &self.webhook.url {
            SecretSource::Inline(url) => Ok(url.expose().to_owned()),
            SecretSource::File(path) => read(path)
                .await
                .with_context(|| format!("url_file {}", path.display())),
        }
    }
}

async fn read(path: &Path) -> Result<String> {
    let file = tokio::fs::File::open(path).await?;
    let mut text = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).await?;
    Ok(text.trim().to_owned())
}
