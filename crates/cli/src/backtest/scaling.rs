//! `backtest scaling`: what a policy would have meant, for requests of a trace or for stored history.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use bellwether_config::{Config, load_scaling_policy};
use bellwether_model::short;
use bellwether_model::time::parse_duration;
use bellwether_promql::{CancelToken, Engine, EngineOptions};
use bellwether_rules::scaling::{PastTurn, ScalerSettings, past_turns};
use bellwether_scale::Decision;
use bellwether_scale::fluid::{Fluid, Stretch};
use bellwether_scale::simulation::Request;
use bellwether_storage::{Clock as _, SystemClock};
use clap::Args;
use serde_json::{Value, json};

use crate::arguments::Output;
use crate::plot::{Line, Plot};
use crate::scaling_replay::{Replayed, Stage, read_trace, replay};
use crate::time_argument::{time_before_ms, time_ms, time_text};

/// A change against the last one within this time is a reversal, s: as in `scale::simulation`.
const REVERSAL_SECONDS: f64 = 600.0;

/// Flags of `backtest scaling`.
#[derive(Debug, Args)]
pub(crate) struct BacktestScaling {
    /// A scaler of the configuration, over stored history.
    #[arg(value_name = "SCALER", requires_all = ["config", "data", "from"], conflicts_with = "trace")]
    scaler: Option<String>,
    /// A file with a policy: the settings of a scaler that are one. With SCALER in place of its own.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// A CSV file with a request a line: arrival and service time in seconds.
    #[arg(
        long,
        value_name = "FILE",
        requires = "policy",
        required_unless_present = "scaler"
    )]
    trace: Option<PathBuf>,
    /// Workers that are ready when the trace begins; the fewest of the policy if not given.
    #[arg(long, value_name = "N", requires = "trace")]
    workers_start: Option<u32>,
    /// A request that waits longer violates the objective.
    #[arg(long, value_name = "DURATION", default_value = "2s")]
    wait_objective: String,
    /// The configuration.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder with the data of a server that does not run, or a snapshot of one that does.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// RFC 3339, seconds since the epoch, or how long before the end, such as 7d.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// RFC 3339 or seconds since the epoch; now if not given.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Also draw a picture, as SVG.
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// How to print the answer.
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

/// Replays and tells.
pub(crate) fn run(flags: &BacktestScaling) -> Result<ExitCode> {
    let wait_ms = parse_duration(&flags.wait_objective).context("--wait-objective")?;
    let wait_seconds = wait_ms as f64 / 1_000.0;
    let (answer, text, plot) = match (&flags.scaler, &flags.trace, &flags.policy) {
        (Some(name), _, _) => history(flags, name, wait_seconds)?,
        (None, Some(trace), Some(policy)) => {
            let policy = load_scaling_policy(policy)?;
            let requests = read_trace(trace)?;
            let stage = Stage {
                workers_start: flags.workers_start,
                wait_objective_seconds: wait_seconds,
                outages_ms: &[],
                end_seconds: 0.0,
            };
            let replayed = replay(&policy, &requests, &stage)?;
            let slots = policy.slots_per_worker;
            (
                trace_json(trace, &replayed),
                trace_text(&replayed),
                trace_plot(trace, &replayed, &requests, slots, policy.interval_ms),
            )
        }
        _ => bail!("want --policy and --trace, or the name of a scaler"),
    };
    if let Some(path) = &flags.plot {
        std::fs::write(path, plot.svg())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    match flags.output {
        Output::Text => print!("{text}"),
        Output::Json => println!("{}", serde_json::to_string_pretty(&answer)?),
    }
    Ok(ExitCode::SUCCESS)
}

/// The decisions that changed the number of workers.
fn changes<'a>(
    decisions: impl IntoIterator<Item = &'a Decision>,
    first: u32,
) -> Vec<(u32, &'a Decision)> {
    let mut last = first;
    let mut changes = Vec::new();
    for decision in decisions {
        if decision.workers != last {
            changes.push((last, decision));
            last = decision.workers;
        }
    }
    changes
}

