//! The ordinary rules of an objective.
//!
//! ## Model
//! A group counts first: `slo:events` and `slo:bad_events` of the last interval. Of these it makes
//! `slo:burn_rate` and `slo:chance` for each window that an alert looks at, and then the alerts: pages
//! and tickets, each of which wants the budget to burn in a long window and in the last twelfth of
//! it, and that this is no accident ([`bellwether_slo::page`]); and one that says that nothing is
//! measured, or that what is measured cannot be.
//!
//! ## Invariants
//! - Counts have the labels `slo`, `service`, those of the objective, and those that it is counted by.
//!   What is made of them has no others than `slo`, `service`, `group_by` and `window`.
//! - An alert has no label that changes while it fires.

use std::path::PathBuf;

use bellwether_slo::burn::Urgency;
use bellwether_slo::page::EvidenceRule;

use super::counts::duration_text;
use super::settings::{AlertOptions, Composition, Counting, Indicator, ObjectiveSettings, Slices};
use crate::settings::{GroupSettings, RuleKind, RuleSettings};

/// The count of all events of the last interval.
pub const EVENTS: &str = "slo:events";
/// The count of bad ones.
pub const BAD_EVENTS: &str = "slo:bad_events";
/// The target, as it was then.
pub const TARGET: &str = "slo:target";
/// A number that changes with the queries that count.
pub const REVISION: &str = "slo:revision";
/// How many times faster than allowed the budget burned in the window.
pub const BURN_RATE: &str = "slo:burn_rate";
/// How likely one bad event of the window comes with so many others where the target is just met.
pub const CHANCE: &str = "slo:chance";
/// Windows that pages and tickets do not look at, and people do.
const SHOWN_WINDOWS_MS: [i64; 1] = [6 * 3_600_000];
/// So many intervals without a measurement are told.
const SILENT_INTERVALS: i64 = 10;
/// So much later than its end an interval is counted, for samples that come late: nothing counts them
/// again. Chosen: two scrapes of 15 s.
pub const QUERY_OFFSET_MS: i64 = 30_000;
/// So long what was there and is there no more is missed.
const VANISHED_MS: i64 = 86_400_000;

/// The share of events that may be bad: the whole of what [`Indicator::Spend`] may spend.
#[must_use]
pub fn allowed_share(objective: &ObjectiveSettings) -> f64 {
    match objective.indicator {
        Indicator::Spend { .. } => 1.0,
        // Such as 0.001 and not 0.0010000000000000009: people read it.
        _ => ((1.0 - objective.target) * 1e12).round() / 1e12,
    }
}

/// The queries that count all events and the bad ones of an interval; `None` for composites.
#[must_use]
pub fn count_queries(objective: &ObjectiveSettings) -> Option<[String; 2]> {
    let writer = Writer {
        objective,
        all: &[],
    };
    let counts = writer.counts();
    match counts.as_slice() {
        [events, bad] => Some([events.expr.clone(), bad.expr.clone()]),
        _ => None,
    }
}

/// The buckets of the histogram of a latency objective, of all its budgets together; `None` for others.
#[must_use]
pub(super) fn bucket_query(objective: &ObjectiveSettings, window_ms: i64) -> Option<String> {
    let Indicator::Latency {
        histogram,
        is_classic,
        ..
    } = &objective.indicator
    else {
        return None;
    };
    let window = duration_text(window_ms);
    Some(if *is_classic {
        let buckets = with_matcher(histogram, "le!=\"\"");
        format!("sum by (le) ({})", increase(&buckets, &window))
    } else {
        format!("sum({})", increase(histogram, &window))
    })
}

/// The group of an objective. `all` are those that composites may name.
#[must_use]
pub fn group(objective: &ObjectiveSettings, all: &[ObjectiveSettings]) -> GroupSettings {
    let writer = Writer { objective, all };
    GroupSettings {
        file: PathBuf::from(&objective.file),
        name: format!("slo {}", objective.id()),
        interval_ms: objective.interval_ms,
        query_offset_ms: Some(QUERY_OFFSET_MS),
        limit: 0,
        labels: series_labels(objective),
        rules: writer.rules(),
    }
}

