//! The configuration in effect as YAML: defaults filled in, secrets hidden.
//!
//! ## Invariants
//! A value whose kind is a secret never reaches the text, nor does the password of a URL. In
//! sections that no table describes, every value whose key may name a secret is hidden.

use std::fmt::Write as _;

use base64::Engine as _;
use bellwether_model::time::DurationText;
use bellwether_model::utf8_name::Escaping;
use bellwether_outbound::settings::redacted_url;
use bellwether_probe::shown_target;
use bellwether_scrape::settings::{NameValidation, ScrapeProtocol, ScrapeSettings};
use url::Url;

use crate::config::Config;
use crate::schema::{Field, Kind, Section};
use crate::sections::relabel::RELABEL;
use crate::sections::root::ROOT;
use crate::sections::scrape::SCRAPE;
use crate::size::size_text;
use crate::values::HIDDEN;
use crate::yaml::{Entry, Node, NodePath, NodeValue, Position};

/// Sections whose defaults are worth showing though the file does not name them.
const ALWAYS_SHOWN: [&str; 6] = [
    "global",
    "queue_config",
    "metadata_config",
    "otlp",
    "storage",
    "retention",
];

/// The configuration in effect.
pub(crate) fn effective_yaml(root: &Node, config: &Config) -> String {
    let mut root = root.clone();
    if root.is_null() {
        root.value = NodeValue::Mapping(Vec::new());
    }
    fill_global(&mut root, config);
    fill_storage(&mut root, config);
    fill_jobs(&mut root, config);
    fill_probes(&mut root, config);
    let mut writer = Writer::default();
    writer.section(Some(&root), &ROOT, 0);
    writer.out
}

/// One section by itself, as it is written: programs of other versions read it, which may not know
/// every key that has a default.
pub(crate) fn section_yaml(node: Option<&Node>, section: &'static Section) -> String {
    let mut writer = Writer {
        without_defaults: true,
        ..Writer::default()
    };
    writer.section(node, section, 0);
    writer.out
}

/// A scrape job in effect, as an item of `scrape_configs` would show it.
pub(crate) fn job_yaml(item: &Node, job: &ScrapeSettings) -> String {
    let mut item = item.clone();
    fill_job(&mut item, job);
    let mut writer = Writer::default();
    writer.section(Some(&item), &SCRAPE, 0);
    writer.out
}

/// A mapping that holds no secrets, as it is written, with every key.
pub(crate) fn plain_yaml(node: &Node) -> String {
    let mut writer = Writer {
        hides_nothing: true,
        ..Writer::default()
    };
    match &node.value {
        NodeValue::Mapping(entries) if entries.is_empty() => writer.out.push_str("{}\n"),
        _ => writer.raw_entries(node, 0, false),
    }
    writer.out
}

fn empty_mapping() -> Node {
    Node {
        value: NodeValue::Mapping(Vec::new()),
        position: Position::default(),
        path: NodePath::default(),
    }
}

fn fill_global(root: &mut Node, config: &Config) {
    if root.get("global").is_none_or(Node::is_null) {
        root.set("global", empty_mapping());
    }
    let Some(global) = root.get_mut("global") else {
        return;
    };
    let duration = |ms: i64| Node::plain(DurationText(ms).to_string());
    global.set(
        "scrape_interval",
        duration(config.global.scrape_interval_ms),
    );
    global.set("scrape_timeout", duration(config.global.scrape_timeout_ms));
    global.set(
        "evaluation_interval",
        duration(config.global.evaluation_interval_ms),
    );
    if !config.global.external_labels.is_empty() {
        let mut labels = empty_mapping();
        for (name, value) in &config.global.external_labels {
            labels.set(name, Node::text(value));
        }
        global.set("external_labels", labels);
    }
}

/// Writes retention by our names where it was given by those of Prometheus.
fn fill_storage(root: &mut Node, config: &Config) {
    let Some(storage) = root.get_mut("storage").filter(|node| !node.is_null()) else {
        return;
    };
    let given = [
        (
            "metrics",
            "time",
            config
                .storage
                .metrics_retention_ms
                .map(|ms| DurationText(ms).to_string()),
        ),
        (
            "size",
            "size",
            config.storage.retention_bytes.map(size_text),
        ),
    ];
    for (our_key, their_key, text) in given {
        let Some(text) = text else { continue };
        if storage.get("retention").is_none_or(Node::is_null) {
            storage.set("retention", empty_mapping());
        }
        if let Some(retention) = storage.get_mut("retention") {
            retention.set(our_key, Node::plain(text));
        }
        let theirs = storage
            .get_mut("tsdb")
            .and_then(|tsdb| tsdb.get_mut("retention"));
        if let Some(NodeValue::Mapping(entries)) = theirs.map(|node| &mut node.value) {
            entries.retain(|entry| &*entry.key != their_key);
        }
    }
}

