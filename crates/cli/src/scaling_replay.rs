//! A policy on a trace of requests: what `test scaling` and `backtest scaling` have in common.

use std::path::Path;

use anyhow::{Context, Result, bail};
use bellwether_config::ScalingPolicy;
use bellwether_model::time::DurationText;
use bellwether_rules::scaling::SignalName;
use bellwether_scale::simulation::{self, Outcome, Pool, Request};
use bellwether_scale::{Decision, Scaler, Signals};

/// Requests that a trace may have. Chosen: 160 MiB.
const REQUESTS_MAX: usize = 10_000_000;
/// Decisions that a replay may have. Chosen: about a gigabyte, a year at 15 s.
const DECISIONS_MAX: f64 = 2e6;
/// Arrivals and service times, in seconds after the first arrival. Chosen: thirty years.
const SECONDS_MAX: f64 = 1e9;
/// The latest arrival: beyond it seconds are told apart too coarsely.
const ARRIVAL_MAX: f64 = 1e12;

/// What requests show of a pool.
const SIMULATED: [SignalName; 5] = [
    SignalName::InFlight,
    SignalName::Busy,
    SignalName::Waiting,
    SignalName::OfferedLoad,
    SignalName::ServiceTime,
];

/// What a trace is replayed on, beside the policy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stage<'a> {
    /// Workers that are ready at the beginning; `None`: the fewest of the policy, and one at least.
    pub(crate) workers_start: Option<u32>,
    /// The longest wait that is allowed.
    pub(crate) wait_objective_seconds: f64,
    /// Times without signals, ms since the beginning.
    pub(crate) outages_ms: &'a [(i64, i64)],
    /// Until when it goes on at the least, seconds since the beginning.
    pub(crate) end_seconds: f64,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Replayed {
    pub(crate) outcome: Outcome,
    /// All decisions, in their order.
    pub(crate) decisions: Vec<Decision>,
    /// Workers at the beginning.
    pub(crate) workers_start: u32,
}

/// When the last request of a trace would be done, if none waited: seconds since the beginning.
pub(crate) fn end_of(requests: &[Request]) -> f64 {
    let ends = requests.iter();
    let ends = ends.map(|it| it.arrival_seconds + it.service_seconds);
    ends.fold(0.0, f64::max)
}

/// Refuses what a replay would not show, or take all memory for.
fn check(policy: &ScalingPolicy, requests: &[Request], end_seconds: f64) -> Result<()> {
    for (i, rule) in policy.policy.rules.iter().enumerate() {
        let is_missing = |wanted: &&&[SignalName]| !wanted.iter().any(|it| SIMULATED.contains(it));
        if let Some(wanted) = SignalName::needed_by(rule).iter().find(is_missing) {
            let words: Vec<&str> = wanted.iter().map(|name| name.as_str()).collect();
            bail!(
                "rule {} ({}) needs {}, which requests do not tell: want a policy without it",
                i + 1,
                rule.name().as_str(),
                words.join(" or ")
            );
        }
    }
    let slots = f64::from(policy.slots_per_worker) * f64::from(policy.policy.workers_max);
    let work: f64 = requests.iter().map(|it| it.service_seconds).sum();
    let seconds = end_of(requests).max(end_seconds).max(work / slots);
    if seconds * 1_000.0 / policy.interval_ms as f64 > DECISIONS_MAX {
        bail!(
            "it takes {seconds:.0} s, which are more than {DECISIONS_MAX} decisions at {}: are its times milliseconds? \
             Want seconds, or a longer interval",
            DurationText(policy.interval_ms)
        );
    }
    Ok(())
}