/// The labels of everything that the rules of an objective give.
#[must_use]
pub fn series_labels(objective: &ObjectiveSettings) -> Vec<(String, String)> {
    let own = [("slo", &objective.name), ("service", &objective.service)];
    let mut labels: Vec<(String, String)> = own
        .into_iter()
        .chain(objective.entity.iter().map(|entity| ("entity", entity)))
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .collect();
    labels.extend(objective.labels.iter().cloned());
    labels
}

struct Writer<'a> {
    objective: &'a ObjectiveSettings,
    all: &'a [ObjectiveSettings],
}

impl Writer<'_> {
    fn rules(&self) -> Vec<RuleSettings> {
        let rules = self.objective.evidence_rules();
        let mut made = self.counts();
        let mut windows: Vec<i64> = rules
            .iter()
            .flat_map(|rule| [rule.burn.short_ms, rule.burn.long_ms])
            .chain(SHOWN_WINDOWS_MS)
            .collect();
        windows.sort_unstable();
        windows.dedup();
        made.extend(windows.iter().map(|window| self.burn_rate(*window)));
        if self.objective.has_counts() {
            let mut long: Vec<i64> = rules.iter().map(|rule| rule.burn.long_ms).collect();
            long.sort_unstable();
            long.dedup();
            made.extend(
                long.iter()
                    .map(|window| self.chance(*window, rules[0].bad_min)),
            );
        }
        let alerts = &self.objective.alerts;
        for (urgency, options) in [
            (Urgency::Page, &alerts.page),
            (Urgency::Ticket, &alerts.ticket),
        ] {
            if let Some(options) = options {
                made.push(self.alert(urgency, options, &rules));
            }
        }
        if let Some(options) = &alerts.measurement
            && !self.is_composite()
        {
            made.extend(self.measurement(options));
        }
        made
    }

    fn is_composite(&self) -> bool {
        matches!(self.objective.indicator, Indicator::Composite { .. })
    }

    fn record(&self, name: &str, expr: String, labels: Vec<(String, String)>) -> RuleSettings {
        RuleSettings {
            kind: RuleKind::Record {
                name: name.to_owned(),
            },
            expr,
            labels,
            line: self.objective.line,
        }
    }

    /// `sum by (…)` of something.
    fn sum(&self, expr: &str) -> String {
        match self.objective.counted_by().as_slice() {
            [] => format!("sum({expr})"),
            labels => format!("sum by ({}) ({expr})", labels.join(", ")),
        }
    }

    fn interval(&self) -> String {
        duration_text(self.objective.interval_ms)
    }

    /// The two counts.
    fn counts(&self) -> Vec<RuleSettings> {
        let Some((bad, total)) = self.counted() else {
            return Vec::new();
        };
        let (bad, total) = match self.objective.slices {
            None => (bad, total),
            // Slices without events count for nothing: 0 / 0 is compared with nothing.
            Some(Slices::Good { from }) => {
                let allowed = ((1.0 - from) * 1e12).round() / 1e12;
                (
                    format!("(({bad}) / ({total}) > bool {allowed}) * (({total}) > bool 0)"),
                    format!("({total}) > bool 0"),
                )
            }
            Some(Slices::Ratio) => (
                format!("({bad}) / (({total}) > 0) or 0 * ({total})"),
                format!("({total}) > bool 0"),
            ),
        };
        vec![
            self.record(EVENTS, total, Vec::new()),
            self.record(BAD_EVENTS, bad, Vec::new()),
        ]
    }

    /// Bad and all events of the last interval.
    fn counted(&self) -> Option<(String, String)> {
        let window = self.interval();
        let or_none = |part: String, total: &str| format!("{part} or 0 * {total}");
        Some(match &self.objective.indicator {
            Indicator::Ratio {
                counting,
                part,
                total,
            } => {
                let (part, total) = (self.sum(part), self.sum(total));
                let part = or_none(part, &total);
                match counting {
                    Counting::Bad => (part, total),
                    Counting::Good => (format!("{total} - ({part})"), total),
                }
            }
            Indicator::Share { bad } => {
                let bad = self.average(bad);
                (bad.clone(), format!("0 * {bad} + 1"))
            }
            Indicator::Latency {
                histogram,
                threshold,
                is_classic: true,
            } => {
                let with = |matcher: &str| with_matcher(histogram, matcher);
                let total = self.sum(&increase(&with("le=\"+Inf\""), &window));
                // The bound as exposition formats write it: 2, 2.0 or 0.5.
                let bound = bound_pattern(*threshold);
                let good = self.sum(&increase(&with(&format!("le=~\"{bound}\"")), &window));
                // Between two bounds nobody knows: interpolated, as histogram_quantile does it.
                let by = self.by_with("le");
                let share = format!(
                    "histogram_fraction(0, {threshold}, {by} ({}))",
                    increase(&with("le!=\"\""), &window)
                );
                let good = format!("({good} or ({share} >= 0) * {total} or 0 * {total})");
                (format!("{total} - {good}"), total)
            }
            Indicator::Latency {
                histogram,
                threshold,
                is_classic: false,
            } => {
                let all = self.sum(&increase(histogram, &window));
                let total = format!("histogram_count({all})");
                let good = format!("histogram_fraction(0, {threshold}, {all})");
                // Without observations the fraction is no number, and nothing was slow.
                let good = format!("(({good} >= 0) * {total} or 0 * {total})");
                (format!("{total} - {good}"), total)
            }
            Indicator::Samples { of } => {
                let good = self.sum(&format!("sum_over_time({of}[{window}])"));
                let total = self.sum(&format!("count_over_time({of}[{window}])"));
                (format!("{total} - {good}"), total)
            }
            Indicator::Freshness {
                timestamp,
                age_max_ms,
            } => {
                let newest = match self.objective.counted_by().as_slice() {
                    [] => format!("max({timestamp})"),
                    labels => format!("max by ({}) ({timestamp})", labels.join(", ")),
                };
                let age_max = *age_max_ms as f64 / 1000.0;
                (
                    format!("(time() - {newest}) > bool {age_max}"),
                    format!("0 * {newest} + 1"),
                )
            }
            Indicator::Spend { amount, limit } => {
                let span_ms = self.objective.period.span_ms() as f64;
                let per_interval = limit * self.objective.interval_ms as f64 / span_ms;
                // The limit is that of all spenders of a budget together.
                let any = format!("{} ({amount})", self.by_group());
                (self.sum(amount), format!("0 * {any} + {per_interval}"))
            }
            Indicator::Composite { .. } => return None,
        })
    }

    fn by_with(&self, label: &str) -> String {
        let mut labels = self.objective.counted_by();
        labels.push(label);
        format!("sum by ({})", labels.join(", "))
    }

    fn average(&self, expr: &str) -> String {
        match self.objective.counted_by().as_slice() {
            [] => format!("avg({expr})"),
            labels => format!("avg by ({}) ({expr})", labels.join(", ")),
        }
    }

    /// Selects the series of an objective.
    fn selector(&self, metric: &str, objective: &ObjectiveSettings, rest: &str) -> String {
        let (slo, service) = (quoted(&objective.name), quoted(&objective.service));
        format!("{metric}{{slo={slo},service={service}{rest}}}")
    }

    /// A count over a window, for each budget.
    fn over(&self, metric: &str, objective: &ObjectiveSettings, window_ms: i64) -> String {
        let selector = self.selector(metric, objective, "");
        let window = duration_text(window_ms);
        format!("{} (sum_over_time({selector}[{window}]))", self.by_group())
    }

    fn by_group(&self) -> String {
        match self.objective.group_by.as_slice() {
            [] => "sum".to_owned(),
            labels => format!("sum by ({})", labels.join(", ")),
        }
    }

    fn burn_rate(&self, window_ms: i64) -> RuleSettings {
        let allowed = allowed_share(self.objective);
        let error_ratio = match &self.objective.indicator {
            Indicator::Composite { parts, how } => self.composed(parts, *how, window_ms),
            _ => self.error_ratio(self.objective, window_ms),
        };
        let expr = if allowed == 1.0 {
            error_ratio
        } else {
            format!("({error_ratio}) / {allowed}")
        };
        self.record(BURN_RATE, expr, window_label(window_ms))
    }

    fn error_ratio(&self, objective: &ObjectiveSettings, window_ms: i64) -> String {
        let bad = self.over(BAD_EVENTS, objective, window_ms);
        let total = self.over(EVENTS, objective, window_ms);
        format!("{bad} / {total}")
    }

    /// The share of bad events of several objectives together.
    fn composed(&self, parts: &[(String, f64)], how: Composition, window_ms: i64) -> String {
        let found: Vec<(&ObjectiveSettings, f64)> = parts
            .iter()
            .filter_map(|(name, weight)| Some((self.objective.part(name, self.all)?, *weight)))
            .collect();
        let ratio = |objective: &ObjectiveSettings| match &objective.indicator {
            Indicator::Composite { .. } => {
                // Its burn rate has been made already, or is made at its own turn.
                let window = format!(",window={}", quoted(&duration_text(window_ms)));
                let burn = self.selector(BURN_RATE, objective, &window);
                format!("sum({burn}) * {}", allowed_share(objective))
            }
            _ => {
                let bad = self.over(BAD_EVENTS, objective, window_ms);
                let total = self.over(EVENTS, objective, window_ms);
                // A part without an event has none that is bad; as 0/0 it would silence the others.
                format!("({bad} / ({total} > 0) or 0 * {total})")
            }
        };
        match how {
            Composition::Series => {
                let good: Vec<String> = found
                    .iter()
                    .map(|(objective, _)| format!("(1 - {})", ratio(objective)))
                    .collect();
                format!("1 - {}", good.join(" * "))
            }
            Composition::Worst => {
                let all: Vec<String> = found
                    .iter()
                    .enumerate()
                    .map(|(at, (objective, _))| {
                        format!(
                            "label_replace({}, \"part\", \"{at}\", \"\", \"\")",
                            ratio(objective)
                        )
                    })
                    .collect();
                format!("max({})", all.join(" or "))
            }
            Composition::Weighted => {
                let sum: f64 = found.iter().map(|(_, weight)| weight).sum();
                let all: Vec<String> = found
                    .iter()
                    .map(|(objective, weight)| format!("{} * {}", weight / sum, ratio(objective)))
                    .collect();
                all.join(" + ")
            }
        }
    }

    fn chance(&self, window_ms: i64, bad_min: f64) -> RuleSettings {
        let bad = self.over(BAD_EVENTS, self.objective, window_ms);
        let total = self.over(EVENTS, self.objective, window_ms);
        let allowed = allowed_share(self.objective);
        let expr = format!(
            "binomial_tail(({bad} > {bad_min}) - 1, {total} - 1, {allowed}) or 0 * {bad} + 1"
        );
        self.record(CHANCE, expr, window_label(window_ms))
    }

    fn alert(
        &self,
        urgency: Urgency,
        options: &AlertOptions,
        rules: &[EvidenceRule],
    ) -> RuleSettings {
        let of_window = |metric: &str, window_ms: i64| {
            let window = format!(",window={}", quoted(&duration_text(window_ms)));
            self.selector(metric, self.objective, &window)
        };
        let conditions: Vec<String> = rules
            .iter()
            .filter(|rule| rule.burn.urgency == urgency)
            .map(|rule| {
                let burn = rule.burn.burn;
                let long = of_window(BURN_RATE, rule.burn.long_ms);
                let short = of_window(BURN_RATE, rule.burn.short_ms);
                let mut text = format!("{long} > {burn} and ignoring (window) {short} > {burn}");
                if self.objective.has_counts() {
                    let chance = of_window(CHANCE, rule.burn.long_ms);
                    text = format!("{text} and ignoring (window) {chance} < {}", rule.chance);
                }
                format!("({text})")
            })
            .collect();
        let (severity, what) = match urgency {
            Urgency::Page => ("critical", "page"),
            Urgency::Ticket => ("warning", "ticket"),
        };
        let expr = format!(
            "max without (window) (\n  {}\n)",
            conditions.join("\n  or ")
        );
        let rules: Vec<&EvidenceRule> = rules
            .iter()
            .filter(|rule| rule.burn.urgency == urgency)
            .collect();
        let texts = self.burn_texts(&rules);
        self.alert_rule(severity, what, expr, 0, options, texts)
    }

    fn burn_texts(&self, rules: &[&EvidenceRule]) -> Vec<(String, String)> {
        let id = self.objective.id();
        let target = percent(self.objective.target);
        let summary = match &self.objective.indicator {
            Indicator::Spend { limit, .. } => format!(
                "{id} spends {{{{ printf \"%.1f\" $value }}}} times as fast as its limit of {limit} allows"
            ),
            _ => format!(
                "{id} burns its error budget {{{{ printf \"%.1f\" $value }}}} times as fast as {target} allows"
            ),
        };
        let mut texts = vec![("summary".to_owned(), summary)];
        if self.objective.has_counts() {
            let description = format!(
                "{}{}",
                self.evidence_text(rules),
                spaced(&self.objective.description)
            );
            texts.push(("description".to_owned(), description));
        } else if !self.objective.description.is_empty() {
            texts.push(("description".to_owned(), self.objective.description.clone()));
        }
        texts
    }

    /// Counts and chance of the window that speaks loudest: of those that burn as an alert wants it, in
    /// their last part too, the one with the lowest chance.
    fn evidence_text(&self, rules: &[&EvidenceRule]) -> String {
        let group_by = &self.objective.group_by;
        let matchers: String = group_by
            .iter()
            .map(|label| format!(",{label}=%q"))
            .collect();
        let arguments: String = group_by
            .iter()
            .map(|label| format!(" $labels.{label}"))
            .collect();
        let selected = |metric: &str, more: &str| {
            self.selector(metric, self.objective, &format!("{matchers}{more}"))
        };
        let burning: Vec<String> = rules
            .iter()
            .map(|rule| {
                let of_window = |window_ms| {
                    let window = format!(",window={}", quoted(&duration_text(window_ms)));
                    format!("{} > {}", selected(BURN_RATE, &window), rule.burn.burn)
                };
                let (long, short) = (of_window(rule.burn.long_ms), of_window(rule.burn.short_ms));
                format!("{long} and ignoring (window) {short}")
            })
            .collect();
        let window = format!(
            "bottomk(1, {} and ({}))",
            selected(CHANCE, ""),
            burning.join(" or ")
        );
        let escaped = |query: &str| query.replace('"', "\\\"");
        let all_arguments = arguments.repeat(2 * burning.len() + 1);
        let count = |metric: &str| {
            let query = format!("sum(sum_over_time({}[%s]))", selected(metric, ""));
            format!(
                "{{{{ with printf \"{}\"{arguments} $window | query }}}}{{{{ . | first | value | printf \"%.0f\" }}}}{{{{ end }}}}",
                escaped(&query)
            )
        };
        format!(
            "{{{{ with printf \"{}\"{all_arguments} | query }}}}{{{{ $window := . | first | label \"window\" }}}}\
             {} of {} events of the last {{{{ $window }}}} were bad: at {} a bad event comes with so many with a \
             chance of {{{{ . | first | value | printf \"%.1g\" }}}}.{{{{ end }}}}",
            escaped(&window),
            count(BAD_EVENTS),
            count(EVENTS),
            percent(self.objective.target),
        )
    }

    /// What is wrong with the measurement itself.
    fn measurement(&self, options: &AlertOptions) -> Vec<RuleSettings> {
        let id = self.objective.id();
        let silence = duration_text(SILENT_INTERVALS * self.objective.interval_ms);
        let events = self.selector(EVENTS, self.objective, "");
        let bad = self.selector(BAD_EVENTS, self.objective, "");
        let mut vanished = format!("absent_over_time({events}[{silence}])");
        // A spender that is gone is no budget that is gone: pods come and go.
        if !self.objective.group_by.is_empty() {
            let by = self.by_group();
            let day = duration_text(VANISHED_MS);
            vanished = format!(
                "{vanished} or ({by} (count_over_time({events}[{day}])) unless {by} (count_over_time({events}[{silence}])))"
            );
        }
        let text = |summary: String| vec![("summary".to_owned(), summary)];
        let silent = self.alert_rule(
            "warning",
            "measurement",
            vanished,
            0,
            options,
            text(format!(
                "{id} was not measured for {silence}: this time counts as neither good nor bad"
            )),
        );
        let mut rules = vec![named(silent, "ObjectiveNotMeasured")];
        if !matches!(self.objective.indicator, Indicator::Spend { .. }) {
            // Rates of what grows slowly may be off by the last digit.
            let sum = |series: &str| format!("{} ({series})", self.by_group());
            let (bad, events) = (sum(&bad), sum(&events));
            let wrong = format!("{bad} < -1e-9 or {bad} > {events} * (1 + 1e-9)");
            let inconsistent = self.alert_rule(
                "warning",
                "measurement",
                wrong,
                SILENT_INTERVALS / 2 * self.objective.interval_ms,
                options,
                text(format!(
                    "{id} counts {{{{ printf \"%.6g\" $value }}}} bad events, which cannot be of as many events as there are: its indicator is wrong"
                )),
            );
            rules.push(named(inconsistent, "ObjectiveInconsistent"));
        }
        rules
    }

    fn alert_rule(
        &self,
        severity: &str,
        what: &str,
        expr: String,
        for_ms: i64,
        options: &AlertOptions,
        texts: Vec<(String, String)>,
    ) -> RuleSettings {
        let alerts = &self.objective.alerts;
        let mut labels = vec![
            ("severity".to_owned(), severity.to_owned()),
            ("slo_alert".to_owned(), what.to_owned()),
        ];
        overlay(&mut labels, &alerts.labels);
        overlay(&mut labels, &options.labels);
        let mut annotations = texts;
        overlay(&mut annotations, &alerts.annotations);
        overlay(&mut annotations, &options.annotations);
        RuleSettings {
            kind: RuleKind::Alert {
                name: alerts.name.clone(),
                for_ms,
                keep_firing_for_ms: 0,
                annotations,
            },
            expr,
            labels,
            line: self.objective.line,
        }
    }
}

