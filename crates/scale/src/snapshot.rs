//! The state of a scaler as plain numbers, to be kept over a restart.

use crate::demand::{Demand, HORIZON_STEPS_MAX, Step};
use crate::error::ScaleError;
use crate::rule::HISTORY_STEPS_MAX;
use crate::signals::VALUE_MAX;

/// All that a [`Scaler`](crate::Scaler) knows beside its policy. Lists are oldest first; times are in
/// milliseconds, of the clock of the signals.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    /// When the last decision was made, and what it was.
    pub decided: Option<(i64, u32)>,
    /// Since when the decision is that number.
    pub changed_at_ms: Option<i64>,
    /// Since when every decision had usable signals.
    pub sighted_since_ms: Option<i64>,
    /// Since when the pool is idle.
    pub idle_since_ms: Option<i64>,
    /// Since when no rule can say anything.
    pub blind_since_ms: Option<i64>,
    /// Numbers of workers that were wanted and can still bound the way down, falling.
    pub wanted: Vec<(i64, u32)>,
    /// Worker counts that can still bound a step down, falling.
    pub targets_high: Vec<(i64, u32)>,
    /// Worker counts that can still bound a step up, rising.
    pub targets_low: Vec<(i64, u32)>,
    /// When the last step of the load ended.
    pub stepped_at_ms: Option<i64>,
    /// Sum and count of the offered loads since.
    pub offered: (f64, u32),
    /// The largest work in flight since, weighted.
    pub in_flight_max: Option<f64>,
    /// Whether requests waited when last seen.
    pub was_waiting: bool,
    /// Whether they did the time before as well.
    pub is_backlog_confirmed: bool,
    /// Load and level of the steps whose peak is not known yet.
    pub steps: Vec<(f64, f64)>,
    /// Peaks over the level, in square roots of it.
    pub peaks: Vec<f64>,
    /// The quantile of the peaks, as of the last step.
    pub peak_quantile: Option<f64>,
}

impl Snapshot {
    pub(crate) fn set_demand(&mut self, demand: &Demand) {
        self.stepped_at_ms = demand.stepped_at_ms;
        self.offered = (demand.offered_sum, demand.offered_count);
        self.in_flight_max = demand.in_flight_max;
        self.was_waiting = demand.was_waiting;
        self.is_backlog_confirmed = demand.is_backlog_confirmed;
        self.steps = (demand.recent.iter())
            .map(|step| (step.sample, step.level))
            .collect();
        self.peaks = demand.peaks.iter().copied().collect();
        self.peak_quantile = demand.peak_quantile;
    }

    pub(crate) fn demand(&self) -> Demand {
        let steps = self.steps.iter();
        Demand {
            stepped_at_ms: self.stepped_at_ms,
            offered_sum: self.offered.0,
            offered_count: self.offered.1,
            in_flight_max: self.in_flight_max,
            was_waiting: self.was_waiting,
            is_backlog_confirmed: self.is_backlog_confirmed,
            recent: steps
                .map(|&(sample, level)| Step { sample, level })
                .collect(),
            peaks: self.peaks.iter().copied().collect(),
            peak_quantile: self.peak_quantile,
        }
    }

    /// Checks what arithmetic relies on; a snapshot may come from a damaged file.
    pub(crate) fn validate(&self) -> Result<(), ScaleError> {
        let loads = self
            .steps
            .iter()
            .flat_map(|&(sample, level)| [sample, level]);
        check_numbers("steps", loads, 0.0)?;
        check_numbers("peaks", self.peaks.iter().copied(), -VALUE_MAX)?;
        check_numbers("peak_quantile", self.peak_quantile, -VALUE_MAX)?;
        check_numbers("in_flight_max", self.in_flight_max, 0.0)?;
        // A mean of usable numbers.
        check_numbers(
            "offered",
            [self.offered.0 / f64::from(self.offered.1.max(1))],
            0.0,
        )?;
        check_length("steps", self.steps.len(), HORIZON_STEPS_MAX as usize)?;
        check_length("peaks", self.peaks.len(), HISTORY_STEPS_MAX as usize)?;
        for (field, entries) in [
            ("wanted", &self.wanted),
            ("targets_high", &self.targets_high),
            ("targets_low", &self.targets_low),
        ] {
            if let Some(pair) = entries.windows(2).find(|pair| pair[0].0 > pair[1].0) {
                return Err(ScaleError::Snapshot {
                    field,
                    value: format!("{} before {}", pair[0].0, pair[1].0),
                    allowed: "times that rise",
                });
            }
        }
        Ok(())
    }
}

fn check_numbers(
    field: &'static str,
    values: impl IntoIterator<Item = f64>,
    min: f64,
) -> Result<(), ScaleError> {
    match values.into_iter().find(|v| !(min..=VALUE_MAX).contains(v)) {
        None => Ok(()),
        Some(value) => Err(ScaleError::Snapshot {
            field,
            value: value.to_string(),
            allowed: "finite numbers within 10^12, of loads none below 0",
        }),
    }
}

fn check_length(field: &'static str, length: usize, max: usize) -> Result<(), ScaleError> {
    if length <= max {
        return Ok(());
    }
    Err(ScaleError::Snapshot {
        field,
        value: format!("{length} long"),
        allowed: "4096 peaks and 512 steps at most",
    })
}
