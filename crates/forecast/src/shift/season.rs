//! What the time of day explains.

const DAY_MS: i64 = 86_400_000;
/// Parts of a day: a quarter of an hour each, or one a sample if samples are rarer.
const SLOTS_MAX: i64 = 96;
/// How many days are kept, the present one included.
const DAYS: i64 = 7;
/// Slots before and after the present one whose offsets are taken as possible, too: changes that
/// come a little early or late are no news.
const NEIGHBOURS: i64 = 2;
/// The season is taken off when that lets no more than this share of the mean deviation remain…
const GAIN_ON: f64 = 0.8;
/// … and no more when more than this remains.
const GAIN_OFF: f64 = 0.9;

/// Means of the parts of the last days.
#[derive(Debug, Clone)]
pub(super) struct Season {
    slots: i64,
    /// The days whose means are in the rows.
    days: [i64; DAYS as usize],
    means: Vec<f64>,
    slot: Option<i64>,
    sum: f64,
    count: f64,
    offsets: (f64, f64),
    known: bool,
    // Means and mean deviations, without and with the season taken off, weighted by age.
    weight: f64,
    plain: (f64, f64),
    adjusted: (f64, f64),
    started: bool,
}

impl Season {
    pub(super) fn new(interval_ms: u32) -> Self {
        let interval_ms = i64::from(interval_ms.max(1));
        let slots = (DAY_MS / interval_ms).clamp(1, SLOTS_MAX);
        Self {
            slots,
            days: [i64::MIN; DAYS as usize],
            means: vec![f64::NAN; (slots * DAYS) as usize],
            slot: None,
            sum: 0.0,
            count: 0.0,
            offsets: (0.0, 0.0),
            known: false,
            weight: (interval_ms as f64 / DAY_MS as f64).min(1.0),
            plain: (0.0, 0.0),
            adjusted: (0.0, 0.0),
            started: false,
        }
    }

    /// Takes in a sample and answers how far the time of day may be expected to lie above the
    /// level of a day: from, to. Only days before the present one are asked.
    pub(super) fn push(&mut self, time_ms: i64, value: f64) -> (f64, f64) {
        let of_day = time_ms.rem_euclid(DAY_MS) * self.slots / DAY_MS;
        let slot = time_ms.div_euclid(DAY_MS) * self.slots + of_day;
        if self.slot != Some(slot) {
            self.close();
            self.slot = Some(slot);
            self.offsets = self.offsets_at(slot);
        }
        self.sum += value;
        self.count += 1.0;
        self.offsets
    }

    /// Whether taking off the season is worth it, judged by the mean deviations of about a day.
    pub(super) fn judge(&mut self, plain: f64, adjusted: f64, now: bool) -> bool {
        if !self.known {
            return false;
        }
        if !self.started {
            self.started = true;
            self.plain.0 = plain;
            self.adjusted.0 = adjusted;
        }
        for (held, value) in [(&mut self.plain, plain), (&mut self.adjusted, adjusted)] {
            held.0 += self.weight * (value - held.0);
            held.1 += self.weight * ((value - held.0).abs() - held.1);
        }
        let gain = if now { GAIN_OFF } else { GAIN_ON };
        self.adjusted.1 < self.plain.1 * gain
    }

    /// Keeps the mean of the slot that has ended.
    fn close(&mut self) {
        let Some(slot) = self.slot else {
            return;
        };
        let day = slot.div_euclid(self.slots);
        let row = day.rem_euclid(DAYS) as usize;
        let width = self.slots as usize;
        if self.days[row] != day {
            self.days[row] = day;
            self.means[row * width..(row + 1) * width].fill(f64::NAN);
        }
        self.means[row * width + slot.rem_euclid(self.slots) as usize] = self.sum / self.count;
        self.sum = 0.0;
        self.count = 0.0;
    }

    fn offsets_at(&mut self, slot: i64) -> (f64, f64) {
        let today = slot.div_euclid(self.slots);
        let width = self.slots as usize;
        let mut days: [(&[f64], f64); DAYS as usize] = [(&[], 0.0); DAYS as usize];
        let mut count = 0;
        for day in today.saturating_sub(DAYS - 1)..today {
            let row = day.rem_euclid(DAYS) as usize;
            if self.days[row] != day {
                continue;
            }
            let means = &self.means[row * width..(row + 1) * width];
            let present = means.iter().filter(|mean| mean.is_finite());
            let (number, sum) = present.fold((0usize, 0.0), |(n, sum), mean| (n + 1, sum + mean));
            // A day with holes has no level to compare with.
            if number * 10 >= width * 8 {
                days[count] = (means, sum / number as f64);
                count += 1;
            }
        }
        self.known = count >= 2;
        if !self.known {
            return (0.0, 0.0);
        }
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for near in -NEIGHBOURS..=NEIGHBOURS {
            let at = (slot + near).rem_euclid(self.slots) as usize;
            let offset = agreed(&days[..count], at);
            low = low.min(offset);
            high = high.max(offset);
        }
        (low, high)
    }
}

/// By how much all days, but for the odd one out, agree that this slot lies beside their level:
/// the smallest of their offsets, 0 if they differ in sign.
fn agreed(days: &[(&[f64], f64)], at: usize) -> f64 {
    let mut offsets = [0.0; DAYS as usize];
    let mut count = 0;
    for (means, level) in days {
        if means[at].is_finite() {
            offsets[count] = means[at] - level;
            count += 1;
        }
    }
    if count < 2 {
        return 0.0;
    }
    let offsets = &mut offsets[..count];
    offsets.sort_by(f64::total_cmp);
    let odd = usize::from(count >= 4);
    let (low, high) = (offsets[odd], offsets[count - 1 - odd]);
    if low > 0.0 {
        low
    } else if high < 0.0 {
        high
    } else {
        0.0
    }
}
