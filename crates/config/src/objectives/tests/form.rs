use super::*;

const ALL: &str = r#"
slos:
  - &chat
    name: answers
    service: chat
    description: Answers are no errors.
    objective: 99.5%
    window: 4w
    interval: 30s
    indicator: {ratio: {bad: 'sum by (model) (rate(requests_total{code=~"5.."}[$window]))', total: requests_total}}
    group_by: [model]
    spent_by: [tenant]
    entity: provider/polaris
    labels: {team: ai}
    alerts:
      name: ChatFails
      labels: {tier: "1"}
      annotations: {summary: "{{ $labels.model }} fails"}
      page: {labels: {severity: page}}
      ticket: {enabled: false}
  - <<: *chat
    name: answers-strict
    objective: 99.95
  - name: quick
    service: chat
    objective: 0.95
    calendar: quarter
    time_zone: Europe/Berlin
    indicator: {latency: {histogram: duration_seconds, threshold: 2500ms}}
  - name: quick-classic
    service: chat
    objective: 95%
    calendar: {unit: week, count: 2, start: 2026-01-05T06:00:00}
    indicator: {latency: {histogram: 'duration_seconds_bucket{job="a"}', threshold: 0.25}}
    slices: {good_from: 0.9}
  - {name: up, service: chat, objective: 99%, indicator: {availability: {probe: 'the "front"'}}}
  - {name: up2, service: chat, objective: 99%, indicator: {availability: {samples: 'up{job="a"}'}}, slices: {ratio: true}}
  - {name: backup, service: db, objective: 99%, indicator: {freshness: {timestamp: max(backup_done), max_age: 1d}}}
  - {name: money, service: chat, calendar: month, indicator: {spend: {amount: cost_dollars_total, limit: 500}}}
  - {name: wifi, service: home, objective: 95%, indicator: {error_ratio: {query: '1 - avg(avg_over_time(satisfaction[$window]))'}}}
  - {name: all, service: chat, objective: 99%, indicator: {composite: {of: [answers, {name: db/backup, weight: 2}], how: weighted}}}
"#;

