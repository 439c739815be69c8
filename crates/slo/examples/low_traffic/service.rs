//! A service with few requests, minute by minute: what it gets, what fails, what rules say of it.

use bellwether_slo::budget::Counts;
use bellwether_slo::period::DAY_MS;

pub(crate) const MINUTE_MS: i64 = 60_000;
pub(crate) const DAY_MINUTES: usize = (DAY_MS / MINUTE_MS) as usize;
/// Before anything counts, windows fill.
pub(crate) const WARM_UP: usize = 3 * DAY_MINUTES;
/// What counts.
pub(crate) const MINUTES: usize = 30 * DAY_MINUTES;
/// No rule has a longer short window: it cannot fire when nothing has failed for so long.
const SHORT_MAX: usize = 6 * 60;
/// Pages that begin so soon after the last one are told as one.
const JOINED: usize = 60;

/// A rule: the target, and what happened in the last so many milliseconds.
pub(crate) type Rule<'a> = dyn Fn(f64, &dyn Fn(i64) -> Counts) -> bool + 'a;

/// Uniform numbers (splitmix64 by S. Vigna).
#[derive(Debug, Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// Above 0, up to 1.
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        ((z >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    fn poisson(&mut self, exp_of_minus_mean: f64) -> u32 {
        let mut product = self.uniform();
        let mut count = 0;
        while product > exp_of_minus_mean {
            product *= self.uniform();
            count += 1;
        }
        count
    }
}

/// Requests up to each minute: one more than there are minutes.
pub(crate) struct Traffic(Vec<u32>);

impl Traffic {
    /// Poisson; with a `rhythm` from 0 (none) to 1, the rate of a day follows a sine.
    pub(crate) fn new(requests_a_day: f64, rhythm: f64, random: &mut Random) -> Self {
        let mean = requests_a_day / DAY_MINUTES as f64;
        let by_minute: Vec<f64> = (0..DAY_MINUTES)
            .map(|minute| {
                let angle = minute as f64 / DAY_MINUTES as f64 * std::f64::consts::TAU;
                (-mean * (1.0 + rhythm * angle.sin())).exp()
            })
            .collect();
        let mut upto = vec![0];
        let mut sum = 0;
        for minute in 0..WARM_UP + MINUTES {
            sum += random.poisson(by_minute[minute % DAY_MINUTES]);
            upto.push(sum);
        }
        Self(upto)
    }
}

/// Failures up to each minute.
pub(crate) struct Failures {
    upto: Vec<u32>,
    /// The minutes in which something fails, ascending.
    minutes: Vec<usize>,
}

impl Failures {
    /// Each request fails with `share.0` during the warm-up, with `share.1` afterwards.
    pub(crate) fn new(traffic: &Traffic, share: (f64, f64), random: &mut Random) -> Self {
        let upto = &traffic.0;
        let mut failed = vec![0; upto.len()];
        let mut minutes = Vec::new();
        for (share, minutes_of) in [(share.0, 0..WARM_UP), (share.1, WARM_UP..WARM_UP + MINUTES)] {
            let end = u64::from(upto[minutes_of.end]);
            let mut minute = minutes_of.start;
            let mut request = u64::from(upto[minute]);
            loop {
                request += (random.uniform().ln() / (-share).ln_1p()) as u64;
                if request >= end {
                    break;
                }
                while u64::from(upto[minute + 1]) <= request {
                    minute += 1;
                }
                failed[minute + 1] += 1;
                if minutes.last() != Some(&minute) {
                    minutes.push(minute);
                }
                request += 1;
            }
        }
        for minute in 1..failed.len() {
            failed[minute] += failed[minute - 1];
        }
        Self {
            upto: failed,
            minutes,
        }
    }
}

/// Pages of a rule.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pages {
    /// Runs of minutes in which the rule fires.
    pub(crate) pages: usize,
    /// The same, if a pause of an hour does not end one.
    pub(crate) joined: usize,
}

/// The pages after the warm-up.
pub(crate) fn pages(target: f64, traffic: &Traffic, failures: &Failures, rule: &Rule<'_>) -> Pages {
    let mut pages = Pages::default();
    let mut last_fired: Option<usize> = None;
    for minute in minutes_to_look_at(failures, 0) {
        if !fires(target, traffic, failures, minute, rule) {
            continue;
        }
        let pause = last_fired.map_or(usize::MAX, |last| minute - last);
        if minute > WARM_UP {
            pages.pages += usize::from(pause > 1);
            pages.joined += usize::from(pause > JOINED);
        }
        last_fired = Some(minute);
    }
    pages
}

/// Minutes from the end of the warm-up until the rule fires, if it does.
pub(crate) fn delay(
    target: f64,
    traffic: &Traffic,
    failures: &Failures,
    rule: &Rule<'_>,
) -> Option<usize> {
    minutes_to_look_at(failures, WARM_UP)
        .find(|&minute| fires(target, traffic, failures, minute, rule))
        .map(|minute| minute - WARM_UP)
}

/// The ends of minutes after `begin` at which something has failed of late.
fn minutes_to_look_at(failures: &Failures, begin: usize) -> impl Iterator<Item = usize> + '_ {
    let mut next = begin + 1;
    failures.minutes.iter().flat_map(move |&failed| {
        // The minute that begins at `failed` ends at `failed + 1`.
        let from = next.max(failed + 1);
        let until = (failed + SHORT_MAX).min(WARM_UP + MINUTES);
        next = next.max(until + 1);
        from..until + 1
    })
}

fn fires(
    target: f64,
    traffic: &Traffic,
    failures: &Failures,
    minute: usize,
    rule: &Rule<'_>,
) -> bool {
    rule(target, &|span_ms| {
        let begin = minute.saturating_sub((span_ms / MINUTE_MS) as usize);
        let happened = |upto: &[u32]| f64::from(upto[minute] - upto[begin]);
        Counts {
            bad: happened(&failures.upto),
            total: happened(&traffic.0),
        }
    })
}
