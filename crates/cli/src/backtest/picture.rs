//! A backtest as a page: a lane for each alert and each receiver, time from left to right, and the
//! numbers below.
//!
//! ## Model
//! A lane is a strip of SVG that stretches with the page; all text stands in HTML beside it, so that it
//! keeps its size on a narrow screen. What is closer together than [`GAP`] is drawn as one.

use std::fmt::Write as _;

use bellwether_notify::Reason;
use bellwether_rules::backtest::Episode;
use bellwether_server::paper::{document, escape};
use jiff::Timestamp;

use super::report::{Reasons, by_receiver, duration};
use super::routes::Replay;
use super::summary::{Summary, alerts, by_alert};
use super::{Pass, Told};
use crate::time_argument::time_text;

const STYLE: &str = include_str!("picture.css");
/// How wide a lane is in its own units.
const WIDTH: f64 = 1_000.0;
/// Bars and marks are at least so wide, and so far apart.
const GAP: f64 = 1.0;
/// Rows of a table of notifications; a page of more is no help.
const ROWS_MAX: usize = 500;
/// Distances of the lines of time, ms: the first that gives few enough is taken.
const STEPS: [i64; 13] = [
    60_000,
    300_000,
    900_000,
    3_600_000,
    3 * 3_600_000,
    6 * 3_600_000,
    12 * 3_600_000,
    DAY,
    2 * DAY,
    7 * DAY,
    14 * DAY,
    28 * DAY,
    91 * DAY,
];
const DAY: i64 = 86_400_000;
/// Most lines of time. Chosen: their texts fit on a phone.
const TICKS_MAX: i64 = 6;

/// The page. `passes` is one version, or the one before and the one after.
pub(super) fn page(passes: &[(&str, &Pass)], told: &Told) -> String {
    let picture = Picture { passes, told };
    let mut body = String::with_capacity(64 << 10);
    body.push_str("<main class=\"wide\">");
    picture.head(&mut body);
    picture.alerts(&mut body);
    picture.receivers(&mut body);
    picture.numbers(&mut body);
    picture.notifications(&mut body);
    body.push_str("</main>");
    document("Backtest", STYLE, &body)
}

struct Picture<'a> {
    passes: &'a [(&'a str, &'a Pass)],
    told: &'a Told,
}

/// What is drawn in a lane: where it begins and ends, how, and what it is called.
struct Bar {
    from: f64,
    to: f64,
    class: &'static str,
    title: String,
    count: usize,
}

