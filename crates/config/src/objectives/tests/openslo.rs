use super::*;

/// An SLO of this metric, window and rest.
fn slo(metric: &str, window: &str, rest: &str) -> String {
    format!(
        "apiVersion: openslo/v1
kind: SLO
metadata:
  name: pages
  displayName: Pages
  labels: {{team: [a, b], app.kubernetes.io/name: shop}}
  annotations: {{link: x}}
spec:
  description: They come.
  service: shop
  indicator: {{metadata: {{name: i}}, spec: {metric}}}
  timeWindow: [{window}]
  {rest}
"
    )
}

fn source(query: &str) -> String {
    format!("{{metricSource: {{type: Prometheus, spec: {{query: '{query}'}}}}}}")
}

fn good_of(counter: &str, good: &str, total: &str) -> String {
    format!(
        "{{ratioMetric: {{{counter} good: {}, total: {}}}}}",
        source(good),
        source(total)
    )
}

const ROLLING: &str = "{duration: 4w, isRolling: true}";
const OCCURRENCES: &str = "budgetingMethod: Occurrences\n  objectives: [{target: 0.99}]";

#[test]
fn ratios_are_read() {
    let loaded = read(&slo(
        &good_of("counter: true,", "sum(g)", "rate(t[5m])"),
        ROLLING,
        OCCURRENCES,
    ));
    let [pages] = loaded.objectives.as_slice() else {
        panic!("{:?}", loaded.objectives)
    };
    assert_eq!(pages.id(), "shop/pages");
    assert_eq!(pages.description, "Pages: They come.");
    assert_eq!(pages.target, 0.99);
    assert_eq!(
        pages.period,
        Period::Rolling {
            span_ms: 28 * DAY_MS
        }
    );
    assert_eq!(
        pages.indicator,
        ratio(
            Counting::Good,
            "sum(increase(g[1m] anchored))",
            "increase(t[1m] anchored)"
        )
    );
    assert_eq!(
        pages.labels,
        pairs(&[("team", "a,b"), ("app_kubernetes_io_name", "shop")])
    );
    assert_eq!(pages.alerts.annotations, pairs(&[("link", "x")]));
    assert!(pages.alerts.page.is_some());

    let indicator = |metric: &str| {
        let loaded = read(&slo(metric, ROLLING, OCCURRENCES));
        (
            loaded.objectives[0].indicator.clone(),
            warnings(&loaded).join("\n"),
        )
    };
    let (gauges, _) = indicator(&good_of("counter: false,", "g", "t"));
    assert_eq!(gauges, ratio(Counting::Good, "sum(g)", "sum(t)"));
    let (unsaid, told) = indicator(&good_of("", "g", "t_total"));
    assert_eq!(
        unsaid,
        ratio(
            Counting::Good,
            "increase(g[1m] anchored)",
            "increase(t_total[1m] anchored)"
        )
    );
    assert_eq!(told.matches("is taken for a counter").count(), 1, "{told}");
    let raw = |kind: &str| {
        format!(
            "{{ratioMetric: {{raw: {}, rawType: {kind}}}}}",
            source("a + b")
        )
    };
    let share = |bad: &str| Indicator::Share {
        bad: bad.to_owned(),
    };
    assert_eq!(indicator(&raw("success")).0, share("1 - (a + b)"));
    assert_eq!(indicator(&raw("failure")).0, share("a + b"));
}

#[test]
fn thresholds_are_read() {
    let metric = |query: &str| format!("{{thresholdMetric: {}}}", source(query));
    let rest = "budgetingMethod: Occurrences\n  objectives: [{op: lte, value: 0.5, target: 0.99}]";
    let indicator = |query: &str| {
        read(&slo(&metric(query), ROLLING, rest)).objectives[0]
            .indicator
            .clone()
    };
    assert_eq!(
        indicator("Any"),
        ratio(Counting::Good, "sum(Any <= bool 0.5)", "count(Any)")
    );
    assert_eq!(
        indicator("a + b"),
        ratio(Counting::Good, "sum((a + b) <= bool 0.5)", "count(a + b)")
    );
    let error = refused(&slo(&metric("a"), ROLLING, OCCURRENCES));
    assert!(error.contains("op and value are missing"), "{error}");
}

