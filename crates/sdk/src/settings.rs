//! What the environment says.
//!
//! ## Model
//! | Variable | Meaning | Default |
//! | --- | --- | --- |
//! | `MONITORING_ENABLED` | whether anything is kept: `1`, `true`, `yes`, `on`, or `0`, `false`, `no`, `off` | off |
//! | `TELEMETRY_FILE` | the file that events are written to, as lines of JSON | none |
//! | `TELEMETRY_ENDPOINT`, else `OTEL_EXPORTER_OTLP_ENDPOINT` | the receiver of OTLP over HTTP that events, spans and numbers are pushed to, such as `http://127.0.0.1:4318` (feature `otlp`) | none |
//! | `OTEL_EXPORTER_OTLP_HEADERS` | headers for it: `name=value,name=value` | none |
//! | `OTEL_SERVICE_NAME` | the name of the service there | that of the program |
//! | `METRICS_SINK` | where numbers go: `prometheus` to whoever scrapes, `otlp` to the endpoint too, `none`: they are not kept | `otlp` with an endpoint, else `prometheus` |
//! | `HEALTH_PROBE_INTERVAL_SEC` | seconds between two runs of a health probe, 0.1 to 86400 | 15 |
//! | `SLO_TARGET_P95_MS` | the 95th percentile of response time that is aimed at, in ms | 2000 |
//! | `AUTOSCALE_MIN_WORKERS` | the fewest workers of a pool | 1 |
//! | `AUTOSCALE_MAX_WORKERS` | the most workers of a pool | 16 |
//!
//! ## Failure
//! A value that makes no sense is an error that names the variable, the value and what is allowed: a
//! service that says what it wants is not to run with something else.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Where numbers go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MetricsSink {
    /// Nowhere: they are not kept. Events and spans go on.
    None,
    /// To whoever scrapes them.
    Prometheus,
    /// To the receiver of OTLP, and to whoever scrapes them.
    Otlp,
}

/// Names and values of headers. Values are not shown: they may be secrets.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct EndpointHeaders(pub Vec<(String, String)>);

impl EndpointHeaders {
    /// Reads `name=value,name=value`, in which bytes may be written as `%41`.
    fn parse(text: &str) -> Option<Self> {
        let parts = text.split(',').filter(|part| !part.trim().is_empty());
        let pairs = parts.map(|part| {
            let (name, value) = part.split_once('=')?;
            Some((name.trim().to_owned(), decoded(value.trim())?))
        });
        pairs.collect::<Option<Vec<_>>>().map(Self)
    }
}

/// Text without `%`; `None`: that is not followed by two digits, or makes no text.
fn decoded(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

impl fmt::Debug for EndpointHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

/// What a service wants of telemetry, health and pools. See the module's page.
#[derive(Clone, PartialEq)]
pub struct Settings {
    /// Whether anything is kept.
    pub is_enabled: bool,
    /// The file that events are written to.
    pub file: Option<PathBuf>,
    /// The receiver of OTLP that telemetry is pushed to.
    pub endpoint: Option<String>,
    /// Headers for that receiver.
    pub endpoint_headers: EndpointHeaders,
    /// The name under which the service is known there; the program's where this is absent.
    pub service_name: Option<String>,
    /// Where numbers go.
    pub metrics_sink: MetricsSink,
    /// Time between two runs of a health probe.
    pub probe_interval: Duration,
    /// The 95th percentile of response time that is aimed at.
    pub target_p95: Duration,
    /// The fewest workers of a pool.
    pub workers_min: usize,
    /// The most workers of a pool.
    pub workers_max: usize,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A user in the endpoint, or its query, may be a secret.
        let endpoint = self.endpoint.as_deref().map(crate::client::shown);
        f.debug_struct("Settings")
            .field("is_enabled", &self.is_enabled)
            .field("file", &self.file)
            .field("endpoint", &endpoint)
            .field("endpoint_headers", &self.endpoint_headers)
            .field("service_name", &self.service_name)
            .field("metrics_sink", &self.metrics_sink)
            .field("probe_interval", &self.probe_interval)
            .field("target_p95", &self.target_p95)
            .field("workers_min", &self.workers_min)
            .field("workers_max", &self.workers_max)
            .finish()
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            is_enabled: false,
            file: None,
            endpoint: None,
            endpoint_headers: EndpointHeaders::default(),
            service_name: None,
            metrics_sink: MetricsSink::Prometheus,
            probe_interval: Duration::from_secs(15),
            target_p95: Duration::from_secs(2),
            workers_min: 1,
            workers_max: 16,
        }
    }
}