/// Writes what jobs inherit into each of them. Jobs of other files are not shown, as in
/// Prometheus.
fn fill_jobs(root: &mut Node, config: &Config) {
    let Some(Node {
        value: NodeValue::List(items),
        ..
    }) = root.get_mut("scrape_configs")
    else {
        return;
    };
    for (item, job) in items.iter_mut().zip(&config.scrape) {
        fill_job(item, job);
    }
}

/// Writes into each probe how often it is probed, and by what.
fn fill_probes(root: &mut Node, config: &Config) {
    let Some(Node {
        value: NodeValue::List(items),
        ..
    }) = root.get_mut("probes")
    else {
        return;
    };
    for (item, probe) in items.iter_mut().zip(&config.probes) {
        // Nothing behind the name of a prober still says which it is.
        if item.get(&probe.module_name).is_some_and(Node::is_null) {
            item.set(&probe.module_name, empty_mapping());
        }
        for (key, time) in [("interval", probe.interval), ("timeout", probe.timeout)] {
            let ms = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
            item.set(key, Node::plain(DurationText(ms).to_string()));
        }
    }
}

fn fill_job(item: &mut Node, job: &ScrapeSettings) {
    let protocols = job
        .protocols
        .iter()
        .filter_map(|protocol| {
            ScrapeProtocol::NAMES
                .iter()
                .find(|(_, known)| known == protocol)
                .map(|(name, _)| Node::plain(*name))
        })
        .collect();
    let mut list = empty_mapping();
    list.value = NodeValue::List(protocols);
    item.set("scrape_protocols", list);
    let mut set = |key: &str, text: String| item.set(key, Node::plain(text));
    set("scrape_interval", DurationText(job.interval_ms).to_string());
    set("scrape_timeout", DurationText(job.timeout_ms).to_string());
    for (key, is_on) in [
        ("scrape_native_histograms", job.native_histograms),
        (
            "always_scrape_classic_histograms",
            job.always_classic_histograms,
        ),
        (
            "convert_classic_histograms_to_nhcb",
            job.classic_histograms_to_nhcb,
        ),
        ("extra_scrape_metrics", job.extra_metrics),
    ] {
        if is_on {
            set(key, "true".to_owned());
        }
    }
    let limits = &job.limits;
    if limits.body_bytes_max > 0 {
        set("body_size_limit", size_text(limits.body_bytes_max));
    }
    for (key, limit) in [
        ("sample_limit", limits.samples_max),
        ("target_limit", limits.targets_max),
        ("label_limit", limits.labels_max),
        ("label_name_length_limit", limits.label_name_bytes_max),
        ("label_value_length_limit", limits.label_value_bytes_max),
        ("keep_dropped_targets", limits.dropped_targets_kept_max),
    ] {
        if limit > 0 {
            set(key, limit.to_string());
        }
    }
    if job.name_validation == NameValidation::Legacy {
        set("metric_name_validation_scheme", "legacy".to_owned());
    }
    let escaping = match job.name_escaping {
        Escaping::AllowUtf8 => return,
        Escaping::Underscores => "underscores",
        Escaping::Dots => "dots",
        Escaping::Values => "values",
    };
    set("metric_name_escaping_scheme", escaping.to_owned());
}

#[derive(Default)]
struct Writer {
    out: String,
    /// Whether what nobody has set is left out.
    without_defaults: bool,
    /// Whether no key names a secret.
    hides_nothing: bool,
}

impl Writer {
    fn indent(&mut self, depth: usize) {
        for _ in 0..depth {
            self.out.push_str("  ");
        }
    }

    fn key(&mut self, key: &str, depth: usize) {
        self.indent(depth);
        self.out.push_str(&scalar_text(key, false));
        self.out.push(':');
    }

    fn line(&mut self, text: &str) {
        self.out.push(' ');
        self.out.push_str(text);
        self.out.push('\n');
    }

    /// Writes the fields of a section that are set or have a default worth showing.
    fn section(&mut self, node: Option<&Node>, section: &'static Section, depth: usize) {
        // Defaults of a rule would stand beside actions that do not take them.
        let is_rule = std::ptr::eq(section, &RELABEL);
        for field in section.all_fields() {
            match node.and_then(|node| node.get(field.key)) {
                Some(value) if !value.is_null() => self.field(field.key, value, &field.kind, depth),
                // Nothing behind these keys means the empty text, not the default.
                Some(_)
                    if is_rule && matches!(field.key, "regex" | "separator" | "replacement") =>
                {
                    self.key(field.key, depth);
                    self.line("\"\"");
                }
                _ if is_rule && field.key != "action" => {}
                _ => self.absent(field, depth),
            }
        }
    }