fn change_json((from, decision): &(u32, &Decision), begin_ms: i64) -> Value {
    json!({
        "time": (decision.time_ms() - begin_ms) as f64 / 1_000.0,
        "from": from,
        "to": decision.workers,
        "reason": decision.reason.name(),
        "text": decision.to_string(),
    })
}

fn trace_json(trace: &Path, replayed: &Replayed) -> Value {
    let outcome = &replayed.outcome;
    let changes = changes(&replayed.decisions, replayed.workers_start);
    let changes: Vec<Value> = changes.iter().map(|it| change_json(it, 0)).collect();
    json!({
        "trace": trace.display().to_string(),
        "requests": outcome.request_count,
        "late_requests": outcome.late_count,
        "violation_seconds": outcome.violated_seconds,
        "worker_seconds": outcome.worker_seconds,
        "ideal_worker_seconds": outcome.ideal_seconds,
        "changes": outcome.change_count,
        "reversals": outcome.thrash_count,
        "workers_peak": outcome.workers_peak,
        "wait_p95_seconds": outcome.wait_quantile(0.95),
        "wait_p99_seconds": outcome.wait_quantile(0.99),
        "decisions": changes,
    })
}

fn trace_text(replayed: &Replayed) -> String {
    let outcome = &replayed.outcome;
    format!(
        "requests            {}\n\
         late requests       {}\n\
         violation seconds   {}\n\
         worker seconds      {:.0} ({:.2} times the least)\n\
         changes             {}, of which {} reversals\n\
         workers at most     {}\n\
         wait                p95 {:.2} s, p99 {:.2} s\n",
        outcome.request_count,
        outcome.late_count,
        outcome.violated_seconds,
        outcome.worker_seconds,
        outcome.worker_seconds / outcome.ideal_seconds.max(f64::MIN_POSITIVE),
        outcome.change_count,
        outcome.thrash_count,
        outcome.workers_peak,
        outcome.wait_quantile(0.95),
        outcome.wait_quantile(0.99),
    )
}

fn trace_plot(
    trace: &Path,
    replayed: &Replayed,
    requests: &[Request],
    slots: u32,
    interval_ms: i64,
) -> Plot {
    let minute = |seconds: f64| seconds / 60.0;
    let workers = replayed.decisions.iter();
    let workers = workers.map(|it| (minute(it.time_ms() as f64 / 1_000.0), f64::from(it.workers)));
    let step = interval_ms as f64 / 1_000.0;
    let mut load: Vec<(f64, f64)> = Vec::new();
    for request in requests {
        let at = (request.arrival_seconds / step) as usize;
        while load.len() <= at {
            load.push((minute((load.len() + 1) as f64 * step), 0.0));
        }
        if let Some(point) = load.get_mut(at) {
            point.1 += request.service_seconds / step / f64::from(slots);
        }
    }
    Plot {
        title: format!(
            "{}: {} s of violation, {:.0} worker seconds",
            trace.display(),
            replayed.outcome.violated_seconds,
            replayed.outcome.worker_seconds
        ),
        x_name: "minutes".to_owned(),
        lines: vec![
            Line {
                name: "load in workers".to_owned(),
                points: load,
                is_stepped: false,
            },
            Line {
                name: "workers".to_owned(),
                points: std::iter::once((0.0, f64::from(replayed.workers_start)))
                    .chain(workers)
                    .collect(),
                is_stepped: true,
            },
        ],
        marks: Vec::new(),
        mark_name: String::new(),
        ..Plot::default()
    }
}

/// What one way to run a pool came to.
#[derive(Debug, Default)]
struct Sum {
    fluid: Fluid,
    changes: u32,
    reversals: u32,
    last: Option<u32>,
    turned: Option<(bool, i64)>,
}

impl Sum {
    fn add(&mut self, time_ms: i64, stretch: &Stretch) {
        self.fluid.add(stretch);
        if let Some(last) = self.last
            && last != stretch.workers
        {
            let is_up = stretch.workers > last;
            self.changes += 1;
            if let Some((was_up, at_ms)) = self.turned
                && was_up != is_up
                && (time_ms - at_ms) as f64 / 1_000.0 <= REVERSAL_SECONDS
            {
                self.reversals += 1;
            }
            self.turned = Some((is_up, time_ms));
        }
        self.last = Some(stretch.workers);
    }

