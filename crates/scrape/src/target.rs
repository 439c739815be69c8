//! A target: what relabelling makes of what discovery found.
//!
//! ## Model
//! Discovery gives labels (`__address__`, `__meta_*`, …). The job adds its own where they are not
//! set ([`discovered_labels`]), relabelling changes them, and [`Target::new`] checks the result and
//! reads from it whom to ask, how often and for how long. Labels that begin with `__` are not part
//! of the target's series.

use bellwether_model::time::{DurationText, parse_duration};
use bellwether_model::{Labels, LabelsBuilder, relabel};
use url::Url;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::TargetError;
use crate::exposition::HistogramOptions;
use crate::settings::{Discovery, ScrapeSettings};

pub(crate) const ADDRESS: &str = "__address__";
const SCHEME: &str = "__scheme__";
const METRICS_PATH: &str = "__metrics_path__";
const INTERVAL: &str = "__scrape_interval__";
const TIMEOUT: &str = "__scrape_timeout__";
const PARAMETER_PREFIX: &str = "__param_";
const NATIVE_HISTOGRAMS: &str = "__scrape_native_histograms__";
const ALWAYS_CLASSIC: &str = "__always_scrape_classic_histograms__";
const CLASSIC_TO_NHCB: &str = "__convert_classic_histograms_to_nhcb__";

/// Whom to scrape, and how.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Target {
    /// Labels before relabelling.
    pub(crate) discovered: Labels,
    /// Labels that its series get.
    pub(crate) labels: Labels,
    /// What to ask for.
    pub(crate) url: Url,
    pub(crate) interval_ms: i64,
    pub(crate) timeout_ms: i64,
    pub(crate) histograms: HistogramOptions,
    /// The same for the same target after a restart; different for different ones.
    pub(crate) hash: u64,
}

/// The addresses in a job's settings that are no targets after its relabelling, and why: a server
/// would drop each of them and go on.
#[must_use]
pub fn static_target_errors(settings: &ScrapeSettings) -> Vec<(String, TargetError)> {
    let mut errors = Vec::new();
    for discovery in &settings.discovery {
        let Discovery::Static(groups) = discovery else {
            continue;
        };
        for group in groups {
            for address in &group.targets {
                let discovered = discovered_labels(settings, &group.labels, address);
                if let Err(error) = Target::new(settings, discovered) {
                    errors.push((address.clone(), error));
                }
            }
        }
    }
    errors
}

/// The labels of a target before relabelling.
pub(crate) fn discovered_labels(
    settings: &ScrapeSettings,
    group_labels: &Labels,
    address: &str,
) -> Labels {
    let mut labels = group_labels.to_builder();
    labels.set(ADDRESS, address);
    let mut set = |name: &str, value: &str| {
        if labels.get(name).is_none() {
            labels.set(name, value);
        }
    };
    set("job", &settings.job_name);
    set(INTERVAL, &DurationText(settings.interval_ms).to_string());
    set(TIMEOUT, &DurationText(settings.timeout_ms).to_string());
    set(METRICS_PATH, &settings.metrics_path);
    set(SCHEME, settings.scheme.as_str());
    set(NATIVE_HISTOGRAMS, boolean(settings.native_histograms));
    set(ALWAYS_CLASSIC, boolean(settings.always_classic_histograms));
    set(
        CLASSIC_TO_NHCB,
        boolean(settings.classic_histograms_to_nhcb),
    );
    for (name, values) in &settings.params {
        if let Some(value) = values.first() {
            set(&format!("{PARAMETER_PREFIX}{name}"), value);
        }
    }
    labels.build()
}

