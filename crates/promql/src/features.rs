//! Which parts of the language that are still experimental upstream are switched on.

/// Experimental parts of the language, each behind the name that Prometheus gives it in
/// `--enable-feature`. All are off by default, but for duration expressions, which Prometheus has
/// made part of the language, and for extended range selectors, which the rules of objectives need.
/// `prediction` is of our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Features {
    /// `promql-experimental-functions`: functions and aggregations that may still change.
    pub experimental_functions: bool,
    /// `promql-duration-expr`, on by default: arithmetic in ranges, offsets and subquery steps.
    pub duration_expr: bool,
    /// `promql-delayed-name-removal`: the metric name is removed at the end of the query.
    pub delayed_name_removal: bool,
    /// `promql-extended-range-selectors`, on by default: the modifiers `anchored` and `smoothed`.
    pub extended_range_selectors: bool,
    /// `promql-binop-fill-modifiers`: the modifiers `fill`, `fill_left` and `fill_right`.
    pub binop_fill_modifiers: bool,
    /// `promql-per-step-stats`: statistics for each step, where the request asks for them.
    pub per_step_stats: bool,
    /// `use-start-timestamps`: `rate` and its relatives use the start timestamps of counters.
    pub use_start_timestamps: bool,
    /// `type-and-unit-labels`: metric type and unit stand in labels and are dropped with the name.
    pub type_and_unit_labels: bool,
    /// `prediction`: the functions `forecast_over_time` and `anomaly_score`.
    pub prediction: bool,
}

impl Default for Features {
    fn default() -> Self {
        Self {
            duration_expr: true,
            extended_range_selectors: true,
            ..Self::none()
        }
    }
}

impl Features {
    /// Everything off.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            experimental_functions: false,
            duration_expr: false,
            delayed_name_removal: false,
            extended_range_selectors: false,
            binop_fill_modifiers: false,
            per_step_stats: false,
            use_start_timestamps: false,
            type_and_unit_labels: false,
            prediction: false,
        }
    }

    /// Everything on: how test scripts are run.
    #[must_use]
    pub const fn all() -> Self {
        Self {
            experimental_functions: true,
            duration_expr: true,
            delayed_name_removal: true,
            extended_range_selectors: true,
            binop_fill_modifiers: true,
            per_step_stats: true,
            use_start_timestamps: true,
            type_and_unit_labels: true,
            prediction: true,
        }
    }

    /// The features with these names. Names that mean nothing here are left out: the flag is
    /// shared with features of the server.
    #[must_use]
    pub fn from_names(names: &[&str]) -> Self {
        let mut features = Self::default();
        for name in names {
            match *name {
                "promql-experimental-functions" => features.experimental_functions = true,
                "promql-duration-expr" => features.duration_expr = true,
                "promql-delayed-name-removal" => features.delayed_name_removal = true,
                "promql-extended-range-selectors" => features.extended_range_selectors = true,
                "promql-binop-fill-modifiers" => features.binop_fill_modifiers = true,
                "promql-per-step-stats" => features.per_step_stats = true,
                "use-start-timestamps" => features.use_start_timestamps = true,
                "type-and-unit-labels" => features.type_and_unit_labels = true,
                "prediction" => features.prediction = true,
                _ => {}
            }
        }
        features
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_switch_features_on() {
        let features = Features::from_names(&["promql-binop-fill-modifiers", "exemplar-storage"]);
        assert_eq!(
            features,
            Features {
                binop_fill_modifiers: true,
                ..Features::default()
            }
        );
    }
}