    fn json(&self) -> Value {
        json!({
            "violation_seconds": self.fluid.violated_seconds,
            "worker_seconds": self.fluid.worker_seconds,
            "changes": self.changes,
            "reversals": self.reversals,
        })
    }
}

type Told = (Value, String, Plot);

fn history(flags: &BacktestScaling, name: &str, wait_seconds: f64) -> Result<Told> {
    let (Some(config), Some(data), Some(from)) = (&flags.config, &flags.data, &flags.from) else {
        bail!("a scaler needs --config, --data and --from");
    };
    let to_ms = match &flags.to {
        Some(text) => time_ms("--to", text)?,
        None => SystemClock.now_ms(),
    };
    let from_ms = time_before_ms("--from", from, to_ms)?;
    if from_ms > to_ms {
        bail!("--from is after --to: want a time before it");
    }
    let loaded =
        Config::load(config).with_context(|| format!("{} cannot be used", config.display()))?;
    let scalers = loaded.config.scaling.into_iter().map(|it| it.settings);
    let mut settings = scalers
        .into_iter()
        .find(|settings| settings.name == name)
        .with_context(|| format!("{}: there is no scaler {:?}", config.display(), short(name)))?;
    if let Some(policy) = &flags.policy {
        let policy = load_scaling_policy(policy)?;
        settings.policy = policy.policy;
        settings.slots_per_worker = policy.slots_per_worker;
        settings.start_up_ms = policy.start_up_ms;
        settings.interval_ms = policy.interval_ms;
    }
    let store = super::open(data, to_ms)?;
    let engine = Arc::new(Engine::new(EngineOptions::default()));
    let cancel = CancelToken::default();
    let turns = past_turns(&store, &engine, &settings, (from_ms, to_ms), &cancel)?;
    Ok(told(&settings, &turns, wait_seconds, (from_ms, to_ms)))
}

fn told(
    settings: &ScalerSettings,
    turns: &[PastTurn],
    wait_seconds: f64,
    (from_ms, to_ms): (i64, i64),
) -> Told {
    let (mut policy, mut ran) = (Sum::default(), Sum::default());
    let seen = || {
        let turns = turns.iter();
        turns.filter_map(|turn| Some((turn, turn.decision.as_ref()?, turn.load?)))
    };
    let ran_of = |turn: &PastTurn| turn.ran.or(turn.ran_ready);
    let has_ran = seen().any(|(turn, ..)| ran_of(turn).is_some());
    let seen_turns = seen().count();
    let mut summed_turns = 0;
    for (turn, decision, load) in seen() {
        // Sums over different times would say nothing of one another.
        let ran_workers = ran_of(turn);
        if has_ran && ran_workers.is_none() {
            continue;
        }
        summed_turns += 1;
        let stretch = |workers: u32, ready: u32| Stretch {
            seconds: settings.interval_ms as f64 / 1_000.0,
            load,
            slots_per_worker: settings.slots_per_worker,
            workers,
            ready,
            wait_objective_seconds: wait_seconds,
        };
        policy.add(turn.time_ms, &stretch(decision.workers, turn.ready));
        if let Some(workers) = ran_workers {
            let ready = turn.ran_ready.unwrap_or(workers);
            ran.add(turn.time_ms, &stretch(workers, ready));
        }
    }
    let decisions = || turns.iter().filter_map(|turn| turn.decision.as_ref());
    let first = decisions().next().map_or(0, |it| it.signals.workers_target);
    let changes = changes(decisions(), first);
    let changes: Vec<Value> = changes.iter().map(|it| change_json(it, 0)).collect();
    let answer = json!({
        "scaler": settings.name,
        "from": time_text(from_ms),
        "to": time_text(to_ms),
        "turns": turns.len(),
        "turns_seen": seen_turns,
        "turns_summed": summed_turns,
        "ideal_worker_seconds": policy.fluid.ideal_seconds,
        "policy": policy.json(),
        "ran": has_ran.then(|| ran.json()),
        "decisions": changes,
    });
    let mut text = format!(
        "{} turns, of which {seen_turns} with signals and {summed_turns} in the table{}; seconds of violation are \
         estimates\n\n{:<8}{:>12}{:>16}{:>10}{:>11}\n",
        turns.len(),
        match has_ran {
            true => ", those where it is known what ran",
            false => "",
        },
        "",
        "VIOLATION S",
        "WORKER S",
        "CHANGES",
        "REVERSALS"
    );
    let mut line = |name: &str, sum: &Sum| {
        text.push_str(&format!(
            "{name:<8}{:>12.0}{:>16.0}{:>10}{:>11}\n",
            sum.fluid.violated_seconds, sum.fluid.worker_seconds, sum.changes, sum.reversals
        ));
    };
    line("policy", &policy);
    if has_ran {
        line("ran", &ran);
    }
    (answer, text, history_plot(settings, turns, from_ms))
}