impl Target {
    /// Relabels and checks. `None` where relabelling dropped the target.
    pub(crate) fn new(
        settings: &ScrapeSettings,
        discovered: Labels,
    ) -> Result<Option<Self>, TargetError> {
        let mut labels = discovered.to_builder();
        if !relabel::apply(&settings.relabel, &mut labels) {
            return Ok(None);
        }
        let address = labels
            .get(ADDRESS)
            .ok_or(TargetError::NoAddress)?
            .to_owned();
        if address.contains('/') {
            return Err(TargetError::Address { address });
        }
        let interval_ms = duration(&labels, INTERVAL)?;
        let timeout_ms = duration(&labels, TIMEOUT)?;
        if timeout_ms > interval_ms {
            return Err(TargetError::TimeoutAboveInterval {
                timeout: DurationText(timeout_ms).to_string(),
                interval: DurationText(interval_ms).to_string(),
            });
        }
        let histograms = HistogramOptions {
            native: flag(&labels, NATIVE_HISTOGRAMS, settings.native_histograms)?,
            always_classic: flag(&labels, ALWAYS_CLASSIC, settings.always_classic_histograms)?,
            classic_to_nhcb: flag(
                &labels,
                CLASSIC_TO_NHCB,
                settings.classic_histograms_to_nhcb,
            )?,
        };
        let url = url(settings, &labels, &address)?;
        if labels.get("instance").is_none() {
            labels.set("instance", &address);
        }
        labels.retain(|name| !name.starts_with("__meta_"));
        let mut identity = labels.build().as_bytes().to_vec();
        identity.extend_from_slice(url.as_str().as_bytes());
        labels.retain(|name| !name.starts_with("__"));
        Ok(Some(Self {
            discovered,
            labels: labels.build(),
            url,
            interval_ms,
            timeout_ms,
            histograms,
            hash: xxh3_64(&identity),
        }))
    }

    /// How long to wait at `now_ms` until the target's next turn. Its turns are at the same offset
    /// in every interval, before and after a restart, so that scrapes of many targets are spread.
    pub(crate) fn wait_ms(&self, now_ms: i64, seed: u64) -> i64 {
        let interval = self.interval_ms.max(1);
        let offset = ((self.hash ^ seed) % interval as u64) as i64;
        (offset - now_ms).rem_euclid(interval)
    }
}

