//! Files of objectives, in our own form and in those of other programs.

use std::path::{Path, PathBuf};

use bellwether_config::{ObjectiveOptions, load_objectives_text, short_form};

use crate::targets::{Target, strings};

pub(crate) const OBJECTIVE_FILE: Target = Target {
    name: "objective_file",
    seeds: || {
        strings(&[
            "slos:\n- &a { name: a, service: s, objective: 99.5%, window: 4w, indicator: { ratio: { bad: 'sum(rate(x{c=\"5\"}[$window]))', total: x } }, group_by: [m], alerts: { page: { enabled: false } } }\n- { <<: *a, name: b, calendar: { unit: week, count: 2, start: 2026-01-05T06:00:00 }, window: , time_zone: Europe/Berlin }\n- { name: c, service: s, objective: 99, indicator: { composite: { of: [a, { name: s/b, weight: 2 }], how: weighted } } }\n- { name: d, service: s, indicator: { spend: { amount: x, limit: 1e3 } } }\n- { name: e, service: s, objective: 0.9, indicator: { latency: { histogram: 'd_bucket{a=\"b\"}', threshold: 250ms } }, slices: { good_from: 0.9 } }\n- { name: f, service: s, objective: 90%, indicator: { freshness: { timestamp: max(x), max_age: 1d } }, slices: { ratio: true } }\n",
            "version: prometheus/v1\nservice: s\nlabels: { a: b }\nslos:\n- name: a\n  objective: 99.9\n  sli: { events: { error_query: 'sum(rate(x{le=\"5\"}[{{.window}}]))', total_query: 'sum(rate(x[{{.window}}]))' } }\n  alerting: { name: A, page_alert: { labels: { c: d } }, ticket_alert: { disable: true } }\n---\napiVersion: sloth.slok.dev/v1\nkind: PrometheusServiceLevel\nspec: { service: t, slos: [{ name: b, objective: 95, sli: { raw: { errorRatioQuery: '1 - x' } } }] }\n",
            "apiVersion: pyrra.dev/v1alpha1\nkind: ServiceLevelObjective\nmetadata: { name: a, namespace: n, labels: { pyrra.dev/x-y: z } }\nspec: { target: '99.5', window: 2w, indicator: { latency: { success: { metric: 'd_bucket{le=\"1\"}' }, total: { metric: d_count }, grouping: [m] } }, alerting: { absent: false } }\n",
            "apiVersion: openslo/v1\nkind: SLO\nmetadata: { name: a, labels: { t: [a, b] } }\nspec:\n  service: s\n  indicatorRef: i\n  timeWindow: [{ duration: 1M, calendar: { startTime: 2022-01-01 12:00:00, timeZone: America/New_York } }]\n  budgetingMethod: Timeslices\n  objectives: [{ displayName: X y, target: 0.99, timeSliceTarget: 0.9, timeSliceWindow: 5, compositeWeight: 2 }, { targetPercent: 95, timeSliceTarget: 1, timeSliceWindow: 1m }]\n  alertPolicies: [p]\n---\napiVersion: openslo/v1\nkind: SLI\nmetadata: { name: i }\nspec: { ratioMetric: { counter: true, good: { metricSource: { spec: { query: sum(g) } } }, total: { metricSource: { spec: { query: t } } } } }\n---\napiVersion: openslo/v1\nkind: AlertPolicy\nmetadata: { name: p }\nspec: { conditions: [{ spec: { severity: page, condition: {} } }], notificationTargets: [{ targetRef: x }] }\n",
            "apiVersion: openslo/v1alpha\nkind: SLO\nmetadata: { name: a }\nspec: { service: s, budgetingMethod: Occurrences, timeWindows: [{ count: 30, unit: Day }], indicator: { thresholdMetric: { query: q } }, objectives: [{ op: lt, value: 500, target: 0.99 }] }\n",
        ])
    },
    dictionary: &[
        "slos:\n",
        "---\n",
        "apiVersion: openslo/v1\n",
        "kind: List\nitems:\n",
        "indicator: ",
        "objectives: [",
        "composite: { of: [",
        "$window",
        "{{.window}}",
        "99.9%",
        "1e-9",
        "le=\"5\"",
        "calendar: ",
        "{{ $labels.",
        "{",
        "}",
        "]",
        "null",
        "&a ",
        "*a",
        "<<: ",
    ],
    run: objective_file,
    memory_max_bytes: 256 << 20,
};

fn objective_file(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let read = |text: &str| {
        load_objectives_text(text, Path::new("fuzz.yml"), &ObjectiveOptions::default())
    };
    let Ok(loaded) = read(text) else {
        return;
    };
    // What is written reads back, but for the place where it stands.
    let written = short_form(&loaded.objectives);
    let again = read(&written).map(|again| again.objectives);
    let again = again.unwrap_or_default();
    let [before, after] = [loaded.objectives, again].map(|mut objectives| {
        for objective in &mut objectives {
            objective.line = 0;
            objective.file = PathBuf::new();
        }
        objectives
    });
    assert_eq!(before, after, "{written}");
}