#[test]
fn methods_and_windows_are_read() {
    let metric = good_of("counter: true,", "g", "t");
    let slices = "budgetingMethod: Timeslices\n  objectives: [{displayName: In House, target: 0.99, timeSliceTarget: 0.95, timeSliceWindow: 5}, {displayName: SLA, targetPercent: 90, timeSliceTarget: 0.9, timeSliceWindow: 10m}]";
    let window = "{duration: 1M, isRolling: false, calendar: {startTime: 2022-01-01 12:00:00, timeZone: America/New_York}}";
    let loaded = read(&slo(&metric, window, slices));
    let [house, sla] = loaded.objectives.as_slice() else {
        panic!("{:?}", loaded.objectives)
    };
    assert_eq!(
        (house.name.as_str(), sla.name.as_str()),
        ("pages-in-house", "pages-sla")
    );
    assert_eq!(house.description, "Pages: In House: They come.");
    assert_eq!((house.interval_ms, sla.interval_ms), (300_000, 600_000));
    assert_eq!((house.target, sla.target), (0.99, 0.9));
    assert_eq!(house.slices, Some(Slices::Good { from: 0.95 }));
    let Indicator::Ratio { part, .. } = &sla.indicator else {
        panic!("{:?}", sla.indicator)
    };
    assert_eq!(part, "increase(g[10m] anchored)");
    let mut month = Calendar::of(Unit::Month);
    month.anchor = Civil {
        year: 2022,
        month: 1,
        day: 1,
        ms_of_day: 43_200_000,
    };
    assert_eq!(house.period, Period::Calendar(month));
    assert_eq!(house.time_zone, "America/New_York");

    let ratio = "budgetingMethod: RatioTimeslices\n  objectives: [{target: 0.9, timeSliceWindow: 1m}, {target: 0.8, timeSliceWindow: 1m}]";
    let loaded = read(&slo(&metric, &window.replace("1M", "1m"), ratio));
    assert_eq!(loaded.objectives[0].slices, Some(Slices::Ratio));
    assert_eq!(loaded.objectives[1].name, "pages-1");
    assert_eq!(loaded.objectives[0].period, Period::Calendar(month));
    assert!(
        warnings(&loaded)
            .join("\n")
            .contains("timeWindow[0].duration: 1m is minutes by the specification")
    );

    let period = |window: &str| read(&slo(&metric, window, OCCURRENCES)).objectives[0].period;
    assert_eq!(
        period("{duration: 1Q, isRolling: true}"),
        Period::Rolling {
            span_ms: 90 * DAY_MS
        }
    );
    assert_eq!(
        period("{duration: 12h, isRolling: true}"),
        Period::Rolling {
            span_ms: DAY_MS / 2
        }
    );
    let error = refused(&slo(
        &metric,
        "{duration: 3h, isRolling: false}",
        OCCURRENCES,
    ));
    assert!(
        error.contains("want days, weeks, months, quarters or years of the calendar"),
        "{error}"
    );
    let error = refused(&slo(
        &metric,
        ROLLING,
        "budgetingMethod: Timeslices\n  objectives: [{target: 0.9, timeSliceWindow: 1m}]",
    ));
    assert!(error.contains("timeSliceTarget is missing"), "{error}");
}

