//! What a person finds behind the link of a notification.

use std::fmt::Write as _;

use anyhow::{Context, Result, ensure};
use bellwether_blackbox::hook::Hook;
use bellwether_blackbox::{Server, eventually, now_ms, peer};
use serde_json::Value;

/// Two hours of calls of three tools on two instances, of which one tool fails since ten minutes.
fn history(now_s: i64) -> String {
    let mut text = String::new();
    let mut totals = std::collections::BTreeMap::new();
    for name in ["calls", "errors"] {
        writeln!(text, "# TYPE {name} counter").ok();
        for tool in ["search", "mail", "files"] {
            for instance in ["a:1", "b:1"] {
                let total: &mut f64 = totals.entry((name, tool, instance)).or_default();
                for minute in (-120..=0).map(i64::from) {
                    let share = if tool == "mail" && minute > -10 {
                        0.7
                    } else {
                        0.01
                    };
                    *total += if name == "calls" { 60.0 } else { 60.0 * share };
                    writeln!(
                        text,
                        "{name}_total{{job=\"api\",instance=\"{instance}\",tool=\"{tool}\"}} {total} {}",
                        now_s + minute * 60
                    )
                    .ok();
                }
            }
        }
    }
    text.push_str("# EOF\n");
    text
}

#[tokio::test]
async fn the_notification_leads_to_a_page_that_names_the_culprit() -> Result<()> {
    let hook = Hook::start().await?;
    let external = Hook::start().await?;
    let scratch = tempfile::tempdir()?;
    let folder = scratch.path();
    let rules = "groups:\n- name: g\n  rules:\n  - alert: ToolsFail\n    expr: sum by (job) (rate(errors_total[5m])) / sum by (job) (rate(calls_total[5m])) > 0.1\n    labels: { severity: error }\n    annotations: { summary: tools fail }\n";
    std::fs::write(folder.join("rules.yml"), rules)?;
    let host = external.url.trim_start_matches("http://");
    let config = format!(
        "global: {{ evaluation_interval: 1s, external_labels: {{ cluster: c1 }} }}\n\
         rule_files: [rules.yml]\n\
         alerting: {{ alertmanagers: [{{ path_prefix: /other, static_configs: [{{ targets: ['{host}'] }}] }}] }}\n\
         notifications:\n  route: {{ receiver: hook, group_wait: 0s }}\n  receivers:\n  - name: hook\n    webhook_configs: [{{ url: '{}/ok' }}]\n",
        hook.url
    );
    let server = Server::start_in(folder, &config, &[]).await?;
    let url = format!("{}/api/bellwether/v1/import", server.url);
    let body = history(now_ms() / 1_000);
    let answer = server.client.post(url).body(body).send().await?;
    ensure!(answer.status().is_success(), "{}", answer.text().await?);
    let alert = eventually("the notification", || async {
        let told = hook.told();
        let first = told.first().context("nothing came")?;
        Ok(first.body["alerts"][0].clone())
    })
    .await?;
    ensure!(alert["labels"]["cluster"] == "c1", "{alert}");
    let link = alert["annotations"]["evidence"].as_str();
    let path = link
        .context("no link")?
        .trim_start_matches(&server.url)
        .to_owned();
    ensure!(path.starts_with("/evidence/"), "{path}");
    // Other Alertmanagers are told of the same, link included.
    let other = eventually("another Alertmanager is told", || async {
        let told = external.told();
        let first = told.first().context("nothing came")?;
        Ok(first.clone())
    })
    .await?;
    ensure!(other.path == "/other/api/v2/alerts", "{}", other.path);
    ensure!(other.body[0]["labels"] == alert["labels"], "{}", other.body);
    ensure!(other.body[0]["annotations"]["evidence"] == *link.unwrap_or_default());

    let read = async |server: &Server| {
        eventually("the evidence", || async {
            let (status, page) = server.get(&path, &[]).await?;
            ensure!(status == 200, "{status}: {page}");
            Ok(page)
        })
        .await
    };
    let page = read(&server).await?;
    ensure!(page.contains("tool = <b>mail</b>"), "{page}");
    for forbidden in ["<script", "src=", "@import", "url("] {
        ensure!(!page.contains(forbidden), "the page needs {forbidden}");
    }
    let id = path.trim_start_matches("/evidence/");
    let json = format!("/api/bellwether/v1/evidence/{id}");
    let (_, document) = server.get(&json, &[]).await?;
    let document: Value = serde_json::from_str(&document)?;
    ensure!(
        document["movers"][0]["values"][0]["value"] == "mail",
        "{document}"
    );
    ensure!(document["gaps"] == serde_json::json!([]), "{document}");
    let (_, list) = server.get("/api/bellwether/v1/evidence", &[]).await?;
    ensure!(list.contains(id), "{list}");

    // It is frozen: a kill and a restart, and the page is the same.
    server.kill().await?;
    let server = Server::start_in(folder, &config, &[]).await?;
    let again = read(&server).await?;
    ensure!(again == page, "another page after the restart");
    for (path, status) in [
        ("/evidence/nonsense", 400),
        ("/evidence/00000000000000ab-1", 404),
        ("/api/bellwether/v1/evidence/00000000000000ab-1", 404),
    ] {
        let (got, text) = server.get(path, &[]).await?;
        ensure!(got == status, "{path}: {got}: {text}");
    }
    Ok(())
}

#[tokio::test]
async fn a_real_alertmanager_is_told_by_our_rules() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let folder = scratch.path();
    let manager_folder = folder.join("manager");
    std::fs::create_dir_all(&manager_folder)?;
    let manager = peer::alertmanager(
        &manager_folder,
        "route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n",
    )
    .await?;
    std::fs::write(
        folder.join("rules.yml"),
        "groups: [{ name: g, rules: [{ alert: Always, expr: vector(1), annotations: { summary: it is } }] }]\n",
    )?;
    let host = manager.url.trim_start_matches("http://");
    let config = format!(
        "global: {{ evaluation_interval: 1s, external_labels: {{ replica: a }} }}\nrule_files: [rules.yml]\n\
         alerting:\n  alert_relabel_configs: [{{ action: labeldrop, regex: replica }}]\n  alertmanagers: [{{ static_configs: [{{ targets: ['{host}'] }}] }}]\n"
    );
    let server = Server::start_in(folder, &config, &[]).await?;
    let url = format!("{}/api/v2/alerts", manager.url);
    let labels = eventually("the Alertmanager knows", || async {
        let alerts: Value = server.client.get(&url).send().await?.json().await?;
        let first = alerts.get(0).context("no alert")?;
        Ok(first["labels"].clone())
    })
    .await?;
    ensure!(
        labels == serde_json::json!({ "alertname": "Always" }),
        "{labels}"
    );
    let data = server.api("alertmanagers", &[]).await?;
    let wanted = format!("{}/api/v2/alerts", manager.url);
    ensure!(
        data["activeAlertmanagers"][0]["url"] == wanted.as_str(),
        "{data}"
    );
    Ok(())
}
