//! Probes from a configuration.
//!
//! ## Model
//! A [`ProbeConfig`] says how a probe is run, and in `check` what it looks at: something outside of the
//! process, which is named there, or something of the service itself, which gives it to the
//! [`ProbeFactory`] under a name. Durations and sizes have units; keys that are not known are refused.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::checks::disk::{self, Room};
use super::checks::http::Question;
use super::checks::own::{judge_lag, judge_queue, judge_tools};
use super::checks::{memory, tcp};
use super::config::{CheckConfig, Headers, ProbeConfig};
use super::pulse::Pulse;
use super::{HealthError, Probe, ProbeSettings, QueueLoad, ToolEntry, blocking};
use crate::client::{Target, is_header, shown};

type QueueSource = Arc<dyn Fn() -> QueueLoad + Send + Sync>;
type ToolSource = Arc<dyn Fn() -> Vec<ToolEntry> + Send + Sync>;

/// Makes probes of what a configuration names: what is outside of the process it knows, what is the
/// service's own it is given under a name.
///
/// ```
/// use bellwether_sdk::Settings;
/// use bellwether_sdk::health::{HealthRegistry, ProbeConfig, ProbeFactory, QueueLoad};
///
/// let config: Vec<ProbeConfig> = serde_json::from_str(
///     r#"[
///         {"name": "database", "criticality": "critical", "interval": "5s",
///          "check": {"kind": "tcp", "address": "db:5432"}},
///         {"name": "jobs", "depends_on": ["database"],
///          "check": {"kind": "queue", "queue": "jobs", "depth_max": 1000, "age_max": "30s"}}
///     ]"#,
/// )?;
/// let factory = ProbeFactory::new().queue("jobs", || QueueLoad { depth: 3, oldest_age: None });
/// let builder = HealthRegistry::builder(&Settings::default()).configure(&factory, config)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct ProbeFactory {
    queues: BTreeMap<String, QueueSource>,
    tools: BTreeMap<String, ToolSource>,
}

impl fmt::Debug for ProbeFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProbeFactory")
            .field("queues", &self.queues.keys())
            .field("tools", &self.tools.keys())
            .finish()
    }
}

impl ProbeFactory {
    /// One that knows nothing of the service.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets probes look at a queue of the service. The closure is called for each check and must not
    /// wait. Of two of one name the later counts.
    #[must_use]
    pub fn queue(
        mut self,
        name: impl Into<String>,
        load: impl Fn() -> QueueLoad + Send + Sync + 'static,
    ) -> Self {
        self.queues.insert(name.into(), Arc::new(load));
        self
    }

    /// Lets probes look at the tools of the service. The closure is called for each check and must not
    /// wait. Of two of one name the later counts.
    #[must_use]
    pub fn tools(
        mut self,
        name: impl Into<String>,
        tools: impl Fn() -> Vec<ToolEntry> + Send + Sync + 'static,
    ) -> Self {
        self.tools.insert(name.into(), Arc::new(tools));
        self
    }

    pub(super) fn make(
        &self,
        config: ProbeConfig,
        pulse: &Arc<Pulse>,
    ) -> Result<(ProbeSettings, Arc<dyn Probe>), HealthError> {
        let usual = ProbeSettings::new(config.name);
        let settings = ProbeSettings {
            interval: config.interval,
            jitter: config.jitter.unwrap_or(usual.jitter),
            timeout: config.timeout.unwrap_or(usual.timeout),
            failure_threshold: config.failure_threshold.unwrap_or(usual.failure_threshold),
            success_threshold: config.success_threshold.unwrap_or(usual.success_threshold),
            criticality: config.criticality,
            depends_on: config.depends_on,
            ..usual
        };
        let probe = self.probe(&settings.name, config.check, pulse)?;
        Ok((settings, probe))
    }

