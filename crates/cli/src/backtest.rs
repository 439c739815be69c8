//! `backtest`: which alerts rules would have given over stored history, and who would have been told.

mod compare;
mod picture;
mod report;
mod routes;
mod scaling;
mod summary;

pub(crate) use report::table;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use bellwether_config::{RuleOptions, glob, load_rules};
use bellwether_model::time::parse_duration;
use bellwether_rules::backtest::{BacktestSettings, Episode, RuleHistory, backtest};
use bellwether_rules::{GroupSettings, Surroundings};
use bellwether_storage::{Clock, ManualClock, MetricStore, RealDisk, SystemClock};
use bellwether_tsdb::EngineSettings;
use clap::{Args, Subcommand};

use self::routes::{Replay, replay};
use crate::arguments::Output;
use crate::check::Language;
use crate::routes_file::RoutesFile;
use crate::time_argument::{time_before_ms, time_ms, time_text};

/// Flags of `backtest`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Backtest {
    #[command(subcommand)]
    what: Option<What>,
    /// Rule files and patterns of such; may be given several times.
    #[arg(long = "rules", value_name = "FILE", required = true)]
    rules: Vec<PathBuf>,
    /// Another version of the rules, to be compared with the first; may be given several times.
    #[arg(long, value_name = "FILE")]
    against: Vec<PathBuf>,
    /// An alertmanager.yml, or a configuration with notifications: who would have been told?
    #[arg(long, value_name = "FILE")]
    routes: Option<PathBuf>,
    /// The routes of the other version; those of --routes if not given.
    #[arg(long, value_name = "FILE", requires = "routes")]
    routes_against: Option<PathBuf>,
    /// Also write a picture: a page of HTML that needs nothing from elsewhere.
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
    /// The folder with the data of a server that does not run, or a snapshot of one that does.
    #[arg(long, value_name = "DIR", required = true)]
    data: Option<PathBuf>,
    /// RFC 3339, seconds since the epoch, or how long before the end, such as 30d.
    #[arg(long, value_name = "TIME", required = true)]
    from: Option<String>,
    /// RFC 3339 or seconds since the epoch; now if not given.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Time between two evaluations of groups that say nothing.
    #[arg(long, value_name = "DURATION", default_value = "1m")]
    interval: String,
    /// Threads that answer queries; as many as there are cores if not given.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// Also tell of alerts that were pending and never fired.
    #[arg(long)]
    pending: bool,
    #[command(flatten)]
    language: Language,
    /// How to print the answer.
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

/// What beside rules.
#[derive(Debug, Subcommand)]
enum What {
    /// Tell what a scaling policy would have cost, for a trace of requests or over stored history.
    Scaling(scaling::BacktestScaling),
}

/// What became of one version.
#[derive(Debug)]
struct Pass {
    histories: Vec<RuleHistory>,
    /// `None`: nobody asked who would have been told.
    replay: Option<Replay>,
}

/// What is told of.
#[derive(Debug)]
struct Told {
    from_ms: i64,
    to_ms: i64,
    /// Also what never fired.
    with_pending: bool,
}

impl Told {
    /// The episodes that are told of.
    fn episodes<'a>(
        &self,
        history: &'a RuleHistory,
    ) -> impl Iterator<Item = &'a Episode> + use<'a> {
        let with_pending = self.with_pending;
        let episodes = history.episodes.iter();
        episodes.filter(move |episode| with_pending || episode.fired_at_ms.is_some())
    }
}