#[test]
fn all_kinds_are_read() {
    let loaded = read(ALL);
    assert_eq!(warnings(&loaded), [""; 0]);
    let of = |name: &str| {
        let mut found = loaded.objectives.iter();
        found.find(|objective| objective.name == name).unwrap()
    };
    let answers = of("answers");
    assert_eq!(answers.target, 0.995);
    assert_eq!(answers.line, 3);
    assert_eq!(
        answers.period,
        Period::Rolling {
            span_ms: 28 * DAY_MS
        }
    );
    assert_eq!(
        answers.indicator,
        ratio(
            Counting::Bad,
            "sum by (model) (increase(requests_total{code=~\"5..\"}[30s] anchored))",
            "increase(requests_total[30s] anchored)"
        )
    );
    assert_eq!(answers.counted_by(), ["model", "tenant"]);
    assert_eq!(answers.entity.as_deref(), Some("provider/polaris"));
    assert_eq!(answers.labels, pairs(&[("team", "ai")]));
    let alerts = &answers.alerts;
    assert_eq!((alerts.name.as_str(), &alerts.ticket), ("ChatFails", &None));
    assert_eq!(alerts.measurement, Some(AlertOptions::default()));
    let page = alerts.page.as_ref().unwrap();
    assert_eq!(page.labels, pairs(&[("severity", "page")]));
    // The second objective over one indicator.
    let strict = of("answers-strict");
    assert_eq!(
        (strict.target, &strict.indicator),
        (0.9995, &answers.indicator)
    );

    let quick = of("quick");
    assert_eq!(quick.period, Period::Calendar(Calendar::of(Unit::Quarter)));
    assert_eq!(quick.time_zone, "Europe/Berlin");
    let latency = |histogram: &str, threshold, is_classic| Indicator::Latency {
        histogram: histogram.to_owned(),
        threshold,
        is_classic,
    };
    assert_eq!(quick.indicator, latency("duration_seconds", 2.5, false));
    let classic = of("quick-classic");
    assert_eq!(
        classic.indicator,
        latency("duration_seconds_bucket{job=\"a\"}", 0.25, true)
    );
    let anchor = Civil {
        year: 2026,
        month: 1,
        day: 5,
        ms_of_day: 6 * 3_600_000,
    };
    let weeks = Calendar {
        unit: Unit::Week,
        count: 2,
        anchor,
    };
    assert_eq!(classic.period, Period::Calendar(weeks));
    assert_eq!(classic.slices, Some(Slices::Good { from: 0.9 }));
    let samples = |of: &str| Indicator::Samples { of: of.to_owned() };
    let probe = "probe_success{probe=\"the \\\"front\\\"\"}";
    assert_eq!(of("up").indicator, samples(probe));
    assert_eq!(
        of("up").period,
        Period::Rolling {
            span_ms: 30 * DAY_MS
        }
    );
    assert_eq!(of("up2").indicator, samples("up{job=\"a\"}"));
    assert_eq!(of("up2").slices, Some(Slices::Ratio));
    let freshness = Indicator::Freshness {
        timestamp: "max(backup_done)".to_owned(),
        age_max_ms: DAY_MS,
    };
    assert_eq!(of("backup").indicator, freshness);
    let spend = Indicator::Spend {
        amount: "increase(cost_dollars_total[1m] anchored)".to_owned(),
        limit: 500.0,
    };
    assert_eq!(of("money").indicator, spend);
    let share = Indicator::Share {
        bad: "1 - avg(avg_over_time(satisfaction[1m]))".to_owned(),
    };
    assert_eq!(of("wifi").indicator, share);
    let composite = Indicator::Composite {
        parts: vec![("answers".to_owned(), 1.0), ("db/backup".to_owned(), 2.0)],
        how: Composition::Weighted,
    };
    assert_eq!(of("all").indicator, composite);
}

