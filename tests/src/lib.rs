//! A real Bellwether in its own process, with its own folder and port, spoken to over HTTP.
//!
//! ## Model
//! [`Server`] is a running binary; [`peer`] starts other programs beside it; [`hook`]
//! receives webhooks; [`remote_write`] makes requests; [`storm`] speaks of many alerts. Waiting is always for a condition, with a bound ([`eventually`]).
//!
//! ## Failure
//! A tool that is missing is an error, never a skipped test.

pub mod hook;
pub mod peer;
pub mod postgres;
pub mod probing;
pub mod remote_write;
pub mod storm;

use std::collections::BTreeSet;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The binary under test: `BELLWETHER_BIN`, as `cargo xtask blackbox` sets it.
///
/// # Errors
/// Where it is not set.
pub fn binary() -> Result<PathBuf> {
    let path = std::env::var_os("BELLWETHER_BIN")
        .context("BELLWETHER_BIN is not set: run these tests by `cargo xtask blackbox`")?;
    Ok(path.into())
}

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    // Where cargo runs the tests of a package; what was built may come from another checkout's cache.
    std::path::absolute("..").unwrap_or_else(|_| "..".into())
}

/// A port that was free a moment ago, and that no other test of this process was given.
///
/// # Errors
/// Where the system has none.
pub fn free_port() -> Result<u16> {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
        if given.insert(port) {
            return Ok(port);
        }
    }
}

/// A client of HTTP with a time-out of 60 s.
///
/// # Errors
/// Where it cannot be built.
pub fn client() -> Result<reqwest::Client> {
    // Only the first call in a process takes effect; needed where features are unified with
    // crates that choose the provider themselves.
    drop(rustls::crypto::ring::default_provider().install_default());
    Ok(reqwest::Client::builder()
        .timeout(Duration::from_secs(60))
        .build()?)
}

/// Runs the binary to its end.
///
/// # Errors
/// Where it cannot be run.
pub async fn run(arguments: &[&str]) -> Result<Output> {
    Ok(tokio::process::Command::new(binary()?)
        .args(arguments)
        .output()
        .await?)
}