/// Goes through history and tells of it.
pub(crate) fn run(flags: &Backtest) -> Result<ExitCode> {
    if let Some(What::Scaling(scaling)) = &flags.what {
        return scaling::run(scaling);
    }
    let (Some(data), Some(from)) = (&flags.data, &flags.from) else {
        bail!("--data and --from are missing");
    };
    let to_ms = match &flags.to {
        Some(text) => time_ms("--to", text)?,
        None => SystemClock.now_ms(),
    };
    let from_ms = time_before_ms("--from", from, to_ms)?;
    if from_ms > to_ms {
        bail!("--from is after --to: want a time before it");
    }
    // All files are read before the long work begins.
    let groups = groups(flags, &flags.rules)?;
    let mut other_groups = match flags.against.as_slice() {
        [] => None,
        files => Some(self::groups(flags, files)?),
    };
    let other_files: Vec<PathBuf> = other_groups
        .iter_mut()
        .flat_map(|others| take_turns_of(&groups, others))
        .collect();
    let read = |path: &Option<PathBuf>| path.as_deref().map(RoutesFile::read).transpose();
    let routes = read(&flags.routes)?;
    let other_routes = read(&flags.routes_against)?;
    let store = open(data, to_ms)?;
    let told = Told {
        from_ms,
        to_ms,
        with_pending: flags.pending,
    };
    let go = |groups: &[GroupSettings], routes: Option<&RoutesFile>| -> Result<Pass> {
        let settings = BacktestSettings {
            threads: flags.threads,
            features: flags.language.features(),
            ..BacktestSettings::new(from_ms, to_ms)
        };
        let surroundings = Surroundings {
            external_labels: routes
                .map(|file| file.external_labels.clone())
                .unwrap_or_default(),
            ..Surroundings::default()
        };
        let store = Arc::clone(&store);
        let histories = backtest(store, groups, &surroundings, &settings)?;
        let replay = routes
            .map(|file| replay(&histories, file, to_ms))
            .transpose()?;
        Ok(Pass { histories, replay })
    };
    let before = go(&groups, routes.as_ref())?;
    let after = if other_groups.is_some() || other_routes.is_some() {
        let groups = other_groups.as_deref().unwrap_or(&groups);
        let mut after = go(groups, other_routes.as_ref().or(routes.as_ref()))?;
        for (history, file) in after.histories.iter_mut().zip(other_files) {
            history.file = file;
        }
        Some(after)
    } else {
        None
    };
    if let Some(path) = &flags.picture {
        let page = match &after {
            None => picture::page(&[("", &before)], &told),
            Some(after) => picture::page(&[("before", &before), ("after", after)], &told),
        };
        std::fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))?;
    }
    match flags.output {
        Output::Text => match &after {
            None => print!("{}", report::text(&before, &told)),
            Some(after) => print!("{}", report::comparison_text(&before, after, &told)),
        },
        Output::Json => {
            let mut answer = match &after {
                None => report::json(&before, &told),
                Some(after) => report::comparison_json(&before, after, &told),
            };
            answer["from"] = time_text(from_ms).into();
            answer["to"] = time_text(to_ms).into();
            println!("{}", serde_json::to_string_pretty(&answer)?);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// When a group has its turns follows from its file and name, so that groups of two versions would see
/// other samples only because their files are called otherwise: they get the file of the group of their
/// name in the first version. Gives the file of each of their rules.
fn take_turns_of(groups: &[GroupSettings], others: &mut [GroupSettings]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut taken: BTreeSet<(PathBuf, String)> = BTreeSet::new();
    for other in others {
        files.extend(std::iter::repeat_n(other.file.clone(), other.rules.len()));
        let same = groups.iter().find(|group| {
            group.name == other.name && !taken.contains(&(group.file.clone(), group.name.clone()))
        });
        if let Some(group) = same {
            other.file.clone_from(&group.file);
        }
        taken.insert((other.file.clone(), other.name.clone()));
    }
    files
}

/// The groups of the files that patterns name.
fn groups(flags: &Backtest, patterns: &[PathBuf]) -> Result<Vec<GroupSettings>> {
    let options = RuleOptions {
        features: flags.language.features(),
        interval_ms: parse_duration(&flags.interval).context("--interval")?,
        ..RuleOptions::default()
    };
    let mut files = Vec::new();
    for pattern in patterns {
        let found = glob(pattern)
            .with_context(|| format!("cannot list the files of {}", pattern.display()))?;
        if found.is_empty() {
            bail!("no file matches {}", pattern.display());
        }
        files.extend(found);
    }
    Ok(load_rules(&files, &options)?.groups)
}

/// Opens a folder so that nothing in it becomes too old.
pub(crate) fn open(folder: &Path, now_ms: i64) -> Result<Arc<dyn MetricStore>> {
    if !folder.is_dir() {
        bail!("{} is not a folder", folder.display());
    }
    let settings = EngineSettings {
        retention_ms: 0,
        retention_bytes: 0,
        ..EngineSettings::default()
    };
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(now_ms));
    let engine = bellwether_tsdb::Engine::open(Arc::new(RealDisk), folder, clock, settings)
        .with_context(|| format!("cannot open {}", folder.display()))?;
    Ok(engine)
}

#[cfg(test)]
mod tests {
    use bellwether_model::{Labels, METRIC_NAME};
    use bellwether_storage::{Source, WriteBatch};
    use clap::Parser as _;

    use super::*;
    use crate::arguments::{Arguments, Command};

    #[test]
    fn history_of_a_folder_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("data")).unwrap();
        let start_ms = 1_704_067_200_000;
        {
            let store = open(&path("data"), start_ms + 3_600_000).unwrap();
            let source = Source::new("test");
            let labels = Labels::from_pairs([(METRIC_NAME, "up"), ("job", "a")]);
            let series = store.register(&source, None, &labels).unwrap();
            let mut batch = WriteBatch::default();
            for minute in 0..60 {
                let value = if (20..30).contains(&minute) { 0.0 } else { 1.0 };
                batch.push(series, start_ms + minute * 60_000, value);
            }
            store.write(&source, &batch).unwrap();
        }
        let rules = "groups: [{name: g, rules: [{alert: Down, expr: up == 0, for: 2m}, {record: r, expr: up}]}]";
        std::fs::write(path("r.yml"), rules).unwrap();
        let (rules, data) = (
            path("r.yml").display().to_string(),
            path("data").display().to_string(),
        );
        let parse = |from: &str| {
            let line = ["bellwether", "backtest", "--rules", &rules, "--data", &data];
            let to = ["--to", "2024-01-01T00:59:59Z", "--from", from];
            let line = line.iter().chain(&to);
            match Arguments::try_parse_from(line).unwrap().command {
                Command::Backtest(flags) => flags,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(run(&parse("59m59s")).unwrap(), ExitCode::SUCCESS);
        for wrong in ["soon", "2025-01-01T00:00:00Z"] {
            assert!(run(&parse(wrong)).is_err(), "{wrong}");
        }
        let groups = load_rules(&[path("r.yml")], &RuleOptions::default())
            .unwrap()
            .groups;
        let settings = BacktestSettings {
            threads: 1,
            // A group's place in its interval follows from its path: the hour holds one turn a minute
            // wherever that is.
            ..BacktestSettings::new(start_ms, start_ms + 3_599_999)
        };
        let store = open(&path("data"), settings.to_ms).unwrap();
        let histories = backtest(store, &groups, &Surroundings::default(), &settings).unwrap();
        let pass = Pass {
            histories,
            replay: None,
        };
        let all = Told {
            from_ms: settings.from_ms,
            to_ms: settings.to_ms,
            with_pending: false,
        };
        let told = report::text(&pass, &all);
        let table = "ALERT  FIRED  FIRING  LONGEST  PENDING ONLY\nDown       1      8m       8m             0\n\nDown (g in ";
        assert!(told.starts_with(table), "{told}");
        assert!(
            told.contains("): fired 1 times, pending 0 times without\n  2024-01-01T00:22:"),
            "{told}"
        );
        assert!(
            told.contains("Z firing for 8m, value 0 {job=\"a\"}\nr (g in "),
            "{told}"
        );
        assert!(told.ends_with(": 60 samples\n"), "{told}");
        let json = report::json(&pass, &all);
        let episodes = &json["rules"][0]["episodes"];
        assert_eq!(episodes[0]["labels"]["alertname"], "Down");
        assert_eq!(episodes.as_array().unwrap().len(), 1);
        assert_eq!(json["alerts"][0]["firing_seconds"], 480.0);
    }
}
