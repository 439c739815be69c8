//! The section `forecasts`.

use bellwether_config::{LoadOptions, Origin, load_text};

fn warnings(source: &str) -> Vec<String> {
    let origin = Origin {
        file: "c.yml".to_owned(),
        folder: "/".into(),
    };
    let loaded = load_text(source, &origin, &LoadOptions::default()).expect("it is right");
    loaded.warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn history_that_does_not_count_is_told() {
    let of = |keys: &str| warnings(&format!("forecasts:\n- {{name: a, query: up, {keys}}}\n"));
    assert_eq!(
        of("step: 5m, history: 21d"),
        [
            "c.yml:2:43: forecasts[0].history: 21d are 6048 steps: the last 2016 count; want at most 7d, or a step of at least 15m"
        ]
    );
    for fine in [
        "step: 15m, history: 21d",
        "history: 14d",
        "step: 5m, history: 21d, horizon: [], anomaly: true",
    ] {
        assert!(of(fine).is_empty(), "{fine}");
    }
}
