//! What the environment says.
//!
//! ## Model
//! | Variable | Meaning | Default |
//! | --- | --- | --- |
//! | `MONITORING_ENABLED` | whether anything is kept: `1`, `true`, `yes`, `on`, or `0`, `false`, `no`, `off` | off |
//! | `TELEMETRY_FILE` | the file that events are written to, as lines of JSON | none |
//! | `HEALTH_PROBE_INTERVAL_SEC` | seconds between two runs of a health probe, 0.1 to 86400 | 15 |
//! | `SLO_TARGET_P95_MS` | the 95th percentile of response time that is aimed at, in ms | 2000 |
//! | `AUTOSCALE_MIN_WORKERS` | the fewest workers of a pool | 1 |
//! | `AUTOSCALE_MAX_WORKERS` | the most workers of a pool | 16 |
//!
//! ## Failure
//! A value that makes no sense is an error that names the variable, the value and what is allowed: a
//! service that says what it wants is not to run with something else.

use std::path::PathBuf;
use std::time::Duration;

/// What a service wants of telemetry, health and pools. See the module's page.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Whether anything is kept.
    pub is_enabled: bool,
    /// The file that events are written to.
    pub file: Option<PathBuf>,
    /// Time between two runs of a health probe.
    pub probe_interval: Duration,
    /// The 95th percentile of response time that is aimed at.
    pub target_p95: Duration,
    /// The fewest workers of a pool.
    pub workers_min: usize,
    /// The most workers of a pool.
    pub workers_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            is_enabled: false,
            file: None,
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
            ("HEALTH_PROBE_INTERVAL_SEC", "0.5"),
            ("SLO_TARGET_P95_MS", "250"),
            ("AUTOSCALE_MIN_WORKERS", "20"),
        ]);
        let want = Settings {
            is_enabled: true,
            file: Some("/var/log/x.jsonl".into()),
            probe_interval: Duration::from_millis(500),
            target_p95: Duration::from_millis(250),
            workers_min: 20,
            workers_max: 20,
        };
        assert_eq!(settings, Ok(want));
    }

    #[test]
    fn what_makes_no_sense_is_told_with_what_does() {
        for (pairs, want) in [
            (
                vec![("MONITORING_ENABLED", "maybe")],
                "MONITORING_ENABLED=\"maybe\": want 1, true, yes, on, or 0, false, no, off",
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
