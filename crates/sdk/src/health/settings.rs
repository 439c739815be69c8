//! How often a probe looks, and what follows from what it finds.

use std::time::Duration;

use bellwether_health::{Graph, GraphError};
use serde::{Deserialize, Serialize};

/// Bytes of a probe's name. Chosen: it is a label, a name of a gRPC service and part of a line.
const NAME_BYTES_MAX: usize = 100;
/// As for `HEALTH_PROBE_INTERVAL_SEC`.
const INTERVAL_MIN: Duration = Duration::from_millis(100);
const INTERVAL_MAX: Duration = Duration::from_secs(86_400);
const TIMEOUT_MIN: Duration = Duration::from_millis(1);
const TIMEOUT_MAX: Duration = Duration::from_secs(3_600);
const JITTER_MAX: f64 = 0.5;
const THRESHOLD_MAX: u32 = 1_000;

/// What a probe that is not up means for the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Criticality {
    /// The service is as its worst critical probe is.
    Critical,
    /// The service is degraded where it is down or degraded.
    #[default]
    Important,
    /// Nothing.
    Informative,
}

/// How a probe is run and judged.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeSettings {
    /// Its name: 1 to 100 letters, digits, `_`, `-`, `.`, `:` and `/`.
    pub name: String,
    /// Time from the beginning of one check to that of the next, 100 ms to a day. `None`: as the
    /// service's settings say.
    pub interval: Option<Duration>,
    /// By how much of itself each interval may be shorter or longer, so that probes do not stay in
    /// step; 0 to 0.5. First checks are spread over as much of an interval.
    pub jitter: f64,
    /// How long a check may take, 1 ms to an hour.
    pub timeout: Duration,
    /// So many checks in a row that are worse than the state make it worse, 1 to 1000. The very first
    /// check decides alone.
    pub failure_threshold: u32,
    /// So many checks in a row that are better than the state make it better, 1 to 1000.
    pub success_threshold: u32,
    /// What it means for the service.
    pub criticality: Criticality,
    /// Names of probes that explain it where they are as bad. They change nothing else.
    pub depends_on: Vec<String>,
}

impl ProbeSettings {
    /// A probe with the usual settings: as often as the service says, 10 % of jitter, five seconds to
    /// answer, three failures until it is down and one success until it is up; important.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            interval: None,
            jitter: 0.1,
            timeout: Duration::from_secs(5),
            failure_threshold: 3,
            success_threshold: 1,
            criticality: Criticality::default(),
            depends_on: Vec::new(),
        }
    }

    /// The same, critical.
    #[must_use]
    pub fn critical(self) -> Self {
        Self {
            criticality: Criticality::Critical,
            ..self
        }
    }

    pub(super) fn check(&self, interval: Duration) -> Result<(), HealthError> {
        let wrong = |key, value: String, allowed: &str| {
            Err(HealthError::setting(&self.name, key, value, allowed))
        };
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:/".contains(&byte);
        if self.name.is_empty()
            || self.name.len() > NAME_BYTES_MAX
            || !self.name.bytes().all(is_plain)
        {
            let allowed = "1 to 100 letters, digits, _, -, ., : and /";
            return wrong("name", format!("{:?}", self.name), allowed);
        }
        if !(INTERVAL_MIN..=INTERVAL_MAX).contains(&interval) {
            return wrong("interval", format!("{interval:?}"), "100 ms to a day");
        }
        if !(TIMEOUT_MIN..=TIMEOUT_MAX).contains(&self.timeout) {
            return wrong("timeout", format!("{:?}", self.timeout), "1 ms to an hour");
        }
        if !(0.0..=JITTER_MAX).contains(&self.jitter) {
            return wrong("jitter", self.jitter.to_string(), "0 to 0.5");
        }
        for (key, threshold) in [
            ("failure_threshold", self.failure_threshold),
            ("success_threshold", self.success_threshold),
        ] {
            if !(1..=THRESHOLD_MAX).contains(&threshold) {
                return wrong(key, threshold.to_string(), "1 to 1000");
            }
        }
        Ok(())
    }
}

/// Why there is no health registry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HealthError {
    /// A setting of a probe makes no sense.
    #[error("probe {probe:?}: {key}={value}: want {allowed}")]
    Setting {
        /// The probe.
        probe: String,
        /// The setting.
        key: &'static str,
        /// What it says.
        value: String,
        /// What it may say.
        allowed: String,
    },
    /// Two probes have one name.
    #[error("probe {probe:?} is there twice: each needs a name of its own")]
    Duplicate {
        /// The name.
        probe: String,
    },
    /// Probes depend on one another in a circle.
    #[error("probe {probe:?}: depends_on is circular: {circle}")]
    Circular {
        /// One of them.
        probe: String,
        /// The way around, from it to it.
        circle: String,
    },
    /// There is nothing to run probes on.
    #[error("health needs a tokio runtime: start it within one")]
    NoRuntime,
    /// There is no thread to be had.
    #[error("the thread that watches the runtime cannot be started")]
    Thread {
        /// Why.
        source: std::io::Error,
    },
}

