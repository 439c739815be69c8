use super::*;

fn document(indicator: &str, more: &str) -> String {
    format!(
        "apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata:
  name: a
  namespace: monitoring
  labels: {{role: x, pyrra.dev/team: ours, pyrra.dev/cost-centre: c, pyrra.dev/slo: no}}
  annotations: {{pyrra.dev/runbook: 'http://r/{{{{ $labels.slo }}}}', other: '{{{{ no template'}}
spec:
  target: '99.9'
  window: 2w
  indicator: {indicator}
  {more}
"
    )
}

#[test]
fn documents_are_read() {
    let loaded = read(&document(
        "{ratio: {errors: {metric: 'r{code=\"500\"}'}, total: {metric: r}, grouping: [handler]}}",
        "description: All of it.",
    ));
    let [a] = loaded.objectives.as_slice() else {
        panic!("{:?}", loaded.objectives)
    };
    assert_eq!(a.id(), "monitoring/a");
    assert_eq!((a.target, a.description.as_str()), (0.999, "All of it."));
    assert_eq!(
        a.period,
        Period::Rolling {
            span_ms: 14 * DAY_MS
        }
    );
    assert_eq!(a.group_by, ["handler"]);
    assert_eq!(a.labels, pairs(&[("team", "ours"), ("cost_centre", "c")]));
    assert_eq!(
        a.indicator,
        ratio(
            Counting::Bad,
            "increase(r{code=\"500\"}[1m] anchored)",
            "increase(r[1m] anchored)"
        )
    );
    assert_eq!(a.alerts.name, "ErrorBudgetBurn");
    assert_eq!(
        a.alerts.annotations,
        pairs(&[("runbook", "http://r/{{ $labels.slo }}")])
    );
    let severity = |options: &Option<AlertOptions>| options.as_ref().unwrap().labels[0].1.clone();
    assert_eq!(severity(&a.alerts.page), "critical");
    assert_eq!(severity(&a.alerts.ticket), "warning");
    assert_eq!(severity(&a.alerts.measurement), "critical");
    assert_eq!(
        warnings(&loaded),
        [
            "slos.yml:6:66: metadata.labels[\"pyrra.dev/cost-centre\"]: is kept as label \"cost_centre\", which is one that a query can name without quotes",
            "slos.yml:6:84: metadata.labels[\"pyrra.dev/slo\"]: is left out: \"slo\" is a label that the rules of objectives set",
        ]
    );
}

#[test]
fn all_indicators_are_read() {
    let indicator = |text: &str| read(&document(text, "")).objectives[0].indicator.clone();
    assert_eq!(
        indicator("{latency: {success: {metric: 'd_bucket{le=\"1\"}'}, total: {metric: d_count}}}"),
        ratio(
            Counting::Good,
            "increase(d_bucket{le=~\"1(\\\\.0)?\"}[1m] anchored)",
            "increase(d_count[1m] anchored)"
        )
    );
    let native = Indicator::Latency {
        histogram: "d{job=\"a\"}".to_owned(),
        threshold: 0.2,
        is_classic: false,
    };
    assert_eq!(
        indicator("{latencyNative: {latency: 200ms, total: {metric: 'd{job=\"a\"}'}}}"),
        native
    );
    let of = "probe_success".to_owned();
    assert_eq!(
        indicator("{bool_gauge: {metric: probe_success}}"),
        Indicator::Samples { of }
    );
}

#[test]
fn alerting_is_kept() {
    let alerts = |text: &str| {
        let text = document("{bool_gauge: {metric: up}}", &format!("alerting: {text}"));
        read(&text).objectives[0].alerts.clone()
    };
    let off = alerts("{disabled: true, name: Mine}");
    assert_eq!(
        (off.name.as_str(), &off.page, &off.ticket),
        ("Mine", &None, &None)
    );
    assert!(off.measurement.is_some());
    assert_eq!(alerts("{burnrates: false}").page, None);
    assert_eq!(alerts("{absent: false}").measurement, None);
    let severities = alerts("{severities: {fastBurn: page, slowBurn: info}}");
    let page = severities.page.unwrap_or_default();
    assert_eq!(page.labels, pairs(&[("severity", "page")]));
}

#[test]
fn what_cannot_be_kept_is_said() {
    let loaded = read(&document(
        "{bool_gauge: {metric: up}}",
        "performanceOverAccuracy: true\n  alerting: {absentName: Gone, severities: {mediumBurn: x}}",
    ));
    let all = warnings(&loaded).join("\n");
    for want in [
        "spec.performanceOverAccuracy: has no effect",
        "absentName: has no effect",
        "mediumBurn: has no effect",
    ] {
        assert!(all.contains(want), "{all}");
    }
    let check = |indicator: &str, want: &str| {
        let error = refused(&document(indicator, ""));
        assert!(error.contains(want), "{error}");
    };
    check(
        "{ratio: {errors: {metric: 'sum(x)'}, total: {metric: x}}}",
        "spec.indicator.ratio.errors.metric: is no selector",
    );
    check(
        "{latency: {success: {metric: d_bucket}, total: {metric: d_count}}}",
        "names no bucket",
    );
    check("{}", "says not what counts");
    let error = refused(&document("{bool_gauge: {metric: up}}", "").replace("99.9", "0.999"));
    assert!(
        error.contains("\"0.999\" given: want percent from 1 and below 100"),
        "{error}"
    );
}

#[test]
fn groups_by_who_serves_keep_that_label() {
    let indicator = |text: &str| {
        let loaded = read(&document(text, ""));
        assert_eq!(loaded.objectives[0].group_by, ["exported_service", "m"]);
        assert!(
            warnings(&loaded)
                .join("\n")
                .contains("is kept as label \"exported_service\"")
        );
        loaded.objectives[0].indicator.clone()
    };
    let named = |query: &str| {
        format!("label_replace({query}, \"exported_service\", \"$1\", \"service\", \"(.*)\")")
    };
    assert_eq!(
        indicator("{ratio: {errors: {metric: e}, total: {metric: t}, grouping: [service, m]}}"),
        ratio(
            Counting::Bad,
            &named("increase(e[1m] anchored)"),
            &named("increase(t[1m] anchored)")
        )
    );
    assert_eq!(
        indicator("{bool_gauge: {metric: up, grouping: [service, m]}}"),
        ratio(
            Counting::Good,
            &named("sum_over_time(up[1m])"),
            &named("count_over_time(up[1m])")
        )
    );
    let Indicator::Ratio { part, .. } =
        indicator("{latencyNative: {latency: 1s, total: {metric: d}, grouping: [service, m]}}")
    else {
        panic!()
    };
    assert!(
        part.contains("histogram_fraction(0, 1, increase(d[1m] anchored)) >= 0"),
        "{part}"
    );
}

#[test]
fn lists_of_resources_are_read() {
    let text = format!(
        "apiVersion: v1\nkind: List\nitems:\n- {}",
        document("{bool_gauge: {metric: up}}", "")
            .trim_end()
            .replace('\n', "\n  ")
    );
    assert_eq!(read(&text).objectives.len(), 1);
}
