use super::*;

const FILE: &str = r#"---
version: prometheus/v1
service: shop
labels: {owner: us, tier: "2"}
slo_plugins: {chain: [{id: sloth.dev/core/alert_rules/v1}, {id: sloth.dev/contrib/x/v1, priority: -5}]}
slos:
  - name: requests
    objective: 99.9
    description: Requests work.
    labels: {tier: "1"}
    sli:
      events:
        error_query: sum(rate(requests_total{code=~"5.."}[{{.window}}]))
        total_query: sum(rate(requests_total[{{.window}}]))
    alerting:
      name: ShopFails
      labels: {category: availability}
      page_alert: {labels: {severity: page}}
      ticket_alert: {disable: true}
---
version: prometheus/v1
service: home
slos:
  - name: wifi
    objective: 95
    sli: {raw: {error_ratio_query: '1 - avg(avg_over_time(good[{{.window}}]))'}}
    alerting: {page_alert: {disable: true}, ticket_alert: {disable: true}}
---
apiVersion: sloth.slok.dev/v1
kind: PrometheusServiceLevel
metadata: {name: r, namespace: n}
spec:
  service: shop
  slos:
    - name: quick
      objective: 99
      sli:
        events:
          errorQuery: sum(rate(d_count[{{.window}}])) - sum(rate(d_bucket{le="1"}[{{.window}}]))
          totalQuery: sum(rate(d_count[{{.window}}]))
      alerting: {pageAlert: {annotations: {a: b}}}
"#;

#[test]
fn documents_are_read() {
    let loaded = read(FILE);
    let [requests, wifi, quick] = loaded.objectives.as_slice() else {
        panic!("{:?}", loaded.objectives)
    };
    assert_eq!(requests.id(), "shop/requests");
    assert_eq!(requests.target, 0.999);
    assert_eq!(
        requests.period,
        Period::Rolling {
            span_ms: 30 * DAY_MS
        }
    );
    assert_eq!(requests.labels, pairs(&[("owner", "us"), ("tier", "1")]));
    assert_eq!(
        requests.indicator,
        ratio(
            Counting::Bad,
            "sum(increase(requests_total{code=~\"5..\"}[1m] anchored))",
            "sum(increase(requests_total[1m] anchored))"
        )
    );
    assert_eq!(requests.alerts.name, "ShopFails");
    assert_eq!(
        requests.alerts.labels,
        pairs(&[("category", "availability")])
    );
    assert_eq!(
        requests.alerts.page.as_ref().unwrap().labels,
        pairs(&[("severity", "page"), ("sloth_severity", "page")])
    );
    assert_eq!(requests.alerts.ticket, None);
    assert!(requests.alerts.measurement.is_some());

    let bad = "1 - avg(avg_over_time(good[1m]))".to_owned();
    assert_eq!(wifi.indicator, Indicator::Share { bad });
    let alerts = &wifi.alerts;
    assert_eq!(
        (&alerts.page, &alerts.ticket, &alerts.measurement),
        (&None, &None, &None)
    );

    // Bounds of buckets are floats today.
    assert_eq!(
        quick.indicator,
        ratio(
            Counting::Bad,
            "sum(increase(d_count[1m] anchored)) - sum(increase(d_bucket{le=~\"1(\\\\.0)?\"}[1m] anchored))",
            "sum(increase(d_count[1m] anchored))"
        )
    );
    assert_eq!(
        quick.alerts.page.as_ref().unwrap().annotations,
        pairs(&[("a", "b")])
    );
    assert_eq!(
        warnings(&loaded),
        [
            "slos.yml:5:65: slo_plugins.chain[1].id: SLO plugin \"sloth.dev/contrib/x/v1\" does not run here: it has no effect"
        ]
    );
}

#[test]
fn what_cannot_be_kept_is_refused() {
    let with = |sli: &str, objective: &str| {
        refused(&format!(
            "version: prometheus/v1\nservice: s\nslos: [{{name: a, objective: {objective}, sli: {sli}}}]\n"
        ))
    };
    let error = with("{plugin: {id: my_plugin, options: {a: b}}}", "99");
    assert!(
        error.contains("slos[0].sli.plugin.id: SLI plugin \"my_plugin\" does not run here"),
        "{error}"
    );
    let error = with("{events: {error_query: e}}", "99");
    assert!(error.contains("total_query is missing"), "{error}");
    let error = with(
        "{events: {error_query: '1 - histogram_share(0.2, x)', total_query: t}}",
        "99",
    );
    assert!(error.contains("histogram_share"), "{error}");
    let error = with("{raw: {error_ratio_query: e}}", "100");
    assert!(
        error.contains("\"100\" given: want percent above 0 and below 100"),
        "{error}"
    );
    assert!(with("{}", "99").contains("says not what counts"));
    assert!(
        refused("version: prometheus/v2\nservice: s\nslos: []\n")
            .contains("want one of prometheus/v1")
    );
}

#[test]
fn the_period_is_an_option() {
    let options = ObjectiveOptions {
        period_ms: 7 * DAY_MS,
        interval_ms: 30_000,
    };
    let loaded = load_objectives_text(FILE, Path::new("slos.yml"), &options).unwrap();
    let first = &loaded.objectives[0];
    assert_eq!(
        first.period,
        Period::Rolling {
            span_ms: 7 * DAY_MS
        }
    );
    assert_eq!(first.interval_ms, 30_000);
}

#[test]
fn windows_of_alerts_are_told() {
    let loaded = read("apiVersion: sloth.slok.dev/v1\nkind: AlertWindows\nspec: {sloPeriod: 7d}\n");
    assert_eq!(
        warnings(&loaded),
        ["slos.yml:1:1: has no effect: pages and tickets have windows of their own here"]
    );
}
