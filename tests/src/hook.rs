//! A receiver of webhooks.
//!
//! ## Model
//! A [`Hook`] answers requests on a port of its own and keeps what they say, each with its time. How
//! it answers depends on the path: `/ok` takes everything, `/<number>` answers with that status,
//! `/slow` answers after five seconds, `/reset` closes the connection, `/once/<number>` answers so
//! the first time and takes what follows, `/silent` never answers.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request that came.
#[derive(Debug, Clone)]
pub struct Told {
    /// When its body was there.
    pub at: Instant,
    /// The path.
    pub path: String,
    /// The body.
    pub body: Value,
}

/// See the module's page. Ends when dropped.
#[derive(Debug)]
pub struct Hook {
    /// Its URL, without a slash at the end.
    pub url: String,
    told: Arc<Mutex<Vec<Told>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Hook {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Hook {
    /// Starts a receiver on a free port.
    ///
    /// # Errors
    /// Where the system has none.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let told = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(serve(listener, Arc::clone(&told)));
        Ok(Self { url, told, task })
    }

    /// What came so far.
    #[must_use]
    pub fn told(&self) -> Vec<Told> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.clone()
    }
}

async fn serve(listener: TcpListener, told: Arc<Mutex<Vec<Told>>>) {
    let seen = Arc::new(Mutex::new(HashSet::new()));
    while let Ok((stream, _)) = listener.accept().await {
        let (told, seen) = (Arc::clone(&told), Arc::clone(&seen));
        tokio::spawn(async move {
            // A client that is gone is no matter of ours.
            drop(answer_all(stream, &told, &seen).await);
        });
    }
}

async fn answer_all(
    mut stream: TcpStream,
    told: &Mutex<Vec<Told>>,
    seen: &Mutex<HashSet<String>>,
) -> Result<()> {
    let mut buffer = Vec::new();
    loop {
        let Some((path, body)) = read_request(&mut stream, &mut buffer).await? else {
            return Ok(());
        };
        let is_first = {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.insert(path.clone())
        };
        let entry = Told {
            at: Instant::now(),
            path: path.clone(),
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        };
        told.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(entry);
        let mut parts = path.trim_start_matches('/').split('/');
        let status = match (parts.next().unwrap_or_default(), parts.next()) {
            ("slow", _) => {
                tokio::time::sleep(Duration::from_secs(5)).await;
                200
            }
            ("silent", _) => return std::future::pending().await,
            ("reset", _) => {
                stream.set_zero_linger()?;
                return Ok(());
            }
            ("once", Some(status)) if is_first => status.parse().unwrap_or(500),
            (status, _) => status.parse().unwrap_or(200),
        };
        let head = format!("HTTP/1.1 {status} Answer\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(head.as_bytes()).await?;
    }
}

/// The path and body of the next request; `None`: the client is done.
async fn read_request(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
) -> Result<Option<(String, Vec<u8>)>> {
    let head_end = loop {
        if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(buffer.get(..head_end).unwrap_or_default()).into_owned();
    let mut lines = head.lines();
    let path = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .context("no request line")?
        .to_owned();
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok())
        .unwrap_or(0);
    while buffer.len() < head_end + length {
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
    let rest = buffer.split_off(head_end + length);
    let body = buffer.split_off(head_end);
    *buffer = rest;
    Ok(Some((path, body)))
}
