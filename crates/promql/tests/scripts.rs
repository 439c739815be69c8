//! Runs our own scripts in the PromQL test language through the engine.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read its data has failed"
)]

use std::path::{Path, PathBuf};

use bellwether_promql::Engine;
use bellwether_promql::promqltest::{InMemory, Report, engine_options, parse_series, run_script};

fn scripts() -> Vec<(PathBuf, String)> {
    let folder = Path::new("testdata/scripts");
    let mut scripts: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "test")
        })
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            (path, text)
        })
        .collect();
    scripts.sort();
    scripts
}

#[test]
fn our_scripts_pass() {
    let engine = Engine::new(engine_options());
    let mut total = Report::default();
    let mut shown = String::new();
    for (path, text) in scripts() {
        let report = run_script(&text, &engine, &mut InMemory);
        for failure in &report.failures {
            shown.push_str(&format!("{}: {failure}\n", path.display()));
        }
        total.merge(report);
    }
    assert_eq!(total.failed, 0, "{total}\n{shown}");
    assert!(total.passed >= 390, "scripts went missing: {total}");
}

/// The script with another expected value in each evaluation that expects series, and how many
/// those are.
fn with_wrong_values(text: &str) -> (String, usize) {
    let mut wrong = String::new();
    let mut count = 0;
    let mut in_eval = false;
    let mut is_planted = false;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() {
            in_eval = false;
        } else if trimmed.starts_with("eval") {
            in_eval = true;
            is_planted = false;
        }
        let is_expected = in_eval
            && !trimmed.starts_with("eval")
            && !trimmed.starts_with("expect")
            && parse_series(trimmed).is_ok_and(|series| !series.values.is_empty());
        if is_expected && !is_planted {
            is_planted = true;
            count += 1;
            let (head, _) = trimmed
                .split_once(" {{")
                .or_else(|| trimmed.rsplit_once(' '))
                .unwrap();
            wrong.push_str(&format!("  {head} 987654321.5\n"));
        } else {
            wrong.push_str(line);
            wrong.push('\n');
        }
    }
    (wrong, count)
}

#[test]
fn a_wrong_expectation_fails() {
    let engine = Engine::new(engine_options());
    let mut planted = 0;
    for (path, text) in scripts() {
        let total = run_script(&text, &engine, &mut InMemory).passed;
        let (wrong, count) = with_wrong_values(&text);
        let report = run_script(&wrong, &engine, &mut InMemory);
        assert_eq!(
            (report.passed, report.failed),
            (total - count, count),
            "{}",
            path.display()
        );
        planted += count;
    }
    assert!(planted >= 300, "only {planted} expectations were planted");
}
