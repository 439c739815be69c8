//! Times in which something is worked on.

use bellwether_probe::watch::{MaintenanceSettings, ProbeSettings};
use jiff::Timestamp;

use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::view::{View, node_text};
use crate::yaml::shortened;

pub(crate) static MAINTENANCE: Section = Section {
    name: "maintenance",
    doc: "A time in which something is worked on: its probes go on, but nobody is told. Set exactly one of end and duration.",
    fields: &[
        Field::required(
            "probes",
            Kind::List(&Kind::Text),
            "Names of probes; a * stands for any characters.",
        ),
        Field::required(
            "start",
            Kind::Text,
            "When it begins, such as 2026-03-01T22:00:00Z or 2026-03-01T23:00:00+01:00.",
        ),
        Field::new("end", Kind::Text, "", "When it ends, in the same form."),
        Field::new("duration", Kind::Duration, "", "How long it lasts."),
        Field::new(
            "every",
            Kind::Duration,
            "",
            "After how long it comes again, such as 1d or 1w, at least its length; once where absent. Clocks that are put forward or back do not move it.",
        ),
        Field::new("reason", Kind::Text, "maintenance", "What is shown of it."),
    ],
    includes: &[],
    check: Some(check_maintenance),
};

fn check_maintenance(view: &View<'_>, problems: &mut Problems) {
    for key in ["start", "end"] {
        let text = view.text(key);
        if !text.is_empty() && time_ms(text).is_none() {
            let text = shortened(text);
            let message = format!("{text:?} is not a time: want one such as 2026-03-01T22:00:00Z");
            view.error_at(problems, key, message);
            return;
        }
    }
    if view.at_most_one(problems, &["end", "duration"])
        && view.set_among(&["end", "duration"]).is_empty()
    {
        view.error(problems, "says not when it ends: set end or duration");
        return;
    }
    let Some((start_ms, end_ms)) = span(view) else {
        return;
    };
    let length_ms = end_ms - start_ms;
    if length_ms <= 0 {
        let key = if view.is_set("end") {
            "end"
        } else {
            "duration"
        };
        let text = shortened(view.text(key));
        let start = shortened(view.text("start"));
        view.error_at(
            problems,
            key,
            format!("{text} given: want it to end after its start at {start}"),
        );
    } else if view.is_set("every") && view.duration_ms("every") < length_ms {
        let every = shortened(view.text("every"));
        let message = format!("{every} given: want at least its length of {length_ms}ms");
        view.error_at(problems, "every", message);
    }
}

fn time_ms(text: &str) -> Option<i64> {
    text.parse::<Timestamp>()
        .ok()
        .map(|time| time.as_millisecond())
}

fn span(view: &View<'_>) -> Option<(i64, i64)> {
    let start_ms = time_ms(view.text("start"))?;
    let end_ms = match view.is_set("end") {
        true => time_ms(view.text("end"))?,
        false => start_ms.checked_add(view.duration_ms("duration"))?,
    };
    Some((start_ms, end_ms))
}

/// Decodes the list. A pattern that is of no probe is told: it may be misspelt.
pub(crate) fn decode_maintenance(
    root: &View<'_>,
    probes: &[ProbeSettings],
    problems: &mut Problems,
) -> Vec<MaintenanceSettings> {
    let mut windows = Vec::new();
    for view in root.sections("maintenance") {
        if problems.has_errors_under(&view.origin.file, &view.path()) {
            continue;
        }
        let Some((start_ms, end_ms)) = span(&view) else {
            continue;
        };
        let mut window = MaintenanceSettings {
            reason: view.text("reason").to_owned(),
            probes: Vec::new(),
            start_ms,
            end_ms,
            every_ms: Some(view.duration_ms("every")).filter(|ms| *ms > 0),
        };
        for item in view.items("probes") {
            let pattern = node_text(item);
            window.probes = vec![pattern.clone()];
            if !probes
                .iter()
                .any(|probe| window.covers(&probe.name, start_ms))
            {
                let message = format!("{:?} is the name of no probe", shortened(&pattern));
                problems.warning(&view.origin.file, item.position, &item.path, message);
            }
        }
        window.probes = view.texts("probes");
        windows.push(window);
    }
    windows
}