/// Replays requests, which are in the order of their arrival. The error budget is untouched.
pub(crate) fn replay(
    policy: &ScalingPolicy,
    requests: &[Request],
    stage: &Stage<'_>,
) -> Result<Replayed> {
    check(policy, requests, stage.end_seconds)?;
    let mut scaler = Scaler::new(policy.policy.clone())?;
    let fewest = policy.policy.workers_min.max(1);
    let workers_start = stage.workers_start.unwrap_or(fewest);
    let first = requests.iter().take(100);
    let (count, sum) = first.fold((0.0, 0.0), |(n, sum), it| {
        (n + 1.0, sum + it.service_seconds)
    });
    let pool = Pool {
        slots_per_worker: policy.slots_per_worker,
        startup_seconds: policy.start_up_ms as f64 / 1_000.0,
        interval_seconds: policy.interval_ms as f64 / 1_000.0,
        wait_objective_seconds: stage.wait_objective_seconds,
        workers_start,
        // Nobody knows it better before there was a request.
        service_seconds_start: if count > 0.0 { sum / count } else { 0.0 },
    };
    let mut decisions = Vec::new();
    let outcome = simulation::run_until(requests, &pool, stage.end_seconds, &mut |seen| {
        let mut signals = seen.signals(&pool);
        let time_ms = signals.time_ms;
        let mut outages = stage.outages_ms.iter();
        if outages.any(|(from_ms, to_ms)| (*from_ms..*to_ms).contains(&time_ms)) {
            signals = Signals {
                startup_ms: signals.startup_ms,
                ..Signals::at(time_ms, seen.target, seen.ready, pool.slots_per_worker)
            };
        }
        let decision = scaler.decide(&signals);
        let workers = decision.workers;
        decisions.push(decision);
        workers
    });
    Ok(Replayed {
        outcome,
        decisions,
        workers_start,
    })
}

/// Reads a trace: CSV with a request a line, its arrival and its service time in seconds. A first line of
/// names may say in which columns these are, else they are the first two. Arrivals may count from any
/// time, such as the epoch.
pub(crate) fn read_trace(path: &Path) -> Result<Vec<Request>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("{} cannot be read", path.display()))?;
    let mut columns = (0, 1);
    let mut requests = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let place = || format!("{}:{}", path.display(), index + 1);
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        if line.trim().is_empty() {
            continue;
        }
        let is_head = index == 0 && cells.iter().all(|cell| cell.parse::<f64>().is_err());
        if is_head {
            columns = (
                column(&cells, "arrival").with_context(place)?,
                column(&cells, "service").with_context(place)?,
            );
            continue;
        }
        let number = |at: usize, what: &str, most: f64| -> Result<f64> {
            let cell = cells.get(at).copied().unwrap_or_default();
            match cell.parse::<f64>() {
                Ok(value) if (0.0..=most).contains(&value) => Ok(value),
                _ => bail!(
                    "{}: the {what} {:?} is no number of seconds from 0 to {most:e}",
                    place(),
                    bellwether_model::short(cell)
                ),
            }
        };
        requests.push(Request {
            arrival_seconds: number(columns.0, "arrival", ARRIVAL_MAX)?,
            service_seconds: number(columns.1, "service time", SECONDS_MAX)?,
        });
        if requests.len() > REQUESTS_MAX {
            bail!("{}: more than {REQUESTS_MAX} requests", path.display());
        }
    }
    let requests =
        sorted(requests).with_context(|| format!("{} holds no request", path.display()))?;
    let span = requests.last().map_or(0.0, |last| last.arrival_seconds);
    if span > SECONDS_MAX {
        bail!(
            "{}: {span:.0} s are between its first arrival and its last, want {SECONDS_MAX:e} at most: are its times \
             milliseconds?",
            path.display()
        );
    }
    Ok(requests)
}

/// The column whose name begins with a word.
fn column(names: &[&str], word: &str) -> Result<usize> {
    let at = names
        .iter()
        .position(|name| name.to_ascii_lowercase().starts_with(word));
    at.with_context(|| format!("no column is called {word}: there are {}", names.join(", ")))
}

/// Requests in their order, the first at 0; `None`: there is none.
fn sorted(mut requests: Vec<Request>) -> Option<Vec<Request>> {
    requests.sort_by(|a, b| a.arrival_seconds.total_cmp(&b.arrival_seconds));
    let begin = requests.first()?.arrival_seconds;
    for request in &mut requests {
        request.arrival_seconds -= begin;
    }
    Some(requests)
}

