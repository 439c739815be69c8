//! When things end of which some were not watched to their end.

/// Times are no later, so that differences of them are finite.
const TIME_MAX: f64 = 1e15;

/// How likely it is over by a time.
#[derive(Debug, Clone)]
pub(super) struct Survival {
    /// Times at which something ended, ascending, each with the probability of an end by then,
    /// itself counted half.
    ends: Vec<(f64, f64)>,
    /// How long anything was watched at most, and the probability that it went on even then.
    last: f64,
    left: f64,
    /// Ends a step watched.
    rate: f64,
}

impl Survival {
    /// Of times and whether it ended then, or was merely not watched any longer (Kaplan and Meier's
    /// estimate; an even rate of ends beyond the longest).
    pub(super) fn new(mut times: Vec<(f64, bool)>) -> Self {
        // What ended at a time was watched at that time.
        times.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
        let mut left = 1.0;
        let mut ends = Vec::new();
        for (number, (time, ended)) in times.iter().enumerate() {
            if *ended {
                let now = left * (1.0 - 1.0 / (times.len() - number) as f64);
                ends.push((*time, 1.0 - 0.5 * (left + now)));
                left = now;
            }
        }
        let watched: f64 = times.iter().map(|(time, _)| time).sum();
        let rate = if watched > 0.0 {
            ends.len() as f64 / watched
        } else {
            0.0
        };
        Self {
            ends,
            last: times.last().map_or(0.0, |(time, _)| *time),
            left,
            rate,
        }
    }

    /// The time by which it is over with a probability; infinite if that is never.
    pub(super) fn quantile(&self, share: f64) -> f64 {
        let after = self.ends.partition_point(|(_, by)| *by < share);
        if let Some(&(time, by)) = self.ends.get(after) {
            let Some(&(earlier, before)) = after.checked_sub(1).and_then(|at| self.ends.get(at))
            else {
                return time;
            };
            return earlier + (time - earlier) * (share - before) / (by - before).max(1e-12);
        }
        match self.ends.last() {
            // All have ended, or the last of them counts half.
            Some(&(time, _)) if share <= 1.0 - self.left => time,
            // Never before the last end, whatever rounding says of a part that is just left.
            _ if self.rate > 0.0 => {
                self.last + (self.left / (1.0 - share)).max(1.0).ln() / self.rate
            }
            _ => f64::INFINITY,
        }
    }

    /// How likely it is over by a time.
    pub(super) fn by(&self, time: f64) -> f64 {
        if time >= self.last {
            return 1.0 - self.left * (self.rate * (self.last - time)).exp();
        }
        let over = self.ends.partition_point(|(end, _)| *end <= time);
        over.checked_sub(1).map_or(0.0, |at| self.ends[at].1)
    }

    /// Moves ends away from the median, in proportion, by a power.
    pub(super) fn widen(&mut self, power: f64) {
        let middle = self.quantile(0.5);
        for (time, _) in &mut self.ends {
            if *time > 0.0 && middle > 0.0 && middle.is_finite() {
                *time = (middle * (*time / middle).powf(power)).min(TIME_MAX);
                self.last = self.last.max(*time);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_watched_to_its_end_is_as_its_order_says() {
        let all = Survival::new((1..=10).map(|at| (f64::from(at), true)).collect());
        assert!((all.quantile(0.5) - 5.5).abs() < 1e-9);
        assert!((all.quantile(0.25) - 3.0).abs() < 1e-9);
        assert_eq!((all.quantile(0.01), all.quantile(0.99)), (1.0, 10.0));
        assert_eq!((all.by(0.5), all.by(10.0)), (0.0, 1.0));
    }

    #[test]
    fn what_was_not_counts_as_long_as_it_was_watched() {
        // Of four, one leaves after the first end: the second is one of two.
        let some = Survival::new(vec![(1.0, true), (2.0, false), (3.0, true), (9.0, false)]);
        assert!((some.by(9.0) - (1.0 - 0.75 * 0.5)).abs() < 1e-12);
        // Beyond, two ends in 15 steps watched.
        let beyond = some.quantile(0.9);
        assert!(
            (beyond - (9.0 + (0.375f64 / 0.1).ln() * 7.5)).abs() < 1e-9,
            "{beyond}"
        );
        let never = Survival::new(vec![(5.0, false); 3]);
        assert_eq!((never.quantile(0.1), never.by(1e9)), (f64::INFINITY, 0.0));
    }

    #[test]
    fn widening_keeps_the_median() {
        let mut all = Survival::new((1..=9).map(|at| (f64::from(at), true)).collect());
        all.widen(2.0);
        assert!((all.quantile(0.5) - 5.0).abs() < 1e-9);
        assert!((all.quantile(0.01) - 0.2).abs() < 1e-9);
    }
}
