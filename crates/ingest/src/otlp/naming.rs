//! Names of OTLP metrics and attributes as Prometheus has them.
//!
//! ## See also
//! <https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/>

use bellwether_model::short;

/// How names are translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TranslationStrategy {
    /// Characters that classic names do not have become `_`; unit and type are appended.
    #[default]
    UnderscoreEscapingWithSuffixes,
    /// Characters that classic names do not have become `_`.
    UnderscoreEscapingWithoutSuffixes,
    /// Names stay as they are; unit and type are appended.
    NoUtf8EscapingWithSuffixes,
    /// Names stay as they are.
    NoTranslation,
}

impl TranslationStrategy {
    /// Every strategy with its name in the configuration.
    pub const NAMES: [(&'static str, Self); 4] = [
        (
            "UnderscoreEscapingWithSuffixes",
            Self::UnderscoreEscapingWithSuffixes,
        ),
        (
            "UnderscoreEscapingWithoutSuffixes",
            Self::UnderscoreEscapingWithoutSuffixes,
        ),
        (
            "NoUTF8EscapingWithSuffixes",
            Self::NoUtf8EscapingWithSuffixes,
        ),
        ("NoTranslation", Self::NoTranslation),
    ];

    /// Whether names are reduced to classic characters.
    #[must_use]
    pub fn escapes(self) -> bool {
        matches!(
            self,
            Self::UnderscoreEscapingWithSuffixes | Self::UnderscoreEscapingWithoutSuffixes
        )
    }

    /// Whether unit and type are appended to names.
    #[must_use]
    pub fn appends_suffixes(self) -> bool {
        matches!(
            self,
            Self::UnderscoreEscapingWithSuffixes | Self::NoUtf8EscapingWithSuffixes
        )
    }
}

/// What of a metric decides on its suffixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameKind {
    MonotonicSum,
    Gauge,
    Other,
}

const UNITS: [(&str, &str); 25] = [
    ("d", "days"),
    ("h", "hours"),
    ("min", "minutes"),
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
    ("By", "bytes"),
    ("KiBy", "kibibytes"),
    ("MiBy", "mebibytes"),
    ("GiBy", "gibibytes"),
    ("TiBy", "tibibytes"),
    ("KBy", "kilobytes"),
    ("MBy", "megabytes"),
    ("GBy", "gigabytes"),
    ("TBy", "terabytes"),
    ("m", "meters"),
    ("V", "volts"),
    ("A", "amperes"),
    ("J", "joules"),
    ("W", "watts"),
    ("g", "grams"),
    ("Cel", "celsius"),
    ("Hz", "hertz"),
    ("%", "percent"),
];

const PER_UNITS: [(&str, &str); 7] = [
    ("s", "second"),
    ("m", "minute"),
    ("h", "hour"),
    ("d", "day"),
    ("w", "week"),
    ("mo", "month"),
    ("y", "year"),
];

/// Units in words: `By/s` is `("bytes", "per_second")`. Units in braces are annotations and count
/// for nothing; `1` means no unit.
fn unit_suffixes(unit: &str) -> (String, String) {
    let (main, per) = unit.split_once('/').unwrap_or((unit, ""));
    let word = |unit: &str, table: &[(&str, &str)]| {
        let unit = unit.trim();
        if unit.contains(['{', '}']) || unit == "1" {
            return String::new();
        }
        let known = table.iter().find(|(short, _)| *short == unit);
        known.map_or(unit, |(_, long)| long).to_owned()
    };
    let per_unit = per.trim();
    let per = if per_unit.is_empty() || per_unit.contains(['{', '}']) {
        String::new()
    } else {
        let known = PER_UNITS.iter().find(|(short, _)| *short == per_unit);
        format!("per_{}", known.map_or(per_unit, |(_, long)| long))
    };
    (word(main, &UNITS), per)
}

