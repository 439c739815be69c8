//! The other commands: their output and their exit codes.

use anyhow::{Context, Result, ensure};
use bellwether_blackbox::hook::Hook;
use bellwether_blackbox::{EMPTY_CONFIG, Server, eventually, root, run};

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

/// Runs a command against a server. Gives its exit code, output and errors.
async fn told(server: &Server, line: &[&str]) -> Result<(Option<i32>, String, String)> {
    let mut arguments = line.to_vec();
    arguments.extend(["--url", &server.url]);
    let output = run(&arguments).await?;
    let (out, error) = (text(&output.stdout), text(&output.stderr));
    Ok((output.status.code(), out, error))
}

#[tokio::test]
async fn timeline_and_acknowledge() -> Result<()> {
    let hook = Hook::start().await?;
    let folder = tempfile::tempdir()?;
    std::fs::write(
        folder.path().join("rules.yml"),
        "groups:\n- name: g\n  rules:\n  - alert: Slow\n    expr: vector(1)\n    labels: {severity: \
         critical, host: a}\n  - alert: Full\n    expr: vector(1)\n    labels: {host: b}\n",
    )?;
    let config = format!(
        "global: {{ evaluation_interval: 1s }}\nrule_files: [rules.yml]\nnotifications:\n  route:\n    \
         receiver: team\n    group_wait: 0s\n    repeat_interval: 1s\n    group_interval: 1s\n  \
         receivers:\n  - name: team\n    webhook_configs:\n    - url: {}/ok\n",
        hook.url
    );
    let server = Server::start_in(folder.path(), &config, &[]).await?;
    let told = async |line: &[&str]| told(&server, line).await;
    eventually("both are told of", || async {
        let (_, out, _) = told(&["timeline", "--kind", "notified", "--label", "host=b"]).await?;
        ensure!(out.contains("Full{host="), "{out}");
        let (_, out, _) = told(&["timeline", "--kind", "notified", "--alert", "Slow"]).await?;
        ensure!(out.contains("Slow{host="), "{out}");
        Ok(())
    })
    .await?;

    let (code, out, error) = told(&["timeline", "--from", "1h", "--alert", "Slow"]).await?;
    assert_eq!(code, Some(0), "{error}");
    assert!(!out.contains("Full") && !out.contains('\x1b'), "{out}");
    let kinds: Vec<&str> = out
        .lines()
        .filter_map(|line| line.split_whitespace().nth(1))
        .collect();
    assert!(kinds.starts_with(&["firing", "notified"]), "{out}");
    let (code, out, _) = told(&[
        "timeline",
        "--receiver",
        "team",
        "--limit",
        "2",
        "--output",
        "json",
    ])
    .await?;
    let rows: serde_json::Value = serde_json::from_str(&out)?;
    assert_eq!(
        (code, rows.as_array().map(Vec::len)),
        (Some(0), Some(2)),
        "{out}"
    );
    assert_eq!(rows[0]["receiver"], "team/webhook[0]");
    for (line, code, words) in [
        (
            &["timeline", "--alert", "None"][..],
            1,
            "nothing has happened",
        ),
        (&["timeline", "--kind", "fire"], 2, "pending, firing"),
        (
            &["timeline", "--from", "yesterday"],
            2,
            "--from \"yesterday\" is not a time",
        ),
        (&["timeline", "--label", "=x"], 2, "=x"),
        (&["acknowledge", "None", "--by", "ada"], 1, "no alert fits"),
        (&["acknowledge", "--by", "ada"], 2, "MATCHER"),
        (
            &["acknowledge", "Slow", "--by", "ada", "--until", "1"],
            2,
            "in the past",
        ),
        (
            &[
                "acknowledge",
                "Slow",
                "--by",
                "ada",
                "--for",
                "1h",
                "--until",
                "1",
            ],
            2,
            "cannot be used",
        ),
        (
            &["acknowledge", "--remove", "Slow"],
            2,
            "16 hexadecimal digits",
        ),
        (
            &["acknowledge", "--remove", "0123456789abcdef", "--by", "ada"],
            1,
            "nobody is on it",
        ),
        (&["acknowledge", "--list"], 1, ""),
    ] {
        let got = told(line).await?;
        assert_eq!(got.0, Some(code), "{line:?}: {got:?}");
        assert!(got.2.contains(words), "{line:?}: {got:?}");
    }

    let line = [
        "acknowledge",
        "severity=critical",
        "host=~a|x",
        "--by",
        "ada",
        "--why",
        "on it",
        "--for",
        "2h",
    ];
    let (code, out, error) = told(&line).await?;
    assert_eq!(code, Some(0), "{error}");
    let fingerprint = out
        .split_whitespace()
        .nth(1)
        .context("no fingerprint")?
        .to_owned();
    assert_eq!(
        out,
        format!("acknowledged {fingerprint} Slow{{host=\"a\", severity=\"critical\"}}\n")
    );
    let (code, out, _) = told(&["acknowledge", "--list"]).await?;
    assert_eq!((code, out.lines().count()), (Some(0), 1), "{out}");
    assert!(
        out.contains("  ada  Slow{") && out.ends_with("  on it\n"),
        "{out}"
    );
    let (_, out, _) = told(&[
        "timeline",
        "--fingerprint",
        &fingerprint,
        "--kind",
        "acknowledged",
    ])
    .await?;
    assert!(out.ends_with("by ada: on it\n"), "{out}");
    // The transitions are series.
    let (_, metrics) = server.get("/metrics", &[]).await?;
    let acknowledged = "bellwether_alert_transitions_total{alertname=\"Slow\",severity=\"critical\",kind=\"acknowledged\"} 1";
    assert!(metrics.contains(acknowledged), "{metrics}");
    assert!(
        metrics.contains("alertname=\"Full\",kind=\"firing\"} 1"),
        "{metrics}"
    );

    let (code, out, error) =
        told(&["acknowledge", "--remove", &fingerprint, "--by", "bob"]).await?;
    assert_eq!(
        (code, out),
        (Some(0), format!("taken back {fingerprint}\n")),
        "{error}"
    );
    let (code, ..) = told(&["acknowledge", "--list"]).await?;
    assert_eq!(code, Some(1));
    let (code, _, error) = run_nowhere().await?;
    assert!(
        code == Some(2) && error.contains("is the server running there?"),
        "{error}"
    );
    Ok(())
}

