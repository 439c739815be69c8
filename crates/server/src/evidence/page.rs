//! The page of an alert's evidence: the culprit first, then what it rests on.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bellwether_rules::evidence::{
    Evidence, LabelMap, MovedValue, MoverPart, Number, OperandPart, TargetPart,
};

use super::graph::{Graph, Line, spark};
use super::words::{Unit, clock, moment, seconds};
use crate::paper::{document, escape};

/// Classes of lines that the alert is about.
const OWN_CLASSES: [&str; 6] = ["own0", "own1", "own2", "own3", "own4", "own5"];
/// A mover whose first value explains so much is named in the head of the page.
const SHARE_TOLD: f64 = 0.5;
/// So many labels are named there.
const CULPRITS_MAX: usize = 3;
/// Targets without whose trouble a list begins with those that are well.
const DOWN: &str = "down";

/// A page that says one thing.
pub(super) fn notice(title: &str, text: &str) -> String {
    document(
        title,
        "",
        &format!(
            "<main><section class=\"card head\"><h1>{}</h1><p class=\"summary\">{}</p></section></main>",
            escape(title),
            escape(text)
        ),
    )
}

/// The page of a document.
pub(super) fn render(evidence: &Evidence) -> String {
    let page = Page { evidence };
    let mut body = String::with_capacity(64 << 10);
    body.push_str("<main>");
    page.head(&mut body);
    page.graphs(&mut body);
    page.movers(&mut body);
    page.entities(&mut body);
    page.targets(&mut body);
    page.neighbours(&mut body);
    page.exemplars(&mut body);
    page.rule(&mut body);
    body.push_str("</main>");
    let name = &evidence.rule.name;
    document(
        &format!("{name} · {}", moment(evidence.alert.fired_at)),
        "",
        &body,
    )
}

struct Page<'a> {
    evidence: &'a Evidence,
}

/// A comparison with the constant, if there is one, on the right.
struct Shown<'a> {
    operand: &'a OperandPart,
    operator: &'a str,
    threshold: Option<f64>,
    /// What it is compared with where that is no constant.
    other: Option<&'a OperandPart>,
}

