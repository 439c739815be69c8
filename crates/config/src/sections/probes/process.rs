//! `process`.

use bellwether_probe::module::{OnTrouble, Pattern, ProcessMatch, ProcessSettings};

use super::values::{ON_TROUBLE, named, optional_duration};
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::view::View;

/// What says which processes are meant.
const MATCHES: [&str; 5] = [
    "name",
    "executable",
    "command_line",
    "pid_file",
    "control_group",
];
const COUNT: Kind = Kind::Integer {
    min: 0,
    max: u32::MAX as i64,
};

pub(super) static PROCESS: Section = Section {
    name: "process prober",
    doc: "Processes of this host, by Linux's /proc. Set exactly one of name, executable, command_line, pid_file and control_group. It takes no target.",
    fields: &[
        Field::new(
            "name",
            Kind::Pattern,
            "",
            "Those whose name (the file's, at most 15 bytes) matches.",
        ),
        Field::new(
            "executable",
            Kind::Pattern,
            "",
            "Those whose program's path matches. Of other users' processes only root sees it.",
        ),
        Field::new(
            "command_line",
            Kind::Pattern,
            "",
            "Those whose arguments, joined by spaces, match.",
        ),
        Field::new(
            "pid_file",
            Kind::Path,
            "",
            "The one whose number a file holds.",
        ),
        Field::new(
            "control_group",
            Kind::Text,
            "",
            "Those of a control group or of one below it, such as /system.slice/sshd.service.",
        ),
        Field::new(
            "count_min",
            COUNT,
            "1",
            "Fail where there are fewer; zombies do not count.",
        ),
        Field::new("count_max", COUNT, "", "Fail where there are more."),
        Field::new(
            "restarted_within",
            Kind::Duration,
            "",
            "Degraded where the youngest was started less than this ago.",
        ),
        Field::new(
            "open_files_ratio_max",
            Kind::Float { min: 0.0, max: 1.0 },
            "0.9",
            "Degraded where one has more open files than this part of its limit.",
        ),
        Field::new(
            "on_zombie",
            Kind::OneOf(ON_TROUBLE),
            "degrade",
            "What it means when one has ended and its parent has not asked how.",
        ),
        Field::new(
            "proc",
            Kind::Path,
            "/proc",
            "Where the kernel shows its processes.",
        ),
    ],
    includes: &[],
    check: Some(check_process),
};

fn check_process(view: &View<'_>, problems: &mut Problems) {
    if view.at_most_one(problems, &MATCHES) && view.set_among(&MATCHES).is_empty() {
        let all = MATCHES.join(", ");
        let message = format!("says not which processes are meant: set one of {all}");
        view.error(problems, message);
    }
    let group = view.text("control_group");
    if !group.is_empty() && !group.starts_with('/') {
        let message = "does not begin with /: want a path such as /system.slice/sshd.service";
        view.error_at(problems, "control_group", message);
    }
    let (min, max) = (view.integer("count_min"), view.integer("count_max"));
    if view.is_set("count_max") && max < min {
        let message = format!("{max} given: want at least count_min, {min}");
        view.error_at(problems, "count_max", message);
    }
}

/// None where nothing says which processes are meant, which is told.
pub(super) fn decode_process(view: &View<'_>) -> Option<ProcessSettings> {
    let count = |key: &str| u32::try_from(view.integer(key)).unwrap_or(0);
    let default = ProcessSettings::new(decode_match(view)?);
    Some(ProcessSettings {
        count_min: count("count_min"),
        count_max: view.is_set("count_max").then(|| count("count_max")),
        restarted_within: optional_duration(view, "restarted_within"),
        open_files_ratio_max: Some(view.float("open_files_ratio_max")),
        on_zombie: named(view, "on_zombie", &OnTrouble::NAMES),
        proc: view.path_of("proc").unwrap_or(default.proc),
        matching: default.matching,
    })
}

fn decode_match(view: &View<'_>) -> Option<ProcessMatch> {
    let pattern = |key: &str| Pattern::new(view.optional_text(key)?).ok();
    if let Some(pattern) = pattern("name") {
        return Some(ProcessMatch::Name(pattern));
    }
    if let Some(pattern) = pattern("executable") {
        return Some(ProcessMatch::Executable(pattern));
    }
    if let Some(pattern) = pattern("command_line") {
        return Some(ProcessMatch::CommandLine(pattern));
    }
    if let Some(file) = view.path_of("pid_file") {
        return Some(ProcessMatch::PidFile(file));
    }
    view.optional_text("control_group")
        .map(ProcessMatch::ControlGroup)
}
