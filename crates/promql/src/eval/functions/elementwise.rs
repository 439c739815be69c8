//! Functions of one value at a time.

use bellwether_model::FloatHistogram;
use bellwether_model::histogram::kahan_add;

use super::DatePart;
use crate::eval::column::{Cell, Column, OwnedCell};
use crate::eval::duration::{go_max, go_min};

/// A function of each value of a vector alone.
#[derive(Debug, Clone, Copy)]
pub(crate) enum MapFn {
    /// A function of floats without other arguments.
    Plain(fn(f64) -> f64),
    Clamp,
    ClampMax,
    ClampMin,
    Round,
    Date(DatePart),
    /// A function of histograms.
    Histogram(fn(&FloatHistogram) -> f64),
    /// The time of the step.
    Timestamp,
    /// Nothing: start timestamps are known of selectors only.
    Nothing,
}

fn sign(x: f64) -> f64 {
    if x < 0.0 {
        -1.0
    } else if x > 0.0 {
        1.0
    } else {
        x
    }
}

fn variance(histogram: &FloatHistogram) -> f64 {
    let mean = histogram.sum / histogram.count;
    let (mut sum, mut rest) = (0.0, 0.0);
    for bucket in histogram.ascending().filter(|b| b.count != 0.0) {
        let middle = if histogram.uses_custom_buckets() {
            (bucket.upper + bucket.lower) / 2.0
        } else if bucket.lower <= 0.0 && bucket.upper >= 0.0 {
            0.0
        } else {
            // Exponential buckets: the geometric mean.
            let middle = (bucket.upper * bucket.lower).sqrt();
            if bucket.upper < 0.0 { -middle } else { middle }
        };
        let distance = middle - mean;
        (sum, rest) = kahan_add(bucket.count * distance * distance, sum, rest);
    }
    (sum + rest) / histogram.count
}

impl MapFn {
    pub(crate) fn find(name: &str) -> Option<Self> {
        if let Some(part) = DatePart::find(name) {
            return Some(Self::Date(part));
        }
        Some(match name {
            "abs" => Self::Plain(f64::abs),
            "acos" => Self::Plain(f64::acos),
            "acosh" => Self::Plain(f64::acosh),
            "asin" => Self::Plain(f64::asin),
            "asinh" => Self::Plain(f64::asinh),
            "atan" => Self::Plain(f64::atan),
            "atanh" => Self::Plain(f64::atanh),
            "ceil" => Self::Plain(f64::ceil),
            "cos" => Self::Plain(f64::cos),
            "cosh" => Self::Plain(f64::cosh),
            "deg" => Self::Plain(|x| x * 180.0 / std::f64::consts::PI),
            "exp" => Self::Plain(f64::exp),
            "floor" => Self::Plain(f64::floor),
            "ln" => Self::Plain(f64::ln),
            "log10" => Self::Plain(f64::log10),
            "log2" => Self::Plain(f64::log2),
            "rad" => Self::Plain(|x| x * std::f64::consts::PI / 180.0),
            "sgn" => Self::Plain(sign),
            "sin" => Self::Plain(f64::sin),
            "sinh" => Self::Plain(f64::sinh),
            "sqrt" => Self::Plain(f64::sqrt),
            "tan" => Self::Plain(f64::tan),
            "tanh" => Self::Plain(f64::tanh),
            "clamp" => Self::Clamp,
            "clamp_max" => Self::ClampMax,
            "clamp_min" => Self::ClampMin,
            "round" => Self::Round,
            "histogram_avg" => Self::Histogram(|h| h.sum / h.count),
            "histogram_count" => Self::Histogram(|h| h.count),
            "histogram_stddev" => Self::Histogram(|h| variance(h).sqrt()),
            "histogram_stdvar" => Self::Histogram(variance),
            "histogram_sum" => Self::Histogram(|h| h.sum),
            "timestamp" => Self::Timestamp,
            "start_timestamp" => Self::Nothing,
            _ => return None,
        })
    }

    /// Changes a column. `args` are the other arguments at each step; `time` gives the time of a
    /// step in seconds.
    pub(crate) fn apply(self, column: &mut Column, args: &[Vec<f64>], time: impl Fn(usize) -> f64) {
        let arg = |index: usize, step: usize| args[index][step];
        match self {
            Self::Plain(function) => column.map_floats(function),
            Self::Round => match args.first() {
                None => column.map_floats(|x| (x + 0.5).floor()),
                Some(nearest) => column.map_floats_with_step(|step, x| {
                    // Multiplying by the inverse is more exact than dividing.
                    let inverse = 1.0 / nearest[step];
                    (x * inverse + 0.5).floor() / inverse
                }),
            },
            Self::ClampMax => {
                column.map_floats_with_step(|step, x| {
                    go_max(f64::NEG_INFINITY, go_min(arg(0, step), x))
                });
            }
            Self::ClampMin => column
                .map_floats_with_step(|step, x| go_max(arg(0, step), go_min(f64::INFINITY, x))),
            Self::Clamp => {
                column
                    .map_floats_with_step(|step, x| go_max(arg(0, step), go_min(arg(1, step), x)));
                column.retain(|step| {
                    let empty = arg(1, step) < arg(0, step);
                    !empty
                });
            }
            Self::Date(part) => column.map_floats(|x| part.of(x as i64)),
            Self::Histogram(function) => {
                *column = column.map_cells(|_, cell| match cell {
                    Cell::Histogram(histogram) => OwnedCell::Float(function(histogram)),
                    _ => OwnedCell::Absent,
                });
            }
            Self::Timestamp => {
                *column = column.map_cells(|step, _| OwnedCell::Float(time(step)));
            }
            Self::Nothing => column.retain(|_| false),
        }
    }
}