fn history_plot(settings: &ScalerSettings, turns: &[PastTurn], from_ms: i64) -> Plot {
    let hour = |turn: &PastTurn| (turn.time_ms - from_ms) as f64 / 3_600_000.0;
    let slots = f64::from(settings.slots_per_worker.max(1));
    let line = |name: &str, is_stepped: bool, value: &dyn Fn(&PastTurn) -> Option<f64>| Line {
        name: name.to_owned(),
        points: turns
            .iter()
            .map(|turn| (hour(turn), value(turn).unwrap_or(f64::NAN)))
            .collect(),
        is_stepped,
    };
    let mut lines = vec![line("load in workers", false, &|turn| {
        turn.load.map(|load| load / slots)
    })];
    if turns.iter().any(|turn| turn.ran.is_some()) {
        lines.push(line("ran", true, &|turn| turn.ran.map(f64::from)));
    }
    lines.push(line("workers", true, &|turn| {
        turn.decision.as_ref().map(|it| f64::from(it.workers))
    }));
    Plot {
        title: format!("{}: from {}", settings.name, time_text(from_ms)),
        x_name: "hours".to_owned(),
        lines,
        marks: Vec::new(),
        mark_name: String::new(),
        ..Plot::default()
    }
}

#[cfg(test)]
mod tests {
    use bellwether_model::{Labels, METRIC_NAME};
    use bellwether_storage::{Source, WriteBatch};
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct CommandLine {
        #[command(flatten)]
        flags: BacktestScaling,
    }

    fn flags(line: &[&str]) -> BacktestScaling {
        let line = std::iter::once("x").chain(line.iter().copied());
        CommandLine::try_parse_from(line).unwrap().flags
    }