impl<'a> Page<'a> {
    /// What is drawn: comparisons, then operands that are compared with nothing.
    fn shown(&self) -> Vec<Shown<'a>> {
        let operands = &self.evidence.operands;
        let mut shown: Vec<Shown<'a>> = Vec::new();
        let mut seen: Vec<usize> = Vec::new();
        for comparison in &self.evidence.comparisons {
            let (left, right) = (
                operands.get(comparison.left),
                operands.get(comparison.right),
            );
            let (Some(left), Some(right)) = (left, right) else {
                continue;
            };
            seen.extend([comparison.left, comparison.right]);
            let swaps = left.constant.is_some();
            let (operand, other) = if swaps { (right, left) } else { (left, right) };
            shown.push(Shown {
                operand,
                operator: if swaps {
                    mirrored(&comparison.operator)
                } else {
                    &comparison.operator
                },
                threshold: other.constant.map(|Number(value)| value),
                other: other.constant.is_none().then_some(other),
            });
        }
        let rest = operands.iter().enumerate();
        let rest = rest.filter(|(at, operand)| !seen.contains(at) && operand.constant.is_none());
        shown.extend(rest.map(|(_, operand)| Shown {
            operand,
            operator: "",
            threshold: None,
            other: None,
        }));
        shown
    }

    fn unit(operand: &OperandPart) -> Unit {
        let lines = operand.lines.iter().filter(|line| line.is_own);
        let values = lines.flat_map(|line| &line.points);
        let greatest = values.map(|(_, Number(value))| *value).fold(0.0, f64::max);
        Unit::of(&operand.query, greatest)
    }

    fn head(&self, out: &mut String) {
        let alert = &self.evidence.alert;
        let severity = alert.labels.get("severity").map_or("", String::as_str);
        let class = match severity {
            "critical" | "page" | "error" => "bad",
            "warning" => "warn",
            _ => "calm",
        };
        out.push_str("<section class=\"card head\"><div class=\"line-1\">");
        if !severity.is_empty() {
            write!(
                out,
                "<span class=\"badge {class}\">{}</span>",
                escape(severity)
            )
            .ok();
        }
        write!(
            out,
            "<span class=\"when\">fired {}</span></div><h1>{}</h1>",
            moment(alert.fired_at),
            escape(&self.evidence.rule.name)
        )
        .ok();
        for name in ["summary", "description", "message"] {
            if let Some(text) = alert.annotations.get(name) {
                write!(out, "<p class=\"{name}\">{}</p>", escape(text)).ok();
            }
        }
        out.push_str("<ul class=\"findings\">");
        for finding in self.findings() {
            write!(out, "<li>{finding}</li>").ok();
        }
        out.push_str("</ul>");
        labels(&alert.labels, &["alertname", "severity"], out);
        if let Some(link) = alert
            .annotations
            .get("runbook_url")
            .filter(|link| is_web(link))
        {
            write!(
                out,
                "<p class=\"links\"><a href=\"{}\" rel=\"noreferrer\">Runbook</a></p>",
                escape(link)
            )
            .ok();
        }
        out.push_str("</section>");
    }

    /// What the page says in whole sentences, as HTML.
    fn findings(&self) -> Vec<String> {
        let mut findings = Vec::new();
        if let Some(shown) = self.shown().first() {
            findings.extend(self.level(shown));
        }
        let blames: Vec<String> = self.culprits().map(|(m, v)| self.blame(m, v)).collect();
        if let (true, Some(shown)) = (blames.is_empty(), self.shown().first()) {
            findings.extend(self.alone(shown));
        }
        findings.extend(blames);
        let down: Vec<&TargetPart> = self.targets_in_trouble().collect();
        if let Some(first) = down.first() {
            let reason = if first.last_error.is_empty() {
                String::new()
            } else {
                format!(": {}", escape(&first.last_error))
            };
            findings.push(format!(
                "{} of {} targets behind it {} down; <b>{}</b>{reason}",
                down.len(),
                self.evidence.targets.len(),
                if down.len() == 1 { "is" } else { "are" },
                escape(&first.instance),
            ));
        }
        let neighbours = &self.evidence.neighbours;
        if let Some(first) = neighbours.first() {
            let name = first.labels.get("alertname").map_or("?", String::as_str);
            let more = neighbours.len() - 1;
            let more = match more {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            findings.push(format!(
                "On the same thing fired <b>{}</b>{more}",
                escape(name)
            ));
        }
        findings
    }

    /// Where the operand stood.
    fn level(&self, shown: &Shown<'_>) -> Option<String> {
        let unit = Self::unit(shown.operand);
        let own = shown.operand.lines.iter().find(|line| line.is_own)?;
        let (_, Number(now)) = own.points.last()?;
        let alert = &self.evidence.alert;
        let waited = (alert.fired_at - alert.active_at) as f64 / 1e3;
        let since = if waited < 1.0 {
            String::new()
        } else {
            format!(" for {}", seconds(waited))
        };
        let against = match (shown.operator, shown.threshold) {
            (_, None) => String::new(),
            (">" | ">=", Some(at)) => format!(", above {}", escape(&unit.show(at))),
            ("<" | "<=", Some(at)) => format!(", below {}", escape(&unit.show(at))),
            (_, Some(at)) => format!(" ({} {})", escape(shown.operator), escape(&unit.show(at))),
        };
        let first = own.points.first().map(|(_, Number(value))| *value);
        let first = first.filter(|value| value.is_finite());
        let before = first.map_or(String::new(), |value| {
            format!("; an hour before it was {}", escape(&unit.show(value)))
        });
        Some(format!(
            "<code>{}</code> was <b>{}</b>{against}{since}{before}",
            escape(&shown.operand.query),
            escape(&unit.show(*now)),
        ))
    }

    /// The values that explain the change, of the operand that moved most clearly.
    fn culprits(&self) -> impl Iterator<Item = (&'a MoverPart, &'a MovedValue)> {
        let movers = &self.evidence.movers;
        let operand = movers.first().map(|mover| mover.operand);
        movers
            .iter()
            .filter(move |mover| Some(mover.operand) == operand)
            .filter_map(|mover| Some((mover, mover.values.first()?)))
            .filter(|(_, first)| first.share >= SHARE_TOLD)
            .take(CULPRITS_MAX)
    }

    fn blame(&self, mover: &MoverPart, first: &MovedValue) -> String {
        let operand = self.evidence.operands.get(mover.operand);
        let unit = operand.map_or(Unit::Plain, Self::unit);
        let show = |value: Option<Number>| {
            value.map_or("nothing".to_owned(), |Number(value)| {
                escape(&unit.show(value))
            })
        };
        let explains = if mover.adds_up {
            // More than all where other values moved the other way: the table says how much.
            match first.share * 100.0 {
                99.5.. => " explains all of the change".to_owned(),
                share => format!(" explains {share:.0} % of the change"),
            }
        } else {
            String::new()
        };
        format!(
            "<span class=\"culprit\">{} = <b>{}</b></span>{explains}: {} now, {} in the hour before",
            escape(&mover.label),
            escape(&first.value),
            show(first.now),
            show(first.before),
        )
    }

    /// What tells the alert's series from those beside it.
    fn alone(&self, shown: &Shown<'_>) -> Option<String> {
        let unit = Self::unit(shown.operand);
        let last = |line: &bellwether_rules::evidence::LinePart| {
            line.points.last().map(|(_, Number(value))| *value)
        };
        let others = shown.operand.lines.iter().filter(|line| !line.is_own);
        let values: Vec<f64> = others.filter_map(last).filter(|v| v.is_finite()).collect();
        let (least, greatest) = values
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| {
                (a.min(*v), b.max(*v))
            });
        if values.is_empty() {
            return None;
        }
        let count = values.len() + shown.operand.left_out;
        let between = if (greatest - least).abs() <= f64::EPSILON * greatest.abs() {
            format!("at {}", escape(&unit.show(least)))
        } else {
            format!(
                "between {} and {}",
                escape(&unit.show(least)),
                escape(&unit.show(greatest))
            )
        };
        Some(format!(
            "{count} other series of the same expression {} {between}",
            if count == 1 { "is" } else { "are" }
        ))
    }

    fn graphs(&self, out: &mut String) {
        let alert = &self.evidence.alert;
        for shown in self.shown() {
            let operand = shown.operand;
            let unit = Self::unit(operand);
            let mut lines: Vec<Line> = Vec::new();
            let mut own = OWN_CLASSES.into_iter();
            let mut add = |operand: &OperandPart, class: Option<&'static str>| {
                for line in &operand.lines {
                    let class = class.unwrap_or_else(|| {
                        if line.is_own {
                            own.next().unwrap_or("own0")
                        } else {
                            "beside"
                        }
                    });
                    let points = numbers(&line.points);
                    lines.push(Line {
                        class,
                        name: series_name(&line.labels),
                        step_ms: step_of(&points),
                        points,
                    });
                }
            };
            add(operand, None);
            if let Some(other) = shown.other {
                add(other, Some("limit"));
            }
            let end = lines.iter().filter_map(|line| line.points.last());
            let end = end
                .map(|(time_ms, _)| *time_ms)
                .max()
                .unwrap_or(alert.fired_at);
            let end = end.max(alert.fired_at);
            let condition = match (shown.threshold, shown.other) {
                (Some(at), _) => format!(" {} {}", shown.operator, unit.show(at)),
                (None, Some(other)) => format!(" {} {}", shown.operator, other.query),
                (None, None) => String::new(),
            };
            write!(
                out,
                "<section class=\"card\"><h2><code>{}</code><span class=\"than\">{}</span></h2>",
                escape(&operand.query),
                escape(&condition)
            )
            .ok();
            if lines.is_empty() {
                out.push_str("<p class=\"empty\">No value in the last hour.</p></section>");
                continue;
            }
            let graph = Graph {
                title: format!("{} over the hour before the alert", operand.query),
                unit,
                threshold: shown.threshold,
                span_ms: (end - 3_600_000, end),
                active_at_ms: alert.active_at,
                fired_at_ms: alert.fired_at,
                lines,
            };
            out.push_str(&graph.svg());
            legend(&graph, operand.left_out, out);
            out.push_str("</section>");
        }
    }

    fn movers(&self, out: &mut String) {
        if self.evidence.movers.is_empty() {
            return;
        }
        out.push_str("<section class=\"card\"><h2>What moved</h2><p class=\"note\">The operand split by labels that the rule sums away: when the alert fired, against the hour before its condition held.</p><div class=\"movers\">");
        for mover in &self.evidence.movers {
            let operand = self.evidence.operands.get(mover.operand);
            let unit = operand.map_or(Unit::Plain, Self::unit);
            let heading = if mover.adds_up {
                "share of the change"
            } else {
                "change"
            };
            write!(
                out,
                "<div class=\"mover\"><h3>{}</h3><table><thead><tr><th>value</th><th>before</th><th>now</th><th>{heading}</th></tr></thead><tbody>",
                escape(&mover.label)
            )
            .ok();
            let shares = mover.values.iter().map(|value| value.share);
            let most = shares.fold(1.0, f64::max);
            for value in &mover.values {
                let show = |number: Option<Number>| match number {
                    Some(Number(value)) => escape(&unit.show(value)),
                    None => "–".to_owned(),
                };
                let width = (value.share / most).clamp(0.0, 1.0) * 100.0;
                let share = if mover.adds_up {
                    // Zero has no sign.
                    format!("{:.0} %", (value.share * 100.0).round() + 0.0)
                } else {
                    change(unit, value)
                };
                let name = if value.value.is_empty() {
                    "(none)"
                } else {
                    &value.value
                };
                write!(
                    out,
                    "<tr><td class=\"name\">{}</td><td>{}</td><td>{}</td><td class=\"share\"><svg viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect class=\"track\" width=\"100\" height=\"8\"/><rect class=\"part\" width=\"{width:.1}\" height=\"8\"/></svg><span>{share}</span></td></tr>",
                    escape(name),
                    show(value.before),
                    show(value.now),
                )
                .ok();
            }
            out.push_str("</tbody></table>");
            if mover.left_out > 0 {
                write!(out, "<p class=\"note\">{} more values</p>", mover.left_out).ok();
            }
            out.push_str("</div>");
        }
        out.push_str("</div></section>");
    }

    fn targets_in_trouble(&self) -> impl Iterator<Item = &'a TargetPart> {
        let targets = self.evidence.targets.iter();
        targets.filter(|target| target.health == DOWN)
    }

    fn targets(&self, out: &mut String) {
        if self.evidence.targets.is_empty() {
            return;
        }
        let end = self.evidence.alert.fired_at;
        out.push_str("<section class=\"card\"><h2>Targets behind it</h2><table class=\"wide\"><thead><tr><th>target</th><th>health</th><th>up, last hour</th><th>last scrape</th></tr></thead><tbody>");
        let well = self.evidence.targets.iter();
        let well = well.filter(|target| target.health != DOWN);
        for target in self.targets_in_trouble().chain(well) {
            let class = match target.health.as_str() {
                "up" => "good",
                DOWN => "bad",
                _ => "calm",
            };
            write!(
                out,
                "<tr><td><b>{}</b><br><span class=\"note\">{}</span></td><td><span class=\"badge {class}\">{}</span></td><td>{}</td><td>",
                escape(&target.instance),
                escape(&target.job),
                escape(&target.health),
                spark(&numbers(&target.up), (end - 3_600_000, end)),
            )
            .ok();
            match target.last_scrape {
                Some(time_ms) => {
                    let took = seconds(target.last_scrape_seconds);
                    write!(out, "{}, {}", clock(time_ms), escape(&took)).ok();
                }
                None => out.push_str("not scraped by this server"),
            }
            if !target.last_error.is_empty() {
                write!(
                    out,
                    "<br><span class=\"error\">{}</span>",
                    escape(&target.last_error)
                )
                .ok();
            }
            out.push_str("</td></tr>");
        }
        out.push_str("</tbody></table></section>");
    }

    fn entities(&self, out: &mut String) {
        if self.evidence.entities.is_empty() {
            return;
        }
        out.push_str("<section class=\"card\"><h2>What it is about, and what is behind that</h2><table class=\"wide\"><thead><tr><th>entity</th><th>state</th></tr></thead><tbody>");
        for entity in &self.evidence.entities {
            let class = match entity.state.as_str() {
                "up" => "good",
                DOWN => "bad",
                "degraded" => "warn",
                _ => "calm",
            };
            let mut notes = vec![entity.reason.clone()];
            if !entity.caused_by.is_empty() {
                notes.push(format!("explained by {}", entity.caused_by.join(", ")));
            }
            notes.retain(|note| !note.is_empty());
            write!(
                out,
                "<tr><td><b>{}</b><br><span class=\"note\">{}</span></td><td><span class=\"badge {class}\">{}</span><br><span class=\"note\">since {}</span></td></tr>",
                escape(&entity.entity),
                escape(&notes.join("; ")),
                escape(&entity.state),
                moment(entity.since)
            )
            .ok();
        }
        out.push_str("</tbody></table></section>");
    }

    fn neighbours(&self, out: &mut String) {
        if self.evidence.neighbours.is_empty() {
            return;
        }
        out.push_str("<section class=\"card\"><h2>Other alerts on the same thing</h2><table class=\"wide\"><thead><tr><th>alert</th><th>since</th><th>shares</th></tr></thead><tbody>");
        for other in &self.evidence.neighbours {
            let name = other.labels.get("alertname").map_or("?", String::as_str);
            let shares = other.shared.iter().map(|name| {
                let value = other.labels.get(name).map_or("", String::as_str);
                format!("{name}={value}")
            });
            let shares: Vec<String> = shares.collect();
            write!(
                out,
                "<tr><td><b>{}</b><br><span class=\"note\">{}</span></td><td>{}</td><td>{}</td></tr>",
                escape(name),
                escape(&other.summary),
                clock(other.starts_at),
                escape(&shares.join(", "))
            )
            .ok();
        }
        out.push_str("</tbody></table></section>");
    }

    fn exemplars(&self, out: &mut String) {
        if self.evidence.exemplars.is_empty() {
            return;
        }
        out.push_str("<section class=\"card\"><h2>Exemplars</h2><p class=\"note\">Single requests that the series behind the rule kept, the greatest first.</p><table class=\"wide\"><thead><tr><th>time</th><th>value</th><th>trace</th><th>series</th></tr></thead><tbody>");
        for exemplar in &self.evidence.exemplars {
            let own: Vec<String> = exemplar
                .labels
                .iter()
                .map(|(n, v)| format!("{n}={v}"))
                .collect();
            let name = exemplar.series.get("__name__").map_or("", String::as_str);
            let unit = Unit::of(&name.replace("_count", ""), 1.0);
            write!(
                out,
                "<tr><td>{}</td><td>{}</td><td class=\"mono\">{}</td><td>{}</td></tr>",
                clock(exemplar.time),
                escape(&unit.show(exemplar.value.0)),
                escape(&own.join(" ")),
                escape(&series_name(&without_buckets(&exemplar.series)))
            )
            .ok();
        }
        out.push_str("</tbody></table></section>");
    }

    fn rule(&self, out: &mut String) {
        let evidence = self.evidence;
        let rule = &evidence.rule;
        write!(
            out,
            "<section class=\"card\"><h2>The rule</h2><pre>{}</pre><p class=\"note\">{} of group {} in {}, line {}",
            escape(&rule.query),
            escape(&rule.name),
            escape(&rule.group),
            escape(&rule.file),
            rule.line
        )
        .ok();
        if rule.for_seconds > 0.0 {
            write!(out, "; for {}", seconds(rule.for_seconds)).ok();
        }
        out.push_str("</p>");
        if !evidence.gaps.is_empty() {
            out.push_str("<h3>What is missing here</h3><ul class=\"gaps\">");
            for gap in &evidence.gaps {
                write!(out, "<li>{}</li>", escape(gap)).ok();
            }
            out.push_str("</ul>");
        }
        write!(
            out,
            "<p class=\"note\">Frozen {}, gathered in {}. Times are UTC. <a href=\"../api/bellwether/v1/evidence/{}\">As JSON</a></p></section>",
            moment(evidence.gathered_at),
            escape(&seconds(evidence.gathered_in_seconds)),
            escape(&evidence.id)
        )
        .ok();
    }
}

