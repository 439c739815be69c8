//! What is written reads back as it was.

use bellwether_rules::objective::ObjectiveAlerts;
use bellwether_rules::objective::counts::{counted, windowed};
use proptest::prelude::*;

use super::*;

/// A text that people may write, odd ones for YAML among them.
fn text() -> BoxedStrategy<String> {
    prop_oneof![
        "[a-z][a-z0-9-]{0,8}",
        "[ -~]{1,10}".prop_map(|text| text.replace(['/', '{'], "-")),
        Just("ja: nein # \"ä\" \u{2028}".to_owned()),
        Just("null".to_owned()),
    ]
    .prop_filter("not empty", |text| !text.trim().is_empty())
    .boxed()
}

fn selector() -> BoxedStrategy<String> {
    ("[a-z]{1,6}", proptest::option::of("[ -~]{0,6}"))
        .prop_map(|(name, value)| match value {
            Some(value) => format!("m{name}{{a={value:?}}}"),
            None => format!("m{name}"),
        })
        .boxed()
}

fn count() -> BoxedStrategy<String> {
    prop_oneof![
        selector(),
        selector().prop_map(|it| format!("sum by (a) (rate({it}[5m]))")),
        selector().prop_map(|it| format!("sum_over_time((count({it}))[$window:])")),
        (selector(), selector())
            .prop_map(|(a, b)| format!("sum(increase({a}[$window])) - sum(increase({b}[1h]))")),
    ]
    .boxed()
}

fn pairs_of(most: usize) -> BoxedStrategy<Vec<(String, String)>> {
    proptest::collection::btree_map("[a-z]{3,5}_", text(), 0..=most)
        .prop_map(|map| map.into_iter().collect())
        .boxed()
}

fn options() -> BoxedStrategy<Option<AlertOptions>> {
    proptest::option::of(
        (pairs_of(2), pairs_of(1)).prop_map(|(labels, annotations)| AlertOptions {
            labels,
            annotations,
        }),
    )
    .boxed()
}

fn alerts() -> BoxedStrategy<ObjectiveAlerts> {
    (
        text(),
        options(),
        options(),
        options(),
        pairs_of(1),
        pairs_of(1),
    )
        .prop_map(
            |(name, page, ticket, measurement, labels, annotations)| ObjectiveAlerts {
                name,
                page,
                ticket,
                measurement,
                labels,
                annotations,
            },
        )
        .boxed()
}

fn indicator(interval_ms: i64) -> BoxedStrategy<Indicator> {
    let counts = move |query: String| counted(&query, interval_ms).unwrap();
    let measures = move |query: String| windowed(&query, interval_ms).unwrap();
    prop_oneof![
        (any::<bool>(), count(), count()).prop_map(move |(is_bad, part, total)| {
            Indicator::Ratio {
                counting: if is_bad {
                    Counting::Bad
                } else {
                    Counting::Good
                },
                part: counts(part),
                total: counts(total),
            }
        }),
        count().prop_map(move |bad| Indicator::Share { bad: measures(bad) }),
        (selector(), 1e-6_f64..1e6).prop_map(move |(it, threshold)| Indicator::Latency {
            histogram: measures(it),
            threshold,
            is_classic: false,
        }),
        selector().prop_map(move |it| Indicator::Samples { of: measures(it) }),
        (count(), 1_i64..1_000_000_000).prop_map(move |(it, age_max_ms)| {
            Indicator::Freshness {
                timestamp: measures(it),
                age_max_ms,
            }
        }),
        (count(), 1e-6_f64..1e12).prop_map(move |(it, limit)| Indicator::Spend {
            amount: counts(it),
            limit,
        }),
    ]
    .boxed()
}

fn period() -> BoxedStrategy<Period> {
    let unit = prop_oneof![
        Just(Unit::Day),
        Just(Unit::Week),
        Just(Unit::Month),
        Just(Unit::Quarter),
        Just(Unit::Year)
    ];
    let own = (
        unit.clone(),
        1_u32..=400,
        1_i32..=9_999,
        1_u8..=12,
        1_u8..=28,
        0_u32..86_400_000,
    );
    prop_oneof![
        (86_400_000_i64..1_000 * 86_400_000).prop_map(|span_ms| Period::Rolling { span_ms }),
        unit.prop_map(|unit| Period::Calendar(Calendar::of(unit))),
        own.prop_map(
            |(unit, count, year, month, day, ms_of_day)| Period::Calendar(Calendar {
                unit,
                count,
                anchor: Civil {
                    year,
                    month,
                    day,
                    ms_of_day
                },
            })
        ),
    ]
    .boxed()
}

