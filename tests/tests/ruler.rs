//! Rules that are edited over HTTP, with the requests of Grafana and mimirtool.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use bellwether_blackbox::{Server, eventually, run};
use reqwest::Method;

const CONFIG: &str = "global: { evaluation_interval: 1s }\nrule_files: [files.yml]\n";
const FILES: &str = "groups:\n- name: fixed\n  rules:\n  - record: fixed:one\n    expr: 1\n";

async fn start(folder: &Path) -> Result<Server> {
    std::fs::write(folder.join("files.yml"), FILES)?;
    Server::start_in(folder, CONFIG, &[]).await
}

/// Sends a request below a place of the API. Gives status and text.
async fn ask(server: &Server, method: Method, path: &str, body: &str) -> Result<(u16, String)> {
    let url = format!("{}{path}", server.url);
    let request = server.client.request(method, url).body(body.to_owned());
    let answer = request.send().await?;
    Ok((answer.status().as_u16(), answer.text().await?))
}

async fn accepted(server: &Server, method: Method, path: &str, body: &str) -> Result<()> {
    let (status, text) = ask(server, method, path, body).await?;
    ensure!(status == 202, "{path}: {status}: {text}");
    ensure!(text.starts_with(r#"{"status":"success""#), "{text}");
    Ok(())
}

/// What is evaluated: `file/group` of `/api/v1/rules`.
async fn groups(server: &Server) -> Result<Vec<String>> {
    let data = server.api("rules", &[]).await?;
    let groups = data["groups"].as_array().context("no groups")?;
    let name = |group: &serde_json::Value| {
        let text = |key: &str| group[key].as_str().unwrap_or_default().to_owned();
        let file = text("file");
        let file = file
            .rsplit_once("/files")
            .map_or(file.as_str(), |_| "files");
        format!("{file}/{}", text("name"))
    };
    Ok(groups.iter().map(name).collect())
}

fn group(name: &str, alert: &str, summary: &str) -> String {
    format!(
        "name: {name}\ninterval: 1s\nrules:\n  - alert: {alert}\n    expr: vector(1) > 0\n    \
         for: 0s\n    labels:\n      severity: warning\n    annotations:\n      summary: \
         '{summary}'\n"
    )
}

/// The sequence of `mimirtool rules sync`, and what Grafana does when somebody edits a rule.
#[tokio::test]
async fn rules_are_edited_and_survive_restarts() -> Result<()> {
    const MIMIRTOOL: &str = "/prometheus/config/v1/rules";
    const GRAFANA: &str = "/config/v1/rules";
    let scratch = tempfile::tempdir()?;
    let server = start(scratch.path()).await?;
    let (status, build) = server
        .get("/prometheus/api/v1/status/buildinfo", &[])
        .await?;
    ensure!(
        status == 200 && build.contains(r#""ruler_config_api":"true""#),
        "{build}"
    );
    let listed = ask(&server, Method::GET, MIMIRTOOL, "").await?;
    ensure!(listed == (200, "{}\n".to_owned()), "{listed:?}");
    let team = format!("{MIMIRTOOL}/team%2Fa.b");
    accepted(&server, Method::POST, &team, &group("one", "Up", "first")).await?;
    accepted(&server, Method::POST, &team, &group("two", "Also", "x")).await?;
    accepted(
        &server,
        Method::POST,
        &format!("{MIMIRTOOL}/other"),
        &group("one", "Else", "y"),
    )
    .await?;
    let evaluated = groups(&server).await?;
    let want = ["files/fixed", "other/one", "team/a.b/one", "team/a.b/two"];
    ensure!(evaluated == want, "{evaluated:?}");

    // An edit changes the text and not since when the alert is active.
    let alert = |text: &'static str| {
        let server = &server;
        async move {
            eventually(text, || async {
                let data = server.api("alerts", &[]).await?;
                let alerts = data["alerts"].as_array().context("no alerts")?;
                let found = alerts
                    .iter()
                    .find(|alert| alert["annotations"]["summary"] == text);
                let since = found.context("no such alert")?["activeAt"].as_str();
                Ok(since.context("no time")?.to_owned())
            })
            .await
        }
    };
    let since = alert("first").await?;
    let edited = group("one", "Up", "second");
    accepted(
        &server,
        Method::POST,
        &format!("{GRAFANA}/team%2Fa.b"),
        &edited,
    )
    .await?;
    ensure!(
        alert("second").await? == since,
        "the state of the alert was lost"
    );

    // Killed, it comes back with all of it; the files are rule files.
    let (_, before) = ask(&server, Method::GET, GRAFANA, "").await?;
    server.kill().await?;
    let server = start(scratch.path()).await?;
    let (_, after) = ask(&server, Method::GET, GRAFANA, "").await?;
    ensure!(
        before == after && after.contains("summary: second"),
        "{before}\n{after}"
    );
    let file = scratch.path().join("data/rules/team%2Fa.b.yml");
    let checked = run(&["check", "rules", &file.to_string_lossy()]).await?;
    ensure!(checked.status.success(), "{checked:?}");

    let (status, one) = ask(&server, Method::GET, &format!("{team}/two"), "").await?;
    ensure!(status == 200 && one.starts_with("name: two\n"), "{one}");
    accepted(&server, Method::DELETE, &format!("{team}/two"), "").await?;
    accepted(&server, Method::DELETE, &format!("{MIMIRTOOL}/other"), "").await?;
    accepted(&server, Method::DELETE, &format!("{team}/one"), "").await?;
    let gone = ask(&server, Method::DELETE, &format!("{team}/one"), "").await?;
    ensure!(
        gone == (404, "group does not exist\n".to_owned()),
        "{gone:?}"
    );
    let gone = ask(&server, Method::GET, &team, "").await?;
    ensure!(
        gone == (404, "group namespace does not exist\n".to_owned()),
        "{gone:?}"
    );
    ensure!(groups(&server).await? == ["files/fixed"]);
    ensure!(
        std::fs::read_dir(scratch.path().join("data/rules"))?
            .next()
            .is_none()
    );
    server.terminate().await?;
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_or_hostile_is_refused_and_changes_nothing() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let server = start(scratch.path()).await?;
    let place = "/config/v1/rules";
    let check = async |path: &str, body: &str, status: u16, want: &str| -> Result<()> {
        let got = ask(&server, Method::POST, &format!("{place}/{path}"), body).await?;
        ensure!(
            got.0 == status && got.1.contains(want),
            "{path} {status} {want}: {got:?}"
        );
        Ok(())
    };
    // The words of `check rules`.
    let wrong = "groups:\n- name: a\n  rules:\n  - alert: x\n    expr: up ==\n";
    let file = scratch.path().join("wrong.yml");
    std::fs::write(&file, wrong)?;
    let said = run(&["check", "rules", &file.to_string_lossy()]).await?;
    let said = String::from_utf8(said.stdout)?;
    let words = said
        .lines()
        .next()
        .and_then(|line| line.split("expr: ").nth(1));
    let words = words.context(said.clone())?;
    let wrong = "name: a\nrules:\n- alert: x\n  expr: up ==\n";
    check("ns", wrong, 400, &format!("ns:4:9: rules[0].expr: {words}")).await?;
    check("ns", "name: [", 400, "not valid YAML").await?;
    check(
        "ns",
        "name: a\nrules:\n- alert: x\n  expr: 1\n  annotations: {a: '{{'}\n",
        400,
        "rules[0].annotations.a",
    )
    .await?;
    check("ns", &"#".repeat(10 << 20), 413, "more than").await?;
    check(
        "ns",
        &format!("name: a\nrules: {}", "[".repeat(100_000)),
        400,
        "ns:",
    )
    .await?;
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f]\n";
    check("ns", bomb, 400, "ns:").await?;
    check(&"n".repeat(300), "name: a\nrules: []", 400, "at most 240").await?;
    check("a%2F%2Fb", "name: a\nrules: []", 400, "would do").await?;
    // The file as its groups name it.
    let data = server.api("rules", &[]).await?;
    let file = data["groups"][0]["file"].as_str().context("no file")?;
    let file = file.replace('/', "%2F");
    check(
        &file,
        "name: fixed\nrules: []",
        403,
        "rule file of the configuration",
    )
    .await?;
    let shown = ask(&server, Method::GET, &format!("{place}/{file}/fixed"), "").await?;
    ensure!(shown.0 == 200 && shown.1.contains("fixed:one"), "{shown:?}");
    let kept = ask(&server, Method::DELETE, &format!("{place}/{file}"), "").await?;
    ensure!(kept.0 == 403, "{kept:?}");
    ensure!(!scratch.path().join("data/rules").try_exists()?);
    // Names that mean other places in paths are names like others.
    for name in [
        "...",
        "..%2F..%2Fescaped",
        "%2Fetc%2Fpasswd",
        "%00",
        "x.yml.tmp",
    ] {
        accepted(
            &server,
            Method::POST,
            &format!("{place}/{name}"),
            "name: a\nrules: []",
        )
        .await?;
    }
    let inside = std::fs::read_dir(scratch.path().join("data/rules"))?.count();
    ensure!(inside == 5, "{inside}");
    let outside: Vec<_> = std::fs::read_dir(scratch.path())?
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    ensure!(outside.len() == 5, "{outside:?}");
    server.kill().await?;
    let server = start(scratch.path()).await?;
    let (_, listed) = ask(&server, Method::GET, place, "").await?;
    ensure!(listed.matches("- name: a").count() == 5, "{listed}");
    // One that cannot be used any more is left out at the start, and refused by a reload.
    server.kill().await?;
    let broken = scratch.path().join("data/rules/broken.yml");
    std::fs::write(
        &broken,
        "groups: [{name: b, rules: [{record: r, expr: up ==}]}]\n",
    )?;
    let server = Server::start_in(scratch.path(), CONFIG, &["--web.enable-lifecycle"]).await?;
    let (_, listed) = ask(&server, Method::GET, place, "").await?;
    ensure!(listed.matches("- name: a").count() == 5, "{listed}");
    ensure!(!listed.contains("broken"), "{listed}");
    ensure!(broken.try_exists()?, "the file is somebody's work");
    let url = format!("{}/-/reload", server.url);
    let reloaded = server.client.post(url).send().await?.text().await?;
    ensure!(reloaded.contains("broken.yml"), "{reloaded}");
    Ok(())
}
