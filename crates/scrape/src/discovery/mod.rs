//! Finding targets.
//!
//! ## Model
//! [`run`] is one discovery as a task that sends its whole list of groups whenever the
//! list may have changed; the pool (or the [`crate::Watchers`]) replaces what it had from that discovery. A discovery that fails
//! keeps its last list and says why in its status.

mod dns;
mod file;
mod http;

use std::sync::Arc;
use std::time::Duration;

use bellwether_model::{Labels, short};
use bellwether_telemetry::Counter;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::settings::{Discovery, TargetGroup};

#[cfg(feature = "fuzzing")]
pub(crate) use file::groups_of_text;

/// A list of groups from one discovery.
#[derive(Debug)]
pub(crate) struct Update {
    /// Which discovery of the job.
    pub(crate) index: usize,
    pub(crate) groups: Vec<TargetGroup>,
}

/// What a discovery tells, shared with the pool.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    pub(crate) last_error: Option<String>,
}

/// Where updates go.
#[derive(Debug, Clone)]
pub(crate) struct Channel {
    pub(crate) index: usize,
    pub(crate) updates: mpsc::Sender<Update>,
    pub(crate) told: Arc<Mutex<Told>>,
    /// Counts refreshes that failed.
    pub(crate) failed: Arc<Counter>,
}

impl Channel {
    /// Sends a list, or notes why there is none.
    async fn tell(&self, found: Result<Vec<TargetGroup>, String>) {
        match found {
            Ok(groups) => {
                self.told.lock().last_error = None;
                let index = self.index;
                // A pool that is gone needs no targets.
                let _unneeded = self.updates.send(Update { index, groups }).await;
            }
            Err(error) => {
                self.failed.increment();
                tracing::warn!(%error, "service discovery failed");
                self.told.lock().last_error = Some(error);
            }
        }
    }
}

/// The key of a discovery in the configuration.
pub(crate) fn key(discovery: &Discovery) -> &str {
    match discovery {
        Discovery::Static(_) => "static_configs",
        Discovery::File { .. } => "file_sd_configs",
        Discovery::Http { .. } => "http_sd_configs",
        Discovery::Dns { .. } => "dns_sd_configs",
        Discovery::Unsupported { key } => key,
    }
}

/// Runs a discovery until `stop`.
pub(crate) async fn run(discovery: Discovery, channel: Channel, stop: CancellationToken) {
    let running = async {
        match discovery {
            Discovery::Static(groups) => channel.tell(Ok(groups)).await,
            Discovery::File {
                files,
                refresh_interval_ms,
            } => file::run(&files, interval(refresh_interval_ms), &channel).await,
            Discovery::Http {
                url,
                refresh_interval_ms,
                http,
            } => http::run(&url, interval(refresh_interval_ms), &http, &channel).await,
            Discovery::Dns {
                names,
                record,
                port,
                refresh_interval_ms,
            } => {
                dns::run(
                    &names,
                    record,
                    port,
                    interval(refresh_interval_ms),
                    &channel,
                )
                .await
            }
            Discovery::Unsupported { key } => {
                // The pool hears of it too, so that it does not wait for it.
                channel.tell(Ok(Vec::new())).await;
                channel.told.lock().last_error = Some(format!("unsupported discovery: {key}"));
            }
        }
    };
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = running => {}
    }
}

/// An interval that is not 0, so that a discovery cannot spin.
fn interval(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0).max(1000))
}

/// Groups with one more label each. A label of the group itself wins.
fn with_label(groups: &mut [TargetGroup], name: &str, value: &str) {
    for group in groups {
        let mut labels = group.labels.to_builder();
        labels.set(name, value);
        group.labels = labels.build();
    }
}

/// Reads groups from JSON: `[{"targets": ["a:1"], "labels": {"x": "y"}}]`.
fn groups_of_json(value: &serde_json::Value) -> Result<Vec<TargetGroup>, String> {
    let list = match value {
        serde_json::Value::Array(list) => list.as_slice(),
        serde_json::Value::Null => &[],
        _ => return Err("want a list of target groups".to_owned()),
    };
    let mut groups = Vec::with_capacity(list.len());
    for (index, item) in list.iter().enumerate() {
        let fail = |what: &str| format!("group {index}: {what}");
        let group = item
            .as_object()
            .ok_or_else(|| fail("want targets and labels"))?;
        if let Some(key) = group
            .keys()
            .find(|key| *key != "targets" && *key != "labels")
        {
            return Err(fail(&format!(
                "{:?} is not known: want targets and labels",
                short(key)
            )));
        }
        let mut targets = Vec::new();
        match group.get("targets") {
            None | Some(serde_json::Value::Null) => {}
            Some(serde_json::Value::Array(list)) => {
                for target in list {
                    let target = scalar(target).ok_or_else(|| fail("targets must be texts"))?;
                    targets.push(target);
                }
            }
            Some(_) => return Err(fail("targets must be a list")),
        }
        let mut labels = Labels::empty().to_builder();
        match group.get("labels") {
            None | Some(serde_json::Value::Null) => {}
            Some(serde_json::Value::Object(map)) => {
                for (name, value) in map {
                    let value = scalar(value);
                    let value = value
                        .ok_or_else(|| fail(&format!("label {:?} is no text", short(name))))?;
                    labels.set(name, &value);
                }
            }
            Some(_) => return Err(fail("labels must be a mapping")),
        }
        groups.push(TargetGroup {
            targets,
            labels: labels.build(),
        });
    }
    Ok(groups)
}

fn scalar(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        serde_json::Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}
