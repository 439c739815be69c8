//! What became of real requests: the only measure of what users get.
//!
//! ## Model
//! Calls of providers, models and tools over the last [`WINDOW`] are counted by what became of them. Errors that are the
//! caller's own (a wrong request, a wrong key, nobody waits any more) say nothing of the provider and are left out.
//! Of the others an exact bound (Clopper and Pearson, 95 %) of the share that fails decides, so that one failure of two
//! requests at night is no outage: down where at least half of them fail, degraded where at least one of twenty does.
//! A pool of workers is degraded while all of them are busy and jobs wait, or jobs are refused.

use std::collections::{BTreeMap, BTreeSet};

use bellwether_ai::ErrorClass;
use bellwether_health::{EntityFact, EntityId, EntityKind, FactSource, HealthState};
use bellwether_model::Labels;
use bellwether_slo::binomial;

use crate::ask::{Ask, Unanswered, process_labels, process_name};

/// Over so much of the past, as PromQL writes it.
const WINDOW: &str = "5m";
const CONFIDENCE: f64 = 0.95;
/// From these shares of failures on something is down, or degraded. Chosen: half of the requests, and the error rate that
/// the packs alert on.
const DOWN_SHARE: f64 = 0.5;
const DEGRADED_SHARE: f64 = 0.05;
/// Seconds of calls of language models, with and without the suffix of classic histograms.
const LLM_CALLS: &str = "gen_ai_client_operation_duration_seconds";
/// The same of tools.
const TOOL_CALLS: &str = "gen_ai_execute_tool_duration_seconds";

/// What traffic says of providers, models, tools and daemons.
pub(crate) fn facts(ask: &mut Ask<'_>) -> Result<Vec<EntityFact>, Unanswered> {
    let mut calls = Calls::default();
    let by = "job, instance, gen_ai_provider_name, gen_ai_request_model, error_type";
    for (labels, count) in counts(ask, LLM_CALLS, by)? {
        calls.take_llm(&labels, count);
    }
    let by = "job, instance, gen_ai_tool_name, error_type";
    for (labels, count) in counts(ask, TOOL_CALLS, by)? {
        calls.take_tool(&labels, count);
    }
    let mut facts = calls.facts();
    facts.extend(pools(ask)?);
    Ok(facts)
}

/// How many calls there were, from classic and from native histograms.
fn counts(ask: &mut Ask<'_>, metric: &str, by: &str) -> Result<Vec<(Labels, f64)>, Unanswered> {
    let classic = format!("sum by ({by}) (increase({metric}_count[{WINDOW}]))");
    let native = format!("histogram_count(sum by ({by}) (increase({metric}[{WINDOW}])))");
    let classic = ask.vector(&classic)?;
    let native = ask.vector(&native)?;
    // A service that shows both counts once.
    let seen: BTreeSet<Labels> = native.iter().map(|(labels, _)| labels.clone()).collect();
    let classic = classic
        .into_iter()
        .filter(|(labels, _)| !seen.contains(labels));
    Ok(classic.chain(native).collect())
}

#[derive(Debug, Default)]
struct Tally {
    good: f64,
    /// By type of error.
    bad: BTreeMap<String, f64>,
    /// Those that are the caller's own fault.
    own: BTreeMap<String, f64>,
}

impl Tally {
    fn take(&mut self, error_type: &str, count: f64) {
        if error_type.is_empty() {
            self.good += count;
            return;
        }
        let of_kind = match ErrorClass::of_error_type(error_type).is_callers_fault() {
            true => &mut self.own,
            false => &mut self.bad,
        };
        *of_kind.entry(error_type.to_owned()).or_default() += count;
    }

    /// State and reason; `what` is such as `calls`.
    fn verdict(&self, what: &str) -> (HealthState, String) {
        let bad: f64 = self.bad.values().sum();
        let count = self.good + bad;
        if count < 0.5 {
            let own = whole(self.own.values().sum());
            let reason = match own {
                0 => format!("no {what} in {WINDOW}"),
                own => format!(
                    "all {own} {what} in {WINDOW} failed by the caller's own fault, mostly with {}",
                    most(&self.own)
                ),
            };
            return (HealthState::Unknown, reason);
        }
        let (low, _) = binomial::bounds(whole(bad), whole(count), CONFIDENCE);
        let state = match low {
            low if low >= DOWN_SHARE => HealthState::Down,
            low if low >= DEGRADED_SHARE => HealthState::Degraded,
            _ => return (HealthState::Up, String::new()),
        };
        let most = most(&self.bad);
        let share = 100.0 * bad / count;
        let (bad, count) = (whole(bad), whole(count));
        let reason = format!(
            "{bad} of {count} {what} failed in {WINDOW} ({share:.0} %), mostly with {most}"
        );
        (state, reason)
    }
}