/// Keeps letters, digits and `:`; runs of anything else become one `_`, none at the start.
fn clean_unit(unit: &str) -> String {
    let mut out = String::with_capacity(unit.len());
    for c in unit.chars() {
        if c.is_ascii_alphanumeric() || c == ':' {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
    }
    out
}

/// The unit of a metric in words, for its metadata.
pub(super) fn unit_name(unit: &str) -> String {
    let (main, per) = unit_suffixes(unit);
    let (main, per) = (clean_unit(&main), clean_unit(&per));
    let joined = match (main.is_empty(), per.is_empty()) {
        (false, false) => format!("{main}_{per}"),
        (false, true) => main,
        _ => per,
    };
    joined.trim_matches('_').to_owned()
}

/// The name of a metric.
pub(super) fn metric_name(
    name: &str,
    unit: &str,
    kind: NameKind,
    strategy: TranslationStrategy,
) -> Result<String, String> {
    let built = match (strategy.escapes(), strategy.appends_suffixes()) {
        (true, true) => classic_with_suffixes(name, unit, kind),
        (true, false) => classic(name),
        (false, true) => utf8_with_suffixes(name, unit, kind),
        (false, false) => name.to_owned(),
    };
    if built.is_empty() {
        return Err(format!(
            "normalization for metric {:?} resulted in empty name",
            short(name)
        ));
    }
    if strategy.escapes() && built != name && built.bytes().all(|b| b == b'_') {
        return Err(format!(
            "normalization for metric {:?} resulted in invalid name {:?}",
            short(name),
            short(&built)
        ));
    }
    Ok(built)
}

fn protect_digit(name: String) -> String {
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        format!("_{name}")
    } else {
        name
    }
}

fn classic(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == ':' || c == '_';
    let tokens: Vec<&str> = name
        .split(|c| !allowed(c))
        .filter(|t| !t.is_empty())
        .collect();
    protect_digit(tokens.join("_"))
}

fn classic_with_suffixes(name: &str, unit: &str, kind: NameKind) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == ':';
    let mut tokens: Vec<String> = name
        .split(|c| !allowed(c))
        .filter(|token| !token.is_empty())
        .map(str::to_owned)
        .collect();
    let (main, per) = unit_suffixes(unit);
    let (mut main, mut per) = (clean_unit(&main), clean_unit(&per));
    if tokens.contains(&main) {
        main.clear();
    }
    if per == "per_" {
        per.clear();
    } else {
        per = per.strip_suffix('_').unwrap_or(&per).to_owned();
        if tokens.contains(&per) {
            per.clear();
        }
    }
    if !per.is_empty() {
        main = main.strip_suffix('_').unwrap_or(&main).to_owned();
    }
    tokens.extend([main, per].into_iter().filter(|suffix| !suffix.is_empty()));
    let mut last = |word: &str| {
        tokens.retain(|token| token != word);
        tokens.push(word.to_owned());
    };
    match kind {
        NameKind::MonotonicSum => last("total"),
        NameKind::Gauge if unit == "1" => last("ratio"),
        _ => {}
    }
    protect_digit(tokens.join("_"))
}

fn utf8_with_suffixes(name: &str, unit: &str, kind: NameKind) -> String {
    // A suffix goes together with the one character before it, whatever that is.
    let trim = |name: &str, suffix: &str| -> String {
        let Some(rest) = name.strip_suffix(suffix) else {
            return name.to_owned();
        };
        let mut chars = rest.chars();
        match chars.next_back() {
            Some(_) if !chars.as_str().is_empty() => chars.as_str().to_owned(),
            _ => name.to_owned(),
        }
    };
    let ratio = unit == "1" && kind == NameKind::Gauge;
    let total = kind == NameKind::MonotonicSum;
    let (main, per) = unit_suffixes(unit);
    let mut built = name.to_owned();
    if ratio {
        built = trim(&built, "ratio");
    }
    if total {
        built = trim(&built, "total");
    }
    if !per.is_empty() {
        built = trim(&built, &per);
    }
    if !main.is_empty() && !built.ends_with(&main) {
        built = format!("{built}_{main}");
    }
    for (wanted, suffix) in [
        (!per.is_empty(), per.as_str()),
        (total, "total"),
        (ratio, "ratio"),
    ] {
        if wanted {
            built.push('_');
            built.push_str(suffix);
        }
    }
    built
}

/// How attribute keys become label names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LabelNaming {
    /// Reduce names to classic characters.
    pub(super) escape: bool,
    /// Put `key` before a name that starts with one `_`.
    pub(super) protect_underscore: bool,
    /// Keep runs of `_` as they are.
    pub(super) keep_runs: bool,
}

