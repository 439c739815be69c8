//! What is run on which trace, and the tables of it.
#![expect(clippy::print_stdout, reason = "a program whose result is a table")]

use std::path::Path;

use anyhow::{Result, bail};
use bellwether_scale::simulation::{self, Observation, Outcome, Pool, Request};
use bellwether_scale::{Policy, Scaler};
use serde_json::Value;

use crate::reference::{self, Signal};
use crate::traces::{self, Trace};

/// The pool of `testkit/autoscale`.
fn pool(requests: &[Request], startup_seconds: f64) -> Pool {
    let slots_per_worker = 8;
    Pool {
        slots_per_worker,
        startup_seconds,
        interval_seconds: 15.0,
        wait_objective_seconds: 2.0,
        workers_start: reference::workers_start(requests, slots_per_worker),
        service_seconds_start: 4.0,
    }
}

/// `value` with so many digits behind the point, as Python rounds it.
fn rounded(value: f64, digits: usize) -> f64 {
    format!("{value:.digits$}").parse().unwrap_or(f64::NAN)
}

/// The figures of a run under the names that the baseline has for them.
fn figures(outcome: &Outcome) -> [(&'static str, f64); 12] {
    let count = outcome.request_count as f64;
    let worker_seconds = outcome.worker_seconds.round_ties_even();
    let violated = outcome.violated_seconds as f64;
    [
        ("requests", count),
        ("slo_req", rounded(outcome.late_count as f64 / count, 5)),
        ("slo_s", violated),
        ("worker_s", worker_seconds),
        (
            "rel",
            rounded(outcome.worker_seconds / outcome.ideal_seconds, 3),
        ),
        ("events", f64::from(outcome.change_count)),
        ("thrash", f64::from(outcome.thrash_count)),
        ("p50", rounded(outcome.wait_quantile(0.5), 2)),
        ("p95", rounded(outcome.wait_quantile(0.95), 2)),
        ("p99", rounded(outcome.wait_quantile(0.99), 2)),
        ("peak", f64::from(outcome.workers_peak)),
        (
            "cost",
            (outcome.worker_seconds + 20.0 * violated).round_ties_even(),
        ),
    ]
}

/// Runs the policies of the baseline and compares every figure.
pub(crate) fn reproduce(traces: &[Trace], expected: &Value) -> Result<()> {
    let mut count = 0;
    for trace in traces {
        let requests = traces::requests(&trace.rows);
        let pool = pool(&requests, 60.0);
        let peak = reference::peak_workers(&requests, &pool);
        let policies = [
            ("static-peak", reference::fixed(peak)),
            (
                "hpa-util70",
                reference::hpa(Signal::Utilisation, 0.7, &pool),
            ),
            (
                "hpa-util50",
                reference::hpa(Signal::Utilisation, 0.5, &pool),
            ),
            (
                "hpa-inflight-70%",
                reference::hpa(Signal::InFlight, 0.7 * 8.0, &pool),
            ),
            ("keda-queue-5", reference::hpa(Signal::Waiting, 5.0, &pool)),
            (
                "keda-total-5.6",
                reference::hpa(Signal::Total, 0.7 * 8.0, &pool),
            ),
            ("holt-predictive", reference::holt(&pool)),
            ("lookahead", reference::lookahead(&requests, &pool)),
        ];
        for (name, mut policy) in policies {
            let mut pool = pool;
            if name == "static-peak" {
                pool.workers_start = peak;
            }
            let outcome = simulation::run(&requests, &pool, &mut *policy);
            for (figure, value) in figures(&outcome) {
                let want = &expected[&trace.name][name][figure];
                if want.as_f64() != Some(value) {
                    bail!(
                        "{}, {name}: {figure} is {value}, the baseline has {want}",
                        trace.name
                    );
                }
                count += 1;
            }
        }
    }
    println!("simulator: {count} figures of the baseline reproduced\n");
    Ok(())
}

/// One trace under the in-flight rule and under ours.
struct Comparison {
    base: Outcome,
    ours: Outcome,
}

impl Comparison {
    fn new(requests: &[Request], pool: &Pool) -> Result<Self> {
        let mut base = reference::hpa(Signal::InFlight, 0.7 * 8.0, pool);
        let mut scaler = Scaler::new(Policy::predictive(
            reference::WORKERS_MIN,
            reference::WORKERS_MAX,
        ))?;
        let mut ours = |seen: &Observation| scaler.decide(&seen.signals(pool)).workers;
        Ok(Self {
            base: simulation::run(requests, pool, &mut *base),
            ours: simulation::run(requests, pool, &mut ours),
        })
    }

    fn ratio(&self) -> f64 {
        self.ours.worker_seconds / self.base.worker_seconds
    }

    fn misses(&self) -> Vec<&'static str> {
        let mut misses = Vec::new();
        if self.ours.violated_seconds > self.base.violated_seconds {
            misses.push("slo_s");
        }
        if self.ratio() > 0.85 {
            misses.push("worker_s");
        }
        if self.ours.thrash_count > self.base.thrash_count {
            misses.push("thrash");
        }
        misses
    }

    fn print(&self, name: &str) {
        let misses = self.misses();
        let verdict = if misses.is_empty() {
            "met".to_owned()
        } else {
            format!("missed: {}", misses.join(", "))
        };
        println!(
            "{name:26}{:>6}{:>9.0}{:>5} |{:>6}{:>9.0}{:>5}  {:.3}  {verdict}",
            self.base.violated_seconds,
            self.base.worker_seconds,
            self.base.thrash_count,
            self.ours.violated_seconds,
            self.ours.worker_seconds,
            self.ours.thrash_count,
            self.ratio(),
        );
    }
}

fn print_head() {
    println!(
        "{:26}{:>20} |{:>20}  ratio of",
        "", "in-flight rule", "ours"
    );
    println!(
        "{:26}{:>6}{:>9}{:>5} |{:>6}{:>9}{:>5}  worker_s  objective",
        "trace", "slo_s", "worker_s", "thr", "slo_s", "worker_s", "thr"
    );
}

/// Prints ours beside the in-flight rule, and tells how many traces miss the objective.
pub(crate) fn compare(traces: &[Trace]) -> Result<usize> {
    print_head();
    let mut missed = 0;
    for trace in traces {
        let requests = traces::requests(&trace.rows);
        let comparison = Comparison::new(&requests, &pool(&requests, 60.0))?;
        comparison.print(&trace.name);
        missed += usize::from(!comparison.misses().is_empty());
    }
    Ok(missed)
}

/// Prints the same for traces and pools that the settings were not chosen by.
pub(crate) fn robustness(data: &Path) -> Result<()> {
    print_head();
    let mut all = [0; 4];
    for (trace, startup_seconds) in traces::others(data)? {
        let requests = traces::requests(&trace.rows);
        let comparison = Comparison::new(&requests, &pool(&requests, startup_seconds))?;
        comparison.print(&format!("{} {startup_seconds:.0}s", trace.name));
        let misses = comparison.misses();
        all[0] += 1;
        for (i, figure) in ["slo_s", "worker_s", "thrash"].into_iter().enumerate() {
            all[i + 1] += usize::from(!misses.contains(&figure));
        }
    }
    println!(
        "\nof {} runs: slo_s no worse in {}, worker_s at most 0.85 in {}, thrash no worse in {}",
        all[0], all[1], all[2], all[3]
    );
    Ok(())
}
