//! Objectives as part of a configuration, and what documents of other programs mean.

mod meaning;

use std::path::{Path, PathBuf};

use bellwether_config::{CheckOptions, Config, LoadOptions, Origin, check, load_text};

use meaning::{TOLERANCE, compare_file, files_below};

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/objectives")
}

#[test]
fn documents_mean_what_they_mean_elsewhere() {
    let files = files_below(&testdata()).unwrap();
    assert_eq!(files.len(), 4, "{files:?}");
    let mut count = 0;
    for file in files {
        let outcome =
            compare_file(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let (read, compared) = (outcome.loaded.objectives.len(), outcome.compared.len());
        assert_eq!((read, outcome.composites), (compared, 0));
        for one in outcome.compared {
            assert!(one.difference <= TOLERANCE, "{}: {one:?}", file.display());
            // A share of 0 would not tell one formula from another.
            assert!(one.share > 0.001 && one.share < 0.999, "{one:?}");
            assert!(one.groups > 0, "{}", one.id);
            count += 1;
        }
    }
    assert_eq!(count, 24);
}

#[test]
fn a_configuration_names_objectives_and_files_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let objective = |name: &str| {
        format!(
            "{{name: {name}, service: s, objective: 99%, indicator: {{ratio: {{bad: b, total: t}}}}}}"
        )
    };
    write(
        "main.yml",
        &format!(
            "slos:\n  - {}\n  - slos/*.yml\n  - slos/a.yml\n  - none.yml\n  - {{name: up, service: s, objective: 99%, indicator: {{availability: {{probe: site}}}}}}\n",
            objective("inline")
        ),
    );
    std::fs::create_dir(folder.path().join("slos")).unwrap();
    write("slos/a.yml", &format!("slos: [{}]\n", objective("a")));
    write(
        "slos/b.yml",
        "slos: [{name: all, service: s, objective: 99%, indicator: {composite: {of: [inline, a]}}}]\n",
    );
    let loaded = Config::load(&folder.path().join("main.yml")).unwrap();
    let names: Vec<&str> = loaded
        .config
        .objectives
        .iter()
        .map(|it| it.name.as_str())
        .collect();
    assert_eq!(names, ["inline", "up", "a", "all"]);
    assert_eq!(loaded.objective_files.len(), 2);
    let warnings: Vec<String> = loaded
        .warnings
        .iter()
        .map(|it| it.message.clone())
        .collect();
    assert!(
        warnings.iter().any(|it| it.starts_with("no file matches")),
        "{warnings:?}"
    );
    assert!(
        warnings.contains(&"\"site\" is the name of no probe".to_owned()),
        "{warnings:?}"
    );
    let report = check(&folder.path().join("main.yml"), &CheckOptions::default());
    assert!(report.to_string().contains("4 objectives, "), "{report}");

    write("slos/b.yml", &format!("slos: [{}]\n", objective("inline")));
    let error = Config::load(&folder.path().join("main.yml"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("b.yml:1:8: slos[0].name: \"inline\" is the name of another objective"),
        "{error}"
    );
    write("main.yml", "slos: ['*/a.yml']\n");
    let error = Config::load(&folder.path().join("main.yml"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("* may stand only in the last part"),
        "{error}"
    );
}

#[test]
fn what_is_in_effect_reads_back() {
    let source = "slos:\n  - name: a\n    service: s\n    objective: 99%\n    calendar: {unit: month, start: 2026-01-05T00:00:00}\n    indicator: {composite: {of: [b, {name: c, weight: 2}]}}\n  - &b {name: b, service: s, objective: 99%, indicator: {ratio: {bad: b, total: t}}}\n  - {<<: *b, name: c}\n  - other/*.yml\n";
    let origin = Origin {
        file: "main.yml".to_owned(),
        folder: "/nowhere".into(),
    };
    let options = LoadOptions {
        leave_named_files: true,
        ..LoadOptions::default()
    };
    let loaded = load_text(source, &origin, &options).unwrap();
    let again = load_text(&loaded.redacted_yaml, &origin, &options)
        .unwrap_or_else(|errors| panic!("{errors}\n{}", loaded.redacted_yaml));
    assert_eq!(again.redacted_yaml, loaded.redacted_yaml);
    let without_lines = |config: &Config| {
        let mut objectives = config.objectives.clone();
        objectives
            .iter_mut()
            .for_each(|objective| objective.line = 0);
        objectives
    };
    assert_eq!(without_lines(&again.config), without_lines(&loaded.config));
}