/// Tries until `attempt` gives a value, for at most 60 s.
///
/// # Errors
/// With the last error, after that time.
pub async fn eventually<T, F, A>(what: &str, mut attempt: F) -> Result<T>
where
    F: FnMut() -> A,
    A: Future<Output = Result<T>>,
{
    let mut last = None;
    for _ in 0..600 {
        match attempt().await {
            Ok(value) => return Ok(value),
            Err(error) => last = Some(error),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(last
        .context("never tried")?
        .context(format!("{what} did not come true within 60 s")))
}

/// A running server. Killed when dropped.
#[derive(Debug)]
pub struct Server {
    /// Its URL, without a slash at the end.
    pub url: String,
    /// Its folder: `bellwether.yml`, `data`, `log`.
    pub folder: PathBuf,
    /// For requests.
    pub client: reqwest::Client,
    process: tokio::process::Child,
    _scratch: Option<tempfile::TempDir>,
}

impl Server {
    /// Starts a server on an empty folder with a configuration.
    ///
    /// # Errors
    /// Where it is not ready in time; the text holds the end of its log.
    pub async fn start(config: &str, flags: &[&str]) -> Result<Self> {
        let scratch = tempfile::tempdir()?;
        let mut server = Self::start_in(scratch.path(), config, flags).await?;
        server._scratch = Some(scratch);
        Ok(server)
    }

    /// Starts a server on a folder that may hold data.
    ///
    /// # Errors
    /// Where it is not ready in time; the text holds the end of its log.
    pub async fn start_in(folder: &Path, config: &str, flags: &[&str]) -> Result<Self> {
        let address = format!("127.0.0.1:{}", free_port()?);
        Self::start_at(folder, &address, config, flags).await
    }

    /// The same at a given address: where one that went away shall be there again.
    ///
    /// # Errors
    /// Where it is not ready in time; the text holds the end of its log.
    pub async fn start_at(
        folder: &Path,
        address: &str,
        config: &str,
        flags: &[&str],
    ) -> Result<Self> {
        let config_file = folder.join("bellwether.yml");
        std::fs::write(&config_file, config)?;
        let mut command = tokio::process::Command::new(binary()?);
        command.arg("serve").arg("--config").arg(&config_file);
        command
            .arg("--data")
            .arg(folder.join("data"))
            .args(["--listen", address])
            .args(flags);
        Self::spawn(command, folder, address).await
    }

    /// Starts `bellwether demo`.
    ///
    /// # Errors
    /// Where it is not ready in time.
    pub async fn demo(flags: &[&str]) -> Result<Self> {
        let scratch = tempfile::tempdir()?;
        let address = format!("127.0.0.1:{}", free_port()?);
        let mut command = tokio::process::Command::new(binary()?);
        command.args(["demo", "--listen", &address]).args(flags);
        let mut server = Self::spawn(command, scratch.path(), &address).await?;
        server._scratch = Some(scratch);
        Ok(server)
    }

    async fn spawn(
        mut command: tokio::process::Command,
        folder: &Path,
        address: &str,
    ) -> Result<Self> {
        let log_file = folder.join("log");
        let log = std::fs::File::create(&log_file)?;
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true);
        let mut process = command.spawn().context("cannot start bellwether")?;
        let url = format!("http://{address}");
        let client = client()?;
        for _ in 0..3_000 {
            if let Some(status) = process.try_wait()? {
                bail!("bellwether ended with {status}:\n{}", tail(&log_file));
            }
            let answer = client.get(format!("{url}/-/ready")).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                let folder = folder.to_owned();
                return Ok(Self {
                    url,
                    folder,
                    client,
                    process,
                    _scratch: None,
                });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("bellwether was not ready in time:\n{}", tail(&log_file))
    }

    /// The answer to a GET: status and body.
    ///
    /// # Errors
    /// Where there is no answer.
    pub async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<(u16, String)> {
        let url = format!("{}{path}", self.url);
        let answer = self.client.get(url).query(query).send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    /// `data` of a successful answer of the Prometheus API.
    ///
    /// # Errors
    /// Where the answer says that it is none.
    pub async fn api(&self, path: &str, query: &[(&str, &str)]) -> Result<Value> {
        let (status, body) = self.get(&format!("/api/v1/{path}"), query).await?;
        let answer: Value =
            serde_json::from_str(&body).with_context(|| format!("{path}: {status}: {body}"))?;
        if status != 200 || answer["status"] != "success" {
            bail!("{path}: {status}: {body}");
        }
        Ok(answer["data"].clone())
    }

    /// The result of an instant query.
    ///
    /// # Errors
    /// Where the query fails.
    pub async fn query(&self, expression: &str) -> Result<Vec<Value>> {
        let data = self.api("query", &[("query", expression)]).await?;
        Ok(data["result"].as_array().cloned().unwrap_or_default())
    }

    /// The value of an instant query that gives a scalar or one series.
    ///
    /// # Errors
    /// Where there is not exactly one.
    pub async fn value(&self, expression: &str) -> Result<f64> {
        let data = self.api("query", &[("query", expression)]).await?;
        let point = match (
            &data["resultType"],
            data["result"].as_array().map(Vec::as_slice),
        ) {
            (kind, Some(_)) if kind == "scalar" => &data["result"],
            (_, Some([one])) => &one["value"],
            (_, result) => {
                bail!(
                    "{expression}: want one series, have {}",
                    result.map_or(0, <[_]>::len)
                )
            }
        };
        Ok(point[1].as_str().context("no value")?.parse()?)
    }

    /// Sends a remote-write 1.0 request and gives the status and the text.
    ///
    /// # Errors
    /// Where there is no answer.
    pub async fn write(&self, body: Vec<u8>) -> Result<(u16, String)> {
        let answer = self
            .client
            .post(format!("{}/api/v1/write", self.url))
            .header("Content-Encoding", "snappy")
            .header("Content-Type", "application/x-protobuf")
            .header("X-Prometheus-Remote-Write-Version", "0.1.0")
            .body(body)
            .send()
            .await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    /// Sends OTLP metrics of a `Content-Type` and gives the status and the text.
    ///
    /// # Errors
    /// Where there is no answer.
    pub async fn otlp(&self, content_type: &str, body: Vec<u8>) -> Result<(u16, String)> {
        let answer = self
            .client
            .post(format!("{}/v1/metrics", self.url))
            .header("Content-Type", content_type)
            .body(body)
            .send()
            .await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    /// Ends it without a warning, as `kill -9` does.
    ///
    /// # Errors
    /// Where it cannot be ended.
    pub async fn kill(mut self) -> Result<()> {
        Ok(self.process.kill().await?)
    }

    /// Ends it as an operator does, and gives its exit code.
    ///
    /// # Errors
    /// Where it does not end within 60 s.
    pub async fn terminate(mut self) -> Result<Option<i32>> {
        self.signal("TERM").await?;
        let ended = tokio::time::timeout(Duration::from_secs(60), self.process.wait()).await;
        Ok(ended.context("no end within 60 s of SIGTERM")??.code())
    }

    /// Sends it a signal by name.
    ///
    /// # Errors
    /// Where it is gone.
    pub async fn signal(&self, name: &str) -> Result<()> {
        let pid = self.process.id().context("the server is gone")?.to_string();
        let sent = tokio::process::Command::new("kill")
            .args(["-s", name, &pid])
            .status()
            .await?;
        if !sent.success() {
            bail!("cannot send {name}");
        }
        Ok(())
    }

    /// A line of `/proc/<pid>/status` in bytes, such as `VmRSS`.
    ///
    /// # Errors
    /// Where the line is not there.
    pub fn memory(&self, line: &str) -> Result<u64> {
        let pid = self.process.id().context("the server is gone")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let found = status
            .lines()
            .find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
        let kib = found
            .context("no such line")?
            .trim()
            .trim_end_matches(" kB");
        Ok(kib.parse::<u64>()? * 1024)
    }
}

/// The end of a log.
#[must_use]
pub fn tail(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}

/// Milliseconds since the epoch, by the clock that the server has too.
#[expect(
    clippy::disallowed_methods,
    reason = "samples must be young for the real server"
)]
#[must_use]
pub fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}

/// A configuration that scrapes nothing.
pub const EMPTY_CONFIG: &str = "scrape_configs: []\n";
