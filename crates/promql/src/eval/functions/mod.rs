//! The functions that need nothing but one value, or one window, at a time: which there are.

mod dates;
mod elementwise;

pub(crate) use dates::DatePart;
pub(crate) use elementwise::MapFn;

use crate::QueryError;
use crate::ast::RangeExtension;

/// A function over windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RangeFn {
    AbsentOverTime,
    AnomalyScore,
    AvgOverTime,
    Changes,
    CountOverTime,
    Delta,
    Deriv,
    DoubleExponentialSmoothing,
    FirstOverTime,
    ForecastOverTime,
    Idelta,
    Increase,
    Irate,
    LastOverTime,
    MadOverTime,
    MaxOverTime,
    MinOverTime,
    PredictLinear,
    PresentOverTime,
    QuantileOverTime,
    Rate,
    Resets,
    StddevOverTime,
    StdvarOverTime,
    SumOverTime,
    TsOfFirstOverTime,
    TsOfLastOverTime,
    TsOfMaxOverTime,
    TsOfMinOverTime,
}

impl RangeFn {
    pub(crate) fn find(name: &str) -> Option<Self> {
        Some(match name {
            "absent_over_time" => Self::AbsentOverTime,
            "anomaly_score" => Self::AnomalyScore,
            "avg_over_time" => Self::AvgOverTime,
            "changes" => Self::Changes,
            "count_over_time" => Self::CountOverTime,
            "delta" => Self::Delta,
            "deriv" => Self::Deriv,
            "double_exponential_smoothing" => Self::DoubleExponentialSmoothing,
            "first_over_time" => Self::FirstOverTime,
            "forecast_over_time" => Self::ForecastOverTime,
            "idelta" => Self::Idelta,
            "increase" => Self::Increase,
            "irate" => Self::Irate,
            "last_over_time" => Self::LastOverTime,
            "mad_over_time" => Self::MadOverTime,
            "max_over_time" => Self::MaxOverTime,
            "min_over_time" => Self::MinOverTime,
            "predict_linear" => Self::PredictLinear,
            "present_over_time" => Self::PresentOverTime,
            "quantile_over_time" => Self::QuantileOverTime,
            "rate" => Self::Rate,
            "resets" => Self::Resets,
            "stddev_over_time" => Self::StddevOverTime,
            "stdvar_over_time" => Self::StdvarOverTime,
            "sum_over_time" => Self::SumOverTime,
            "ts_of_first_over_time" => Self::TsOfFirstOverTime,
            "ts_of_last_over_time" => Self::TsOfLastOverTime,
            "ts_of_max_over_time" => Self::TsOfMaxOverTime,
            "ts_of_min_over_time" => Self::TsOfMinOverTime,
            _ => return None,
        })
    }

    /// Whether the answer is a sample of the metric itself, and keeps its name.
    pub(crate) fn keeps_name(self) -> bool {
        matches!(self, Self::LastOverTime | Self::FirstOverTime)
    }

    /// Whether it looks at start timestamps.
    pub(crate) fn uses_starts(self) -> bool {
        matches!(
            self,
            Self::Rate | Self::Irate | Self::Increase | Self::Resets
        )
    }

    /// Whether a window takes as long as thousands of others do.
    pub(crate) fn is_slow(self) -> bool {
        matches!(self, Self::AnomalyScore | Self::ForecastOverTime)
    }

    fn name(self) -> &'static str {
        crate::functions::FUNCTIONS
            .iter()
            .map(|function| function.name)
            .find(|name| Self::find(name) == Some(self))
            .unwrap_or("")
    }

    /// Fails where the function has no meaning for windows with that modifier.
    pub(crate) fn allows(self, extension: Option<RangeExtension>) -> Result<(), QueryError> {
        let smoothed = matches!(self, Self::Rate | Self::Increase | Self::Delta);
        let anchored = smoothed || matches!(self, Self::Resets | Self::Changes);
        let (word, functions) = match extension {
            Some(RangeExtension::Anchored) if !anchored => {
                ("anchored", "changes, delta, increase, rate, resets")
            }
            Some(RangeExtension::Smoothed) if !smoothed => ("smoothed", "delta, increase, rate"),
            _ => return Ok(()),
        };
        Err(QueryError::Execution(format!(
            "{word} modifier can only be used with: {functions} - not with {}",
            self.name()
        )))
    }
}