    fn probe(
        &self,
        probe: &str,
        check: CheckConfig,
        pulse: &Arc<Pulse>,
    ) -> Result<Arc<dyn Probe>, HealthError> {
        let wrong = |key, value: String, allowed: &str| {
            Err(HealthError::setting(probe, key, value, allowed))
        };
        Ok(match check {
            CheckConfig::Tcp { address } => {
                if !tcp::is_address(&address) {
                    return wrong(
                        "address",
                        format!("{:?}", shown(&address)),
                        "a host and a port: db:5432",
                    );
                }
                let address: Arc<str> = address.into();
                Arc::new(move || {
                    let address = Arc::clone(&address);
                    async move { tcp::look(&address).await }
                })
            }
            CheckConfig::Http {
                url,
                statuses,
                headers,
                bearer_env,
            } => {
                let bearer = bearer_env.map(|name| bearer_of(probe, name)).transpose()?;
                let question = Arc::new(question(probe, &url.0, statuses, &headers, bearer)?);
                Arc::new(move || {
                    let question = Arc::clone(&question);
                    async move { question.look().await }
                })
            }
            CheckConfig::Disk {
                path,
                free_bytes_min,
                free_share_min,
            } => {
                if free_bytes_min.is_none() && free_share_min.is_none() {
                    let allowed = "it or free_share_min to say how much";
                    return wrong("free_bytes_min", "none".to_owned(), allowed);
                }
                check_share(probe, "free_share_min", free_share_min)?;
                let room = Room {
                    bytes_min: free_bytes_min,
                    share_min: free_share_min,
                };
                Arc::new(blocking(move || disk::look(&path, room)))
            }
            CheckConfig::Memory { used_share_max } => {
                check_share(probe, "used_share_max", Some(used_share_max))?;
                let places = memory::Places::default();
                Arc::new(blocking(move || memory::look(&places, used_share_max)))
            }
            CheckConfig::EventLoopLag { lag_max } => {
                let pulse = Arc::clone(pulse);
                Arc::new(move || std::future::ready(judge_lag(pulse.lag_max(), lag_max)))
            }
            CheckConfig::Queue {
                queue,
                depth_max,
                age_max,
            } => {
                if depth_max.is_none() && age_max.is_none() {
                    let allowed = "it or age_max to say how much";
                    return wrong("depth_max", "none".to_owned(), allowed);
                }
                let load = named(probe, "queue", &queue, &self.queues)?;
                Arc::new(move || {
                    let load = Arc::clone(&load);
                    async move { judge_queue(load(), depth_max, age_max) }
                })
            }
            CheckConfig::Tools {
                registry,
                count_min,
            } => {
                let tools = named(probe, "registry", &registry, &self.tools)?;
                Arc::new(move || {
                    let tools = Arc::clone(&tools);
                    async move { judge_tools(&tools(), count_min) }
                })
            }
        })
    }
}

fn named<T: Clone>(
    probe: &str,
    key: &'static str,
    name: &str,
    known: &BTreeMap<String, T>,
) -> Result<T, HealthError> {
    known.get(name).cloned().ok_or_else(|| {
        let names: Vec<&str> = known.keys().map(String::as_str).collect();
        let allowed = match names.is_empty() {
            true => "one that the service gave to the factory: there is none".to_owned(),
            false => names.join(", "),
        };
        HealthError::setting(probe, key, format!("{name:?}"), allowed)
    })
}

fn check_share(probe: &str, key: &'static str, share: Option<f64>) -> Result<(), HealthError> {
    match share.filter(|it| !(0.0..=1.0).contains(it)) {
        Some(share) => Err(HealthError::setting(
            probe,
            key,
            share.to_string(),
            "0 to 1",
        )),
        None => Ok(()),
    }
}

/// The token that a variable has.
fn bearer_of(probe: &str, variable: String) -> Result<String, HealthError> {
    let token = std::env::var(&variable)
        .unwrap_or_default()
        .trim()
        .to_owned();
    match token.is_empty() {
        true => {
            let allowed = "a variable of the environment with a token";
            Err(HealthError::setting(probe, "bearer_env", variable, allowed))
        }
        false => Ok(format!("Bearer {token}")),
    }
}

