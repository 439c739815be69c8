use super::*;

/// 2015-06-23 13:19:44.128 UTC, a Tuesday.
fn sample() -> Time {
    Time::from_unix_ms(1_435_065_584_128)
}

#[test]
fn layouts_print_as_in_go() {
    let check = |layout: &str, want: &str| {
        assert_eq!(sample().format(layout), want, "{layout}");
    };
    check("2006-01-02T15:04:05Z07:00", "2015-06-23T13:19:44Z");
    check(
        "2006-01-02T15:04:05.999999999Z07:00",
        "2015-06-23T13:19:44.128Z",
    );
    check(
        "Mon, 02 Jan 2006 15:04:05 MST",
        "Tue, 23 Jun 2015 13:19:44 UTC",
    );
    check(
        "Monday, 02-Jan-06 15:04:05 -0700",
        "Tuesday, 23-Jun-15 13:19:44 +0000",
    );
    check("Mon Jan _2 15:04:05 2006", "Tue Jun 23 13:19:44 2015");
    check("3:04PM", "1:19PM");
    check("03:04pm", "01:19pm");
    check("January 2 1 06 4 5", "June 23 6 15 19 44");
    check("002 __2", "174 174");
    check(".000 .00 .000000000000", ".128 .12 .128000000000");
    check("05.999 05.99 05,000", "44.128 44.12 44,128");
    check("Z0700 Z07 Z070000 Z07:00:00", "Z Z Z Z");
    check(
        "-07 -07:00 -070000 -07:00:00",
        "+00 +00:00 +000000 +00:00:00",
    );
    check("Month Monday Janet Mont", "Month Tuesday Janet Mont");
    check("_2006 x.0001 7 8 9", "_2015 x.0006 7 8 9");
    check("", "");
    let midnight = Time::from_unix_ms(0);
    assert_eq!(
        midnight.format("3PM 03PM _2 .999 .000"),
        "12AM 12AM  1  .000"
    );
}

#[test]
fn zones_change_what_prints() {
    let paris = Zone::named("Europe/Paris").unwrap();
    let time = Time::from_unix_ms(1_704_096_930_000).with_zone(paris.clone());
    assert_eq!(time.to_string(), "2024-01-01 09:15:30 +0100 CET");
    let summer = sample().with_zone(paris);
    assert_eq!(summer.to_string(), "2015-06-23 15:19:44.128 +0200 CEST");
    let fixed = sample().with_zone(Zone::fixed("", -12_600));
    assert_eq!(fixed.to_string(), "2015-06-23 09:49:44.128 -0330 -0330");
    assert_eq!(fixed.format("Z07:00"), "-03:30");
    assert_eq!(
        Zone::named("Invalid/Timezone").unwrap_err().to_string(),
        "unknown time zone Invalid/Timezone"
    );
    assert!(Zone::named("../../etc/passwd").is_err());
}

#[test]
fn far_times_do_not_overflow() {
    assert_eq!(Time::ZERO.to_string(), "0001-01-01 00:00:00 +0000 UTC");
    assert!(Time::ZERO.is_zero());
    for ms in [i64::MIN, i64::MAX] {
        let time = Time::from_unix_ms(ms);
        assert!(!time.to_string().is_empty());
        let far = time
            .plus(DurationNs(i64::MAX))
            .with_zone(Zone::named("America/Sao_Paulo").unwrap());
        assert!(!far.to_string().is_empty());
        assert!(
            !Time::from_unix_ns(i128::from(ms) << 40)
                .to_string()
                .is_empty()
        );
    }
}

#[test]
fn texts_are_read_by_layout() {
    let check = |layout: &str, text: &str, want: &str| {
        let time = Time::parse(layout, text).unwrap();
        assert_eq!(time.to_string(), want, "{text} as {layout}");
    };
    check("2006-01-02", "2024-03-15", "2024-03-15 00:00:00 +0000 UTC");
    check(
        "2006-01-02T15:04:05Z07:00",
        "2024-03-15T10:20:30.5+02:00",
        "2024-03-15 10:20:30.5 +0200 +0200",
    );
    check(
        "2006-01-02T15:04:05Z07:00",
        "2024-03-15T10:20:30Z",
        "2024-03-15 10:20:30 +0000 UTC",
    );
    check(
        "Jan _2 2006 3:04pm",
        "feb  9 2024 12:30am",
        "2024-02-09 00:30:00 +0000 UTC",
    );
    check(
        "January 2, 06",
        "March 5, 99",
        "1999-03-05 00:00:00 +0000 UTC",
    );
    check(
        "Mon 02 Jan 2006 15:04:05.000 MST",
        "Tue 01 Jan 2024 00:00:00.125 PST",
        "2024-01-01 00:00:00.125 +0000 PST",
    );
    check("2006 002", "2024 366", "2024-12-31 00:00:00 +0000 UTC");
    let fails = |layout: &str, text: &str, why: &str| {
        let error = Time::parse(layout, text).unwrap_err();
        assert_eq!(error.to_string(), why);
    };
    fails(
        "2006-01-02",
        "not-a-date",
        "parsing time \"not-a-date\" as \"2006-01-02\": cannot parse \"not-a-date\" as \"2006\"",
    );
    fails(
        "2006-01-02",
        "2024-13-01",
        "parsing time \"2024-13-01\" as \"2006-01-02\": month out of range",
    );
    fails(
        "2006-01-02",
        "2023-02-29",
        "parsing time \"2023-02-29\" as \"2006-01-02\": day out of range",
    );
    fails(
        "15:04",
        "10:20:30",
        "parsing time \"10:20:30\" as \"15:04\": extra text: \":30\"",
    );
}

#[test]
fn durations_print_as_in_go() {
    let check = |ns: i64, want: &str| assert_eq!(DurationNs(ns).to_string(), want);
    check(0, "0s");
    check(1, "1ns");
    check(1_100, "1.1µs");
    check(2_200_000, "2.2ms");
    check(3_300_000_000, "3.3s");
    check(245_000_000_000, "4m5s");
    check(245_001_000_000, "4m5.001s");
    check(18_367_001_000_000, "5h6m7.001s");
    check(3_600_000_000_000, "1h0m0s");
    check(-1_800_000_000_000, "-30m0s");
    check(i64::MIN, "-2562047h47m16.854775808s");
    assert_eq!(
        DurationNs(2_500).round(DurationNs(1_000)),
        DurationNs(3_000)
    );
    assert_eq!(
        DurationNs(-2_500).round(DurationNs(1_000)),
        DurationNs(-3_000)
    );
    assert_eq!(
        DurationNs(-2_500).truncate(DurationNs(1_000)),
        DurationNs(-2_000)
    );
    assert_eq!(
        DurationNs(i64::MAX).round(DurationNs(1 << 40)),
        DurationNs(i64::MAX)
    );
    assert_eq!(DurationNs::from_seconds(f64::NAN), DurationNs(0));
}
