//! Alerting in the hands of somebody who means harm, or does not know: every case gets a clear answer,
//! the server goes on, and its memory stays within bounds.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use bellwether_blackbox::hook::Hook;
use bellwether_blackbox::{Server, eventually, run};
use serde_json::{Value, json};

mod malformed;

/// What a server that was asked for nothing but harm may take. Chosen: a request of the largest size,
/// several times over.
const MEMORY_BYTES_MAX: u64 = 1 << 30;

const RULES: &str = "groups:\n- name: sound\n  rules:\n  - { record: sound, expr: vector(1) }\n";

/// A server with rules and notifications that are sound, in a folder of its own.
struct Scene {
    server: Server,
    hook: Hook,
    scratch: tempfile::TempDir,
}

impl Scene {
    async fn set(rules: &str, receivers: &str) -> Result<Self> {
        let hook = Hook::start().await?;
        let scratch = tempfile::tempdir()?;
        std::fs::write(rules_of(scratch.path()), rules)?;
        let notifications = format!(
            "route:\n  receiver: hook\n  group_by: ['...']\n  group_wait: 0s\n  group_interval: 1s\n  routes: [{{ receiver: quiet, group_by: [alertname], matchers: [alertname=Many] }}]\nreceivers:\n- name: quiet\n- name: hook\n  webhook_configs: [{{ url: '{}/ok' }}]\n{receivers}",
            hook.url
        );
        std::fs::write(notifications_of(scratch.path()), notifications)?;
        let server = start(scratch.path()).await?;
        Ok(Self {
            server,
            hook,
            scratch,
        })
    }

    async fn post(&self, path: &str, body: impl Into<Vec<u8>>) -> Result<(u16, String)> {
        post(&self.server, path, body).await
    }

    /// The server answers, and has not taken more memory than it may.
    async fn is_sound(&self) -> Result<()> {
        is_sound(&self.server).await
    }
}

async fn is_sound(server: &Server) -> Result<()> {
    ensure!(server.value("1 + 1").await? == 2.0);
    let peak = server.memory("VmHWM")?;
    ensure!(peak < MEMORY_BYTES_MAX, "{} MiB", peak >> 20);
    let log = std::fs::read_to_string(server.folder.join("log"))?;
    ensure!(!log.contains("panicked"), "{log}");
    Ok(())
}

fn rules_of(folder: &Path) -> PathBuf {
    folder.join("rules.yml")
}

fn notifications_of(folder: &Path) -> PathBuf {
    folder.join("alertmanager.yml")
}

async fn start(folder: &Path) -> Result<Server> {
    let config = "global: { evaluation_interval: 1s }\nrule_files: [rules.yml]\n";
    let file = notifications_of(folder);
    let file = file.to_str().context("path")?;
    let flags = ["--alertmanager-config", file, "--web.enable-lifecycle"];
    Server::start_in(folder, config, &flags).await
}

async fn post(server: &Server, path: &str, body: impl Into<Vec<u8>>) -> Result<(u16, String)> {
    let request = server
        .client
        .post(format!("{}{path}", server.url))
        .header("Content-Type", "application/json")
        .body(body.into());
    let answer = request.send().await?;
    Ok((answer.status().as_u16(), answer.text().await?))
}

async fn listed(server: &Server, path: &str) -> Result<Vec<Value>> {
    let (status, body) = server.get(path, &[]).await?;
    ensure!(status == 200, "{path}: {status}: {body}");
    Ok(serde_json::from_str(&body)?)
}

const ALERTS: &str = "/am/api/v2/alerts";
const SILENCES: &str = "/am/api/v2/silences";

