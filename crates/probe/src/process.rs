//! `process`: processes of this host, as Linux shows them in `/proc`.
//!
//! ## Limits
//! One look: a process that ends while it is looked at is not there. Of other users' processes the
//! program's path and the open files are seen by root only; what is not seen is not judged.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use bellwether_storage::Clock;

use crate::module::{OnTrouble, Pattern, ProcessMatch, ProcessSettings};
use crate::recorder::{Failure, Gauge, Recorder};

const COUNT: Gauge = Gauge::new("probe_process_count", "How many of the processes run.");
const ZOMBIES: Gauge = Gauge::new(
    "probe_process_zombies",
    "How many of the processes have ended without their parent asking how.",
);
const OLDEST_START: Gauge = Gauge::new(
    "probe_process_oldest_start_time_seconds",
    "When the oldest of the processes was started, as a Unix time.",
);
const YOUNGEST_START: Gauge = Gauge::new(
    "probe_process_youngest_start_time_seconds",
    "When the youngest of the processes was started, as a Unix time: it changes with a restart.",
);
const OPEN_FILES: Gauge = Gauge::new(
    "probe_process_open_files_max",
    "The most files that one of the processes has open.",
);
const OPEN_FILES_RATIO: Gauge = Gauge::new(
    "probe_process_open_files_ratio_max",
    "The largest part of its limit of open files that one of the processes has.",
);

/// A process.
#[derive(Debug, Clone, PartialEq)]
struct Process {
    id: u32,
    is_zombie: bool,
    /// Seconds since 1970.
    started: f64,
    /// How many files are open and how many may be, where that is seen.
    open_files: Option<(u64, u64)>,
}

pub(crate) async fn probe_process(
    recorder: &mut Recorder,
    settings: &ProcessSettings,
    clock: &dyn Clock,
) -> Result<(), Failure> {
    recorder.may_degrade();
    recorder.begin(None, "look");
    let owned = settings.clone();
    let looked = tokio::task::spawn_blocking(move || find(&owned)).await;
    let looked = looked.map_err(|error| Failure::unknown(format!("cannot look: {error}")))?;
    let found = looked.map_err(|error| {
        let place = settings.proc.display();
        Failure::unknown(format!("cannot look into {place}: {error}"))
    })?;
    recorder.end();
    let (zombies, running): (Vec<Process>, Vec<Process>) =
        found.into_iter().partition(|process| process.is_zombie);
    recorder.set(COUNT, running.len() as f64);
    recorder.set(ZOMBIES, zombies.len() as f64);
    let starts = running.iter().map(|process| process.started);
    let oldest = starts.clone().reduce(f64::min);
    let youngest = starts.reduce(f64::max);
    for (gauge, start) in [(OLDEST_START, oldest), (YOUNGEST_START, youngest)] {
        if let Some(start) = start {
            recorder.set(gauge, start);
        }
    }
    for process in running.iter().take(10) {
        recorder.note(format!("process {} runs", process.id));
    }
    judge_count(settings, running.len())?;
    if !zombies.is_empty() {
        let ids: Vec<String> = zombies.iter().take(5).map(|it| it.id.to_string()).collect();
        let reason = format!(
            "{} of the processes are zombies, such as {}",
            zombies.len(),
            ids.join(", ")
        );
        recorder.trouble(settings.on_zombie, reason)?;
    }
    let now_seconds = clock.now_ms() as f64 / 1_000.0;
    if let (Some(within), Some(youngest)) = (settings.restarted_within, youngest) {
        judge_age(recorder, now_seconds - youngest, within)?;
    }
    judge_open_files(recorder, settings, &running)
}

fn judge_count(settings: &ProcessSettings, count: usize) -> Result<(), Failure> {
    let what = described(&settings.matching);
    if count < settings.count_min as usize {
        let min = settings.count_min;
        return Err(Failure::new(format!(
            "{count} processes {what} run: want at least {min}"
        )));
    }
    match settings.count_max {
        Some(max) if count > max as usize => Err(Failure::new(format!(
            "{count} processes {what} run: want at most {max}"
        ))),
        _ => Ok(()),
    }
}

fn judge_age(recorder: &mut Recorder, age: f64, within: Duration) -> Result<(), Failure> {
    if age >= within.as_secs_f64() {
        return Ok(());
    }
    let reason = format!(
        "a process was started {:.0} s ago, less than {:.0}",
        age.max(0.0),
        within.as_secs_f64()
    );
    recorder.trouble(OnTrouble::Degrade, reason)
}

