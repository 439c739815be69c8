//! A pool that is as large as a server says.
//!
//! ## Model
//! The server sees what all processes with such a pool report, and decides for them together. A task asks
//! it how many workers this process shall have, and waits for each answer until there is another number.
//!
//! ## Failure
//! While the server does not answer, the pool stays as it is, and the task asks again, less and less
//! often. Each failed question is counted (`worker_pool_decisions_total{reason="server_lost"}`).
//!
//! ## See also
//! `docs/user/scaling.md`.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::{Pool, Shared};
use crate::client::{Client, Target, is_header, shown};

/// What the server may take longer than it was asked to wait.
const PATIENCE: Duration = Duration::from_secs(10);
/// The first pause after a question that failed, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// No server waits longer.
const WAIT_MAX: Duration = Duration::from_secs(55);

/// Whom a pool follows.
#[derive(Clone, PartialEq, Eq)]
pub struct Follow {
    /// The server, such as `https://bellwether:9090`.
    pub url: String,
    /// The scaler of its configuration, which has `targets.sdk`.
    pub scaler: String,
    /// A bearer token with the scope `read`.
    pub token: Option<String>,
    /// For how long the server waits for news, cut to 1 to 55 seconds.
    pub wait: Duration,
}

impl Follow {
    /// Without a token, waiting for half a minute at a time.
    #[must_use]
    pub fn new(url: impl Into<String>, scaler: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            scaler: scaler.into(),
            token: None,
            wait: Duration::from_secs(30),
        }
    }
}

impl fmt::Debug for Follow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follow")
            .field("url", &shown(&self.url))
            .field("scaler", &self.scaler)
            .field("token", &self.token.as_ref().map(|_| "…"))
            .field("wait", &self.wait)
            .finish()
    }
}

/// Why a pool cannot follow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FollowError {
    /// The URL is none.
    #[error("{0:?} is not a URL: want http or https, a host, no user")]
    Url(String),
    /// The name of the scaler cannot stand in a path.
    #[error("{0:?} is not the name of a scaler: want letters, digits, _, - and .")]
    Scaler(String),
    /// The token cannot be sent.
    #[error("the token holds characters that headers cannot")]
    Token,
}

impl<J, O> Pool<J, O>
where
    J: Send + Sync + 'static,
    O: Send + 'static,
{
    /// Lets a server say how many workers there are from now on, until the pool ends: within the bounds of
    /// the settings, and until its first answer as many as there are. To be called once, in a runtime of
    /// tokio, and not beside [`Pool::autoscale`].
    ///
    /// # Errors
    /// The first setting that makes no sense.
    pub fn follow(&self, follow: &Follow) -> Result<(), FollowError> {
        let leader = Leader::new(follow)?;
        tokio::spawn(follow_on_and_on(Arc::clone(&self.0.0), leader));
        Ok(())
    }
}

/// Who is asked.
#[derive(Debug)]
struct Leader {
    url: String,
    scaler: String,
    token: Option<String>,
    wait: Duration,
}

impl Leader {
    fn new(follow: &Follow) -> Result<Self, FollowError> {
        let is_name = !follow.scaler.is_empty()
            && (follow.scaler.bytes()).all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
        if !is_name {
            return Err(FollowError::Scaler(follow.scaler.clone()));
        }
        if let Some(token) = &follow.token
            && !is_header("authorization", token)
        {
            return Err(FollowError::Token);
        }
        let leader = Self {
            url: follow.url.trim_end_matches('/').to_owned(),
            scaler: follow.scaler.clone(),
            token: follow.token.clone(),
            wait: follow.wait.clamp(Duration::from_secs(1), WAIT_MAX),
        };
        match leader.target(None) {
            Some(_) if !follow.url.contains(['?', '#']) => Ok(leader),
            _ => Err(FollowError::Url(shown(&follow.url))),
        }
    }

    fn target(&self, after: Option<u64>) -> Option<Target> {
        let Self { url, scaler, .. } = self;
        let wait = self.wait.as_secs();
        let after = after.map_or_else(String::new, |number| format!("&after={number}"));
        Target::parse(&format!(
            "{url}/api/bellwether/v1/scalers/{scaler}/follow?wait={wait}s{after}"
        ))
    }

    /// Asks for another number than the one that is known.
    async fn ask(&self, after: Option<u64>) -> Result<Told, String> {
        let target = self.target(after).ok_or("the URL is none")?;
        let Target {
            authority, path, ..
        } = &target;
        let mut request = format!(
            "GET {path} HTTP/1.1\r\nhost: {authority}\r\nuser-agent: bellwether-sdk\r\n\
             accept: application/json\r\nconnection: close\r\n"
        );
        if let Some(token) = &self.token {
            request.push_str(&format!("authorization: Bearer {token}\r\n"));
        }
        request.push_str("\r\n");
        let client = Client::new(target);
        let answer = client.answer(request.as_bytes());
        let answer = tokio::time::timeout(self.wait + PATIENCE, answer).await;
        let answer = answer.map_err(|_| "no answer in time".to_owned())??;
        if answer.status != 200 {
            return Err(format!("{} answers {}", client.target(), answer.status));
        }
        let answer: Answer = serde_json::from_slice(&answer.body)
            .map_err(|error| format!("{} answers what is none: {error}", client.target()))?;
        Ok(answer.data)
    }
}

