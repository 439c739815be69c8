//! A request path at work: which stage explains that it is slower than it was.

use std::sync::Arc;

use bellwether_forecast::bottleneck::{Bottleneck, RequestPath, Stage, bottleneck};
use bellwether_model::{Labels, METRIC_NAME};
use bellwether_promql::Prepared;
use bellwether_storage::{SeriesWriter, Source};
use parking_lot::Mutex;

use super::look::{Asker, prepared};
use super::settings::PathSettings;
use super::status::PathStatus;
use crate::error::RulesError;

/// Growth of fewer usual deviations than this may be noise: no stage has a share of it.
const DEVIATIONS_MIN: f64 = 3.0;

/// See the module's page.
#[derive(Debug)]
pub(super) struct Path {
    pub(super) settings: Arc<PathSettings>,
    whole: Prepared,
    arrivals: Prepared,
    workers: Option<Prepared>,
    /// Seconds and calls of each stage.
    stages: Vec<(Prepared, Option<Prepared>)>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    writer: SeriesWriter,
    status: PathStatus,
    is_over: bool,
}

/// What the queries of a path say, a value a step.
struct Seen {
    whole: Vec<f64>,
    arrivals: Vec<f64>,
    workers: Vec<f64>,
    stages: Vec<(Vec<f64>, Vec<f64>)>,
}

impl Path {
    /// A path that has seen nothing.
    ///
    /// # Errors
    /// What is wrong with its queries.
    pub(super) fn new(settings: &PathSettings, asker: Asker<'_>) -> Result<Self, RulesError> {
        let read = |key, query: &str| prepared(asker.engine, &settings.name, key, query);
        let given = |key, query: &str| match query.is_empty() {
            true => Ok(None),
            false => read(key, query).map(Some),
        };
        let stages = settings.stages.iter().map(|stage| {
            let calls = given("path.stages.calls", &stage.calls)?;
            Ok((read("path.stages.seconds", &stage.seconds)?, calls))
        });
        let stages: Result<Vec<_>, RulesError> = stages.collect();
        let settings = Arc::new(settings.clone());
        Ok(Self {
            whole: read("path.seconds", &settings.whole)?,
            arrivals: read("path.arrivals", &settings.arrivals)?,
            workers: given("path.workers", &settings.workers)?,
            stages: stages?,
            state: Mutex::new(State {
                writer: SeriesWriter::new(Source::new(&format!("path:{}", settings.name))),
                status: PathStatus {
                    settings: Arc::clone(&settings),
                    turned_at_ms: None,
                    bottleneck: None,
                    problem: None,
                },
                is_over: false,
            }),
            settings,
        })
    }

    /// Compares, and writes the shares.
    pub(super) fn turn(&self, asker: Asker<'_>, time_ms: i64) {
        let mut state = self.state.lock();
        if state.is_over {
            return;
        }
        let compared = self.compare(asker, time_ms);
        if asker.cancel.is_cancelled() {
            return;
        }
        let before = state.status.problem.take();
        if let Err(problem) = &compared
            && before.as_ref() != Some(problem)
        {
            tracing::warn!(
                path = self.settings.name,
                problem,
                "a path could not be compared"
            );
        }
        state.status.turned_at_ms = Some(time_ms);
        (state.status.bottleneck, state.status.problem) = match compared {
            Ok(bottleneck) => (Some(bottleneck), None),
            Err(problem) => (None, Some(problem)),
        };
        let samples = state
            .status
            .bottleneck
            .as_ref()
            .map(|found| self.samples(found));
        let written = state
            .writer
            .write(asker.store, time_ms, samples.unwrap_or_default());
        if let Err(error) = written {
            tracing::warn!(path = self.settings.name, %error, "shares of stages are not stored");
        }
    }

    /// Says that its series end, and takes no more turns.
    pub(super) fn end(&self, asker: Asker<'_>, time_ms: i64) {
        let mut state = self.state.lock();
        state.is_over = true;
        if let Err(error) = state.writer.end(asker.store, time_ms) {
            tracing::warn!(path = self.settings.name, %error, "the end of shares is not stored");
        }
    }

    pub(super) fn status(&self) -> PathStatus {
        self.state.lock().status.clone()
    }

    fn compare(&self, asker: Asker<'_>, time_ms: i64) -> Result<Bottleneck, String> {
        let seen = self.look(asker, time_ms)?;
        let named = self.settings.stages.iter().zip(&seen.stages);
        let stages: Vec<Stage<'_>> = named
            .map(|(stage, (seconds, calls))| Stage {
                name: &stage.name,
                kind: stage.kind,
                seconds,
                calls,
            })
            .collect();
        let path = RequestPath {
            step_ms: self.settings.step_ms,
            stages: &stages,
            whole: &seen.whole,
            arrivals: &seen.arrivals,
            workers: &seen.workers,
        };
        let (before, all) = (self.before(), seen.whole.len());
        bottleneck(&path, 0..before, before..all).map_err(|error| error.to_string())
    }

    /// Steps of the time before.
    fn before(&self) -> usize {
        usize::try_from(self.settings.before_ms / self.settings.step_ms).unwrap_or(0)
    }

    fn look(&self, asker: Asker<'_>, time_ms: i64) -> Result<Seen, String> {
        let step_ms = self.settings.step_ms;
        let after = self.settings.after_ms / step_ms;
        let steps = self.before() as i64 + after;
        let span = (time_ms - (steps - 1) * step_ms, time_ms);
        let ask = |query: &Prepared| asker.only(query, span, step_ms);
        let steps = usize::try_from(steps).unwrap_or(0);
        let stages = self.stages.iter().map(|(seconds, calls)| {
            let calls = match calls {
                Some(calls) => ask(calls)?,
                None => vec![1.0; steps],
            };
            Ok((ask(seconds)?, calls))
        });
        let per_step = step_ms as f64 / 1_000.0;
        let arrivals = ask(&self.arrivals)?;
        Ok(Seen {
            whole: ask(&self.whole)?,
            // Requests of a step from requests a second.
            arrivals: arrivals.into_iter().map(|rate| rate * per_step).collect(),
            workers: self.workers.as_ref().map_or(Ok(Vec::new()), ask)?,
            stages: stages.collect::<Result<_, String>>()?,
        })
    }

    fn samples(&self, found: &Bottleneck) -> Vec<(Labels, f64)> {
        let is_growth = found.deviations >= DEVIATIONS_MIN;
        let each = found.causes.iter().map(|cause| {
            let own = self.settings.labels.iter();
            let own = own.map(|(name, value)| (name.as_str(), value.as_str()));
            let labels = Labels::from_pairs(own.chain([
                (METRIC_NAME, "bellwether_bottleneck_share"),
                ("path", self.settings.name.as_str()),
                ("stage", cause.name.as_str()),
            ]));
            (labels, if is_growth { cause.share } else { 0.0 })
        });
        each.collect()
    }
}
