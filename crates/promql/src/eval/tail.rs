//! The function `binomial_tail(bad, total, share)`: how likely so many of so many are bad, or more.
//!
//! ## Model
//! Elements with the same labels belong together, as with an operator between two vectors. The result
//! is the probability of `bad` or more of `total` independent trials, each bad with probability
//! `share`; counts need not be whole, since windows extrapolate. What is on one side only, and what is
//! no count, gives nothing.
//!
//! ## See also
//! [`bellwether_slo::binomial`], and ADR 0012 for what it is for.

use bellwether_model::Labels;
use bellwether_slo::binomial;
use rustc_hash::FxHashMap;

use super::Query;
use super::column::{ABSENT, Column, Grid, Series, guard, is_absent};
use super::matching::{same_labelset, without_metadata};
use super::plan::CallNode;
use crate::QueryError;

impl Query<'_> {
    pub(crate) fn binomial_tail(
        &self,
        call: &CallNode,
        grid: Grid,
    ) -> Result<Vec<Series>, QueryError> {
        let [bad, total, share] = call.args.as_slice() else {
            return Err(QueryError::Execution(format!(
                "{} needs three arguments",
                call.name
            )));
        };
        let bad = self.vector(bad, grid)?;
        let total = self.vector(total, grid)?;
        let share = self.scalar(share, grid)?;
        let held: u64 = bad.iter().chain(&total).map(|it| it.column.weight()).sum();
        let mut totals: FxHashMap<Labels, &Series> = FxHashMap::default();
        for one in total.iter().filter(|one| one.column.is_floats()) {
            if totals.insert(without_metadata(&one.labels), one).is_some() {
                return Err(same_labelset());
            }
        }
        let mut out = Vec::new();
        let mut seen: FxHashMap<Labels, ()> = FxHashMap::default();
        for one in bad.iter().filter(|one| one.column.is_floats()) {
            self.limits.check()?;
            let labels = without_metadata(&one.labels);
            let Some(all) = totals.get(&labels) else {
                continue;
            };
            if seen.insert(labels.clone(), ()).is_some() {
                return Err(same_labelset());
            }
            let values: Vec<f64> = (0..grid.count)
                .map(|step| {
                    let (bad, total) = (one.column.values[step], all.column.values[step]);
                    if is_absent(bad) || is_absent(total) {
                        return ABSENT;
                    }
                    guard(chance(bad, total, share[step]))
                })
                .collect();
            out.push(Series {
                labels,
                drop_name: false,
                column: Column::of(values),
            });
        }
        out.retain(|one| !one.column.is_empty());
        self.limits.release(held);
        self.limits
            .hold(out.iter().map(|one| one.column.weight()).sum())?;
        Ok(out)
    }
}

/// NaN for what is no count of a count, and for what is no share.
fn chance(bad: f64, total: f64, share: f64) -> f64 {
    if !(0.0..=1.0).contains(&share) || bad.is_nan() || !(0.0..f64::INFINITY).contains(&total) {
        return f64::NAN;
    }
    binomial::tail_of_sums(bad, total, share)
}