    fn absent(&mut self, field: &Field, depth: usize) {
        if self.without_defaults {
            return;
        }
        match field.kind {
            Kind::Section(section) if ALWAYS_SHOWN.contains(&field.key) => {
                let start = self.out.len();
                self.key(field.key, depth);
                self.out.push('\n');
                let body = self.out.len();
                self.section(None, section, depth + 1);
                if self.out.len() == body {
                    self.out.truncate(start);
                }
            }
            _ if field.inert.is_some() => {}
            // A path would start from the folder of whoever reads this.
            Kind::Path => {}
            _ if matches!(field.default, "" | "false" | "0" | "0s") => {}
            kind => {
                self.key(field.key, depth);
                let is_plain = !matches!(
                    kind,
                    Kind::Text
                        | Kind::Template
                        | Kind::Bytes
                        | Kind::SectionOrText(_)
                        | Kind::SectionMapOrText(_)
                        | Kind::Regex
                        | Kind::Pattern
                        | Kind::Url(_)
                );
                self.line(&scalar_text(field.default, is_plain));
            }
        }
    }

    fn field(&mut self, key: &str, node: &Node, kind: &Kind, depth: usize) {
        self.key(key, depth);
        self.value(node, kind, depth + 1);
    }

    /// Writes a value after its key.
    fn value(&mut self, node: &Node, kind: &Kind, depth: usize) {
        match (&node.value, kind) {
            (_, Kind::Raw) => self.raw(node, depth, false),
            (
                NodeValue::Mapping(entries),
                Kind::Section(section) | Kind::SectionOrText(section),
            ) => {
                self.out.push('\n');
                let body = self.out.len();
                self.section(Some(node), section, depth);
                if self.out.len() == body {
                    self.out.pop();
                    self.line("{}");
                }
                debug_assert!(entries.len() <= section.all_fields().len());
            }
            (NodeValue::List(items), Kind::Sections(section)) => {
                self.list(items, depth, |writer, item, depth| {
                    writer.section(Some(item), section, depth);
                });
            }
            (
                NodeValue::Mapping(entries),
                Kind::SectionMap(section) | Kind::SectionMapOrText(section),
            ) => {
                self.mapping(entries, depth, &Kind::Section(section));
            }
            (NodeValue::Mapping(entries), Kind::Map(value)) => self.mapping(entries, depth, value),
            (NodeValue::Mapping(entries), Kind::Headers(value)) => {
                self.headers(entries, depth, value);
            }
            (NodeValue::Mapping(entries), Kind::Labels) => {
                self.mapping(entries, depth, &Kind::Text)
            }
            (NodeValue::List(items), Kind::List(item_kind)) => {
                if items.is_empty() {
                    self.line("[]");
                    return;
                }
                self.out.push('\n');
                for item in items {
                    self.indent(depth.saturating_sub(1));
                    self.out.push('-');
                    self.value(item, item_kind, depth);
                }
            }
            (NodeValue::Scalar(scalar), Kind::SecretTemplateUrl) => {
                self.line(&hidden_url(&scalar.text));
            }
            (NodeValue::Scalar(scalar), Kind::Secret | Kind::Hash | Kind::SecretUrl(_)) => {
                let text = if scalar.text.is_empty() {
                    "\"\""
                } else {
                    HIDDEN
                };
                self.line(text);
            }
            (NodeValue::Scalar(scalar), Kind::Url(_)) => {
                let text = match Url::parse(&scalar.text) {
                    Ok(url) if url.password().is_some() => redacted_url(&url),
                    _ => scalar.text.to_string(),
                };
                self.line(&scalar_text(&text, false));
            }
            (NodeValue::Scalar(scalar), Kind::Target) => {
                self.line(&scalar_text(&shown_target(&scalar.text), scalar.is_plain));
            }
            (NodeValue::Scalar(scalar), _) => match &scalar.bytes {
                Some(bytes) => {
                    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
                    self.line(&format!("!!binary {text}"));
                }
                None => self.line(&scalar_text(&scalar.text, scalar.is_plain)),
            },
            // A shape that the table does not have does not pass the checks.
            (NodeValue::List(_) | NodeValue::Mapping(_), _) => self.line(HIDDEN),
        }
    }

    fn mapping(&mut self, entries: &[Entry], depth: usize, kind: &Kind) {
        if entries.is_empty() {
            self.line("{}");
            return;
        }
        self.out.push('\n');
        for entry in entries {
            self.field(&entry.key, &entry.value, kind, depth);
        }
    }