/// An objective with one part changed or added.
fn one(change: &str) -> String {
    let mut lines = vec![
        ("name", "name: a".to_owned()),
        ("service", "service: s".to_owned()),
        ("objective", "objective: 99%".to_owned()),
        (
            "indicator",
            "indicator: {ratio: {bad: b, total: t}}".to_owned(),
        ),
    ];
    let key = change.split(':').next().unwrap_or_default();
    lines.retain(|(known, _)| *known != key);
    lines.push(("", change.to_owned()));
    let lines: Vec<String> = lines
        .into_iter()
        .map(|(_, line)| format!("    {line}\n"))
        .collect();
    format!("slos:\n  - {}", lines.concat().trim_start())
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let check = |change: &str, want: &str| {
        let error = refused(&one(change));
        assert!(error.contains(want), "{change}\n{error}");
        assert!(error.starts_with("slos.yml:"), "{error}");
    };
    check(
        "objective: 1",
        "slos[0].objective: \"1\" may be meant as a share or in percent",
    );
    check("objective: 100%", "is out of range");
    check("objective:", "objective is missing");
    check(
        "name: a/b",
        "has a /, which parts the service from the name",
    );
    check(
        "spent_by: [pod]\n    slices: {ratio: true}",
        "spent_by: cannot be with slices",
    );
    check(
        "indicator: {freshness: {timestamp: t, max_age: 1h}}\n    spent_by: [pod]",
        "spent_by: cannot be with freshness",
    );
    check("window: 10s", "want at least the interval of 1m");
    check("interval: 2d", "want 1s to 1d");
    check("interval: 10ms", "want 1s to 1d");
    check(
        "calendar: fortnight",
        "\"fortnight\" given: want one of day, week, month",
    );
    check(
        "calendar: {unit: month, start: noon}",
        "is not a date and time",
    );
    check(
        "time_zone: Mars/Olympus",
        "is not in the time-zone database",
    );
    check("entity: polaris", "want kind/name with one of the kinds");
    check("labels: {slo: x}", "\"slo\" is set by what it measures");
    check(
        "group_by: [service]",
        "\"service\" is set by what it measures",
    );
    check("windows: 30d", "did you mean window?");
    check(
        "slices: {}",
        "want exactly one of good_from and ratio: true",
    );
    check("indicator: {}", "says not what counts");
    check(
        "indicator: {ratio: {bad: b, good: g, total: t}}",
        "at most one of bad, good may be",
    );
    check("indicator: {ratio: {total: t}}", "bad or good is missing");
    check(
        "indicator: {ratio: {bad: 'sum(', total: t}}",
        "slos[0].indicator.ratio.bad: ",
    );
    check(
        "indicator: {ratio: {bad: '1', total: t}}",
        "gives a scalar: want an instant vector",
    );
    check(
        "indicator: {error_ratio: {query: 'x[5m]'}}",
        "gives a range vector: want an instant vector",
    );
    check(
        "indicator: {latency: {histogram: sum(x), threshold: 1s}}",
        "is no selector",
    );
    check(
        "indicator: {latency: {histogram: x, threshold: fast}}",
        "want a duration such as 500ms",
    );
    check(
        "indicator: {latency: {histogram: x, threshold: 1, classic: true}}",
        "ends with _bucket",
    );
    check(
        "indicator: {latency: {histogram: 'x_bucket{le=\"1\"}', threshold: 1}}",
        "selects buckets by le",
    );
    check(
        "indicator: {spend: {amount: x, limit: 5}}",
        "its limit is the objective",
    );
    check(
        "indicator: {availability: {samples: x offset 5m}}",
        "has an offset",
    );
    check(
        "indicator: {composite: {of: [b]}}",
        "\"b\" is the name of no objective",
    );
    check(
        "indicator: {composite: {of: [a]}}",
        "\"a\" is a part of itself",
    );
    check(
        "alerts: {annotations: {a: '{{ nope }}'}}",
        "slos[0].alerts.annotations.a",
    );
    check(
        "alerts: {page: {labels: {a: '{{'}}}",
        "slos[0].alerts.page.labels.a",
    );
}

#[test]
fn names_are_unique_and_composites_run_in_no_circle() {
    let error = refused(
        "slos:\n  - &a {name: a, service: s, objective: 99%, indicator: {ratio: {bad: b, total: t}}}\n  - *a\n",
    );
    assert!(
        error.contains(
            "slos[1].name: \"a\" is the name of another objective of service \"s\", at slos.yml:2"
        ),
        "{error}"
    );
    let error = refused(
        "slos:\n  - {name: a, service: s, objective: 99%, indicator: {composite: {of: [s/b]}}}\n  - {name: b, service: s, objective: 99%, indicator: {composite: {of: [c]}}}\n  - {name: c, service: s, objective: 99%, indicator: {composite: {of: [a]}}}\n",
    );
    assert_eq!(error.matches("is a part of itself").count(), 3, "{error}");
    let error = refused(
        "slos:\n  - {name: a, service: s, indicator: {spend: {amount: x, limit: 1}}}\n  - {name: b, service: s, objective: 99%, indicator: {composite: {of: [a]}}}\n",
    );
    assert!(error.contains("spends an amount"), "{error}");
}

#[test]
fn what_is_no_objective_is_told() {
    let error = refused("groups: []\n");
    assert!(
        error.contains("want slos, or a document of OpenSLO, Sloth or Pyrra"),
        "{error}"
    );
    let loaded = read("apiVersion: v1\nkind: Service\nmetadata: {name: x}\n");
    assert_eq!(
        warnings(&loaded),
        [
            "slos.yml:1:1: holds no document of OpenSLO, Sloth or Pyrra: there are no objectives in it"
        ]
    );
    assert_eq!(read("").objectives, []);
    assert!(refused("slos: [\n").contains("not valid YAML"));
}