fn boolean(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

fn duration(labels: &LabelsBuilder, label: &'static str) -> Result<i64, TargetError> {
    let value = labels.get(label).unwrap_or("");
    match parse_duration(value) {
        Ok(duration_ms) if duration_ms > 0 => Ok(duration_ms),
        _ => Err(TargetError::Duration {
            label,
            value: value.to_owned(),
        }),
    }
}

fn flag(labels: &LabelsBuilder, label: &'static str, default: bool) -> Result<bool, TargetError> {
    match labels.get(label) {
        None => Ok(default),
        Some("1" | "t" | "T" | "TRUE" | "true" | "True") => Ok(true),
        Some("0" | "f" | "F" | "FALSE" | "false" | "False") => Ok(false),
        Some(value) => Err(TargetError::Boolean {
            label,
            value: value.to_owned(),
        }),
    }
}

fn url(
    settings: &ScrapeSettings,
    labels: &LabelsBuilder,
    address: &str,
) -> Result<Url, TargetError> {
    let scheme = labels.get(SCHEME).unwrap_or("http");
    let path = labels.get(METRICS_PATH).unwrap_or("/metrics");
    let slash = if path.starts_with('/') { "" } else { "/" };
    // A `?` or `#` in the path is part of the path.
    let path = path.replace('?', "%3F").replace('#', "%23");
    let text = format!("{scheme}://{address}{slash}{path}");
    let mut url = Url::parse(&text).map_err(|error| TargetError::Url {
        text: text.clone(),
        reason: error.to_string(),
    })?;
    if url.host_str().is_none_or(str::is_empty) {
        return Err(TargetError::Address {
            address: address.to_owned(),
        });
    }
    let mut parameters: Vec<(String, Vec<String>)> = settings.params.clone();
    for (name, value) in labels.iter() {
        let Some(parameter) = name.strip_prefix(PARAMETER_PREFIX) else {
            continue;
        };
        match parameters.iter_mut().find(|(name, _)| name == parameter) {
            Some((_, values)) if !values.is_empty() => value.clone_into(&mut values[0]),
            Some((_, values)) => values.push(value.to_owned()),
            None => parameters.push((parameter.to_owned(), vec![value.to_owned()])),
        }
    }
    parameters.retain(|(_, values)| !values.is_empty());
    if !parameters.is_empty() {
        parameters.sort();
        let mut query = url.query_pairs_mut();
        for (name, values) in &parameters {
            for value in values {
                query.append_pair(name, value);
            }
        }
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use bellwether_model::relabel::{Action, Rule};

    use super::*;

    fn settings() -> ScrapeSettings {
        let mut settings = ScrapeSettings::new("node");
        settings.params = vec![("module".to_owned(), vec!["a b".to_owned(), "c".to_owned()])];
        settings
    }

    fn rule(source: &str, target: &str, replacement: &str) -> Rule {
        Rule {
            source_labels: vec![source.to_owned()],
            separator: ";".to_owned(),
            regex_text: "(.*)".to_owned(),
            regex: Rule::compile("(.*)").unwrap(),
            modulus: 0,
            target_label: target.to_owned(),
            replacement: replacement.to_owned(),
            action: Action::Replace,
        }
    }

    fn target(settings: &ScrapeSettings, group: &[(&str, &str)]) -> Result<Target, TargetError> {
        let group = Labels::from_pairs(group.iter().copied());
        let discovered = discovered_labels(settings, &group, "10.0.0.1:9100");
        Target::new(settings, discovered).map(|target| target.expect("is kept"))
    }

    #[test]
    fn labels_and_url_come_from_job_group_and_rules() {
        let mut settings = settings();
        settings.relabel = vec![
            rule("__meta_zone", "zone", "$1"),
            rule("__meta_zone", "__param_module", "z-$1"),
        ];
        let target = target(&settings, &[("env", "prod"), ("__meta_zone", "eu")]).unwrap();
        assert_eq!(
            target.labels,
            Labels::from_pairs([
                ("env", "prod"),
                ("instance", "10.0.0.1:9100"),
                ("job", "node"),
                ("zone", "eu"),
            ])
        );
        assert_eq!(
            target.url.as_str(),
            "http://10.0.0.1:9100/metrics?module=z-eu&module=c"
        );
        assert_eq!((target.interval_ms, target.timeout_ms), (60_000, 10_000));
        assert_eq!(target.discovered.get("__meta_zone"), Some("eu"));
    }

    #[test]
    fn internal_labels_are_checked() {
        let with = |label: &'static str, value: &str| {
            let mut settings = settings();
            settings.relabel = vec![rule("job", label, value)];
            target(&settings, &[]).expect_err("is refused").to_string()
        };
        assert_eq!(
            with(INTERVAL, "0s"),
            "__scrape_interval__ is \"0s\": want a duration above 0, such as 15s"
        );
        assert_eq!(
            with(TIMEOUT, "2m"),
            "scrape timeout 2m is greater than the scrape interval 1m"
        );
        assert_eq!(
            with(NATIVE_HISTOGRAMS, "maybe"),
            "__scrape_native_histograms__ is \"maybe\": want true or false"
        );
        assert_eq!(
            with(ADDRESS, "a/b"),
            "\"a/b\" is not a valid address: want host or host:port"
        );
        assert_eq!(with(ADDRESS, ""), "target has no __address__");
    }

    #[test]
    fn turns_are_stable_and_spread() {
        let one = target(&settings(), &[]).unwrap();
        let other = target(&settings(), &[("x", "y")]).unwrap();
        assert_ne!(one.hash, other.hash);
        let wait = one.wait_ms(1_000_000, 7);
        assert!((0..60_000).contains(&wait));
        let turn = 1_000_000 + wait;
        assert_eq!(one.wait_ms(turn, 7), 0);
        assert_eq!(one.wait_ms(turn + 1, 7), 59_999);
    }
}
