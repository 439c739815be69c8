//! Senders against servers on the loopback address that answer what they are told to.

mod chat;
mod defaults;
mod email;
mod failures;
mod paging;
mod template_data;
mod ticket;
mod webhook;

use std::collections::VecDeque;
use std::sync::Arc;

use bellwether_model::{Alert, Labels};
use bellwether_storage::{Clock, ManualClock};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use super::senders::{Endpoints, Senders};
use super::settings::*;
use crate::delivery::{Delivery, DeliveryId};
use crate::notification_log::Reason;
use crate::runner::{AttemptError, Deliver as _};

/// 2024-01-01 09:15:30 UTC.
const NOW_MS: i64 = 1_704_100_530_000;

/// What a server answers: status, type and body.
#[derive(Clone, Copy)]
struct Answer(u16, &'static str, &'static str);

impl Answer {
    const OK: Self = Self(200, "text/plain", "ok");

    fn json(status: u16, body: &'static str) -> Self {
        Self(status, "application/json; charset=utf-8", body)
    }

    fn text(status: u16, body: &'static str) -> Self {
        Self(status, "text/plain", body)
    }
}

/// Answers as told, in order, the last answer again and again; keeps what it was asked.
#[derive(Clone)]
struct Server {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let answers: VecDeque<Answer> = answers.into_iter().collect();
        let answers = Arc::new(Mutex::new(answers));
        let kept = Arc::clone(&requests);
        // Ends with the runtime of the test.
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&kept), Arc::clone(&answers)));
            }
        });
        Self { port, requests }
    }

    fn url(&self, path: &str) -> Url {
        format!("http://127.0.0.1:{}{path}", self.port)
            .parse()
            .unwrap()
    }

    fn secret_url(&self, path: &str) -> Option<SecretSource> {
        secret(self.url(path).as_str())
    }

    /// What it was asked, without what every request has; a letter that is there very often is
    /// counted.
    fn asked(&self) -> String {
        let text = self.requests.lock().join("\n");
        let mut short = String::new();
        let chars: Vec<char> = text.chars().collect();
        for run in chars.chunk_by(|a, b| a == b) {
            match run.len() {
                0..=40 => short.extend(run),
                length => short.push_str(&format!("{}{{{length}}}", run[0])),
            }
        }
        short
    }
}

async fn serve(
    mut stream: TcpStream,
    kept: Arc<Mutex<Vec<String>>>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let (request, length) = loop {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if let Some(found) = whole(&text) {
                break found;
            }
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(length) => bytes.extend_from_slice(&buffer[..length]),
            }
        };
        bytes.drain(..length);
        kept.lock().push(request);
        let Answer(status, kind, body) = {
            let mut answers = answers.lock();
            match answers.len() {
                0 | 1 => answers.front().copied().unwrap_or(Answer::OK),
                _ => answers.pop_front().unwrap(),
            }
        };
        let reply = format!(
            "HTTP/1.1 {status} x\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(reply.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The first line, the headers that matter and the body, once all is there, with its length.
fn whole(text: &str) -> Option<(String, usize)> {
    let (head, rest) = text.split_once("\r\n\r\n")?;
    let header = |name: &str| {
        let mut lines = head.lines();
        lines.find_map(|line| line.strip_prefix(&format!("{name}: ")))
    };
    let length: usize = header("content-length").map_or(0, |text| text.parse().unwrap());
    let body = rest.get(..length)?;
    let line = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1");
    let mut request = format!("{line}\n");
    for name in ["authorization", "content-type", "x-auth-token", "x-user-id"] {
        if let Some(value) = header(name).filter(|value| *value != "application/json") {
            request.push_str(&format!("{name}: {value}\n"));
        }
    }
    request.push_str(body);
    Some((request, head.len() + 4 + length))
}

fn secret(text: &str) -> Option<SecretSource> {
    Some(SecretSource::Inline(Secret::new(text)))
}

fn settings(kind: ReceiverKind) -> NotifySettings {
    NotifySettings {
        receivers: vec![ReceiverSettings {
            name: "team.x".to_owned(),
            integrations: vec![IntegrationSettings {
                send_resolved: true,
                kind,
            }],
        }],
        external_url: "http://am.example:9093".parse().unwrap(),
        templates: Vec::new(),
    }
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(ManualClock::new(NOW_MS))
}

fn senders(kind: ReceiverKind) -> Senders {
    Senders::new(settings(kind), clock()).unwrap()
}

fn alert(labels: &[(&str, &str)], annotations: &[(&str, &str)], ends_ms: Option<i64>) -> Alert {
    Alert {
        labels: Labels::from_pairs(labels.iter().copied()),
        annotations: Labels::from_pairs(annotations.iter().copied()),
        starts_ms: NOW_MS - 60_000,
        ends_ms,
        times_out: false,
        updated_ms: NOW_MS,
        generator_url: "http://prom.example/graph?g0.expr=up&g0.tab=1".to_owned(),
    }
}

fn delivery(alerts: Vec<Alert>) -> Delivery {
    Delivery {
        id: DeliveryId(1),
        group_key: "1".to_owned(),
        group_labels: Labels::from_pairs([("alertname", "Down")]),
        route_labels: Vec::new(),
        receiver: "team.x".to_owned(),
        integration: 0,
        kind: "webhook".to_owned(),
        alerts,
        reason: Reason::First,
        time_ms: NOW_MS,
        deadline_ms: NOW_MS + 300_000,
        token: 1,
    }
}

/// One alert that fires.
fn firing() -> Delivery {
    delivery(vec![alert(
        &[
            ("alertname", "Down"),
            ("host", "a"),
            ("severity", "critical"),
        ],
        &[("summary", "a is <down>")],
        None,
    )])
}

/// One alert that has ended.
fn resolved() -> Delivery {
    let mut delivery = firing();
    delivery.alerts[0].ends_ms = Some(NOW_MS);
    delivery
}

async fn attempt(senders: &Senders, delivery: Delivery) -> Result<String, AttemptError> {
    senders.attempt(Arc::new(delivery)).await
}

/// Sends one delivery. Gives what the server was asked.
async fn asked(server: &Server, kind: ReceiverKind, delivery: Delivery) -> String {
    attempt(&senders(kind), delivery).await.unwrap();
    server.asked()
}
