use proptest::prelude::*;

use super::*;
use crate::shift::tests::noise::{Kind, Source};

const MINUTE: i64 = 60_000;
const QUARTER: i64 = 15 * MINUTE;

fn detector() -> Detector {
    Detector::new(Options::default())
}

/// Pushes `count` samples, a quarter of an hour apart.
fn feed(
    detector: &mut Detector,
    from: i64,
    count: i64,
    mut value: impl FnMut(i64) -> f64,
) -> Vec<Verdict> {
    let samples = from..from + count;
    samples
        .map(|at| detector.push(at * QUARTER, value(at)))
        .collect()
}

fn first_above(verdicts: &[Verdict]) -> Option<(usize, Part)> {
    let at = verdicts
        .iter()
        .position(|verdict| verdict.score > THRESHOLD)?;
    Some((at, verdicts[at].explanation.part))
}

#[test]
fn a_spike_is_anomalous_at_once_and_no_alarm() {
    for (name, kind) in Kind::ALL {
        let mut source = Source::new(kind, 7);
        let mut detector = detector();
        feed(&mut detector, 0, 2000, |_| source.next());
        let spike = 60.0 * kind.deviation();
        let verdict = detector.push(2000 * QUARTER, spike);
        assert!(verdict.score > THRESHOLD, "{name}: {verdict:?}");
        let explanation = verdict.explanation;
        assert!(
            matches!(explanation.part, Part::Value | Part::Shape),
            "{name}: {verdict:?}"
        );
        assert!(
            explanation.outside > 0.0 && explanation.once_in > 1000.0,
            "{name}: {verdict:?}"
        );
        assert!(!verdict.alarm);
        let after = feed(&mut detector, 2001, 40, |_| source.next());
        assert!(after.iter().all(|verdict| !verdict.alarm), "{name}");
        assert_eq!(first_above(&after), None, "{name}: what follows is no news");
    }
}

#[test]
fn a_lasting_shift_is_an_alarm_until_it_is_adopted() {
    for (name, kind) in Kind::ALL {
        let mut source = Source::new(kind, 11);
        let mut detector = detector();
        feed(&mut detector, 0, 2000, |_| source.next());
        source.shift = 20.0;
        let verdicts = feed(&mut detector, 2000, 400, |_| source.next());
        let on = verdicts.iter().position(|verdict| verdict.alarm);
        assert!(on.is_some_and(|on| on < 8), "{name}: {on:?}");
        let last = verdicts[399];
        assert!(!last.alarm, "{name}: adopted");
        let middle = last.explanation.expected / kind.deviation();
        assert!(middle > 10.0, "{name}: {last:?}");
    }
}

#[test]
fn an_alarm_ends_by_recovery() {
    let mut source = Source::new(Kind::Gauss, 3);
    let mut detector = detector();
    feed(&mut detector, 0, 1000, |_| source.next());
    source.shift = 15.0;
    assert!(feed(&mut detector, 1000, 20, |_| source.next())[19].alarm);
    source.shift = 0.0;
    let verdicts = feed(&mut detector, 1020, 40, |_| source.next());
    assert!(verdicts[0].alarm && !verdicts[39].alarm);
    assert!(
        verdicts[39].explanation.expected.abs() < 1.0,
        "the level is as it was"
    );
}

/// Work by day, with noise.
fn day(at: i64, noise: f64) -> f64 {
    let hour = (at * QUARTER).rem_euclid(24 * 60 * MINUTE) / (60 * MINUTE);
    noise + if (8..18).contains(&hour) { 80.0 } else { 20.0 }
}

#[test]
fn a_day_that_does_not_begin_is_out_of_season() {
    let mut source = Source::new(Kind::Gauss, 5);
    let mut detector = detector();
    let verdicts = feed(&mut detector, 0, 96 * 20, |at| day(at, source.next()));
    let late = &verdicts[96 * 10..];
    assert!(late.iter().all(|verdict| !verdict.alarm));
    let noon = verdicts[96 * 19 + 48].explanation;
    assert!((noon.expected - 80.0).abs() < 2.0, "{noon:?}");
    assert!(noon.low > 60.0 && noon.high < 100.0, "{noon:?}");
    let night = verdicts[96 * 19 + 8].explanation;
    assert!((night.expected - 20.0).abs() < 2.0, "{night:?}");

    let holiday = feed(&mut detector, 96 * 20, 96, |_| 20.0 + source.next());
    let (at, part) = first_above(&holiday).expect("it is anomalous");
    assert!((32..72).contains(&at), "{at}");
    assert_eq!(part, Part::Season);
    assert!(holiday.iter().any(|verdict| verdict.alarm));
}

#[test]
fn a_known_value_in_an_unknown_run_has_an_unusual_shape() {
    let mut source = Source::new(Kind::Gauss, 9);
    let mut detector = detector();
    let wave = |at: i64| 100.0 * (at as f64 * std::f64::consts::TAU / 40.0).sin();
    feed(&mut detector, 0, 1500, |at| wave(at) + source.next());
    // It stands still where it was on its way up.
    let verdicts = feed(&mut detector, 1500, 30, |_| wave(1500) + source.next());
    let (at, part) = first_above(&verdicts).expect("it is anomalous");
    assert!(at < 16);
    assert_eq!(part, Part::Shape);
}