fn question(
    probe: &str,
    url: &str,
    statuses: Vec<u16>,
    headers: &Headers,
    bearer: Option<String>,
) -> Result<Question, HealthError> {
    let wrong =
        |key, value: String, allowed: &str| Err(HealthError::setting(probe, key, value, allowed));
    let Some(target) = Target::parse(url) else {
        let allowed = "an http or https URL without a user: https://api.example/v1/models";
        return wrong("url", format!("{:?}", shown(url)), allowed);
    };
    if target.is_tls && cfg!(not(feature = "https-probes")) {
        let allowed = "http, or the feature https-probes of bellwether-sdk";
        return wrong("url", format!("{:?}", shown(url)), allowed);
    }
    if let Some(status) = statuses.iter().find(|it| !(200..=599).contains(*it)) {
        return wrong("statuses", status.to_string(), "200 to 599");
    }
    // Values of headers are not shown: they may be secrets.
    if let Some((name, _)) = headers
        .0
        .iter()
        .find(|(name, value)| !is_header(name, value))
    {
        return wrong(
            "headers",
            format!("{name:?}"),
            "names and values of ASCII on one line",
        );
    }
    if bearer
        .as_ref()
        .is_some_and(|it| !is_header("authorization", it))
    {
        return wrong("bearer_env", "…".to_owned(), "a token of ASCII on one line");
    }
    let headers = headers
        .0
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let bearer = bearer.as_deref().map(|it| ("authorization", it));
    Ok(Question::new(target, statuses, headers.chain(bearer)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, from_value, json};

    use super::*;
    use crate::health::Criticality;

    fn make(config: Value) -> Result<(ProbeSettings, Arc<dyn Probe>), String> {
        let config: ProbeConfig = from_value(config).map_err(|error| error.to_string())?;
        let factory = ProbeFactory::new()
            .queue("jobs", QueueLoad::default)
            .tools("main", Vec::new);
        let made = factory.make(config, &Arc::default());
        made.map_err(|error| error.to_string())
    }

    #[test]
    fn everything_can_be_said() {
        let (settings, _) = make(json!({
            "name": "db", "check": {"kind": "tcp", "address": "db:5432"}, "interval": "30s",
            "jitter": 0.2, "timeout": "500ms", "failure_threshold": 2, "success_threshold": 4,
            "criticality": "critical", "depends_on": ["net"],
        }))
        .unwrap();
        let want = ProbeSettings {
            name: "db".to_owned(),
            interval: Some(Duration::from_secs(30)),
            jitter: 0.2,
            timeout: Duration::from_millis(500),
            failure_threshold: 2,
            success_threshold: 4,
            criticality: Criticality::Critical,
            depends_on: vec!["net".to_owned()],
        };
        assert_eq!(settings, want);
        for check in [
            json!({"kind": "http", "url": "http://a/x", "statuses": [200, 401], "headers": {"x-a": "b"}}),
            json!({"kind": "disk", "path": "/", "free_bytes_min": "1GiB", "free_share_min": 0.1}),
            json!({"kind": "memory", "used_share_max": 0.9}),
            json!({"kind": "event_loop_lag", "lag_max": "200ms"}),
            json!({"kind": "queue", "queue": "jobs", "depth_max": 10, "age_max": "1m"}),
            json!({"kind": "tools", "registry": "main", "count_min": 1}),
        ] {
            let (settings, _) = make(json!({"name": "it", "check": check})).unwrap();
            assert_eq!(settings, ProbeSettings::new("it"));
        }
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for (check, want) in [
            (
                json!({"kind": "tcp", "address": "db"}),
                r#"probe "it": address="db": want a host and a port: db:5432"#,
            ),
            (
                json!({"kind": "tcp", "address": "db:1", "port": 1}),
                "unknown field `port`, expected `address`",
            ),
            (
                json!({"kind": "http", "url": "db:1"}),
                r#"probe "it": url="db:1": want an http or https URL without a user: https://api.example/v1/models"#,
            ),
            (
                json!({"kind": "http", "url": "http://a", "statuses": [99]}),
                r#"probe "it": statuses=99: want 200 to 599"#,
            ),
            (
                json!({"kind": "http", "url": "http://a", "headers": {"a": "secret\n"}}),
                r#"probe "it": headers="a": want names and values of ASCII on one line"#,
            ),
            (
                json!({"kind": "http", "url": "http://a", "bearer_env": "BELLWETHER_NOT_SET"}),
                r#"probe "it": bearer_env=BELLWETHER_NOT_SET: want a variable of the environment with a token"#,
            ),
            (
                json!({"kind": "disk", "path": "/"}),
                r#"probe "it": free_bytes_min=none: want it or free_share_min to say how much"#,
            ),
            (
                json!({"kind": "disk", "path": "/", "free_bytes_min": "10"}),
                r#""10": want a size such as 500MB, 20GiB"#,
            ),
            (
                json!({"kind": "memory", "used_share_max": 90.0}),
                r#"probe "it": used_share_max=90: want 0 to 1"#,
            ),
            (
                json!({"kind": "event_loop_lag", "lag_max": "soon"}),
                r#""soon": want a duration such as 500ms, 15s, 2m, 1h"#,
            ),
            (
                json!({"kind": "queue", "queue": "mail", "depth_max": 1}),
                r#"probe "it": queue="mail": want jobs"#,
            ),
            (
                json!({"kind": "queue", "queue": "jobs"}),
                r#"probe "it": depth_max=none: want it or age_max to say how much"#,
            ),
        ] {
            let Err(error) = make(json!({"name": "it", "check": check})) else {
                panic!("{check} makes sense");
            };
            assert_eq!(error, want);
        }
        let unknown =
            json!({"name": "it", "check": {"kind": "memory", "used_share_max": 1.0}, "x": 1});
        assert!(
            make(unknown)
                .err()
                .unwrap()
                .starts_with("unknown field `x`")
        );
        let kind = json!({"name": "it", "check": {"kind": "ftp"}});
        assert!(
            make(kind)
                .err()
                .unwrap()
                .starts_with("unknown variant `ftp`")
        );
    }

    #[test]
    fn secrets_are_not_shown() {
        let config = json!({
            "kind": "http", "url": "http://geheim:geheim@a/x?key=geheim", "headers": {"x-key": "geheim"},
        });
        let config: CheckConfig = from_value(config).unwrap();
        let shown = format!("{config:?}");
        assert!(
            shown.contains("x-key") && shown.contains("http://…@a/x") && !shown.contains("geheim"),
            "{shown}"
        );
        for config in [
            json!({"kind": "http", "url": "http://me:geheim@a/x"}),
            json!({"kind": "http", "url": "http//a?key=geheim"}),
            json!({"kind": "tcp", "address": "postgres://me:geheim@db:5432"}),
        ] {
            let error = make(json!({"name": "it", "check": config})).err().unwrap();
            assert!(error.contains('…'), "{error}");
            assert!(!error.contains("geheim"), "{error}");
        }
    }
}
