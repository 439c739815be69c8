//! The other commands: their output and their exit codes.

use anyhow::Result;
use bellwether_blackbox::{EMPTY_CONFIG, Server, root, run};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn our_promql_cases_pass_and_a_wrong_one_fails() -> Result<()> {
    let mut files: Vec<String> = std::fs::read_dir(root().join("crates/promql/testdata/scripts"))?
        .flatten()
        .map(|entry| entry.path().to_string_lossy().into_owned())
        .filter(|path| path.ends_with(".test"))
        .collect();
    files.sort();
    let mut arguments = vec!["test", "promql"];
    arguments.extend(files.iter().map(String::as_str));
    let output = run(&arguments).await?;
    let out = text(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{out}{}",
        text(&output.stderr)
    );
    assert!(
        out.lines()
            .last()
            .is_some_and(|line| line.ends_with(" passed, 0 failed")),
        "{out}"
    );
    // The same on the engine that keeps data on disk.
    arguments.push("--embedded");
    let output = run(&arguments).await?;
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );

    let folder = tempfile::tempdir()?;
    let wrong = folder.path().join("wrong.test");
    std::fs::write(
        &wrong,
        "load 1m\n  a 1 2 3\n\neval instant at 1m a\n  a 3\n",
    )?;
    let output = run(&["test", "promql", &wrong.to_string_lossy()]).await?;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stdout).contains("0 passed, 1 failed"),
        "{}",
        text(&output.stdout)
    );
    Ok(())
}

#[tokio::test]
async fn check_config_names_the_place() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("prometheus.yml");
    std::fs::write(
        &file,
        "scrape_configs:\n  - job_name: a\n    scrape_timeout: soon\n",
    )?;
    let path = file.to_string_lossy();
    let output = run(&["check", "config", &path]).await?;
    assert_eq!(output.status.code(), Some(1));
    let out = text(&output.stdout) + &text(&output.stderr);
    for part in ["scrape_configs[0].scrape_timeout", "soon", "3"] {
        assert!(out.contains(part), "{part} is not in {out}");
    }
    std::fs::write(
        &file,
        "scrape_configs:\n  - job_name: a\n    scrape_timeout: 5s\n",
    )?;
    assert_eq!(
        run(&["check", "config", &path]).await?.status.code(),
        Some(0)
    );
    let missing = folder.path().join("missing.yml");
    let output = run(&["check", "config", &missing.to_string_lossy()]).await?;
    assert_eq!(output.status.code(), Some(2));
    Ok(())
}

#[tokio::test]
async fn query_status_export_and_import() -> Result<()> {
    let server = Server::start(EMPTY_CONFIG, &[]).await?;
    let folder = tempfile::tempdir()?;
    let now = server.value("time()").await?;
    let file = folder.path().join("in.om");
    let open_metrics = format!(
        "# TYPE imported counter\nimported_total{{a=\"1\"}} 5 {:.3}\nimported_total{{a=\"1\"}} 7 {:.3}\n# EOF\n",
        now - 30.0,
        now - 15.0
    );
    std::fs::write(&file, &open_metrics)?;
    let url = server.url.as_str();
    let output = run(&["import", "--url", url, &file.to_string_lossy()]).await?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));

    let output = run(&["query", "instant", "--url", url, "imported_total"]).await?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(
        text(&output.stdout).contains('7'),
        "{}",
        text(&output.stdout)
    );
    let output = run(&["query", "instant", "--url", url, "sum("]).await?;
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("parse error"),
        "{}",
        text(&output.stderr)
    );

    let output = run(&[
        "query",
        "range",
        "--url",
        url,
        "--output",
        "json",
        "imported_total",
    ])
    .await?;
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(answer["resultType"], "matrix", "{answer}");

    let output = run(&["export", "--url", url, "--match", "imported_total"]).await?;
    let exported = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(exported.ends_with("# EOF\n"), "{exported}");
    // No histogram is there, and the trailers that say so have come.
    assert_eq!(text(&output.stderr), "");
    assert_eq!(
        exported
            .lines()
            .filter(|line| line.starts_with("imported_total{"))
            .count(),
        2,
        "{exported}"
    );

    let output = run(&["status", "--url", url, "--output", "json"]).await?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let status: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    assert!(status.is_object(), "{status}");
    Ok(())
}
