//! The page says what its document does, and no more.

use super::*;
use bellwether_rules::evidence::{
    AlertPart, ComparisonPart, EntityPart, ExemplarPart, LinePart, NeighbourPart, RulePart, VERSION,
};

fn map(pairs: &[(&str, &str)]) -> LabelMap {
    pairs
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect()
}

fn line(labels: &[(&str, &str)], is_own: bool, values: [f64; 3]) -> LinePart {
    let times = [1_700_000_000_000, 1_700_001_800_000, 1_700_003_600_000];
    LinePart {
        labels: map(labels),
        is_own,
        points: times.into_iter().zip(values.map(Number)).collect(),
    }
}

/// A document with everything in it; every text that comes from outside is hostile.
pub(crate) fn evidence() -> Evidence {
    let evil = "<script>\"'&";
    Evidence {
        version: VERSION,
        id: "00000000000000ab-1700003600000".to_owned(),
        alert: AlertPart {
            labels: map(&[
                ("alertname", "Slow"),
                ("severity", "critical"),
                ("job", evil),
            ]),
            annotations: map(&[("summary", evil), ("runbook_url", "javascript:alert(1)")]),
            value: Number(4.2),
            active_at: 1_700_003_300_000,
            fired_at: 1_700_003_600_000,
        },
        rule: RulePart {
            name: "Slow".to_owned(),
            group: evil.to_owned(),
            file: "rules.yml".to_owned(),
            line: 7,
            query: format!("2 < x{{a=\"{evil}\"}}"),
            for_seconds: 300.0,
        },
        gathered_at: 1_700_003_600_500,
        gathered_in_seconds: 0.05,
        operands: vec![
            OperandPart {
                query: "2".to_owned(),
                constant: Some(Number(2.0)),
                lines: Vec::new(),
                left_out: 0,
            },
            OperandPart {
                query: "histogram_quantile(0.95, a_seconds_bucket)".to_owned(),
                constant: None,
                lines: vec![
                    line(&[("job", evil)], true, [0.5, f64::NAN, 4.2]),
                    line(&[("job", "b")], false, [0.5, 0.5, 0.6]),
                ],
                left_out: 3,
            },
        ],
        comparisons: vec![ComparisonPart {
            left: 0,
            operator: "<".to_owned(),
            right: 1,
        }],
        movers: vec![MoverPart {
            operand: 1,
            adds_up: false,
            label: "provider".to_owned(),
            score: 0.9,
            values: vec![MovedValue {
                value: "acme".to_owned(),
                before: Some(Number(0.5)),
                now: Some(Number(4.8)),
                share: 1.16,
            }],
            left_out: 2,
        }],
        exemplars: vec![ExemplarPart {
            series: map(&[("__name__", "a_seconds_bucket"), ("le", "5")]),
            labels: map(&[("trace_id", evil)]),
            value: Number(4.9),
            time: 1_700_003_599_000,
        }],
        neighbours: vec![NeighbourPart {
            labels: map(&[("alertname", "Errors"), ("job", evil)]),
            summary: evil.to_owned(),
            starts_at: 1_700_003_000_000,
            shared: vec!["job".to_owned()],
        }],
        entities: vec![EntityPart {
            entity: "database/pg".to_owned(),
            state: "down".to_owned(),
            reason: "<refused>".to_owned(),
            since: 7,
            caused_by: Vec::new(),
        }],
        targets: vec![TargetPart {
            job: evil.to_owned(),
            instance: "a:1".to_owned(),
            url: "http://a:1/metrics".to_owned(),
            health: "down".to_owned(),
            last_error: evil.to_owned(),
            last_scrape: None,
            last_scrape_seconds: 0.0,
            up: vec![
                (1_700_000_000_000, Number(1.0)),
                (1_700_003_600_000, Number(0.0)),
            ],
        }],
        gaps: vec![evil.to_owned()],
    }
}

#[test]
fn the_head_names_level_culprit_target_and_neighbour() {
    let evidence = evidence();
    let findings = Page {
        evidence: &evidence,
    }
    .findings();
    let expected = [
        "was <b>4.2 s</b>, above 2 s for 5 min; an hour before it was 500 ms",
        "provider = <b>acme</b></span>: 4.8 s now, 500 ms in the hour before",
        "1 of 1 targets behind it is down; <b>a:1</b>",
        "On the same thing fired <b>Errors</b>",
    ];
    assert_eq!(findings.len(), expected.len(), "{findings:#?}");
    for (finding, expected) in findings.iter().zip(expected) {
        assert!(finding.contains(expected), "{finding}");
    }
}

#[test]
fn texts_from_outside_stay_texts() {
    let page = render(&evidence());
    assert!(!page.contains("<script"), "{page}");
    assert!(!page.contains("javascript:"), "{page}");
    assert!(page.contains("&lt;script&gt;&quot;&#39;&amp;"));
}

#[test]
fn a_document_with_nothing_in_it_is_a_page() {
    let mut evidence = evidence();
    evidence.operands.clear();
    evidence.movers.clear();
    evidence.exemplars.clear();
    evidence.neighbours.clear();
    evidence.targets.clear();
    let page = render(&evidence);
    assert!(page.contains("The rule") && page.contains("Slow"));
}

#[test]
fn a_document_is_as_it_is_described() {
    let document = serde_json::from_slice(&evidence().to_json()).unwrap();
    let shape = &crate::openapi::EVIDENCE_DOCUMENT;
    assert_eq!(shape.difference(&document), None, "{document}");
}