const NAMED: &str = "
---
apiVersion: openslo/v1
kind: SLI
metadata: {name: errors}
spec: {ratioMetric: {counter: true, bad: {metricSource: {metricSourceRef: prom, spec: {query: b}}}, total: {metricSource: {metricSourceRef: prom, spec: {query: t}}}}}
---
apiVersion: openslo/v1
kind: DataSource
metadata: {name: prom}
spec: {type: Prometheus, connectionDetails: {url: http://p}}
---
apiVersion: openslo/v1
kind: Service
metadata: {name: shop, labels: {owner: us, team: them}}
spec: {description: d}
---
apiVersion: openslo/v1
kind: AlertPolicy
metadata: {name: policy}
spec:
  description: Call us.
  alertWhenNoData: true
  conditions: [{conditionRef: fast}]
  notificationTargets: [{targetRef: mail}, {kind: AlertNotificationTarget, metadata: {name: chat}, spec: {target: slack}}]
---
apiVersion: openslo/v1
kind: AlertCondition
metadata: {name: fast}
spec: {severity: SEV1, condition: {kind: burnrate, op: gte, threshold: 2, lookbackWindow: 1h, alertAfter: 5m}}
---
apiVersion: openslo/v1
kind: AlertNotificationTarget
metadata: {name: mail}
spec: {target: email}
";

fn referring(policies: &str) -> String {
    let text = slo(
        "{}",
        ROLLING,
        &format!("{OCCURRENCES}\n  alertPolicies: {policies}"),
    );
    let inline = "indicator: {metadata: {name: i}, spec: {}}";
    text.replace(inline, "indicatorRef: errors") + NAMED
}

#[test]
fn documents_name_each_other() {
    let loaded = read(&referring("[{alertPolicyRef: policy}]"));
    let [pages] = loaded.objectives.as_slice() else {
        panic!("{:?}", loaded.objectives)
    };
    assert_eq!(
        pages.indicator,
        ratio(
            Counting::Bad,
            "increase(b[1m] anchored)",
            "increase(t[1m] anchored)"
        )
    );
    assert_eq!(
        pages.labels,
        pairs(&[
            ("owner", "us"),
            ("team", "a,b"),
            ("app_kubernetes_io_name", "shop")
        ])
    );
    let page = pages.alerts.page.as_ref().unwrap();
    assert_eq!(
        page.labels,
        pairs(&[("notification_target", "mail,chat"), ("severity", "SEV1")])
    );
    assert_eq!(page.annotations, pairs(&[("alert_policy", "Call us.")]));
    assert_eq!(pages.alerts.ticket, None);
    assert!(pages.alerts.measurement.is_some());
    let told = warnings(&loaded).join("\n");
    for want in [
        "connectionDetails: has no effect",
        "spec.condition: is not kept",
    ] {
        assert!(told.contains(want), "{told}");
    }
    let error = refused(&referring("[{alertPolicyRef: other}]"));
    assert!(
        error.contains("spec.alertPolicies[0]: no AlertPolicy \"other\" was read"),
        "{error}"
    );
    let error = refused(
        &(referring("[]")
            + "---\napiVersion: openslo/v1\nkind: SLI\nmetadata: {name: errors}\nspec: {ratioMetric: {raw: {metricSource: {spec: {query: x}}}, rawType: failure}}\n"),
    );
    assert!(
        error.contains("\"errors\" is the name of another SLI"),
        "{error}"
    );
}

#[test]
fn composites_are_read() {
    let objective = |more: &str| {
        format!(
            "{{target: 0.99, indicator: {{spec: {}}}{more}}}",
            good_of("counter: true,", "g", "t")
        )
    };
    let text = |objectives: String, method: &str| {
        slo(
            "{}",
            ROLLING,
            &format!("budgetingMethod: {method}\n  objectives: [{objectives}]"),
        )
        .replace("  indicator: {metadata: {name: i}, spec: {}}\n", "")
    };
    let both = format!("{}, {}", objective(""), objective(", displayName: Two"));
    let loaded = read(&text(both, "Occurrences"));
    let names: Vec<&str> = loaded
        .objectives
        .iter()
        .map(|it| it.name.as_str())
        .collect();
    assert_eq!(names, ["pages-0", "pages-two", "pages"]);
    let pages = &loaded.objectives[2];
    assert_eq!(pages.target, 0.9801);
    let parts = vec![("pages-0".to_owned(), 1.0), ("pages-two".to_owned(), 1.0)];
    let how = Composition::Series;
    assert_eq!(pages.indicator, Indicator::Composite { parts, how });
    assert!(pages.alerts.page.is_some() && loaded.objectives[0].alerts.page.is_none());
    assert!(
        warnings(&loaded)
            .join("\n")
            .contains("98.01% is taken, where a request needs all of them")
    );

    let weighted = format!("{}, {}", objective(", compositeWeight: 3"), objective(""));
    let loaded = read(&text(weighted, "Occurrences"));
    let parts = vec![("pages-0".to_owned(), 3.0), ("pages-1".to_owned(), 1.0)];
    let how = Composition::Weighted;
    assert_eq!(
        loaded.objectives[2].indicator,
        Indicator::Composite { parts, how }
    );

    let slices = objective(", timeSliceTarget: 0.9, timeSliceWindow: 1m");
    let loaded = read(&text(slices, "Timeslices"));
    let parts = vec![("pages-0".to_owned(), 1.0)];
    let how = Composition::Worst;
    assert_eq!(
        loaded.objectives[1].indicator,
        Indicator::Composite { parts, how }
    );
}

#[test]
fn what_is_asked_of_others_is_told() {
    let metric = good_of("counter: true,", "g", "t")
        .replace("Prometheus, spec: {", "Datadog, spec: {region: eu, ");
    let told = warnings(&read(&slo(&metric, ROLLING, OCCURRENCES))).join("\n");
    assert_eq!(
        told.matches("\"Datadog\" is another kind of source")
            .count(),
        2,
        "{told}"
    );
    assert_eq!(
        told.matches("spec.region: has no effect").count(),
        2,
        "{told}"
    );
    let error = refused(&slo(&good_of("", "sum:hits{*}", "t"), ROLLING, OCCURRENCES));
    assert!(error.contains("good.metricSource.spec.query: "), "{error}");
    for (metric, want) in [
        ("{}", "says not what counts"),
        (
            "{ratioMetric: {counter: true}}",
            "want good and total, bad and total, or raw and rawType",
        ),
        (
            "{thresholdMetric: {metricSource: {spec: {}}}}",
            "want one query, as query or promql",
        ),
    ] {
        let error = refused(&slo(metric, ROLLING, OCCURRENCES));
        assert!(error.contains(want), "{error}");
    }
}

#[test]
fn v1alpha_is_read() {
    let text = "apiVersion: openslo/v1alpha
kind: SLO
metadata: {name: pages, displayName: Pages}
spec:
  service: shop
  description: They come.
  budgetingMethod: Occurrences
  objectives:
    - ratioMetrics:
        good: {source: prometheus, queryType: promql, query: 'sum(rate(g[{{.window}}]))'}
        total: {source: prometheus, queryType: promql, query: 'sum(rate(t[{{.window}}]))'}
      target: 0.999
  timeWindows: [{count: 30, unit: Day}]
";
    let loaded = read(text);
    assert_eq!(warnings(&loaded), [""; 0]);
    let pages = &loaded.objectives[0];
    assert_eq!((pages.id().as_str(), pages.target), ("shop/pages", 0.999));
    assert_eq!(
        pages.period,
        Period::Rolling {
            span_ms: 30 * DAY_MS
        }
    );
    assert_eq!(
        pages.indicator,
        ratio(
            Counting::Good,
            "sum(increase(g[1m] anchored))",
            "sum(increase(t[1m] anchored))"
        )
    );
    let monthly = read(&text.replace(
        "count: 30, unit: Day",
        "count: 1, unit: Month, isRolling: false",
    ));
    assert_eq!(
        monthly.objectives[0].period,
        Period::Calendar(Calendar::of(Unit::Month))
    );
}