impl HealthError {
    pub(super) fn setting(
        probe: &str,
        key: &'static str,
        value: impl Into<String>,
        allowed: impl Into<String>,
    ) -> Self {
        Self::Setting {
            probe: probe.to_owned(),
            key,
            value: value.into(),
            allowed: allowed.into(),
        }
    }
}

/// Reads the dependencies of probes.
///
/// # Errors
/// Where a name is there twice or not at all, or where there is a circle.
pub(super) fn graph_of(probes: &[&ProbeSettings]) -> Result<Graph, HealthError> {
    let nodes = probes
        .iter()
        .map(|it| (it.name.as_str(), it.depends_on.as_slice()));
    Graph::new(nodes).map_err(|error| match error {
        GraphError::Duplicate { name } => HealthError::Duplicate { probe: name },
        GraphError::Circular { name, circle, .. } => HealthError::Circular {
            probe: name,
            circle,
        },
        GraphError::Unknown {
            name,
            dependency,
            known,
        } => {
            let allowed = match known.is_empty() {
                true => "nothing: there is no other probe".to_owned(),
                false => known,
            };
            HealthError::setting(&name, "depends_on", format!("{dependency:?}"), allowed)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Probes and what they depend on: `a: b c, b:, c:`.
    fn graph(probes: &str) -> Result<Graph, String> {
        let probe = |(name, depends_on): (&str, &str)| ProbeSettings {
            depends_on: depends_on.split_whitespace().map(str::to_owned).collect(),
            ..ProbeSettings::new(name)
        };
        let pairs = probes.split(", ").filter_map(|it| it.split_once(':'));
        let probes: Vec<ProbeSettings> = pairs.map(probe).collect();
        let probes: Vec<&ProbeSettings> = probes.iter().collect();
        graph_of(&probes).map_err(|error| error.to_string())
    }

    #[test]
    fn dependencies_come_first() {
        let got = graph("a: c b c, b: c, c:").unwrap();
        assert_eq!(got.order(), [2, 1, 0]);
        assert_eq!(got.dependencies(), [vec![1, 2], vec![2], vec![]]);
    }

    #[test]
    fn what_makes_no_graph_is_told() {
        for (probes, want) in [
            ("a: b, c:", r#"probe "a": depends_on="b": want c"#),
            (
                "a: b",
                r#"probe "a": depends_on="b": want nothing: there is no other probe"#,
            ),
            (
                "a:, a:",
                r#"probe "a" is there twice: each needs a name of its own"#,
            ),
            ("a: a", r#"probe "a": depends_on is circular: a -> a"#),
            (
                "a: b, b: c, c: b",
                r#"probe "b": depends_on is circular: b -> c -> b"#,
            ),
        ] {
            assert_eq!(graph(probes).unwrap_err(), want);
        }
        let long: Vec<ProbeSettings> = (0..10_000)
            .map(|number| ProbeSettings {
                depends_on: vec![format!("p{}", (number + 1) % 10_000)],
                ..ProbeSettings::new(format!("p{number}"))
            })
            .collect();
        let error = graph_of(&long.iter().collect::<Vec<_>>()).unwrap_err();
        assert!(error.to_string().ends_with("-> p8 -> … -> p0"), "{error}");
    }

    #[test]
    fn settings_that_make_no_sense_are_told() {
        let good = ProbeSettings::new("db");
        let second = Duration::from_secs(1);
        assert!(good.check(second).is_ok());
        for (settings, interval, want) in [
            (
                ProbeSettings::new("a b"),
                second,
                r#"probe "a b": name="a b": want 1 to 100 letters, digits, _, -, ., : and /"#,
            ),
            (
                good.clone(),
                Duration::from_millis(99),
                r#"probe "db": interval=99ms: want 100 ms to a day"#,
            ),
            (
                ProbeSettings {
                    timeout: Duration::ZERO,
                    ..good.clone()
                },
                second,
                r#"probe "db": timeout=0ns: want 1 ms to an hour"#,
            ),
            (
                ProbeSettings {
                    jitter: f64::NAN,
                    ..good.clone()
                },
                second,
                r#"probe "db": jitter=NaN: want 0 to 0.5"#,
            ),
            (
                ProbeSettings {
                    success_threshold: 0,
                    ..good.clone()
                },
                second,
                r#"probe "db": success_threshold=0: want 1 to 1000"#,
            ),
        ] {
            assert_eq!(settings.check(interval).unwrap_err().to_string(), want);
        }
    }
}
