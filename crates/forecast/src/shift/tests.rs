use proptest::prelude::*;

use super::*;
use noise::{Kind, Source};

#[path = "../../examples/shift_bench/noise.rs"]
pub(crate) mod noise;

const MINUTE: i64 = 60_000;

fn detector(options: ShiftOptions) -> ShiftDetector {
    ShiftDetector::new(options).expect("options are within bounds")
}

fn towards(direction: Direction) -> ShiftDetector {
    detector(ShiftOptions {
        direction,
        ..ShiftOptions::default()
    })
}

/// Pushes `count` samples of Gaussian noise around `level`, and answers what happened when.
fn feed(
    detector: &mut ShiftDetector,
    source: &mut Source,
    from: i64,
    count: i64,
    level: f64,
) -> Vec<(i64, ShiftEvent)> {
    source.shift = level;
    (from..from + count)
        .filter_map(|at| {
            detector
                .push(at * MINUTE, source.next())
                .map(|event| (at, event))
        })
        .collect()
}

#[test]
fn stationary_noise_alarms_no_more_often_than_stated() {
    // One a day over 60 days: four deviations of a Poisson number above what is stated.
    let days = 60;
    let ways = [Direction::Both, Direction::Up].into_iter().cycle();
    for ((name, kind), direction) in Kind::ALL.into_iter().zip(ways) {
        let mut source = Source::new(kind, 42);
        let mut detector = detector(ShiftOptions {
            false_alarms_per_day: 1.0,
            direction,
            ..ShiftOptions::default()
        });
        let alarms = (0..days * 1440)
            .filter(|at| detector.push(at * MINUTE, source.next()) == Some(ShiftEvent::Shifted))
            .count() as f64;
        let most = days as f64 + 4.0 * (days as f64).sqrt();
        assert!(
            alarms <= most,
            "{name}: {alarms} alarms in {days} days, at most {most} wanted"
        );
    }
}

#[test]
fn shifts_are_found_soon_on_every_kind_of_noise() {
    for (name, kind) in Kind::ALL {
        for size in [-5.0, 5.0] {
            if size < 0.0 && matches!(kind, Kind::Poisson(_)) {
                continue;
            }
            let mut source = Source::new(kind, 21);
            let mut detector = towards(Direction::Both);
            assert_eq!(feed(&mut detector, &mut source, 0, 1000, 0.0), [], "{name}");
            let events = feed(&mut detector, &mut source, 1000, 60, size);
            let at = events.first().map(|event| event.0 - 1000);
            assert!(at.is_some_and(|at| at < 40), "{name} {size}: {events:?}");
            let shift = detector.shift().expect("an alarm is about a shift");
            let moved = (shift.after - shift.before) / kind.deviation();
            assert!((moved - size).abs() < 1.5, "{name} {size}: {shift:?}");
            let began = shift.began_ms / MINUTE - 1000;
            assert!((-10..20).contains(&began), "{name} {size}: {shift:?}");
            let (low, high) = shift.magnitude;
            assert!(low <= shift.after - shift.before && shift.after - shift.before <= high);
        }
    }
}

#[test]
fn a_short_shift_recovers_and_a_long_one_is_adopted() {
    let mut source = Source::new(Kind::Gauss, 3);
    let mut detector = towards(Direction::Up);
    assert_eq!(feed(&mut detector, &mut source, 0, 500, 0.0), []);
    let mut events = feed(&mut detector, &mut source, 500, 20, 4.0);
    assert!(detector.is_alarm());
    assert_eq!(detector.score(), 1.0);
    events.extend(feed(&mut detector, &mut source, 520, 80, 0.0));
    let kinds: Vec<_> = events.iter().map(|event| event.1).collect();
    assert_eq!(kinds, [ShiftEvent::Shifted, ShiftEvent::Recovered]);

    let events = feed(&mut detector, &mut source, 600, 300, 4.0);
    let kinds: Vec<_> = events.iter().map(|event| event.1).collect();
    assert_eq!(kinds, [ShiftEvent::Shifted, ShiftEvent::Adopted]);
    assert!(!detector.is_alarm());
    assert!((detector.level().expect("a level") - 4.0).abs() < 0.5);
}