fn objective() -> BoxedStrategy<ObjectiveSettings> {
    let interval = prop_oneof![Just(60_000_i64), Just(30_000), 1_000_i64..86_400_000];
    let slices = proptest::option::of(prop_oneof![
        (0.0_f64..=1.0).prop_map(|from| Slices::Good { from }),
        Just(Slices::Ratio)
    ]);
    let labels = proptest::collection::vec("[a-z]{3,5}_", 0..3);
    let zone = prop_oneof![Just("UTC"), Just("Europe/Berlin")];
    interval
        .prop_flat_map(move |interval_ms| {
            (
                (text(), text(), 1e-6_f64..1.0, zone.clone(), period()),
                (
                    indicator(interval_ms),
                    slices.clone(),
                    labels.clone(),
                    labels.clone(),
                ),
                (proptest::option::of(text()), pairs_of(3), alerts()),
            )
                .prop_map(move |(what, counts, rest)| {
                    let (name, description, target, time_zone, period) = what;
                    let (indicator, slices, group_by, spent_by) = counts;
                    let (entity, labels, alerts) = rest;
                    let spends = matches!(indicator, Indicator::Spend { .. });
                    // These cannot be counted by spender.
                    let is_whole =
                        slices.is_some() || matches!(indicator, Indicator::Freshness { .. });
                    let spent_by = if is_whole { Vec::new() } else { spent_by };
                    ObjectiveSettings {
                        file: PathBuf::new(),
                        line: 0,
                        name,
                        service: "s".to_owned(),
                        description,
                        target: if spends { 0.5 } else { target },
                        period,
                        time_zone: time_zone.to_owned(),
                        indicator,
                        slices,
                        group_by,
                        spent_by,
                        entity: entity.map(|name| format!("provider/{}", name.trim())),
                        labels,
                        interval_ms,
                        alerts,
                    }
                })
        })
        .boxed()
}

/// The settings without the place where they stand.
fn without_place(mut objectives: Vec<ObjectiveSettings>) -> Vec<ObjectiveSettings> {
    for objective in &mut objectives {
        objective.file = PathBuf::new();
        objective.line = 0;
    }
    objectives
}

proptest! {
    #[test]
    fn what_is_written_is_read(objective in objective()) {
        let written = short_form(std::slice::from_ref(&objective));
        match load_objectives_text(&written, Path::new("x"), &ObjectiveOptions::default()) {
            Ok(loaded) => prop_assert_eq!(without_place(loaded.objectives), [objective], "{}", written),
            Err(errors) => prop_assert!(false, "{}\n{}", written, errors),
        }
    }
}

#[test]
fn documents_become_our_form() {
    let sloth = "version: prometheus/v1
service: shop
labels: {owner: us}
slos:
  - name: requests
    objective: 99.9
    description: Requests work.
    sli:
      events:
        error_query: sum(rate(requests_total{code=~\"5..\"}[{{.window}}]))
        total_query: sum(rate(requests_total[{{.window}}]))
    alerting: {name: ShopFails, ticket_alert: {disable: true}}
";
    let loaded = read(sloth);
    let written = short_form(&loaded.objectives);
    assert_eq!(
        written,
        "slos:
- name: requests
  service: shop
  description: \"Requests work.\"
  objective: 99.9%
  window: 30d
  indicator:
    ratio:
      bad: \"sum(increase(requests_total{code=~\\\"5..\\\"}[$window]))\"
      total: \"sum(increase(requests_total[$window]))\"
  labels:
    owner: us
  alerts:
    name: ShopFails
    page:
      labels:
        sloth_severity: page
    ticket:
      enabled: false
"
    );
    assert_eq!(
        without_place(read(&written).objectives),
        without_place(loaded.objectives)
    );
    assert_eq!(short_form(&[]), "slos: []\n");
    assert_eq!(read("slos: []\n").objectives, []);
}