/// The kind of which there are most.
fn most(kinds: &BTreeMap<String, f64>) -> &str {
    let most = kinds.iter().max_by(|a, b| a.1.total_cmp(b.1));
    most.map_or("", |(kind, _)| kind)
}

fn whole(count: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts of calls are far below the limit and not negative"
    )]
    let whole = count.max(0.0).round() as u64;
    whole
}

/// A process that calls others.
#[derive(Debug)]
struct Caller {
    calls: BTreeSet<EntityId>,
    /// Of its series.
    labels: Vec<(String, String)>,
}

#[derive(Debug, Default)]
struct Calls {
    providers: BTreeMap<String, Tally>,
    /// By provider and model.
    models: BTreeMap<(String, String), Tally>,
    tools: BTreeMap<String, Tally>,
    daemons: BTreeMap<String, Caller>,
}

impl Calls {
    fn take_llm(&mut self, labels: &Labels, count: f64) {
        let label = |name: &str| labels.get(name).unwrap_or("").to_owned();
        let provider = label("gen_ai_provider_name");
        if provider.is_empty() {
            return;
        }
        let (model, error_type) = (label("gen_ai_request_model"), label("error_type"));
        let of_provider = self.providers.entry(provider.clone()).or_default();
        of_provider.take(&error_type, count);
        self.depend(
            labels,
            EntityId::new(EntityKind::Provider, provider.clone()),
        );
        if !model.is_empty() {
            let of_model = self.models.entry((provider, model)).or_default();
            of_model.take(&error_type, count);
        }
    }

    fn take_tool(&mut self, labels: &Labels, count: f64) {
        let tool = labels.get("gen_ai_tool_name").unwrap_or("").to_owned();
        if tool.is_empty() {
            return;
        }
        let error_type = labels.get("error_type").unwrap_or("");
        let of_tool = self.tools.entry(tool.clone()).or_default();
        of_tool.take(error_type, count);
        self.depend(labels, EntityId::new(EntityKind::Tool, tool));
    }

    fn depend(&mut self, labels: &Labels, on: EntityId) {
        let process = process_name(labels);
        if process.is_empty() {
            return;
        }
        let caller = self.daemons.entry(process).or_insert_with(|| Caller {
            calls: BTreeSet::new(),
            labels: process_labels(labels),
        });
        caller.calls.insert(on);
    }

    fn facts(self) -> Vec<EntityFact> {
        let mut facts = Vec::new();
        let mut push = |entity: EntityId, tally: &Tally, labels: &[(&str, &str)], depends_on| {
            let (state, reason) = tally.verdict("calls");
            let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            facts.push(EntityFact {
                entity,
                source: FactSource::Traffic,
                from: format!("calls of the last {WINDOW}"),
                state,
                reason,
                depends_on,
                labels: labels.iter().map(owned).collect(),
            });
        };
        for (provider, tally) in &self.providers {
            let id = EntityId::new(EntityKind::Provider, provider.clone());
            push(id, tally, &[("gen_ai_provider_name", provider)], Vec::new());
        }
        for ((provider, model), tally) in &self.models {
            let id = EntityId::new(EntityKind::Model, format!("{provider}/{model}"));
            let labels = [
                ("gen_ai_provider_name", provider.as_str()),
                ("gen_ai_request_model", model.as_str()),
            ];
            let on = vec![EntityId::new(EntityKind::Provider, provider.clone())];
            push(id, tally, &labels, on);
        }
        for (tool, tally) in &self.tools {
            let id = EntityId::new(EntityKind::Tool, tool.clone());
            push(id, tally, &[("gen_ai_tool_name", tool)], Vec::new());
        }
        let daemon = |(name, caller): (String, Caller)| EntityFact {
            entity: EntityId::new(EntityKind::Daemon, name.clone()),
            source: FactSource::Traffic,
            from: name,
            // That it calls others says whom it depends on, not how it is.
            state: HealthState::Unknown,
            reason: String::new(),
            depends_on: caller.calls.into_iter().collect(),
            labels: caller.labels,
        };
        facts.extend(self.daemons.into_iter().map(daemon));
        facts
    }
}