impl LabelNaming {
    pub(super) fn name(self, key: &str) -> Result<String, String> {
        if key.is_empty() {
            return Err("label name is empty".to_owned());
        }
        let only_underscores = |name: &str| name.bytes().all(|b| b == b'_');
        if !self.escape {
            if only_underscores(key) {
                return Err(format!(
                    "label name {:?} contains only underscores",
                    short(key)
                ));
            }
            return Ok(key.to_owned());
        }
        let mut name = self.escaped(key);
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            name = format!("key_{name}");
        } else if self.protect_underscore && name.starts_with('_') && !name.starts_with("__") {
            name = format!("key{name}");
        }
        if only_underscores(&name) {
            return Err(format!(
                "normalization for label name {:?} resulted in invalid name {:?}",
                short(key),
                short(&name)
            ));
        }
        Ok(name)
    }

    fn escaped(self, key: &str) -> String {
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() || c == '_' {
                c
            } else {
                '_'
            }
        };
        if self.keep_runs {
            return key.chars().map(plain).collect();
        }
        // Reserved names keep the two underscores at both ends.
        let reserved = key
            .strip_prefix("__")
            .and_then(|rest| rest.strip_suffix("__"));
        let mut out = String::with_capacity(key.len());
        for c in reserved.unwrap_or(key).chars().map(plain) {
            if c != '_' || !out.ends_with('_') {
                out.push(c);
            }
        }
        if reserved.is_some() {
            format!("__{out}__")
        } else {
            out
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TranslationStrategy::{
        NoTranslation, NoUtf8EscapingWithSuffixes, UnderscoreEscapingWithSuffixes,
        UnderscoreEscapingWithoutSuffixes,
    };

    #[test]
    fn metrics_are_named() {
        let check = |name: &str, unit: &str, kind: NameKind, want: [&str; 4]| {
            let strategies = [
                UnderscoreEscapingWithSuffixes,
                UnderscoreEscapingWithoutSuffixes,
                NoUtf8EscapingWithSuffixes,
                NoTranslation,
            ];
            for (strategy, want) in strategies.into_iter().zip(want) {
                let got = metric_name(name, unit, kind, strategy);
                assert_eq!(got.as_deref(), Ok(want), "{name} {unit} {strategy:?}");
            }
        };
        use NameKind::{Gauge, MonotonicSum, Other};
        check(
            "http.server.duration",
            "s",
            Other,
            [
                "http_server_duration_seconds",
                "http_server_duration",
                "http.server.duration_seconds",
                "http.server.duration",
            ],
        );
        check(
            "io",
            "By/s",
            MonotonicSum,
            [
                "io_bytes_per_second_total",
                "io",
                "io_bytes_per_second_total",
                "io",
            ],
        );
        check(
            "requests.total",
            "{request}",
            MonotonicSum,
            [
                "requests_total",
                "requests_total",
                "requests_total",
                "requests.total",
            ],
        );
        check(
            "cpu.utilization",
            "1",
            Gauge,
            [
                "cpu_utilization_ratio",
                "cpu_utilization",
                "cpu.utilization_ratio",
                "cpu.utilization",
            ],
        );
        check(
            "2nd__try",
            "",
            Gauge,
            ["_2nd_try", "_2nd__try", "2nd__try", "2nd__try"],
        );
        check(
            "disk.bytes.free",
            "By",
            Gauge,
            [
                "disk_bytes_free",
                "disk_bytes_free",
                "disk.bytes.free_bytes",
                "disk.bytes.free",
            ],
        );
        assert!(metric_name("", "", Gauge, NoTranslation).is_err());
        assert!(metric_name("%%", "", Gauge, UnderscoreEscapingWithSuffixes).is_err());
    }

    #[test]
    fn units_become_words() {
        let check = |unit: &str, want: &str| assert_eq!(unit_name(unit), want, "{unit}");
        check("ms", "milliseconds");
        check("By/s", "bytes_per_second");
        check("{call}/min", "per_min");
        check("1", "");
        check("request", "request");
        check("%", "percent");
    }

    #[test]
    fn labels_are_named() {
        let check = |key: &str, keep_runs: bool, want: Result<&str, ()>| {
            let naming = LabelNaming {
                escape: true,
                protect_underscore: true,
                keep_runs,
            };
            assert_eq!(
                naming.name(key).map_err(|_| ()),
                want.map(str::to_owned),
                "{key}"
            );
        };
        check("http.method", true, Ok("http_method"));
        check("1st", true, Ok("key_1st"));
        check("_x", true, Ok("key_x"));
        check("__x__", false, Ok("__x__"));
        check("a..b", true, Ok("a__b"));
        check("a..b", false, Ok("a_b"));
        check("..", true, Err(()));
        check("", true, Err(()));
    }
}
