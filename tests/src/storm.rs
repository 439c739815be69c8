//! A storm of alerts, spoken of to all replicas as scrapers and other Prometheus servers speak: again
//! and again, and also of what has ended.
//!
//! ## Model
//! Half of the alerts are series that a rule `storm > 0` looks at, written by remote write; the other
//! half are posted to the API of Alertmanager. Each has a label `id` of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::Server;
use crate::hook::Told;
use crate::remote_write::{Sample, request};

/// Alerts of one request.
const POSTED_MAX: usize = 500;

/// See the module's page.
#[derive(Debug, Default)]
pub struct Storm {
    ruled: Vec<StormAlert>,
    posted: Vec<StormAlert>,
}

#[derive(Debug)]
struct StormAlert {
    id: String,
    begun_ms: i64,
    ended_ms: Option<i64>,
}

/// What was told of an alert: its id, and whether it fires or has ended.
pub type Word = (String, String);

impl Storm {
    /// Begins some more alerts.
    pub fn begin(&mut self, count: usize) {
        for _ in 0..count {
            let number = self.len();
            let (kind, alerts) = match number % 2 {
                0 => ("rule", &mut self.ruled),
                _ => ("post", &mut self.posted),
            };
            alerts.push(StormAlert {
                id: format!("{kind}-{number}"),
                begun_ms: crate::now_ms(),
                ended_ms: None,
            });
        }
    }

    /// Ends all alerts so far.
    pub fn end(&mut self) {
        for alert in self.ruled.iter_mut().chain(&mut self.posted) {
            alert.ended_ms.get_or_insert_with(crate::now_ms);
        }
    }

    /// How many alerts there were.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ruled.len() + self.posted.len()
    }

    /// Whether there were none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ids of the alerts that fire.
    #[must_use]
    pub fn firing(&self) -> BTreeSet<String> {
        let all = self.ruled.iter().chain(&self.posted);
        let firing = all.filter(|alert| alert.ended_ms.is_none());
        firing.map(|alert| alert.id.clone()).collect()
    }

    /// What is to be told of them by now.
    #[must_use]
    pub fn expected(&self) -> BTreeSet<Word> {
        let all = self.ruled.iter().chain(&self.posted);
        let words = all.flat_map(|alert| {
            let firing = Some((alert.id.clone(), "firing".to_owned()));
            let ended = alert.ended_ms;
            [
                firing,
                ended.map(|_| (alert.id.clone(), "resolved".to_owned())),
            ]
        });
        words.flatten().collect()
    }

    /// Tells a server of all alerts as they are now.
    ///
    /// # Errors
    /// Where it does not take them.
    pub async fn speak(&self, server: &Server) -> Result<()> {
        let labels: Vec<[(&str, &str); 2]> = self
            .ruled
            .iter()
            .map(|alert| [("__name__", "storm"), ("id", alert.id.as_str())])
            .collect();
        let time_ms = crate::now_ms();
        let samples: Vec<Sample<'_>> = labels
            .iter()
            .zip(&self.ruled)
            .map(|(labels, alert)| Sample {
                labels,
                time_ms,
                value: f64::from(u8::from(alert.ended_ms.is_none())),
            })
            .collect();
        if !samples.is_empty() {
            let (status, text) = server.write(request(&samples)).await?;
            ensure!(status < 300, "{status}: {text}");
        }
        for some in self.posted.chunks(POSTED_MAX) {
            let alerts = some.iter().map(posted).collect::<Result<Vec<Value>>>()?;
            let url = format!("{}/am/api/v2/alerts", server.url);
            let answer = server.client.post(url).json(&alerts).send().await?;
            let status = answer.status();
            ensure!(status.is_success(), "{status}: {}", answer.text().await?);
        }
        Ok(())
    }

    /// Checks that a server knows the alerts that fire, and no others.
    ///
    /// # Errors
    /// Where it does not.
    pub async fn is_known_to(&self, server: &Server) -> Result<()> {
        let (_, body) = server.get("/am/api/v2/alerts", &[]).await?;
        let alerts: Value = serde_json::from_str(&body)?;
        let known: BTreeSet<String> = alerts
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|alert| Some(alert["labels"]["id"].as_str()?.to_owned()))
            .collect();
        let (missing, odd) = (
            self.firing().difference(&known).count(),
            known.difference(&self.firing()).count(),
        );
        ensure!(
            missing + odd == 0,
            "{missing} alerts are missing, {odd} are too many"
        );
        Ok(())
    }
}

fn posted(alert: &StormAlert) -> Result<Value> {
    let text = |ms| Ok::<_, anyhow::Error>(jiff::Timestamp::from_millisecond(ms)?.to_string());
    let mut body = json!({
        "labels": { "alertname": "Posted", "id": alert.id },
        "startsAt": text(alert.begun_ms)?,
    });
    if let Some(ended_ms) = alert.ended_ms {
        body["endsAt"] = json!(text(ended_ms)?);
    }
    Ok(body)
}

/// When each word was told, in order.
#[must_use]
pub fn words(told: &[Told]) -> BTreeMap<Word, Vec<Instant>> {
    let mut words: BTreeMap<Word, Vec<Instant>> = BTreeMap::new();
    for told in told {
        for alert in told.body["alerts"].as_array().into_iter().flatten() {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let word = (text(&alert["labels"]["id"]), text(&alert["status"]));
            words.entry(word).or_default().push(told.at);
        }
    }
    words
}