fn judge_open_files(
    recorder: &mut Recorder,
    settings: &ProcessSettings,
    running: &[Process],
) -> Result<(), Failure> {
    let mut fullest: Option<(f64, &Process)> = None;
    for process in running {
        let Some((open, limit)) = process.open_files else {
            recorder.note(format!("the open files of {} are not seen", process.id));
            continue;
        };
        let most = recorder.value(OPEN_FILES.name).unwrap_or(0.0);
        recorder.set(OPEN_FILES, most.max(open as f64));
        let ratio = open as f64 / limit.max(1) as f64;
        if fullest.is_none_or(|(most, _)| ratio > most) {
            fullest = Some((ratio, process));
        }
    }
    let Some((ratio, process)) = fullest else {
        return Ok(());
    };
    recorder.set(OPEN_FILES_RATIO, ratio);
    match settings.open_files_ratio_max {
        Some(max) if ratio > max => {
            let (open, limit) = process.open_files.unwrap_or_default();
            let reason = format!(
                "process {} has {open} of {limit} files open, more than {:.0} %",
                process.id,
                max * 100.0
            );
            recorder.trouble(OnTrouble::Degrade, reason)
        }
        _ => Ok(()),
    }
}

fn described(matching: &ProcessMatch) -> String {
    match matching {
        ProcessMatch::Name(pattern) => format!("whose name matches {:?}", pattern.text()),
        ProcessMatch::Executable(pattern) => {
            format!("whose program matches {:?}", pattern.text())
        }
        ProcessMatch::CommandLine(pattern) => {
            format!("whose arguments match {:?}", pattern.text())
        }
        ProcessMatch::PidFile(path) => format!("of {}", path.display()),
        ProcessMatch::ControlGroup(group) => format!("in {group:?}"),
    }
}

/// The processes that match, by id.
fn find(settings: &ProcessSettings) -> io::Result<Vec<Process>> {
    let proc = &settings.proc;
    let boot = boot_time(&proc.join("stat"))?;
    let mut found = Vec::new();
    if let ProcessMatch::PidFile(path) = &settings.matching {
        let id = match fs::read_to_string(path) {
            Ok(text) => text.trim().parse().ok(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        found.extend(id.and_then(|id| look(proc, id, boot).map(|(process, _)| process)));
        return Ok(with_open_files(proc, found));
    }
    for entry in fs::read_dir(proc)? {
        let name = entry?.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        if let Some((process, name)) = look(proc, id, boot)
            && matches(&proc.join(id.to_string()), &name, &settings.matching)
        {
            found.push(process);
        }
    }
    found.sort_by_key(|process| process.id);
    Ok(with_open_files(proc, found))
}

/// Counts the open files of those that match only: that is the dear part.
fn with_open_files(proc: &Path, mut found: Vec<Process>) -> Vec<Process> {
    for process in &mut found {
        process.open_files = open_files(&proc.join(process.id.to_string()));
    }
    found
}

/// When the system was started, in seconds since 1970.
fn boot_time(stat: &Path) -> io::Result<f64> {
    let text = fs::read_to_string(stat)?;
    let line = text.lines().find_map(|line| line.strip_prefix("btime "));
    line.and_then(|text| text.trim().parse().ok())
        .ok_or_else(|| io::Error::other("no line btime in stat"))
}

/// A process and its name; none where it has ended.
fn look(proc: &Path, id: u32, boot: f64) -> Option<(Process, String)> {
    let folder = proc.join(id.to_string());
    let stat = fs::read(folder.join("stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    // The name may hold anything, also blanks and brackets.
    let (head, fields) = stat.rsplit_once(')')?;
    let (_, name) = head.split_once('(')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let state = *fields.first()?;
    let started: f64 = fields.get(19)?.parse().ok()?;
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let process = Process {
        id,
        is_zombie: matches!(state, "Z" | "X"),
        started: boot + started / ticks,
        open_files: None,
    };
    Some((process, name.to_owned()))
}

fn matches(folder: &Path, name: &str, matching: &ProcessMatch) -> bool {
    let is_match = |pattern: &Pattern, text: String| !text.is_empty() && pattern.is_match(&text);
    match matching {
        ProcessMatch::Name(pattern) => pattern.is_match(name),
        ProcessMatch::Executable(pattern) => {
            let path = fs::read_link(folder.join("exe")).unwrap_or_default();
            is_match(pattern, path.to_string_lossy().into_owned())
        }
        ProcessMatch::CommandLine(pattern) => {
            let line = fs::read(folder.join("cmdline")).unwrap_or_default();
            let words: Vec<_> = line
                .split(|byte| *byte == 0)
                .map(String::from_utf8_lossy)
                .collect();
            is_match(pattern, words.join(" ").trim_end().to_owned())
        }
        ProcessMatch::ControlGroup(group) => {
            let groups = fs::read_to_string(folder.join("cgroup")).unwrap_or_default();
            let group = group.trim_end_matches('/');
            groups.lines().any(|line| {
                let path = line.splitn(3, ':').nth(2).unwrap_or_default();
                path.strip_prefix(group)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
        }
        ProcessMatch::PidFile(_) => false,
    }
}

/// How many files a process has open, and how many it may have.
fn open_files(folder: &Path) -> Option<(u64, u64)> {
    let open = fs::read_dir(folder.join("fd")).ok()?.count() as u64;
    let limits = fs::read_to_string(folder.join("limits")).ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    let limit = match line.split_whitespace().next()? {
        "unlimited" => u64::MAX,
        limit => limit.parse().ok()?,
    };
    Some((open, limit))
}