/// Requests at equal distances: for how long in ms, how many a second, with which service time in ms.
/// With them, when the last stretch ends.
pub(crate) fn stretches(stretches: &[(i64, f64, i64)]) -> Result<(Vec<Request>, f64)> {
    let mut requests = Vec::new();
    let mut begin = 0.0;
    for (for_ms, rate, service_ms) in stretches {
        let seconds = *for_ms as f64 / 1_000.0;
        let count = seconds * rate;
        if count + requests.len() as f64 > REQUESTS_MAX as f64 {
            bail!("load: more than {REQUESTS_MAX} requests");
        }
        requests.extend((0..count as usize).map(|i| Request {
            arrival_seconds: begin + i as f64 / rate,
            service_seconds: *service_ms as f64 / 1_000.0,
        }));
        begin += seconds;
    }
    if requests.is_empty() {
        bail!("load: there is no request in it");
    }
    Ok((requests, begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(f64, f64)>, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.csv");
        std::fs::write(&file, text).unwrap();
        let requests = read_trace(&file);
        let shown = |error: anyhow::Error| {
            format!("{error:#}").replace(&format!("{}/", folder.path().display()), "")
        };
        let pairs = requests.map_err(shown)?;
        let pair = |it: &Request| (it.arrival_seconds, it.service_seconds);
        Ok(pairs.iter().map(pair).collect())
    }

    #[test]
    fn traces_are_read_in_any_order_of_lines_and_columns() {
        let want = Ok(vec![(0.0, 2.0), (1.5, 0.25)]);
        assert_eq!(read("10,2\n11.5,0.25\n"), want);
        assert_eq!(read("1795787700,2\n1795787701.5,0.25\n"), want);
        assert_eq!(
            read("id,service_seconds,arrival\n7,0.25,11.5\n\n8,2,10\n"),
            want
        );
        for (text, error) in [
            ("", "t.csv holds no request"),
            ("arrival,service\n", "t.csv holds no request"),
            (
                "1,2\n1,-2\n",
                "t.csv:2: the service time \"-2\" is no number",
            ),
            ("1,NaN\n", "t.csv:1: the service time \"NaN\" is no number"),
            ("0,1\n2e9,1\n", "t.csv: 2000000000 s are between"),
            ("1\n", "t.csv:1: the service time \"\" is no number"),
            (
                "when,how long\n1,2\n",
                "t.csv:1: no column is called arrival",
            ),
        ] {
            let given = read(text).unwrap_err();
            assert!(given.starts_with(error), "{given}");
        }
    }

    #[test]
    fn stretches_follow_one_another() {
        let requests = stretches(&[(2_000, 1.5, 500), (1_000, 0.0, 1), (1_000, 1.0, 3_000)]);
        let (requests, end) = requests.unwrap();
        assert_eq!(end, 4.0);
        let arrivals: Vec<f64> = requests.iter().map(|it| it.arrival_seconds).collect();
        assert_eq!(arrivals, [0.0, 1.0 / 1.5, 2.0 / 1.5, 3.0]);
        assert!(stretches(&[(1_000, 1e12, 1)]).is_err());
        assert!(stretches(&[]).is_err());
    }

    #[test]
    fn what_is_not_replayed_is_refused() {
        let refusal = |policy: &str, service_seconds: f64, end_seconds: f64| {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("p.yml");
            std::fs::write(&file, policy).unwrap();
            let policy = bellwether_config::load_scaling_policy(&file).unwrap();
            let request = Request {
                arrival_seconds: 0.0,
                service_seconds,
            };
            let stage = Stage {
                workers_start: None,
                wait_objective_seconds: 2.0,
                outages_ms: &[],
                end_seconds,
            };
            let replayed = replay(&policy, &[request], &stage);
            replayed.map(|_| ()).map_err(|error| error.to_string())
        };
        assert_eq!(refusal("max: 3\n", 1.0, 60.0), Ok(()));
        for (rule, want) in [
            (
                "latency: {target: 1s}",
                "rule 2 (latency) needs latency_p95, which",
            ),
            (
                "tokens: {per_worker: 1}",
                "rule 2 (tokens) needs tokens_per_second",
            ),
            ("gpu_cache: {}", "rule 2 (gpu_cache) needs gpu_cache_use"),
        ] {
            let policy = format!("max: 3\nrules: [{{in_flight: {{}}}}, {{{rule}}}]\n");
            let error = refusal(&policy, 1.0, 60.0).unwrap_err();
            assert!(error.starts_with(want), "{error}");
        }
        for (service, end) in [(1e9, 0.0), (1.0, 1e9)] {
            let error = refusal("max: 3\n", service, end).unwrap_err();
            assert!(error.contains("are its times milliseconds?"), "{error}");
        }
    }
}