/// What their numbers say of pools of workers, and who has them.
fn pools(ask: &mut Ask<'_>) -> Result<Vec<EntityFact>, Unanswered> {
    let workers = ask.vector("sum by (job, instance, pool) (worker_pool_workers)")?;
    if workers.is_empty() {
        return Ok(Vec::new());
    }
    let keyed =
        |samples: Vec<(Labels, f64)>| -> BTreeMap<Labels, f64> { samples.into_iter().collect() };
    let running = keyed(ask.vector("sum by (job, instance, pool) (worker_pool_tasks_running)")?);
    let waiting = keyed(
        ask.vector("min by (job, instance, pool) (min_over_time(worker_pool_tasks_waiting[1m]))")?,
    );
    let refused = keyed(ask.vector(&format!(
        "sum by (job, instance, pool) (increase(worker_pool_tasks_refused_total[{WINDOW}])) >= 1"
    ))?);
    let mut facts = Vec::new();
    for (labels, count) in workers {
        let Some(pool) = labels.get("pool").filter(|it| !it.is_empty()) else {
            continue;
        };
        let process = process_name(&labels);
        let of = |values: &BTreeMap<Labels, f64>| values.get(&labels).copied().unwrap_or(0.0);
        let reason = if of(&refused) >= 1.0 {
            format!("it refused {} jobs in {WINDOW}", whole(of(&refused)))
        } else if of(&waiting) >= 1.0 && of(&running) >= count {
            format!(
                "all {} workers are busy, and never fewer than {} jobs waited in the last minute",
                whole(count),
                whole(of(&waiting))
            )
        } else {
            String::new()
        };
        let entity = EntityId::new(EntityKind::Pool, format!("{process}/{pool}"));
        let mut own_labels = process_labels(&labels);
        own_labels.push(("pool".to_owned(), pool.to_owned()));
        facts.push(EntityFact {
            entity: entity.clone(),
            source: FactSource::Traffic,
            from: format!("pool {pool}"),
            state: match reason.is_empty() {
                true => HealthState::Up,
                false => HealthState::Degraded,
            },
            reason,
            depends_on: Vec::new(),
            labels: own_labels,
        });
        facts.push(EntityFact {
            entity: EntityId::new(EntityKind::Daemon, process.clone()),
            source: FactSource::Traffic,
            from: process,
            state: HealthState::Unknown,
            reason: String::new(),
            depends_on: vec![entity],
            labels: process_labels(&labels),
        });
    }
    Ok(facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_caller_say_nothing_of_the_called_and_are_told() {
        let mut tally = Tally::default();
        tally.take("auth", 900.0);
        tally.take("400", 100.0);
        let (state, reason) = tally.verdict("calls");
        assert_eq!(state, HealthState::Unknown);
        assert_eq!(
            reason,
            "all 1000 calls in 5m failed by the caller's own fault, mostly with auth"
        );
    }

    #[test]
    fn few_failures_of_few_calls_are_no_outage() {
        let verdict = |good: f64, bad: f64| {
            let mut tally = Tally::default();
            tally.take("", good);
            tally.take("server", bad);
            tally.take("bad_request", 1_000.0);
            tally.verdict("calls").0
        };
        for (good, bad, want) in [
            (0.0, 0.0, HealthState::Unknown),
            (1.0, 1.0, HealthState::Up),
            (0.0, 2.0, HealthState::Degraded),
            (0.0, 5.0, HealthState::Down),
            (20.0, 1.0, HealthState::Up),
            (900.0, 30.0, HealthState::Up),
            (900.0, 90.0, HealthState::Degraded),
            (40.0, 60.0, HealthState::Down),
            (60.0, 40.0, HealthState::Degraded),
        ] {
            assert_eq!(verdict(good, bad), want, "{good} good, {bad} bad");
        }
    }
}