#[test]
fn good_directions_are_followed_in_silence() {
    for (direction, good) in [(Direction::Up, -4.0), (Direction::Down, 4.0)] {
        let mut source = Source::new(Kind::Gauss, 5);
        let mut detector = towards(direction);
        assert_eq!(feed(&mut detector, &mut source, 0, 500, 0.0), []);
        assert_eq!(feed(&mut detector, &mut source, 500, 300, good), []);
        assert!((detector.level().expect("a level") - good).abs() < 0.5);
        // From the better level, the old one is worse.
        let events = feed(&mut detector, &mut source, 800, 30, 0.0);
        assert_eq!(
            events.first().map(|event| event.1),
            Some(ShiftEvent::Shifted)
        );
    }
}

#[test]
fn a_turn_for_the_worse_is_seen_while_one_for_the_better_is_followed() {
    let mut source = Source::new(Kind::Gauss, 11);
    let mut detector = towards(Direction::Up);
    assert_eq!(feed(&mut detector, &mut source, 0, 500, 0.0), []);
    assert_eq!(feed(&mut detector, &mut source, 500, 20, -4.0), []);
    let events = feed(&mut detector, &mut source, 520, 30, 6.0);
    assert_eq!(
        events.first().map(|event| event.1),
        Some(ShiftEvent::Shifted)
    );
}

#[test]
fn the_way_back_is_no_second_shift() {
    let mut source = Source::new(Kind::Gauss, 9);
    let mut detector = towards(Direction::Both);
    assert_eq!(feed(&mut detector, &mut source, 0, 500, 0.0), []);
    assert_eq!(feed(&mut detector, &mut source, 500, 200, 5.0).len(), 2);
    assert_eq!(feed(&mut detector, &mut source, 700, 300, 0.0), []);
    assert!(detector.level().expect("a level").abs() < 0.5);
    let beyond = feed(&mut detector, &mut source, 1000, 30, -5.0);
    assert_eq!(
        beyond.first().map(|event| event.1),
        Some(ShiftEvent::Shifted)
    );
}

#[test]
fn seasons_of_a_day_are_learnt() {
    // Five minutes apart, with a wave of six deviations.
    let mut source = Source::new(Kind::Gauss, 13);
    let mut detector = detector(ShiftOptions {
        interval_ms: 300_000,
        ..ShiftOptions::default()
    });
    let mut alarms = Vec::new();
    for at in 0..288 * 12i64 {
        source.shift = if at >= 288 * 10 + 30 { 5.0 } else { 0.0 };
        let wave = 6.0 * (std::f64::consts::TAU * at as f64 / 288.0).sin();
        if detector.push(at * 300_000, wave + source.next()) == Some(ShiftEvent::Shifted) {
            alarms.push(at);
        }
    }
    let learnt: Vec<_> = alarms.into_iter().filter(|&at| at >= 288 * 5).collect();
    assert_eq!(learnt.len(), 1, "{learnt:?}");
    assert!((0..40).contains(&(learnt[0] - 288 * 10 - 30)), "{learnt:?}");
}

#[test]
fn small_moves_do_not_matter() {
    let mut source = Source::new(Kind::Gauss, 17);
    let mut detector = detector(ShiftOptions {
        magnitude_min: 3.0,
        ..ShiftOptions::default()
    });
    assert_eq!(feed(&mut detector, &mut source, 0, 500, 0.0), []);
    assert_eq!(feed(&mut detector, &mut source, 500, 500, 2.0), []);
}

#[test]
fn a_constant_that_changes_is_a_shift() {
    let mut detector = towards(Direction::Both);
    for at in 0..1000 {
        assert_eq!(detector.push(at * MINUTE, 3.0), None);
        assert!(detector.score() < 0.3);
    }
    let seen = (1000..1020).find(|at| detector.push(at * MINUTE, 4.0).is_some());
    assert!(seen.is_some());
    let shift = detector.shift().expect("an alarm is about a shift");
    assert_eq!(
        (shift.began_ms, shift.before, shift.after),
        (1000 * MINUTE, 3.0, 4.0)
    );
    assert_eq!(shift.magnitude, (1.0, 1.0));
}

#[test]
fn options_out_of_bounds_are_refused() {
    let with = |change: fn(&mut ShiftOptions)| {
        let mut options = ShiftOptions::default();
        change(&mut options);
        ShiftDetector::new(options)
            .expect_err("out of bounds")
            .to_string()
    };
    assert_eq!(
        with(|o| o.interval_ms = 0),
        "interval_ms is 0: it must be at least 1"
    );
    assert_eq!(
        with(|o| o.false_alarms_per_day = 1000.0),
        "false_alarms_per_day is 1000: it must be more than 0 and at most 720"
    );
    assert!(with(|o| o.false_alarms_per_day = f64::NAN).starts_with("false_alarms_per_day is NaN"));
    assert!(with(|o| o.magnitude_min = -1.0).starts_with("magnitude_min is -1"));
}