#[test]
fn noise_scores_above_the_threshold_rarely_and_alarms_more_rarely() {
    // Eight thousand samples of each kind: four weeks at five minutes.
    for (name, kind) in Kind::ALL {
        let mut source = Source::new(kind, 42);
        let mut detector = detector();
        let verdicts = feed(&mut detector, 0, 8000, |_| source.next());
        let above = verdicts
            .iter()
            .filter(|verdict| verdict.score > THRESHOLD)
            .count();
        let alarms = verdicts
            .windows(2)
            .filter(|pair| !pair[0].alarm && pair[1].alarm)
            .count();
        // Of the outliers, one in a hundred samples, a third are farther out than ever.
        assert!(above <= 30, "{name}: {above}");
        assert!(alarms <= 2, "{name}: {alarms}");
        // A thousandth on either side is outside of what is usual.
        let outside = verdicts[2000..]
            .iter()
            .filter(|v| v.explanation.outside != 0.0)
            .count();
        assert!(outside <= 42, "{name}: {outside} of 6000");
    }
}

#[test]
fn a_series_that_is_still_is_not_anomalous_and_one_that_moves_is() {
    let mut detector = detector();
    let verdicts = feed(&mut detector, 0, 3000, |_| 42.0);
    assert_eq!(first_above(&verdicts), None);
    let last = verdicts[2999].explanation;
    assert_eq!((last.low, last.expected, last.high), (42.0, 42.0, 42.0));
    let verdict = detector.push(3000 * QUARTER, 43.0);
    assert!(verdict.score > THRESHOLD, "{verdict:?}");
}

#[test]
fn rare_errors_are_no_news_after_the_first_ones() {
    let mut detector = detector();
    let mut source = Source::new(Kind::Poisson(0.02), 1);
    let verdicts = feed(&mut detector, 0, 4000, |_| source.next());
    let late = verdicts[1000..].iter();
    assert!(late.filter(|verdict| verdict.score > THRESHOLD).count() <= 3);
    let burst = detector.push(4000 * QUARTER, 6.0);
    assert!(burst.score > THRESHOLD, "{burst:?}");
}

#[test]
fn units_and_origins_do_not_matter() {
    let mut source = Source::new(Kind::Ar(0.8), 13);
    let samples: Vec<f64> = (0..3000)
        .map(|at| source.next() + if at == 2500 { 30.0 } else { 0.0 })
        .collect();
    let run = |factor: f64, origin: f64| {
        let mut detector = detector();
        feed(&mut detector, 0, 3000, |at| {
            samples[at as usize] * factor + origin
        })
    };
    let plain = run(1.0, 0.0);
    for (factor, origin) in [(1024.0, 0.0), (1.0 / 4096.0, 0.0)] {
        let other = run(factor, origin);
        for (a, b) in plain.iter().zip(&other) {
            assert!((a.score - b.score).abs() < 1e-6, "{factor}: {a:?} {b:?}");
            assert_eq!(a.alarm, b.alarm);
        }
    }
    for (factor, origin) in [(1.0, 1e6), (3.7e12, -5e13)] {
        let onsets = |verdicts: &[Verdict]| -> Vec<usize> {
            (0..3000)
                .filter(|&at| verdicts[at].score > THRESHOLD + 0.05)
                .collect()
        };
        let other = run(factor, origin);
        assert!(onsets(&other).contains(&2500));
        assert!(onsets(&other).len().abs_diff(onsets(&plain).len()) <= 2);
    }
}

#[test]
fn values_that_are_no_numbers_are_skipped() {
    let mut source = Source::new(Kind::Gauss, 17);
    let (mut with, mut without) = (detector(), detector());
    let mut alarm = false;
    for at in 0..600 {
        let value = source.next();
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let verdict = with.push(at * QUARTER, bad);
            assert_eq!((verdict.score, verdict.alarm), (0.0, alarm));
            assert_eq!(verdict.explanation.part, Part::Nothing);
        }
        let (a, b) = (
            with.push(at * QUARTER, value),
            without.push(at * QUARTER, value),
        );
        assert_eq!(a.score.to_bits(), b.score.to_bits());
        alarm = a.alarm;
    }
    assert!(!with.is_learning());
}

#[test]
fn a_series_takes_less_than_thirty_kilobytes() {
    let mut source = Source::new(Kind::Gauss, 19);
    for step_ms in [1, 15_000, 300_000, 86_400_000, i64::MAX] {
        let mut detector = Detector::new(Options {
            step_ms: Some(step_ms),
        });
        for at in 0..6000i64 {
            detector.push(at.wrapping_mul(step_ms), source.next());
        }
        assert!(detector.bytes() < 30_000, "{step_ms}: {}", detector.bytes());
    }
}

#[test]
fn parts_are_told_in_words() {
    assert_eq!(Part::Value.to_string(), "value far from all known ones");
    assert_eq!(Part::Nothing.to_string(), "as usual");
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -100.0..100.0f64,
        2 => Just(0.0),
        1 => any::<f64>(),
        1 => Just(f64::MAX),
        1 => Just(f64::MIN_POSITIVE),
        1 => (0u32..20).prop_map(f64::from),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn anything_gives_a_score_between_0_and_1(
        start in prop::collection::vec(any_value(), 1..8),
        rest in prop::collection::vec((any::<i64>(), any_value()), 0..400),
        step_ms in any::<i64>(),
    ) {
        let mut detector = Detector::new(Options { step_ms: Some(step_ms) });
        for at in 0..LEARNING {
            detector.push(at as i64 * MINUTE, start[at % start.len()]);
        }
        for (time_ms, value) in rest {
            let verdict = detector.push(time_ms, value);
            prop_assert!((0.0..=1.0).contains(&verdict.score), "{verdict:?}");
            if value.is_finite() && !detector.is_learning() && verdict.explanation.once_in.is_finite() {
                let explanation = verdict.explanation;
                prop_assert!(explanation.low <= explanation.high, "{verdict:?}");
                prop_assert!(explanation.once_in >= 1.0, "{verdict:?}");
            }
        }
    }
}
