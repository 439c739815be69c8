//! Forecasts and anomaly scores: of files by commands, of stored history by a server, in queries.

use anyhow::{Context, Result, ensure};
use bellwether_blackbox::{EMPTY_CONFIG, Server, eventually, now_ms, run};
use serde_json::Value;

const MINUTE_MS: i64 = 60_000;
const CONFIG: &str = "forecasts:
  - name: load
    query: load
    interval: 1s
    step: 1m
    history: 6h
    horizon: [10m]
    quantiles: [0.1, 0.9]
    anomaly: true
    labels: { team: chat }
";

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A wave of an hour around 100, with a little noise.
fn load(minute: i64) -> f64 {
    let noise = (minute.rem_euclid(1_009) * 7_919 % 97) as f64 / 97.0;
    100.0 + 30.0 * (minute as f64 / 60.0 * std::f64::consts::TAU).sin() + noise
}

#[tokio::test]
async fn a_file_is_forecast_and_judged_without_a_server() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (file, picture) = (
        folder.path().join("series.csv"),
        folder.path().join("p.svg"),
    );
    let rows = (0..600).map(|minute| {
        let value = if minute < 595 { load(minute) } else { 900.0 };
        format!("{},{value}\n", minute * 60)
    });
    std::fs::write(
        &file,
        format!("timestamp,value\n{}", rows.collect::<String>()),
    )?;
    let (file, picture) = (file.to_string_lossy(), picture.to_string_lossy());

    let flags = ["--season", "60", "--plot", &picture, "--output", "json"];
    let forecast = ["forecast", "--input", &file, "--horizon", "30"];
    let output = run(&[&forecast[..], &flags[..]].concat()).await?;
    ensure!(output.status.code() == Some(0), "{}", text(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout)?;
    ensure!(
        answer["forecast"].as_array().map(Vec::len) == Some(30),
        "{answer}"
    );
    ensure!(answer["forecast"][0]["timestamp"] == "36000", "{answer}");
    ensure!(std::fs::read_to_string(&*picture)?.starts_with("<svg "));

    let output = run(&["anomaly", "--input", &file, "--plot", &picture]).await?;
    ensure!(output.status.code() == Some(0), "{}", text(&output.stderr));
    let out = text(&output.stdout);
    let alarms: Vec<&str> = out.lines().filter(|line| line.ends_with(",1")).collect();
    ensure!(out.lines().count() == 601 && !alarms.is_empty(), "{out}");
    ensure!(
        alarms.iter().all(|line| line.contains(",900,")),
        "{alarms:?}"
    );

    // The answer is no, and it could not run.
    std::fs::write(&*picture, "0,1\n60,2\n")?;
    let output = run(&["forecast", "--input", &picture, "--horizon", "3"]).await?;
    ensure!(output.status.code() == Some(1), "{}", text(&output.stderr));
    std::fs::write(&*picture, "0,1\n60,two\n")?;
    let output = run(&["anomaly", "--input", &picture]).await?;
    ensure!(output.status.code() == Some(2));
    let said = text(&output.stderr);
    ensure!(
        said.contains("line 2, column value: \"two\" is not a number"),
        "{said}"
    );
    Ok(())
}

#[tokio::test]
async fn a_server_learns_from_its_history_and_says_what_follows() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = Server::start_in(folder.path(), EMPTY_CONFIG, &[]).await?;
    let now = now_ms() / MINUTE_MS;
    let mut history = String::from("# TYPE load gauge\n");
    for minute in now - 360..=now {
        history.push_str(&format!(
            "load{{pool=\"a\"}} {} {}\n",
            load(minute),
            minute * 60
        ));
    }
    let url = format!("{}/api/bellwether/v1/import", server.url);
    let body = format!("{history}# EOF\n");
    let answer = server.client.post(url).body(body).send().await?;
    ensure!(answer.status().is_success(), "{}", answer.text().await?);
    server.terminate().await?;

    let flags = ["--enable-feature=prediction"];
    let server = Server::start_in(folder.path(), CONFIG, &flags).await?;
    let series = "bellwether_forecast{forecast=\"load\",horizon=\"10m\",pool=\"a\",team=\"chat\"}";
    let found = eventually("forecasts of the next ten minutes", || async {
        let found = server.query(series).await?;
        ensure!(found.len() == 2, "{found:?}");
        Ok(found)
    })
    .await?;
    let value =
        |one: &Value| -> Result<f64> { Ok(one["value"][1].as_str().context("text")?.parse()?) };
    let truth = load(now + 10);
    for one in &found {
        let foreseen = value(one)?;
        ensure!((foreseen - truth).abs() < 25.0, "{foreseen} for {truth}");
    }
    let path = "/api/bellwether/v1/forecasts";
    // A turn that goes on has not learnt all of it.
    let answer = eventually("all is learnt", || async {
        let (status, body) = server.get(path, &[("name", "load")]).await?;
        ensure!(status == 200, "{body}");
        let answer: Value = serde_json::from_str(&body)?;
        let one = &answer["data"]["forecasts"][0];
        ensure!(one["learnt"] == 1.0 && one["seriesCount"] == 1, "{answer}");
        Ok(answer)
    })
    .await?;
    let one = &answer["data"]["forecasts"][0];
    ensure!(one["series"][0]["model"].is_string(), "{answer}");
    ensure!(one["series"][0]["anomaly"]["what"].is_string(), "{answer}");
    let score = server
        .value("bellwether_anomaly_score{forecast=\"load\"}")
        .await?;
    ensure!((0.0..=1.0).contains(&score), "{score}");

    let ahead = server.value("forecast_over_time(load[6h], 10m)").await?;
    ensure!((ahead - truth).abs() < 25.0, "{ahead} for {truth}");
    let score = server.value("anomaly_score(load[6h])").await?;
    ensure!((0.0..=1.0).contains(&score), "{score}");
    Ok(())
}