/// By how much a value of a label changed.
fn change(unit: Unit, value: &MovedValue) -> String {
    match (value.before, value.now) {
        (Some(Number(before)), Some(Number(now))) => {
            // What differs by rounding alone has not changed.
            let change = now - before;
            let is_none = change.abs() <= before.abs().max(now.abs()) * 1e-6;
            let text = unit.show(if is_none { 0.0 } else { change });
            let sign = if change > 0.0 && !is_none { "+" } else { "" };
            format!("{sign}{}", escape(&text))
        }
        (None, Some(_)) => "new".to_owned(),
        _ => "gone".to_owned(),
    }
}

/// The operator with its sides changed.
fn mirrored(operator: &str) -> &str {
    match operator {
        ">" => "<",
        ">=" => "<=",
        "<" => ">",
        "<=" => ">=",
        other => other,
    }
}

/// Whether a link may be followed from the page.
fn is_web(link: &str) -> bool {
    link.starts_with("https://") || link.starts_with("http://")
}

fn numbers(points: &[(i64, Number)]) -> Vec<(i64, f64)> {
    points
        .iter()
        .map(|(time_ms, Number(value))| (*time_ms, *value))
        .collect()
}

/// The most frequent distance of points: the step of the query.
fn step_of(points: &[(i64, f64)]) -> i64 {
    let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
    for pair in points.windows(2) {
        if let [(a, _), (b, _)] = pair {
            *counts.entry(b - a).or_default() += 1;
        }
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.map_or(60_000, |(step_ms, _)| step_ms)
}

fn without_buckets(labels: &LabelMap) -> LabelMap {
    let labels = labels.iter().filter(|(name, _)| *name != "le");
    labels.map(|(n, v)| (n.clone(), v.clone())).collect()
}

fn series_name(labels: &LabelMap) -> String {
    let name = labels.get("__name__").map_or("", String::as_str);
    let rest = labels.iter().filter(|(name, _)| *name != "__name__");
    let rest: Vec<String> = rest.map(|(n, v)| format!("{n}={v}")).collect();
    match (name, rest.is_empty()) {
        ("", true) => "the whole".to_owned(),
        ("", false) => rest.join(" "),
        (name, true) => name.to_owned(),
        (name, false) => format!("{name} {}", rest.join(" ")),
    }
}

fn labels(labels: &LabelMap, but: &[&str], out: &mut String) {
    out.push_str("<ul class=\"labels\">");
    for (name, value) in labels {
        if !but.contains(&name.as_str()) {
            let (name, value) = (escape(name), escape(value));
            write!(out, "<li><span>{name}</span>{value}</li>").ok();
        }
    }
    out.push_str("</ul>");
}

fn legend(graph: &Graph, left_out: usize, out: &mut String) {
    out.push_str("<ul class=\"legend\">");
    for line in &graph.lines {
        let last = line.points.last().map_or(f64::NAN, |(_, value)| *value);
        write!(
            out,
            "<li class=\"{}\"><i></i>{} <b>{}</b></li>",
            line.class,
            escape(&line.name),
            escape(&graph.unit.show(last))
        )
        .ok();
    }
    if left_out > 0 {
        write!(out, "<li class=\"more\">{left_out} more</li>").ok();
    }
    out.push_str("</ul>");
}

#[cfg(test)]
pub(crate) mod tests;