#[test]
fn residuals_of_an_autoregression_are_white() {
    let mut source = Source::new(Kind::Ar(0.8), 1);
    let mut whitener = Whitener::new();
    let mut residuals = Vec::new();
    for at in 0..20_000 {
        let value = source.next();
        let residual = whitener.residual(value);
        whitener.learn(value);
        if at % 16 == 0 {
            whitener.fit();
        }
        if at > 2000 {
            residuals.push(residual);
        }
    }
    let count = residuals.len() as f64;
    let variance = residuals.iter().map(|r| r * r).sum::<f64>() / count;
    let lagged = residuals
        .windows(2)
        .map(|pair| pair[0] * pair[1])
        .sum::<f64>()
        / count;
    assert!((variance - 1.0).abs() < 0.05, "{variance}");
    assert!(lagged.abs() < 0.05, "{lagged}");
    // (1 + 0.8) / (1 - 0.8) samples are worth one.
    assert!(
        (whitener.inflation() - 9.0).abs() < 3.0,
        "{}",
        whitener.inflation()
    );
}

#[test]
fn scores_are_those_of_a_normal_variable_whatever_the_distribution() {
    for (name, kind) in Kind::ALL {
        let mut source = Source::new(kind, 2);
        let mut reference = Reference::new();
        let mut sum = 0.0;
        let mut squares = 0.0;
        let mut count = 0.0;
        for at in 0..20_000 {
            let raw = source.next();
            if at >= reference::SAMPLES {
                let score = reference.score(raw);
                sum += score;
                squares += score * score;
                count += 1.0;
            }
            reference.insert(Pair { raw, adjusted: raw });
        }
        assert!((sum / count).abs() < 0.1, "{name}: {}", sum / count);
        // Ties make the variance smaller, never larger.
        assert!(squares / count < 1.1, "{name}: {}", squares / count);
    }
}

/// Values that go wrong somewhere: plain, equal, huge, tiny, not finite.
fn values() -> impl Strategy<Value = Vec<f64>> {
    let value = prop_oneof![
        4 => -100.0..100.0f64,
        4 => (0..4i32).prop_map(f64::from),
        1 => any::<f64>(),
        1 => prop::sample::select(vec![
            f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, 0.0, -0.0,
            f64::MIN_POSITIVE, 5e-324, 1e300, -1e300,
        ]),
    ];
    (prop::collection::vec(value, 1..40), 1..40usize)
        .prop_map(|(values, times)| values.repeat(times))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_comes_nothing_breaks_and_memory_is_bounded(
        values in values(),
        times in prop::collection::vec(any::<i64>(), 1..8),
        both in any::<bool>(),
    ) {
        let direction = if both { Direction::Both } else { Direction::Up };
        let mut detector = towards(direction);
        for (at, value) in values.iter().enumerate() {
            detector.push(times[at % times.len()].wrapping_add(at as i64 * MINUTE), *value);
            prop_assert!((0.0..=1.0).contains(&detector.score()));
            prop_assert!(detector.reference.len() <= reference::SAMPLES);
            prop_assert!(detector.waiting.len() <= WAITING + WAITING_MORE + ADOPTION + 1);
            if let Some(shift) = detector.shift() {
                prop_assert!(shift.before.is_finite() && shift.after.is_finite());
                prop_assert!(shift.magnitude.0 <= shift.magnitude.1);
            }
        }
    }

    // Steps of 1/8 and powers of two are exact, so that nothing but the unit changes.
    #[test]
    fn alarms_do_not_depend_on_unit_and_origin(
        seed in any::<u64>(),
        size in 0..40i32,
        exponent in -20..20i32,
        origin in -1_000_000..1_000_000i32,
    ) {
        let mut source = Source::new(Kind::Ar(0.3), seed);
        let mut plain = towards(Direction::Both);
        let mut scaled = towards(Direction::Both);
        let mut moved = towards(Direction::Both);
        for at in 0..600 {
            source.shift = if at < 400 { 0.0 } else { f64::from(size) / 8.0 };
            let value = (source.next() * 8.0).round() / 8.0;
            let event = plain.push(at * MINUTE, value);
            prop_assert_eq!(scaled.push(at * MINUTE, value * 2f64.powi(exponent)), event);
            prop_assert_eq!(moved.push(at * MINUTE, value + f64::from(origin)), event);
        }
    }
}
