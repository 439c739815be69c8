//! The section `scaling`.

use bellwether_config::{Config, LoadOptions, Origin, load_text};
use bellwether_rules::scaling::SignalName;

fn origin() -> Origin {
    Origin {
        file: "c.yml".to_owned(),
        folder: "/".into(),
    }
}

fn load(source: &str) -> Result<Config, String> {
    load_text(source, &origin(), &LoadOptions::default())
        .map(|loaded| loaded.config)
        .map_err(|errors| errors.to_string())
}

#[test]
fn a_scaler_is_read_with_all_it_has() {
    let config = load(
        "scaling:
- name: agents
  labels: {team: a}
  pool: agents
  signals: {waiting: sum(queue), budget_left: slo_budget_left}
  min: 2
  max: 40
  slots_per_worker: 8
  start_up: 90s
  interval: 5s
  hold_for: 1h
  floor: 4
  budget_low: 0.1
  step_down: {share: 0.5, period: 1m}
  rules: [{predicted: {quantile: 0.9}}, {backlog: {}}, {latency: {target: 1500ms}}]
  targets:
    keda: {name: agents, namespace: prod}
    external_metric: {name: agents-workers, namespaces: [prod]}
    webhook: {url: 'http://127.0.0.1:1/SECRET', timeout: 3s}
    sdk: true
",
    );
    let error = config.unwrap_err();
    assert_eq!(
        error,
        "c.yml:5:12: scaling[0].signals: rule 3 (latency) needs the signal latency_p95: without it no worker is ever taken away"
    );
    let source = "
scaling:
- name: agents
  labels: {team: a}
  pool: agents
  signals: {waiting: sum(queue), budget_left: slo_budget_left}
  min: 2
  max: 40
  slots_per_worker: 8
  start_up: 90s
  interval: 5s
  hold_for: 1h
  floor: 4
  budget_low: 0.1
  step_down: {share: 0.5, period: 1m}
  rules: [{predicted: {quantile: 0.9}}, {backlog: {}}]
  targets:
    keda: {name: agents, namespace: prod}
    external_metric: {name: agents-workers, namespaces: [prod]}
    webhook: {url: 'http://127.0.0.1:1/SECRET', timeout: 3s}
    sdk: true
";
    let loaded = load_text(source, &origin(), &LoadOptions::default()).unwrap();
    assert!(
        !loaded.redacted_yaml.contains("SECRET"),
        "{}",
        loaded.redacted_yaml
    );
    let warnings = loaded.warnings.iter().map(ToString::to_string);
    let warnings: Vec<String> = warnings.collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].contains("targets.keda: KEDA asks on the port of OTLP over gRPC"),
        "{warnings:?}"
    );
    let open = format!("server: {{otlp_grpc_listen: 'localhost:4317'}}\n{source}");
    let open = load_text(&open, &origin(), &LoadOptions::default()).unwrap();
    assert!(open.warnings.is_empty(), "{:?}", open.warnings);
    let scaler = &loaded.config.scaling[0];
    let settings = &scaler.settings;
    assert_eq!(
        (settings.interval_ms, settings.start_up_ms),
        (5_000, 90_000)
    );
    let policy = &settings.policy;
    assert_eq!(
        (policy.workers_min, policy.workers_max, policy.floor),
        (2, 40, 4)
    );
    assert_eq!(
        (policy.hold_ms, policy.budget_low),
        (Some(3_600_000), Some(0.1))
    );
    assert_eq!(policy.rules.len(), 2);
    // The preset's, where nothing is said.
    assert_eq!(policy.down_hold_ms, 720_000);
    assert_eq!(policy.step_down.unwrap().period_ms, 60_000);
    let query = |name| {
        let found = settings.signals.iter().find(|(known, _)| *known == name);
        found.map(|(_, query)| query.as_str())
    };
    assert_eq!(query(SignalName::Waiting), Some("sum(queue)"));
    assert_eq!(
        query(SignalName::Busy),
        Some("sum(worker_pool_tasks_running{pool=\"agents\"})")
    );
    assert_eq!(scaler.webhook.as_ref().unwrap().timeout_ms, 3_000);
    assert!(settings.targets.sdk && !settings.is_dry_run);
}

