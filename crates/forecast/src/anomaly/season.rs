//! What the time of day, or of the week, lets expect.

const DAY_MS: i64 = 86_400_000;
/// Parts of a day: a quarter of an hour each, or one a sample if samples are rarer.
const SLOTS_MAX: i64 = 96;
/// How much a new day, or week, counts once there are some.
const DAY_WEIGHT: f32 = 0.2;
const WEEK_WEIGHT: f32 = 0.3;
/// A part is known after so many periods.
const PERIODS_MIN: u8 = 2;
/// A season is used when what lies outside of it is less than this part of the mean deviation.
const GAIN: f64 = 0.3;

/// The seasons of a day and of a week, of which the better one is used, or none.
#[derive(Debug, Clone)]
pub(super) struct Seasons {
    day: Season,
    week: Season,
}

/// What a season lets expect of a moment: the means of the part before, of it, and of the one after.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected {
    pub(super) value: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Expected {
    /// How far above (or, negative, below) all that is expected.
    pub(super) fn outside(&self, value: f64) -> f64 {
        value - value.max(self.low).min(self.high)
    }
}

impl Seasons {
    pub(super) fn new(step_ms: i64) -> Self {
        let step_ms = step_ms.clamp(1, DAY_MS);
        let slots = (DAY_MS / step_ms).clamp(1, SLOTS_MAX);
        let samples_a_day = (DAY_MS / step_ms) as f64;
        Self {
            day: Season::new(DAY_MS, slots, DAY_WEIGHT, samples_a_day),
            week: Season::new(7 * DAY_MS, 7 * slots, WEEK_WEIGHT, samples_a_day),
        }
    }

    /// Takes in a sample; answers what was expected of it, if a season explains the series well:
    /// `deviation` is its mean deviation without any.
    pub(super) fn push(&mut self, time_ms: i64, value: f64, deviation: f64) -> Option<Expected> {
        let day = self.day.push(time_ms, value);
        let week = self.week.push(time_ms, value);
        let limit = GAIN * deviation;
        let week = week.filter(|_| self.week.explains(limit));
        let day = day.filter(|_| self.day.explains(limit));
        match (week, day) {
            (Some(_), Some(_)) if self.day.error <= self.week.error => day,
            (None, _) => day,
            _ => week,
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let seasons = [&self.day, &self.week].into_iter();
        seasons
            .map(|season| season.means.len() * (size_of::<f32>() + size_of::<u8>()))
            .sum()
    }

    pub(super) fn rescale(&mut self, factor: f32) {
        for season in [&mut self.day, &mut self.week] {
            season.means.iter_mut().for_each(|mean| *mean *= factor);
            season.sum *= f64::from(factor);
            season.error *= f64::from(factor);
        }
    }
}

/// Means of the parts of a period.
#[derive(Debug, Clone)]
struct Season {
    period_ms: i64,
    weight: f32,
    means: Vec<f32>,
    /// How many periods are in a mean.
    periods: Vec<u8>,
    /// The part that runs, counted from 1970, and what came in it.
    slot: i64,
    sum: f64,
    count: f64,
    /// Mean distance of samples from what was expected, over about `memory` samples.
    error: f64,
    judged: f64,
    judged_min: f64,
    memory: f64,
}

impl Season {
    fn new(period_ms: i64, slots: i64, weight: f32, samples_a_day: f64) -> Self {
        Self {
            period_ms,
            weight,
            means: vec![0.0; slots as usize],
            periods: vec![0; slots as usize],
            slot: i64::MIN,
            sum: 0.0,
            count: 0.0,
            error: 0.0,
            judged: 0.0,
            judged_min: samples_a_day * (period_ms / DAY_MS) as f64 / 3.0,
            memory: samples_a_day.max(2000.0),
        }
    }

    fn push(&mut self, time_ms: i64, value: f64) -> Option<Expected> {
        let slots = self.means.len() as i64;
        let of_period = time_ms.rem_euclid(self.period_ms) * slots / self.period_ms;
        let slot = time_ms.div_euclid(self.period_ms) * slots + of_period;
        let expected = self.expected(of_period as usize);
        if let Some(expected) = expected {
            self.judged += 1.0;
            let part = 1.0 / self.judged.min(self.memory);
            self.error += part * (expected.outside(value).abs() - self.error);
        }
        if slot != self.slot {
            self.close();
            self.slot = slot;
        }
        self.sum += value;
        self.count += 1.0;
        expected
    }

    /// Keeps the mean of the part that has ended.
    fn close(&mut self) {
        if self.count > 0.0 {
            let at = self.slot.rem_euclid(self.means.len() as i64) as usize;
            self.periods[at] = self.periods[at].saturating_add(1);
            let weight = self.weight.max(1.0 / f32::from(self.periods[at]));
            self.means[at] += weight * ((self.sum / self.count) as f32 - self.means[at]);
        }
        self.sum = 0.0;
        self.count = 0.0;
    }

    fn expected(&self, at: usize) -> Option<Expected> {
        let slots = self.means.len();
        let near = [(at + slots - 1) % slots, at, (at + 1) % slots];
        if near.iter().any(|&slot| self.periods[slot] < PERIODS_MIN) {
            return None;
        }
        let means = near.map(|slot| f64::from(self.means[slot]));
        Some(Expected {
            value: means[1],
            low: means[0].min(means[1]).min(means[2]),
            high: means[0].max(means[1]).max(means[2]),
        })
    }

    fn explains(&self, limit: f64) -> bool {
        self.judged >= self.judged_min && self.error < limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    fn work(hour: i64) -> f64 {
        let (weekday, of_day) = ((hour / 24) % 7, hour % 24);
        if weekday < 5 && (8..18).contains(&of_day) {
            10.0
        } else {
            1.0
        }
    }

    #[test]
    fn a_week_is_told_from_days_once_it_is_known() {
        let mut seasons = Seasons::new(HOUR_MS);
        let mut unknown = 0;
        for hour in 0..24 * 7 * 5 {
            let expected = seasons.push(hour * HOUR_MS, work(hour), 3.0);
            unknown += i64::from(expected.is_none());
            if hour >= 24 * 7 * 3 {
                let expected = expected.expect("a week is known");
                assert_eq!(expected.value, work(hour), "{hour}");
                assert_eq!(expected.outside(work(hour)), 0.0);
                assert_eq!(expected.outside(expected.high + 2.0), 2.0);
                assert_eq!(expected.outside(expected.low - 2.0), -2.0);
            }
        }
        assert!(unknown >= 48, "two days are needed at least");
    }

    #[test]
    fn what_explains_little_is_not_used() {
        let mut seasons = Seasons::new(HOUR_MS);
        for hour in 0..24 * 60i64 {
            let noise = (hour * 7919 % 97) as f64 / 97.0;
            assert!(
                seasons.push(hour * HOUR_MS, noise, 0.25).is_none(),
                "{hour}"
            );
        }
    }

    #[test]
    fn any_time_will_do() {
        let mut seasons = Seasons::new(i64::MAX);
        for time_ms in [0, i64::MIN, i64::MAX, -1, 5] {
            let expected = seasons.push(time_ms, 1.0, 1.0);
            assert!(expected.is_none_or(|expected| expected.outside(1.0) == 0.0));
        }
    }
}