    #[test]
    fn a_trace_is_replayed_and_drawn() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(path("p.yml"), "max: 20\nslots_per_worker: 8\n").unwrap();
        let mut trace = "arrival,service\n".to_owned();
        for i in 0..6_000 {
            trace.push_str(&format!("{},2.5\n", f64::from(i) * 0.2));
        }
        std::fs::write(path("t.csv"), trace).unwrap();
        let (policy, trace, plot) = (path("p.yml"), path("t.csv"), path("p.svg"));
        let line = ["--policy", &policy, "--trace", &trace, "--plot", &plot];
        let flags = flags(&line);
        assert_eq!(run(&flags).unwrap(), ExitCode::SUCCESS);
        let svg = std::fs::read_to_string(&plot).unwrap();
        assert!(svg.contains("load in workers"), "{svg}");
        let requests = read_trace(Path::new(&trace)).unwrap();
        let stage = Stage {
            workers_start: Some(2),
            wait_objective_seconds: 2.0,
            outages_ms: &[],
            end_seconds: 0.0,
        };
        let loaded = load_scaling_policy(Path::new(&policy)).unwrap();
        let replayed = replay(&loaded, &requests, &stage).unwrap();
        let answer = trace_json(Path::new(&trace), &replayed);
        assert_eq!(answer["requests"], 6_000);
        assert_eq!(answer["ideal_worker_seconds"], 15_000.0 / 8.0);
        let changes = answer["decisions"].as_array().unwrap();
        assert_eq!(changes.len() as u64, answer["changes"].as_u64().unwrap());
        assert_eq!(changes[0]["from"], 2);
        for wrong in [
            vec!["--policy", &policy],
            vec!["--trace", &trace],
            vec!["agents"],
        ] {
            let line = std::iter::once("x").chain(wrong.iter().copied());
            assert!(CommandLine::try_parse_from(line).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn only_turns_that_ran_are_compared() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.yml");
        let config = "scaling: [{name: a, max: 9, slots_per_worker: 8, pool: p}]";
        std::fs::write(&file, config).unwrap();
        let settings = Config::load(&file)
            .unwrap()
            .config
            .scaling
            .remove(0)
            .settings;
        let mut scaler = bellwether_scale::Scaler::new(settings.policy.clone()).unwrap();
        let mut turn = |i: i64, ran: Option<u32>| PastTurn {
            time_ms: i * 15_000,
            decision: Some(scaler.decide(&bellwether_scale::Signals::at(i * 15_000, 3, 3, 8))),
            ready: 3,
            ran,
            ran_ready: None,
            load: Some(8.0),
        };
        let turns: Vec<_> = (0..10).map(|i| turn(i, (i >= 6).then_some(5))).collect();
        let (answer, text, _) = told(&settings, &turns, 2.0, (0, 150_000));
        assert_eq!(
            (&answer["turns_seen"], &answer["turns_summed"]),
            (&json!(10), &json!(4))
        );
        assert_eq!(answer["policy"]["worker_seconds"], 4.0 * 15.0 * 3.0);
        assert_eq!(answer["ran"]["worker_seconds"], 4.0 * 15.0 * 5.0);
        assert!(
            text.contains("4 in the table, those where it is known what ran"),
            "{text}"
        );
        // Where nothing is known of what ran the policy stands alone, over all.
        let (answer, ..) = told(&settings, &turns[..6], 2.0, (0, 150_000));
        assert_eq!(answer["turns_summed"], 6);
        assert!(answer["ran"].is_null());
    }

    #[test]
    fn history_stands_beside_what_ran() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("data")).unwrap();
        let start_ms = 1_704_067_200_000;
        let end_ms = start_ms + 7_200_000;
        {
            let store = super::super::open(&path("data"), end_ms).unwrap();
            let source = Source::new("test");
            let mut batch = WriteBatch::default();
            // Twenty workers all the time, for a load of two and then of six.
            for (name, value) in [("busy", 16.0), ("waiting", 0.0), ("set", 20.0)] {
                let labels = Labels::from_pairs([(METRIC_NAME, name)]);
                let series = store.register(&source, None, &labels).unwrap();
                for turn in 0..480 {
                    let is_more = name == "busy" && turn > 240;
                    let value = if is_more { 48.0 } else { value };
                    batch.push(series, start_ms + turn * 15_000, value);
                }
            }
            store.write(&source, &batch).unwrap();
        }
        let config = "scaling:
- name: agents
  max: 40
  slots_per_worker: 8
  signals: {busy: busy, waiting: waiting, service_time: '3', workers: set}
";
        std::fs::write(path("c.yml"), config).unwrap();
        let text = |name: &str| path(name).display().to_string();
        let (config, data, plot) = (text("c.yml"), text("data"), text("p.svg"));
        let line = [
            "agents",
            "--config",
            &config,
            "--data",
            &data,
            "--from",
            "2h",
            "--to",
            "2024-01-01T02:00:00Z",
            "--plot",
            &plot,
        ];
        let flags = flags(&line);
        assert_eq!(run(&flags).unwrap(), ExitCode::SUCCESS);
        let (answer, _, _) = history(&flags, "agents", 2.0).unwrap();
        assert_eq!(answer["turns"], 481);
        let ran = &answer["ran"];
        assert_eq!(ran["changes"], 0);
        let worker_seconds = |value: &Value| value["worker_seconds"].as_f64().unwrap();
        assert!(
            worker_seconds(&answer["policy"]) < 0.6 * worker_seconds(ran),
            "{answer}"
        );
        assert_eq!(answer["policy"]["reversals"], 0);
        assert!(std::fs::read_to_string(&plot).unwrap().contains(">ran<"));
    }
}