#[test]
fn wrong_scalers_are_told() {
    let one = |text: &str| format!("scaling: [{{name: a, max: 3, {text}}}]");
    let two = |a: &str, b: &str| {
        format!("scaling:\n- {{name: a, max: 3, pool: p{a}}}\n- {{name: b, max: 3, pool: p{b}}}\n")
    };
    for (source, want) in [
        ("scaling: [{max: 3, pool: p}]".to_owned(), "name"),
        (
            "scaling: [{name: 'a b', max: 3, pool: p}]".to_owned(),
            "\"a b\" given: want at most 100 letters",
        ),
        ("scaling: [{name: a, pool: p}]".to_owned(), "max"),
        ("scaling: {name: a}".to_owned(), "scaling"),
        (
            one("min: 1"),
            "says not what is seen of the pool: want pool, signals or both",
        ),
        (one("signals: {busy: 'sum('}"), "scaling[0].signals.busy: "),
        (
            one("signals: {busy: x}"),
            "rule 2 (backlog) needs the signal waiting",
        ),
        (
            one("signals: {busy: x}, rules: [{in_flight: {}}]"),
            "rule 1 (in_flight) needs the signal waiting or in_flight",
        ),
        (
            one("signals: {busy: x}, rules: [{predicted: {}}]"),
            "rule 1 (predicted) needs the signal offered_load or waiting or in_flight",
        ),
        (
            one("signals: {busy: x, in_flight: y}"),
            "at most one of in_flight, busy may be",
        ),
        (one("signals: {bsy: x}"), "did you mean busy?"),
        (one("pool: p, labels: {rule: x}"), "label \"rule\" is taken"),
        (
            one("pool: p, hold_for: 5m"),
            "hold_for: stands without floor",
        ),
        (
            one("pool: p, hold_for: 5m, floor: 9"),
            "scaling[0].floor: 9 given: want at least 1, and min to max",
        ),
        (
            one("pool: p, policy: guess"),
            "want one of predictive, proportional",
        ),
        (
            one("pool: p, targets: {webhook: {}}"),
            "says not where to post",
        ),
        (
            one("pool: p, targets: {webhook: {url: 'ftp://SECRET'}}"),
            "want a URL that begins with http",
        ),
        (
            one("pool: p, targets: {external_metric: {name: 'a/b'}}"),
            "\"a/b\" given",
        ),
        (
            "scaling: [{name: a, max: 3, pool: p}, {name: a, max: 3, pool: q}]".to_owned(),
            "\"a\" is already the scaler at line 1",
        ),
        (
            two(
                ", targets: {external_metric: {name: m}}",
                ", targets: {external_metric: {name: m}}",
            ),
            "\"m\" is already the metric of the scaler at line 2",
        ),
        (
            two(
                ", targets: {keda: {name: o}}",
                ", targets: {keda: {name: o}}",
            ),
            "\"o\" is already the ScaledObject of the scaler at line 2",
        ),
    ] {
        let error = load(&source).unwrap_err();
        assert!(error.contains(want), "{source}: {error}");
        assert!(!error.contains("SECRET"), "{error}");
    }
    // In other namespaces they are others.
    let source = two(
        ", targets: {keda: {name: o, namespace: x}}",
        ", targets: {keda: {name: o, namespace: y}}",
    );
    assert_eq!(load(&source).unwrap().scaling.len(), 2);
}

#[test]
fn a_pool_that_may_rest_needs_somebody_to_wake_it() {
    let warnings = |more: &str| {
        let source = format!("scaling: [{{name: a, max: 3, pool: p, {more}}}]");
        let loaded = load_text(&source, &origin(), &LoadOptions::default()).unwrap();
        let warnings = loaded.warnings.iter();
        warnings.map(ToString::to_string).collect::<Vec<_>>()
    };
    let told = warnings("min: 0");
    assert!(told[0].contains("scaling[0].min: 0 with"), "{told:?}");
    assert!(warnings("min: 1").is_empty());
    assert!(warnings("min: 0, signals: {waiting: q}").is_empty());
}

#[test]
fn a_front_proxy_has_an_authority() {
    let error = load("server: {front_proxy: {allowed_names: [a]}}").unwrap_err();
    assert!(error.contains("says not whom to trust"), "{error}");
    let config = load("server: {front_proxy: {client_ca: x}}").unwrap();
    assert!(config.server.front_proxy.unwrap().allowed_names.is_empty());
}