#[tokio::test]
async fn malformed_files_are_refused_and_the_running_ones_stay() -> Result<()> {
    let scene = Scene::set(RULES, "").await?;
    let folder = scene.scratch.path();
    let sound_rules = std::fs::read(rules_of(folder))?;
    let sound_notifications = std::fs::read(notifications_of(folder))?;
    std::fs::write(folder.join("broken.tmpl"), "{{ define \"x\" }}{{ if }}\n")?;
    let cases = malformed::files();
    ensure!(cases.len() >= 40, "{}", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let (file, what) = match case.kind {
            malformed::Kind::Rules => (rules_of(folder), "rules"),
            malformed::Kind::Notifications => (notifications_of(folder), "notifications"),
        };
        std::fs::write(&file, &case.text)?;
        // The command.
        let output = run(&["check", what, file.to_str().context("path")?]).await?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let is_right = output.status.code() == Some(1)
            && said.starts_with(&format!("error: {}", folder.display()))
            && said.contains(case.error)
            && said.len() < 4_000;
        if !is_right {
            wrong.push(format!("check: {}\n  have {said}", case.error));
        }
        // A running server keeps what it has, and says why.
        let (status, said) = scene.post("/-/reload", "").await?;
        if status != 500 || !said.contains(case.error) {
            wrong.push(format!("reload: {}\n  have {status} {said}", case.error));
        }
        // Another does not start.
        let other = tempfile::tempdir()?;
        for path in [
            &rules_of(folder),
            &notifications_of(folder),
            &folder.join("broken.tmpl"),
        ] {
            std::fs::copy(path, other.path().join(path.file_name().context("name")?))?;
        }
        match start(other.path()).await {
            Ok(_) => wrong.push(format!("starts in spite of: {}", case.error)),
            Err(error) => {
                let said = format!("{error:#}");
                if !said.contains(case.error) {
                    wrong.push(format!("start: {}\n  have {said}", case.error));
                }
            }
        }
        std::fs::write(rules_of(folder), &sound_rules)?;
        std::fs::write(notifications_of(folder), &sound_notifications)?;
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    let data = scene.server.api("rules", &[]).await?;
    ensure!(data["groups"][0]["name"] == "sound", "{data}");
    let (_, status) = scene.server.get("/am/api/v2/status", &[]).await?;
    ensure!(status.contains("hook"), "{status}");
    let (status, said) = scene.post("/-/reload", "").await?;
    ensure!(status == 200, "{said}");
    scene.is_sound().await
}

#[tokio::test]
async fn bodies_that_are_none_get_an_answer() -> Result<()> {
    let scene = Scene::set(RULES, "").await?;
    let deep = "[".repeat(1 << 20);
    let deep_object = format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    let silence = |key: &str, value: Value| {
        let mut silence = json!({
            "matchers": [{ "name": "a", "value": "b", "isRegex": false }],
            "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z",
            "createdBy": "c", "comment": "d",
        });
        silence[key] = value;
        silence.to_string().into_bytes()
    };
    let alert = |key: &str, value: Value| {
        let mut alert = json!({ "labels": { "alertname": "A" } });
        alert[key] = value;
        json!([alert]).to_string().into_bytes()
    };
    let matchers = |pattern: &str| json!([{ "name": "a", "value": pattern, "isRegex": true }]);
    #[rustfmt::skip]
    let cases: Vec<(&str, Vec<u8>, u16, &str)> = vec![
        (ALERTS, deep.clone().into(), 400, "recursion limit exceeded"),
        (ALERTS, format!("[{deep_object}]").into(), 400, "recursion limit exceeded"),
        (ALERTS, b"[{\"labels\":{\"a\":\"\xff\xfe\"}}]".to_vec(), 400, "invalid unicode code point"),
        (ALERTS, b"[{\"labels\":{\"a\":\"\0\"}}]".to_vec(), 400, "control character"),
        (ALERTS, b"[{\"labels\":{\"a\":\"\\ud800\"}}]".to_vec(), 400, "hex escape"),
        (ALERTS, b"{}".to_vec(), 400, "it is an object: want a list of alerts"),
        (ALERTS, b"7".to_vec(), 400, "it is a number: want a list of alerts"),
        (ALERTS, b"[1e999]".to_vec(), 400, "number out of range"),
        (ALERTS, format!("[{}]", "9".repeat(100_000)).into(), 400, "number out of range"),
        (ALERTS, b"[[]]".to_vec(), 400, "element 0 is a list: want an alert"),
        (ALERTS, b"[{\"labels\":{\"a\":\"b\"}}".to_vec(), 400, "EOF while parsing a list"),
        (ALERTS, b"[] []".to_vec(), 400, "trailing characters"),
        (ALERTS, alert("labels", json!(7)), 400, "labels is a number: want an object"),
        (ALERTS, alert("labels", json!({ "a": {} })), 400, "labels.a is an object: want a text"),
        (ALERTS, alert("labels", json!({ "": "b" })), 400, "invalid name"),
        (ALERTS, alert("annotations", json!([])), 400, "annotations is a list: want an object"),
        (ALERTS, alert("startsAt", json!("99999-01-01T00:00:00Z")), 400, "want a time such as"),
        (ALERTS, alert("startsAt", json!(1e300)), 400, "startsAt is a number: want a text"),
        (ALERTS, alert("endsAt", json!("-99999-01-01T00:00:00Z")), 400, "want a time such as"),
        (ALERTS, alert("generatorURL", json!(":not a url")), 422, "must be of type uri"),
        (SILENCES, deep.into(), 400, "recursion limit exceeded"),
        (SILENCES, b"[]".to_vec(), 400, "want a silence"),
        (SILENCES, silence("matchers", json!("a=b")), 400, "matchers is a text: want a list"),
        (SILENCES, silence("matchers", json!([])), 422, "at least 1 items"),
        (SILENCES, silence("matchers", json!(vec![json!({ "name": "a", "value": "b", "isRegex": false }); 10_000])), 400, "10000 matchers: at most 100 are taken"),
        (SILENCES, silence("matchers", matchers("(a{1000}){1000}")), 400, "is not a regular expression"),
        (SILENCES, silence("matchers", matchers(r"(\pL{900}){1}")), 400, "is not a regular expression"),
        (SILENCES, silence("matchers", matchers(&"(".repeat(50_000))), 400, "is not a regular expression"),
        (SILENCES, silence("matchers", matchers(".*")), 400, "must not match the empty string"),
        (SILENCES, silence("comment", json!("x".repeat(1 << 20))), 400, "bytes of text: at most 65536 are taken"),
        (SILENCES, silence("endsAt", json!("2020-01-01T00:00:00Z")), 400, "end time"),
        (SILENCES, silence("startsAt", json!("tomorrow")), 400, "want a time such as"),
        (SILENCES, silence("id", json!("x".repeat(1 << 20))), 404, "not found"),
    ];
    for (path, body, want_status, want) in cases {
        let shown: String = String::from_utf8_lossy(&body).chars().take(80).collect();
        let (status, said) = scene.post(path, body).await?;
        ensure!(
            status == want_status && said.contains(want) && said.len() < 4_000,
            "{shown}: want {want_status} {want}\nhave {status} {said}"
        );
    }
    // Filters are read by others.
    for filter in [
        "a=~(".to_owned(),
        "a=~\"(a{1000}){1000}\"".to_owned(),
        "=".repeat(10_000),
        "\0".to_owned(),
    ] {
        for path in [ALERTS, SILENCES, "/am/api/v2/alerts/groups"] {
            let (status, said) = scene.server.get(path, &[("filter", &filter)]).await?;
            ensure!(
                status == 400 && said.len() < 4_000,
                "{path}: {status} {said}"
            );
        }
    }
    ensure!(listed(&scene.server, ALERTS).await?.is_empty());
    ensure!(listed(&scene.server, SILENCES).await?.is_empty());
    scene.is_sound().await
}

#[tokio::test]
async fn alerts_that_are_too_large_or_too_many_are_refused() -> Result<()> {
    let scene = Scene::set(RULES, "").await?;
    let text = "x".repeat(1 << 20);
    for key in ["labels", "annotations"] {
        let mut alert = json!({ "labels": { "alertname": "Large" } });
        alert[key]["large"] = json!(text);
        let (status, said) = scene.post(ALERTS, json!([alert]).to_string()).await?;
        ensure!(
            status == 400 && said.contains("bytes of text: at most 1048576 are taken"),
            "{status} {said}"
        );
    }
    let mut wide = json!({ "labels": { "alertname": "Wide" } });
    for index in 0..100_000 {
        wide["labels"][format!("l{index}")] = json!("x");
    }
    let (status, said) = scene.post(ALERTS, json!([wide]).to_string()).await?;
    ensure!(
        status == 400 && said.contains("alert with 100001 labels: at most 1000 are taken"),
        "{status} {said}"
    );
    let million = format!(
        "[{}]",
        vec!["{\"labels\":{\"a\":\"b\"}}"; 1_000_000].join(",")
    );
    let (status, said) = scene.post(ALERTS, million).await?;
    ensure!(
        status == 413 && said.contains("more than"),
        "{status} {said}"
    );
    // Refused by its length, so that the connection may be gone before all is sent.
    if let Ok((status, said)) = scene.post(ALERTS, vec![b' '; 80 << 20]).await {
        ensure!(
            status == 413 && said.contains("more than"),
            "{status} {said}"
        );
    }
    ensure!(listed(&scene.server, ALERTS).await?.is_empty());
    // Many requests are no way around it.
    let mut refused = 0;
    for request in 0..30 {
        let alerts: Vec<Value> = (0..10_000)
            .map(|index| json!({ "labels": { "alertname": "Many", "n": format!("{request}-{index}") } }))
            .collect();
        let (status, said) = scene.post(ALERTS, Value::Array(alerts).to_string()).await?;
        match status {
            200 => {}
            429 => {
                ensure!(said.contains("at most 250000 are held"), "{said}");
                refused += 1;
            }
            _ => anyhow::bail!("{status} {said}"),
        }
    }
    ensure!(refused == 5, "{refused}");
    println!(
        "250,000 alerts: {} MiB at most",
        scene.server.memory("VmHWM")? >> 20
    );
    scene.is_sound().await
}

#[tokio::test]
async fn templates_from_outside_are_texts() -> Result<()> {
    let scene = Scene::set(RULES, "").await?;
    let evil = "{{ range 1000000000 }}{{ end }}{{ .Labels }}{{ template \"x\" }}<script>";
    let alert = json!([{
        "labels": { "alertname": evil, "severity": "critical" },
        "annotations": { "summary": evil, "description": "{{ query \"up\" }}" },
        "generatorURL": "http://x/{{ .Labels }}",
    }]);
    let (status, said) = scene.post(ALERTS, alert.to_string()).await?;
    ensure!(status == 200, "{said}");
    let told = eventually("it is told", || async {
        scene.hook.told().first().cloned().context("nothing")
    })
    .await?;
    let first = &told.body["alerts"][0];
    ensure!(first["labels"]["alertname"] == evil, "{first}");
    ensure!(first["annotations"]["summary"] == evil, "{first}");
    ensure!(
        first["annotations"]["description"] == "{{ query \"up\" }}",
        "{first}"
    );
    scene.is_sound().await
}

/// Labels and annotations of rules that cost more than they may, and a word of what is said of each.
const BOMBS: [(&str, &str, &str); 8] = [
    (
        "Loop",
        "{{ range $i := 1000000000 }}x{{ end }}",
        "more than",
    ),
    (
        "Nested",
        "{{ define \"a\" }}{{ range $i := 100000 }}{{ range $j := 100000 }}{{ end }}{{ end }}{{ end }}{{ template \"a\" }}",
        "more than",
    ),
    (
        "Recursive",
        "{{ define \"a\" }}{{ template \"a\" }}{{ end }}{{ template \"a\" }}",
        "more than",
    ),
    (
        "Mutual",
        "{{ define \"a\" }}{{ template \"b\" }}{{ template \"b\" }}{{ end }}{{ define \"b\" }}{{ template \"a\" }}{{ end }}{{ template \"a\" }}",
        "more than",
    ),
    ("Wide", "{{ printf \"%1000000000d\" 1 }}", ""),
    (
        "Doubling",
        "{{ $x := \"xxxxxxxxxxxxxxxx\" }}{{ range $i := 60 }}{{ $x = print $x $x }}{{ end }}{{ $x }}",
        "more than",
    ),
    (
        "Pattern",
        "{{ reReplaceAll \"(a{1000}){1000}\" \"x\" \"y\" }}",
        "repeat count",
    ),
    (
        "Replace",
        "{{ $x := printf \"%100000d\" 1 }}{{ range $i := 100000 }}{{ $y := reReplaceAll \"(.*)(.*)(.*)(.*)(.*)$\" \"$1$1$1$1\" $x }}{{ end }}",
        "more than",
    ),
];

#[tokio::test]
async fn templates_that_never_end_do_and_the_alert_is_sent() -> Result<()> {
    let mut rules = "groups:\n- name: bombs\n  rules:\n".to_owned();
    for (name, text, _) in BOMBS {
        rules.push_str(&format!(
            "  - alert: {name}\n    expr: vector(1)\n    labels: {{ bomb: {} }}\n    annotations: {{ summary: {} }}\n",
            json!(text),
            json!(text)
        ));
    }
    // Texts of 1 MiB, written in the file and made by a template.
    let long = "x".repeat(1 << 20);
    rules.push_str(&format!(
        "  - alert: Long\n    expr: vector(1)\n    labels: {{ long: {long} }}\n    annotations: {{ long: {long}, made: '{{{{ printf \"%1048576d\" 1 }}}}' }}\n"
    ));
    let scene = Scene::set(&rules, "").await?;
    let names = || -> std::collections::BTreeSet<String> {
        let told = scene.hook.told();
        let alerts = told
            .iter()
            .flat_map(|told| told.body["alerts"].as_array().cloned());
        alerts
            .flatten()
            .filter_map(|alert| Some(alert["labels"]["alertname"].as_str()?.to_owned()))
            .collect()
    };
    eventually("all are told", || async {
        let names = names();
        ensure!(names.len() == BOMBS.len() + 1, "{names:?}");
        Ok(())
    })
    .await?;
    for told in scene.hook.told() {
        for alert in told.body["alerts"].as_array().into_iter().flatten() {
            let name = alert["labels"]["alertname"].as_str().unwrap_or_default();
            let summary = alert["annotations"]["summary"].as_str().unwrap_or_default();
            let want = BOMBS.iter().find(|(bomb, ..)| *bomb == name);
            let Some((_, _, want)) = want else { continue };
            ensure!(
                summary.contains("error expanding template") != want.is_empty()
                    && summary.contains(want)
                    && summary.len() < 4 << 20,
                "{name}: {:.300}",
                summary
            );
        }
    }
    scene.is_sound().await
}

#[tokio::test]
async fn templates_of_receivers_that_never_end_delay_nobody() -> Result<()> {
    let hook = Hook::start().await?;
    let scratch = tempfile::tempdir()?;
    let folder = scratch.path();
    std::fs::write(rules_of(folder), RULES)?;
    let mut notifications =
        "route:\n  receiver: fine\n  group_wait: 0s\n  group_interval: 10s\n  routes:\n".to_owned();
    for index in 0..BOMBS.len() {
        notifications.push_str(&format!(
            "  - {{ receiver: bomb{index}, continue: true }}\n"
        ));
    }
    notifications.push_str("  - receiver: fine\n");
    notifications.push_str(&format!(
        "receivers:\n- name: fine\n  webhook_configs: [{{ url: '{}/ok' }}]\n",
        hook.url
    ));
    for (index, (_, text, _)) in BOMBS.iter().enumerate() {
        notifications.push_str(&format!(
            "- name: bomb{index}\n  slack_configs: [{{ api_url: '{}/bomb{index}', text: {} }}]\n",
            hook.url,
            json!(text)
        ));
    }
    std::fs::write(notifications_of(folder), notifications)?;
    let server = start(folder).await?;
    let began = Instant::now();
    let alert = json!([{ "labels": { "alertname": "A" } }]);
    post(&server, ALERTS, alert.to_string()).await?;
    eventually("the sound one is told", || async {
        ensure!(hook.told().iter().any(|told| told.path == "/ok"));
        Ok(())
    })
    .await?;
    println!("the sound one after {:?}", began.elapsed());
    eventually("the others are in the timeline", || async {
        let query = [("kind", "notified,notify_failed")];
        let (_, body) = server.get("/api/bellwether/v1/timeline", &query).await?;
        for index in 0..BOMBS.len() {
            ensure!(
                body.contains(&format!("bomb{index}/slack[0]")),
                "{body:.2000}"
            );
        }
        Ok(())
    })
    .await?;
    is_sound(&server).await
}

#[tokio::test]
async fn a_hundred_thousand_silences_are_kept_listed_and_matched() -> Result<()> {
    const COUNT: usize = 100_000;
    let scene = Scene::set(RULES, "").await?;
    let began = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..16 {
        let (client, url) = (
            scene.server.client.clone(),
            format!("{}{SILENCES}", scene.server.url),
        );
        tasks.spawn(async move {
            for index in (worker..COUNT).step_by(16) {
                // One in a hundred has a pattern, and can only be tried.
                let is_regex = index % 100 == 0;
                let value = format!("host-{index}");
                let body = json!({
                    "matchers": [{ "name": "host", "value": value, "isRegex": is_regex }],
                    "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z",
                    "createdBy": "a machine", "comment": "maintenance of one host",
                });
                let answer = client.post(&url).json(&body).send().await?;
                ensure!(answer.status().is_success(), "{}", answer.text().await?);
                answer.bytes().await?;
            }
            Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    println!("{COUNT} silences made in {:.1?}", began.elapsed());
    let began = Instant::now();
    let silences = listed(&scene.server, SILENCES).await?;
    ensure!(silences.len() == COUNT, "{}", silences.len());
    println!("listed in {:.1?}", began.elapsed());
    let began = Instant::now();
    // All of these hosts are silenced but one.
    let mut alerts: Vec<Value> = (0..1_000)
        .map(|index| json!({ "labels": { "alertname": "Down", "host": format!("host-{}", index * 7) } }))
        .collect();
    alerts.push(json!({ "labels": { "alertname": "Down", "host": "loud" } }));
    let (status, said) = scene.post(ALERTS, Value::Array(alerts).to_string()).await?;
    ensure!(status == 200, "{said}");
    eventually("the one is told", || async {
        ensure!(!scene.hook.told().is_empty());
        Ok(())
    })
    .await?;
    println!("1,001 alerts matched in {:.1?}", began.elapsed());
    let active = listed(&scene.server, "/am/api/v2/alerts?silenced=false").await?;
    ensure!(active.len() == 1, "{}", active.len());
    let peak = scene.server.memory("VmHWM")?;
    println!("{} MiB at most", peak >> 20);
    is_sound(&scene.server).await?;
    let Scene {
        server,
        hook,
        scratch,
    } = scene;
    let began = Instant::now();
    server.terminate().await?;
    let server = start(scratch.path()).await?;
    println!("restarted in {:.1?}", began.elapsed());
    ensure!(listed(&server, SILENCES).await?.len() == COUNT);
    let active = listed(&server, "/am/api/v2/alerts?silenced=false").await?;
    ensure!(active.len() == 1, "{}", active.len());
    println!(
        "{} MiB at most after the restart",
        server.memory("VmHWM")? >> 20
    );
    // The silent ones stayed so, over the restart as well: one that comes after them is told.
    let after = json!([{ "labels": { "alertname": "After", "host": "loud" } }]);
    let url = format!("{}{ALERTS}", server.url);
    server.client.post(url).json(&after).send().await?;
    eventually("the one that came after is told", || async {
        let told = hook.told();
        ensure!(
            told.iter()
                .any(|told| told.body.to_string().contains("After"))
        );
        Ok(())
    })
    .await?;
    for told in hook.told() {
        ensure!(
            told.body["alerts"][0]["labels"]["host"] == "loud",
            "{}",
            told.body
        );
    }
    is_sound(&server).await
}