impl Picture<'_> {
    fn x(&self, time_ms: i64) -> f64 {
        let (from, to) = (self.told.from_ms, self.told.to_ms);
        let part = (time_ms - from) as f64 / (to - from).max(1) as f64;
        part.clamp(0.0, 1.0) * WIDTH
    }

    fn head(&self, out: &mut String) {
        let (from, to) = (time_text(self.told.from_ms), time_text(self.told.to_ms));
        let title = if self.passes.len() > 1 {
            "Backtest: two versions"
        } else {
            "Backtest"
        };
        write!(
            out,
            "<section class=\"card head\"><h1>{title}</h1><p class=\"when\">{from} to {to}</p>\
             <ul class=\"legend\"><li><i class=\"firing\"></i>firing</li><li><i class=\"waiting\"></i>pending</li>"
        )
        .ok();
        if self.passes.iter().any(|(_, pass)| pass.replay.is_some()) {
            for (class, text) in [
                ("first", "first notification"),
                ("changed", "changed"),
                ("resolved", "resolved"),
                ("repeat", "repeat"),
            ] {
                write!(out, "<li><i class=\"{class}\"></i>{text}</li>").ok();
            }
        }
        out.push_str("</ul></section>");
    }

    fn alerts(&self, out: &mut String) {
        let mut names: Vec<&str> = self
            .passes
            .iter()
            .flat_map(|(_, pass)| alerts(&pass.histories))
            .map(|history| history.rule.as_str())
            .collect();
        names.sort_unstable();
        names.dedup();
        if names.is_empty() {
            return;
        }
        out.push_str("<section class=\"card\"><h2>Alerts</h2><div class=\"lanes\">");
        self.axis(out);
        for name in names {
            for (version, pass) in self.passes {
                let episodes: Vec<&Episode> = alerts(&pass.histories)
                    .filter(|history| history.rule == name)
                    .flat_map(|history| self.told.episodes(history))
                    .collect();
                self.lane(out, name, version, self.bars(&episodes));
            }
        }
        out.push_str("</div></section>");
    }

    fn bars(&self, episodes: &[&Episode]) -> Vec<Bar> {
        let mut bars = Vec::new();
        for episode in episodes {
            let end_ms = episode.ended_at_ms.unwrap_or(self.told.to_ms);
            let bar = |from_ms, to_ms, class| Bar {
                from: self.x(from_ms),
                to: self.x(to_ms).max(self.x(from_ms) + GAP),
                class,
                title: super::report::episode_text(episode),
                count: 1,
            };
            let fired_ms = episode.fired_at_ms.unwrap_or(end_ms);
            if fired_ms > episode.active_at_ms {
                bars.push(bar(episode.active_at_ms, fired_ms, "waiting"));
            }
            if episode.fired_at_ms.is_some() {
                bars.push(bar(fired_ms, end_ms, "firing"));
            }
        }
        joined(bars)
    }

    fn receivers(&self, out: &mut String) {
        let mut lanes: Vec<(&str, &str)> = self
            .replays()
            .flat_map(|(_, replay)| by_receiver(replay).into_keys())
            .collect();
        lanes.sort_unstable();
        lanes.dedup();
        if lanes.is_empty() {
            return;
        }
        out.push_str("<section class=\"card\"><h2>Notifications</h2><div class=\"lanes\">");
        self.axis(out);
        for (receiver, integration) in lanes {
            for (version, replay) in self.replays() {
                let name = format!("{receiver}/{integration}");
                self.lane(
                    out,
                    &name,
                    version,
                    self.marks(replay, receiver, integration),
                );
            }
        }
        out.push_str("</div></section>");
    }

    fn replays(&self) -> impl Iterator<Item = (&str, &Replay)> {
        let passes = self.passes.iter();
        passes.filter_map(|(version, pass)| Some((*version, pass.replay.as_ref()?)))
    }

    fn marks(&self, replay: &Replay, receiver: &str, integration: &str) -> Vec<Bar> {
        let own = replay
            .notifications
            .iter()
            .filter(|n| n.receiver == receiver && n.integration == integration);
        let marks = own.map(|n| {
            let from = self.x(n.time_ms);
            Bar {
                from,
                to: from + 2.0 * GAP,
                class: reason_class(n.reason),
                title: format!(
                    "{} {}: {} firing, {} resolved {}",
                    time_text(n.time_ms),
                    n.reason.as_str(),
                    n.firing,
                    n.resolved,
                    n.group_labels
                ),
                count: 1,
            }
        });
        joined(marks.collect())
    }

    fn lane(&self, out: &mut String, name: &str, version: &str, bars: Vec<Bar>) {
        write!(
            out,
            "<div class=\"lane\"><div class=\"lane-name\"><b>{}</b> <span>{}</span></div>\
             <svg class=\"strip\" viewBox=\"0 0 {WIDTH} 20\" preserveAspectRatio=\"none\" role=\"img\" \
             aria-label=\"{} {}: {} times\">",
            escape(name),
            escape(version),
            escape(name),
            escape(version),
            bars.iter().filter(|bar| bar.class != "waiting").map(|bar| bar.count).sum::<usize>()
        )
        .ok();
        for time_ms in self.ticks() {
            let x = self.x(time_ms);
            write!(out, "<path class=\"tick\" d=\"M{x:.1} 0V20\"/>").ok();
        }
        for bar in bars {
            let title = if bar.count > 1 {
                format!("{} times, the first: {}", bar.count, bar.title)
            } else {
                bar.title
            };
            write!(
                out,
                "<rect class=\"{}\" x=\"{:.1}\" y=\"2\" width=\"{:.1}\" height=\"16\"><title>{}</title></rect>",
                bar.class,
                bar.from,
                bar.to - bar.from,
                escape(&title)
            )
            .ok();
        }
        out.push_str("</svg></div>");
    }

    fn step_ms(&self) -> i64 {
        let span_ms = self.told.to_ms - self.told.from_ms;
        let few = |step: &&i64| span_ms / **step < TICKS_MAX;
        STEPS
            .iter()
            .find(few)
            .copied()
            .unwrap_or(span_ms / TICKS_MAX + 1)
    }

    fn ticks(&self) -> Vec<i64> {
        let step_ms = self.step_ms();
        let first_ms = self.told.from_ms - self.told.from_ms.rem_euclid(step_ms) + step_ms;
        std::iter::successors(Some(first_ms), |time_ms| time_ms.checked_add(step_ms))
            .take_while(|time_ms| *time_ms < self.told.to_ms)
            .collect()
    }

    fn axis(&self, out: &mut String) {
        let format = if self.step_ms() >= DAY {
            "%b %d"
        } else if self.told.to_ms - self.told.from_ms > DAY {
            "%d %H:%M"
        } else {
            "%H:%M"
        };
        out.push_str(
            "<div class=\"lane axis\"><div class=\"lane-name\">UTC</div><div class=\"times\">",
        );
        for time_ms in self.ticks() {
            let part = self.x(time_ms) / WIDTH * 100.0;
            // The texts at the ends would stand half outside.
            if !(4.0..=96.0).contains(&part) {
                continue;
            }
            let text = Timestamp::from_millisecond(time_ms).map_or_else(
                |_| time_ms.to_string(),
                |time| time.strftime(format).to_string(),
            );
            write!(out, "<span style=\"left:{part:.2}%\">{text}</span>").ok();
        }
        out.push_str("</div></div>");
    }

    fn numbers(&self, out: &mut String) {
        let several = self.passes.len() > 1;
        out.push_str("<section class=\"card\"><h2>Numbers</h2><div class=\"scroll\"><table><thead><tr><th>Alert</th>");
        if several {
            out.push_str("<th>Version</th>");
        }
        out.push_str("<th>Fired</th><th>Firing</th><th>Longest</th><th>Pending only</th><th>Notifications</th></tr></thead><tbody>");
        let mut rows: Vec<(&str, &str, Summary)> = Vec::new();
        for (version, pass) in self.passes {
            let summaries = by_alert(pass, self.told.to_ms);
            rows.extend(
                summaries
                    .into_iter()
                    .map(|(name, summary)| (name, *version, summary)),
            );
        }
        // Versions of an alert stand together, the one before first.
        rows.sort_by_key(|(name, _, _)| *name);
        for (name, version, summary) in rows {
            write!(out, "<tr><td>{}</td>", escape(name)).ok();
            if several {
                write!(out, "<td>{}</td>", escape(version)).ok();
            }
            let notifications = summary
                .notifications
                .map_or_else(|| "–".to_owned(), |count| count.to_string());
            write!(
                out,
                "<td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{notifications}</td></tr>",
                summary.fired,
                duration(summary.firing_ms),
                duration(summary.longest_ms),
                summary.pending
            )
            .ok();
        }
        out.push_str("</tbody></table></div>");
        let mut lines = Vec::new();
        for (version, replay) in self.replays() {
            lines.extend(by_receiver(replay).into_iter().map(|line| (version, line)));
        }
        if !lines.is_empty() {
            out.push_str(
                "<h3>Receivers</h3><div class=\"scroll\"><table><thead><tr><th>Receiver</th>",
            );
            if several {
                out.push_str("<th>Version</th>");
            }
            out.push_str("<th>First</th><th>Changed</th><th>Resolved</th><th>Repeat</th></tr></thead><tbody>");
            lines.sort_by_key(|(_, (name, _))| *name);
            for (version, ((receiver, integration), reasons)) in lines {
                write!(
                    out,
                    "<tr><td>{}/{}</td>",
                    escape(receiver),
                    escape(integration)
                )
                .ok();
                if several {
                    write!(out, "<td>{}</td>", escape(version)).ok();
                }
                let Reasons {
                    first,
                    changed,
                    resolved,
                    repeat,
                } = reasons;
                write!(
                    out,
                    "<td>{first}</td><td>{changed}</td><td>{resolved}</td><td>{repeat}</td></tr>"
                )
                .ok();
            }
            out.push_str("</tbody></table></div>");
        }
        out.push_str("</section>");
    }

    fn notifications(&self, out: &mut String) {
        for (version, replay) in self.replays().filter(|(_, r)| !r.notifications.is_empty()) {
            let count = replay.notifications.len();
            let title = match version {
                "" => "Every notification".to_owned(),
                version => format!("Every notification {version}"),
            };
            write!(
                out,
                "<section class=\"card\"><h2>{}</h2><div class=\"scroll\"><table><thead><tr><th>Time</th>\
                 <th>Receiver</th><th>Why</th><th>Firing</th><th>Resolved</th><th>Group</th></tr></thead><tbody>",
                escape(&title)
            )
            .ok();
            for n in replay.notifications.iter().take(ROWS_MAX) {
                write!(
                    out,
                    "<tr><td>{}</td><td>{}/{}</td><td>{}</td><td>{}</td><td>{}</td><td class=\"mono\">{}</td></tr>",
                    time_text(n.time_ms),
                    escape(&n.receiver),
                    escape(&n.integration),
                    n.reason.as_str(),
                    n.firing,
                    n.resolved,
                    escape(&n.group_labels.to_string())
                )
                .ok();
            }
            out.push_str("</tbody></table></div>");
            if count > ROWS_MAX {
                write!(
                    out,
                    "<p class=\"note\">The first {ROWS_MAX} of {count}; --output json has all.</p>"
                )
                .ok();
            }
            out.push_str("</section>");
        }
    }
}

fn reason_class(reason: Reason) -> &'static str {
    match reason {
        Reason::First => "first",
        Reason::NewAlerts | Reason::NewResolved => "changed",
        Reason::AllResolved => "resolved",
        Reason::Repeat => "repeat",
    }
}

/// Bars in order, those of one class that touch as one.
fn joined(mut bars: Vec<Bar>) -> Vec<Bar> {
    bars.sort_by(|a, b| a.class.cmp(b.class).then(a.from.total_cmp(&b.from)));
    let mut joined: Vec<Bar> = Vec::new();
    for bar in bars {
        match joined.last_mut() {
            Some(last) if last.class == bar.class && bar.from < last.to + GAP => {
                last.to = last.to.max(bar.to);
                last.count += bar.count;
            }
            _ => joined.push(bar),
        }
    }
    // What waits lies below what fires, and a first notification above all others.
    let rank = |class: &str| match class {
        "waiting" => 0,
        "repeat" => 1,
        "changed" | "resolved" => 2,
        _ => 3,
    };
    joined.sort_by_key(|bar| rank(bar.class));
    joined
}