/// A variable that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable}={value:?}: want {allowed}")]
pub struct SettingsError {
    /// The variable.
    pub variable: &'static str,
    /// What it says.
    pub value: String,
    /// What it may say.
    pub allowed: &'static str,
}

impl Settings {
    /// Reads the environment.
    ///
    /// # Errors
    /// The first variable that makes no sense.
    pub fn from_env() -> Result<Self, SettingsError> {
        Self::read(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    /// Reads variables from wherever they are. An empty one counts as absent.
    ///
    /// # Errors
    /// The first variable that makes no sense.
    pub fn read(look_up: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let get = |variable| look_up(variable).filter(|value: &String| !value.trim().is_empty());
        let wrong = |variable, value: &str, allowed| SettingsError {
            variable,
            value: value.to_owned(),
            allowed,
        };
        let mut settings = Self::default();
        if let Some(value) = get("MONITORING_ENABLED") {
            settings.is_enabled = match value.trim().to_ascii_lowercase().as_str() {
                "1" | "true" | "yes" | "on" => true,
                "0" | "false" | "no" | "off" => false,
                _ => {
                    let allowed = "1, true, yes, on, or 0, false, no, off";
                    return Err(wrong("MONITORING_ENABLED", &value, allowed));
                }
            };
        }
        settings.file = get("TELEMETRY_FILE").map(PathBuf::from);
        // The other name is there for others too: where it cannot be acted on, it is none of our business.
        let of_others = || match cfg!(feature = "otlp") {
            true => get("OTEL_EXPORTER_OTLP_ENDPOINT"),
            false => None,
        };
        settings.endpoint = get("TELEMETRY_ENDPOINT").or_else(of_others);
        settings.service_name = get("OTEL_SERVICE_NAME");
        if let Some(value) = get("OTEL_EXPORTER_OTLP_HEADERS") {
            // Not shown in the error: it may be a secret.
            let allowed = "name=value, separated by commas";
            let headers = EndpointHeaders::parse(&value);
            settings.endpoint_headers = headers
                .ok_or_else(|| wrong("OTEL_EXPORTER_OTLP_HEADERS", "(not shown)", allowed))?;
        }
        settings.metrics_sink = match (get("METRICS_SINK"), &settings.endpoint) {
            (None, None) => MetricsSink::Prometheus,
            (None, Some(_)) => MetricsSink::Otlp,
            (Some(value), endpoint) => match value.trim().to_ascii_lowercase().as_str() {
                "none" => MetricsSink::None,
                "prometheus" => MetricsSink::Prometheus,
                "otlp" if endpoint.is_some() => MetricsSink::Otlp,
                _ => {
                    let allowed = "none, prometheus, or, with TELEMETRY_ENDPOINT, otlp";
                    return Err(wrong("METRICS_SINK", &value, allowed));
                }
            },
        };
        let seconds = |variable, unit_seconds: f64, range: (f64, f64), allowed| {
            let Some(value) = get(variable) else {
                return Ok(None);
            };
            match value.trim().parse::<f64>() {
                Ok(number) if (range.0..=range.1).contains(&number) => {
                    Ok(Some(Duration::from_secs_f64(number * unit_seconds)))
                }
                _ => Err(wrong(variable, &value, allowed)),
            }
        };
        let allowed = "seconds, 0.1 to 86400";
        if let Some(time) = seconds("HEALTH_PROBE_INTERVAL_SEC", 1.0, (0.1, 86_400.0), allowed)? {
            settings.probe_interval = time;
        }
        let allowed = "milliseconds, 1 to 3600000";
        if let Some(time) = seconds("SLO_TARGET_P95_MS", 0.001, (1.0, 3_600_000.0), allowed)? {
            settings.target_p95 = time;
        }
        let count = |variable, min: usize, allowed| {
            let Some(value) = get(variable) else {
                return Ok(None);
            };
            match value.trim().parse::<usize>() {
                Ok(count) if (min..=100_000).contains(&count) => Ok(Some(count)),
                _ => Err(wrong(variable, &value, allowed)),
            }
        };
        let allowed = "a whole number, 0 to 100000";
        if let Some(count) = count("AUTOSCALE_MIN_WORKERS", 0, allowed)? {
            settings.workers_min = count;
            settings.workers_max = settings.workers_max.max(count);
        }
        let allowed = "a whole number, 1 to 100000, not below AUTOSCALE_MIN_WORKERS";
        if let Some(max) = count(
            "AUTOSCALE_MAX_WORKERS",
            settings.workers_min.max(1),
            allowed,
        )? {
            settings.workers_max = max;
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        Settings::read(|name| {
            let mut pairs = pairs.iter();
            let found = pairs.find(|(it, _)| *it == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn secrets_in_the_endpoint_are_not_shown() {
        let settings = read(&[
            ("MONITORING_ENABLED", "1"),
            (
                "TELEMETRY_ENDPOINT",
                "https://me:SECRET@collector/?key=SECRET",
            ),
        ]);
        let settings = settings.unwrap();
        let error = crate::Telemetry::start(&settings).err().unwrap();
        let shown = vec![
            format!("{settings:?}"),
            format!("{error:?}"),
            error.to_string(),
        ];
        #[cfg(feature = "otlp")]
        let shown = [
            shown,
            vec![format!("{:?}", crate::OtlpSettings::of(&settings))],
        ]
        .concat();
        for shown in shown {
            assert!(shown.contains("https://…@collector/?…"), "{shown}");
            assert!(!shown.contains("SECRET"), "{shown}");
        }
    }

    #[test]
    fn nothing_said_is_off() {
        assert_eq!(read(&[]), Ok(Settings::default()));
        assert_eq!(
            read(&[("MONITORING_ENABLED", " ")]),
            Ok(Settings::default())
        );
        assert!(!Settings::default().is_enabled);
    }

    #[test]
    fn everything_can_be_said() {
        let settings = read(&[
            ("MONITORING_ENABLED", "Yes"),
            ("TELEMETRY_FILE", "/var/log/x.jsonl"),
            ("TELEMETRY_ENDPOINT", "http://collector:4318"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://other:4318"),
            (
                "OTEL_EXPORTER_OTLP_HEADERS",
                "authorization=Bearer%20a=b, x=",
            ),
            ("OTEL_SERVICE_NAME", "answers"),
            ("METRICS_SINK", "prometheus"),
            ("HEALTH_PROBE_INTERVAL_SEC", "0.5"),
            ("SLO_TARGET_P95_MS", "250"),
            ("AUTOSCALE_MIN_WORKERS", "20"),
        ]);
        let want = Settings {
            is_enabled: true,
            file: Some("/var/log/x.jsonl".into()),
            endpoint: Some("http://collector:4318".to_owned()),
            endpoint_headers: EndpointHeaders(vec![
                ("authorization".to_owned(), "Bearer a=b".to_owned()),
                ("x".to_owned(), String::new()),
            ]),
            service_name: Some("answers".to_owned()),
            metrics_sink: MetricsSink::Prometheus,
            probe_interval: Duration::from_millis(500),
            target_p95: Duration::from_millis(250),
            workers_min: 20,
            workers_max: 20,
        };
        assert_eq!(settings, Ok(want));
    }

    #[test]
    fn numbers_go_where_the_endpoint_is_unless_it_is_said() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://other:4318");
        let sink = |pairs: &[_]| read(pairs).map(|it| it.metrics_sink);
        let with_endpoint = match cfg!(feature = "otlp") {
            true => MetricsSink::Otlp,
            false => MetricsSink::Prometheus,
        };
        assert_eq!(sink(&[endpoint]), Ok(with_endpoint));
        let ours = ("TELEMETRY_ENDPOINT", "http://other:4318");
        assert_eq!(sink(&[ours]), Ok(MetricsSink::Otlp));
        let none = [endpoint, ("METRICS_SINK", "NONE")];
        assert_eq!(sink(&none), Ok(MetricsSink::None));
        assert_eq!(sink(&[("METRICS_SINK", "prometheus")]), sink(&[]));
    }

    #[test]
    fn what_makes_no_sense_is_told_with_what_does() {
        for (pairs, want) in [
            (
                vec![("MONITORING_ENABLED", "maybe")],
                "MONITORING_ENABLED=\"maybe\": want 1, true, yes, on, or 0, false, no, off",
            ),
            (
                vec![("OTEL_EXPORTER_OTLP_HEADERS", "secret%2")],
                "OTEL_EXPORTER_OTLP_HEADERS=\"(not shown)\": want name=value, separated by commas",
            ),
            (
                vec![("METRICS_SINK", "otlp")],
                "METRICS_SINK=\"otlp\": want none, prometheus, or, with TELEMETRY_ENDPOINT, otlp",
            ),
            (
                vec![("HEALTH_PROBE_INTERVAL_SEC", "NaN")],
                "HEALTH_PROBE_INTERVAL_SEC=\"NaN\": want seconds, 0.1 to 86400",
            ),
            (
                vec![
                    ("AUTOSCALE_MIN_WORKERS", "3"),
                    ("AUTOSCALE_MAX_WORKERS", "2"),
                ],
                "AUTOSCALE_MAX_WORKERS=\"2\": want a whole number, 1 to 100000, not below AUTOSCALE_MIN_WORKERS",
            ),
        ] {
            assert_eq!(read(&pairs).unwrap_err().to_string(), want);
        }
    }
}
