//! Alerts as version 2 of the API of Alertmanager takes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bellwether_model::{Alert, Labels};
use serde::Serialize;

/// An alert on the wire. An end that nobody has said is left out: then Alertmanager takes its own.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Posted<'a> {
    annotations: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<String>,
    starts_at: String,
    #[serde(rename = "generatorURL", skip_serializing_if = "str::is_empty")]
    generator_url: &'a str,
    labels: BTreeMap<&'a str, &'a str>,
}

/// The body of a request.
pub(super) fn body(alerts: &[Arc<Alert>]) -> Result<Vec<u8>, serde_json::Error> {
    let posted: Vec<Posted<'_>> = alerts
        .iter()
        .map(|alert| Posted {
            annotations: pairs(&alert.annotations),
            ends_at: alert.ends_ms.filter(|_| !alert.times_out).map(time),
            starts_at: time(alert.starts_ms),
            generator_url: &alert.generator_url,
            labels: pairs(&alert.labels),
        })
        .collect();
    serde_json::to_vec(&posted)
}

fn pairs(labels: &Labels) -> BTreeMap<&str, &str> {
    labels.iter().collect()
}

/// RFC 3339 in UTC with milliseconds; the last time there is for those beyond it.
fn time(time_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(time_ms)
        .unwrap_or(jiff::Timestamp::MAX)
        .strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_are_written_as_alertmanager_reads_them() {
        let alert = |ends_ms, times_out, generator_url: &str| {
            Arc::new(Alert {
                labels: Labels::from_pairs([("alertname", "Slow"), ("host", "a\"b")]),
                annotations: Labels::from_pairs([("summary", "größer")]),
                starts_ms: 1_704_100_530_250,
                ends_ms,
                times_out,
                updated_ms: 0,
                generator_url: generator_url.to_owned(),
            })
        };
        let alerts = [
            alert(Some(1_704_100_590_000), false, "http://p/graph?a=b"),
            alert(Some(1_704_100_590_000), true, ""),
            alert(Some(i64::MAX), false, ""),
        ];
        let text = String::from_utf8(body(&alerts).unwrap()).unwrap();
        let labels = r#""labels":{"alertname":"Slow","host":"a\"b"}"#;
        let start = r#"{"annotations":{"summary":"größer"},"#;
        let starts = r#""startsAt":"2024-01-01T09:15:30.250Z","#;
        assert_eq!(
            text,
            format!(
                r#"[{start}"endsAt":"2024-01-01T09:16:30.000Z",{starts}"generatorURL":"http://p/graph?a=b",{labels}}},{start}{starts}{labels}}},{start}"endsAt":"9999-12-30T22:00:00.999Z",{starts}{labels}}}]"#
            )
        );
    }
}
