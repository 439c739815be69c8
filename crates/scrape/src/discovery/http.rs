//! Target groups from a URL.

use std::time::Duration;

use bellwether_outbound::header::{ACCEPT, HeaderName, HeaderValue};
use bellwether_outbound::settings::{HttpClientSettings, redacted_url};
use bellwether_outbound::{Client, Request, StatusCode, client};
use url::Url;

use super::{Channel, groups_of_json, with_label};
use crate::settings::TargetGroup;

/// Chosen: a hundred thousand targets with labels.
const BODY_BYTES_MAX: u64 = 64 << 20;
/// Chosen: a server that takes longer has a problem that the status should show.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Asks at each interval.
pub(super) async fn run(
    url: &Url,
    refresh: Duration,
    settings: &HttpClientSettings,
    channel: &Channel,
) {
    let client = loop {
        match client(settings) {
            Ok(client) => break client,
            // A file that is missing may come.
            Err(error) => channel.tell(Err(error.to_string())).await,
        }
        tokio::time::sleep(refresh).await;
    };
    loop {
        channel.tell(ask(&client, url, refresh).await).await;
        tokio::time::sleep(refresh).await;
    }
}

async fn ask(client: &Client, url: &Url, refresh: Duration) -> Result<Vec<TargetGroup>, String> {
    let mut request = Request::get(url.clone());
    request
        .headers
        .insert(ACCEPT, HeaderValue::from_static("application/json"));
    if let Ok(value) = HeaderValue::from_str(&refresh.as_secs_f64().to_string()) {
        let name = HeaderName::from_static("x-prometheus-refresh-interval-seconds");
        request.headers.insert(name, value);
    }
    request.timeout = Some(TIMEOUT);
    let response = client
        .send(request)
        .await
        .map_err(|error| error.to_string())?;
    let shown = redacted_url(url);
    if response.status() != StatusCode::OK {
        return Err(format!(
            "{shown}: server returned HTTP status {}",
            response.status()
        ));
    }
    let content_type = response.content_type().unwrap_or("").to_owned();
    let media_type = content_type.split(';').next().unwrap_or("").trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        return Err(format!(
            "{shown}: content type {content_type:?}, want application/json"
        ));
    }
    let mut body = Vec::new();
    response
        .read_body(BODY_BYTES_MAX, &mut body)
        .await
        .map_err(|error| error.to_string())?;
    let value = serde_json::from_slice(&body).map_err(|error| format!("{shown}: {error}"))?;
    let mut groups = groups_of_json(&value).map_err(|error| format!("{shown}: {error}"))?;
    with_label(&mut groups, "__meta_url", url.as_str());
    Ok(groups)
}