fn named(mut rule: RuleSettings, alert: &str) -> RuleSettings {
    if let RuleKind::Alert { name, .. } = &mut rule.kind {
        alert.clone_into(name);
    }
    rule
}

fn overlay(under: &mut Vec<(String, String)>, over: &[(String, String)]) {
    for (name, value) in over {
        match under.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => value.clone_into(known),
            None => under.push((name.clone(), value.clone())),
        }
    }
}

fn window_label(window_ms: i64) -> Vec<(String, String)> {
    vec![("window".to_owned(), duration_text(window_ms))]
}

/// A selector with one matcher more.
fn with_matcher(selector: &str, matcher: &str) -> String {
    let all = selector.trim_end().trim_end_matches('}');
    match selector.contains('{') {
        true if all.ends_with('{') => format!("{all}{matcher}}}"),
        true => format!("{},{matcher}}}", all.trim_end_matches([',', ' '])),
        false => format!("{selector}{{{matcher}}}"),
    }
}

fn increase(selector: &str, window: &str) -> String {
    format!("increase({selector}[{window}] anchored)")
}

/// A text between quotes, as PromQL reads it.
fn quoted(text: &str) -> String {
    format!("{text:?}")
}

fn spaced(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(" {text}")
    }
}

/// A share in percent, without digits that it does not have.
#[must_use]
pub fn percent(share: f64) -> String {
    let digits = format!("{:.6}", share * 100.0);
    let digits = digits.trim_end_matches('0').trim_end_matches('.');
    format!("{digits} %")
}

/// A pattern for a bucket's bound, which writers write as `2` or `2.0`.
fn bound_pattern(bound: f64) -> String {
    let text = format!("{bound}");
    let text = text.replace('.', "\\\\.");
    if text.contains('.') {
        text
    } else {
        format!("{text}(\\\\.0+)?")
    }
}

#[cfg(test)]
mod tests;