/// A question to a server that is not there, with a password that must not be told.
async fn run_nowhere() -> Result<(Option<i32>, String, String)> {
    let port = bellwether_blackbox::free_port()?;
    let url = format!("http://ada:secret@127.0.0.1:{port}");
    let output = run(&["timeline", "--url", &url]).await?;
    let error = text(&output.stderr);
    ensure!(!error.contains("secret"), "{error}");
    Ok((output.status.code(), text(&output.stdout), error))
}

#[tokio::test]
async fn backtest_tells_who_would_have_been_told() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let server = Server::start_in(folder.path(), EMPTY_CONFIG, &[]).await?;
    let now = server.value("time()").await?.floor();
    let mut body = String::from("# TYPE level gauge\n");
    for minute in (0..120).rev() {
        let value = if (30..50).contains(&minute) { 9 } else { 1 };
        let time = now - 60.0 * f64::from(minute);
        body.push_str(&format!("level{{host=\"a\"}} {value} {time:.3}\n"));
    }
    body.push_str("# EOF\n");
    let url = format!("{}/api/bellwether/v1/import", server.url);
    let answer = server.client.post(url).body(body).send().await?;
    assert!(answer.status().is_success(), "{}", answer.text().await?);
    assert_eq!(server.terminate().await?, Some(0));
    let rules = |threshold: u32| {
        format!("groups: [{{name: g, rules: [{{alert: High, expr: level > {threshold}}}]}}]")
    };
    std::fs::write(path("old.yml"), rules(5))?;
    std::fs::write(path("new.yml"), rules(0))?;
    let routes = "route: {receiver: team, group_wait: 30s}\nreceivers:\n  - name: team\n    webhook_configs: [{url: 'http://localhost:1/'}]\n";
    std::fs::write(path("am.yml"), routes)?;
    let (old, new, data, routes, picture) = (
        path("old.yml"),
        path("new.yml"),
        path("data"),
        path("am.yml"),
        path("picture.html"),
    );
    let end = now.to_string();
    let first = [
        "backtest", "--rules", &old, "--data", &data, "--from", "2h", "--to", &end, "--routes",
        &routes,
    ];
    let output = run(&first).await?;
    let out = text(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{out}{}",
        text(&output.stderr)
    );
    for part in [
        "ALERT  FIRED  FIRING  LONGEST  PENDING ONLY  NOTIFICATIONS\nHigh       1     20m      20m             0              2\n",
        "team/webhook[0]      1        0         1       0    2\n",
        "team/webhook[0] first notification: 1 firing, 0 resolved {}",
    ] {
        assert!(out.contains(part), "{part} is not in {out}");
    }
    let mut line = first.to_vec();
    line.extend(["--output", "json", "--against", &new, "--picture", &picture]);
    let output = run(&line).await?;
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let high = &answer["differences"][0];
    assert_eq!(high["before"]["notifications"], 2, "{answer}");
    assert_eq!(high["after"]["fired"], 1);
    assert_eq!(high["same"], false);
    assert_eq!(high["only_before"], serde_json::json!([]));
    // The same rules in a file of another name are the same.
    let copy = path("copy.yml");
    std::fs::copy(&old, &copy)?;
    let same = ["--output", "text", "--against", &copy];
    let output = run(&[&first[..], &same].concat()).await?;
    let out = text(&output.stdout);
    assert!(out.ends_with("\nboth versions give the same\n"), "{out}");
    let page = std::fs::read_to_string(&picture)?;
    for part in ["<!doctype html>", "<svg", "team/webhook[0]", "after"] {
        assert!(page.contains(part), "{part} is not in the picture");
    }
    assert!(!page.contains("<script") && !page.contains("http"));
    Ok(())
}