    /// Writes headers, of which the name says whether the value may be shown.
    fn headers(&mut self, entries: &[Entry], depth: usize, kind: &Kind) {
        if entries.is_empty() {
            self.line("{}");
            return;
        }
        self.out.push('\n');
        for entry in entries {
            let hides = may_be_secret(&entry.key) || entry.key.eq_ignore_ascii_case("cookie");
            let kind = match (kind, &entry.value.value) {
                (_, NodeValue::Scalar(_)) if hides => &Kind::Secret,
                (Kind::List(_), NodeValue::List(_)) if hides => &Kind::List(&Kind::Secret),
                _ => kind,
            };
            self.field(&entry.key, &entry.value, kind, depth);
        }
    }

    /// Writes a list of mappings, each body by `write` at the depth below its dash.
    fn list(&mut self, items: &[Node], depth: usize, write: impl Fn(&mut Self, &Node, usize)) {
        if items.is_empty() {
            self.line("[]");
            return;
        }
        self.out.push('\n');
        for item in items {
            let start = self.out.len();
            write(self, item, depth);
            if self.out.len() == start {
                self.indent(depth.saturating_sub(1));
                self.out.push_str("- {}\n");
                continue;
            }
            // The dash takes the place of the last step of the first line's indent.
            let dash = start + 2 * depth.saturating_sub(1);
            self.out.replace_range(dash..dash + 2, "- ");
        }
    }

    /// Writes a tree that no table describes; `is_hidden` says that its key may name a secret.
    fn raw(&mut self, node: &Node, depth: usize, is_hidden: bool) {
        match &node.value {
            _ if node.is_null() => self.line("null"),
            NodeValue::Scalar(_) if is_hidden => self.line(HIDDEN),
            NodeValue::Scalar(scalar) => self.line(&scalar_text(&scalar.text, scalar.is_plain)),
            NodeValue::List(items) if items.is_empty() => self.line("[]"),
            NodeValue::Mapping(entries) if entries.is_empty() => self.line("{}"),
            NodeValue::List(items) => {
                self.out.push('\n');
                for item in items {
                    if matches!(&item.value, NodeValue::Mapping(entries) if !entries.is_empty()) {
                        let start = self.out.len();
                        self.raw_entries(item, depth, is_hidden);
                        let dash = start + 2 * depth.saturating_sub(1);
                        self.out.replace_range(dash..dash + 2, "- ");
                    } else {
                        self.indent(depth.saturating_sub(1));
                        self.out.push('-');
                        self.raw(item, depth + 1, is_hidden);
                    }
                }
            }
            NodeValue::Mapping(_) => {
                self.out.push('\n');
                self.raw_entries(node, depth, is_hidden);
            }
        }
    }

    fn raw_entries(&mut self, node: &Node, depth: usize, is_hidden: bool) {
        let NodeValue::Mapping(entries) = &node.value else {
            return;
        };
        for entry in entries {
            self.key(&entry.key, depth);
            let is_hidden = is_hidden || !self.hides_nothing && may_be_secret(&entry.key);
            self.raw(&entry.value, depth + 1, is_hidden);
        }
    }
}

/// Whether a key may name a secret, such as `slack_api_url` or `service_key`.
fn may_be_secret(key: &str) -> bool {
    const SIGNS: [&str; 9] = [
        "secret",
        "password",
        "passwd",
        "token",
        "key",
        "credential",
        "url",
        "auth",
        "dsn",
    ];
    let key = key.to_ascii_lowercase();
    !key.ends_with("_file") && SIGNS.iter().any(|sign| key.contains(sign))
}

/// Whether some readers of YAML take a character for the end of a line or of nothing.
fn is_odd(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// A scalar as it stands in YAML. `is_plain`: it stood without quotes, so that it may again.
fn scalar_text(text: &str, is_plain: bool) -> String {
    let is_one_line = !text.chars().any(|c| c.is_control() || is_odd(c));
    if is_plain && is_one_line && !text.is_empty() {
        return text.to_owned();
    }
    let is_word = text
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'/' || b == b'_')
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-./".contains(&b));
    let means_something = matches!(
        text.to_ascii_lowercase().as_str(),
        "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n"
    );
    if is_word && !means_something {
        return text.to_owned();
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() || is_odd(c) => {
                // Writing into a String cannot fail.
                let _infallible = write!(quoted, "\\U{:08x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
/// A URL that is hidden, and a URL nevertheless: the amtool of older Alertmanagers reads what it is
/// told and refuses what is none.
fn hidden_url(url: &str) -> String {
    match url {
        "" => "\"\"".to_owned(),
        url if url == HIDDEN || url.contains("{{") => HIDDEN.to_owned(),
        _ => format!("http://hidden.invalid/{HIDDEN}"),
    }
}