#[derive(Debug, Deserialize)]
struct Answer {
    data: Told,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    /// Rises with each change; `None`: nothing is decided yet.
    number: Option<u64>,
    /// Workers of all processes together.
    workers: Option<u32>,
    /// Workers of each process, where the server knows how many there are.
    workers_each: Option<u32>,
}

async fn follow_on_and_on<J, O>(shared: Arc<Shared<J, O>>, leader: Leader) {
    let mut known = None;
    let mut pause = PAUSES.0;
    loop {
        let mut over = pin!(shared.over.notified());
        // Enabled first, so that an end between the look and the wait is seen.
        over.as_mut().enable();
        if shared.is_over.load(Ordering::SeqCst) {
            return;
        }
        let answer = tokio::select! {
            () = &mut over => return,
            answer = leader.ask(known) => answer,
        };
        let wait = match answer {
            Ok(told) => {
                obey(&shared, &told);
                known = told.number;
                pause = PAUSES.0;
                // A server that answers at once though there are no news is not to be asked all the time.
                match told.number {
                    Some(_) => Duration::from_millis(100),
                    None => PAUSES.0,
                }
            }
            Err(reason) => {
                shared.metrics.decided("server_lost");
                tracing::debug!(
                    pool = shared.settings.name,
                    reason,
                    "the pool stays as it is"
                );
                let wait = pause;
                pause = (pause * 2).min(PAUSES.1);
                wait
            }
        };
        tokio::select! {
            () = &mut over => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

fn obey<J, O>(shared: &Shared<J, O>, told: &Told) {
    let Some(workers) = told.workers_each.or(told.workers) else {
        return;
    };
    shared.metrics.decided("followed");
    let before = shared.status().target;
    let after = shared.resize(workers as usize);
    if before != after {
        let payload = json!({
            "pool": shared.settings.name, "from": before, "to": after,
            "reason": "the server says so",
        });
        shared
            .metrics
            .telemetry()
            .emit("pool_scaled", payload, crate::Level::Info);
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::pool::PoolSettings;
    use crate::{SERIES_MAX_DEFAULT, Telemetry};

    fn refused(url: &str, scaler: &str, token: Option<&str>) -> FollowError {
        let follow = Follow {
            token: token.map(str::to_owned),
            ..Follow::new(url, scaler)
        };
        Leader::new(&follow).unwrap_err()
    }

    #[test]
    fn wrong_settings_are_told() {
        for url in ["ftp://a", "http://u:SECRET@a", "http://a/?x=SECRET", "a"] {
            let error = refused(url, "agents", None);
            assert!(matches!(error, FollowError::Url(_)), "{error}");
            assert!(!error.to_string().contains("SECRET"), "{error}");
        }
        for scaler in ["", "a/b", "a b", "ä"] {
            let error = refused("http://a", scaler, None);
            assert_eq!(error, FollowError::Scaler(scaler.to_owned()));
        }
        let error = refused("http://a", "b", Some("x\r\ny: z"));
        assert_eq!(error, FollowError::Token);
        let follow = Follow {
            token: Some("SECRET".to_owned()),
            ..Follow::new("http://a", "b")
        };
        assert!(!format!("{follow:?}").contains("SECRET"));
    }

    /// Answers one request, and gives it.
    async fn answer(listener: &TcpListener, status: &str, body: &str) -> String {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            stream.read_buf(&mut request).await.unwrap();
        }
        let length = body.len();
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}");
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(request).unwrap()
    }

    #[tokio::test]
    async fn a_pool_is_as_large_as_it_is_told_and_stays_so() {
        let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
        let settings = PoolSettings {
            workers_max: 9,
            ..PoolSettings::new("followers")
        };
        let pool = Pool::start(settings, &telemetry, |_: Arc<()>| async { Ok(()) }).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        pool.follow(&Follow {
            token: Some("abc".to_owned()),
            ..Follow::new(url, "agents")
        })
        .unwrap();
        let data = |data: &str| format!(r#"{{"status":"success","data":{data}}}"#);
        let told = data(r#"{"number":4,"workers":14,"workersEach":5,"time":1.5}"#);
        let asked = answer(&listener, "200 OK", &told).await;
        let path = "GET /api/bellwether/v1/scalers/agents/follow?wait=30s HTTP/1.1\r\n";
        assert!(asked.starts_with(path), "{asked}");
        assert!(asked.contains("authorization: Bearer abc\r\n"), "{asked}");
        // The next question is there when the answer was obeyed.
        let asked = answer(&listener, "503 No", "").await;
        assert!(asked.contains("?wait=30s&after=4 "), "{asked}");
        assert_eq!(pool.status().target, 5);
        // A server that is lost or says nothing takes no worker away.
        answer(
            &listener,
            "200 OK",
            &data(r#"{"number":null,"workers":null}"#),
        )
        .await;
        assert_eq!(pool.status().target, 5);
        answer(&listener, "200 OK", &data(r#"{"number":5,"workers":40}"#)).await;
        answer(&listener, "200 OK", "nonsense").await;
        assert_eq!(pool.status().target, 9, "within its bounds");
        pool.drain(Duration::ZERO).await;
    }
}
