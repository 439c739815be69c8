//! A server under test: started on a free port, asked over HTTP, measured through `/proc`.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Bellwether,
    VictoriaMetrics,
    Prometheus,
}

impl Kind {
    pub(crate) fn parse(name: &str) -> Result<Self> {
        Ok(match name {
            "bellwether" => Self::Bellwether,
            "victoriametrics" => Self::VictoriaMetrics,
            "prometheus" => Self::Prometheus,
            other => bail!("{other:?} is no server: want bellwether, victoriametrics, prometheus"),
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bellwether => "Bellwether",
            Self::VictoriaMetrics => "VictoriaMetrics",
            Self::Prometheus => "Prometheus",
        }
    }
}

/// A running server. Stopped when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) kind: Kind,
    pub(crate) url: String,
    pub(crate) data: PathBuf,
    process: tokio::process::Child,
    pid: u32,
    pub(crate) client: reqwest::Client,
}

/// What a process has used.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    pub(crate) cpu_seconds: f64,
    pub(crate) rss_bytes: f64,
    pub(crate) rss_peak_bytes: f64,
}

impl Server {
    /// Starts a server with an empty data folder under `folder` and waits until it is ready.
    pub(crate) async fn start(kind: Kind, folder: &Path, config: &str) -> Result<Self> {
        let data = folder.join(kind.name());
        std::fs::create_dir_all(&data)?;
        Self::restart(kind, data, config).await
    }

    /// Starts a server on the data that is there.
    pub(crate) async fn restart(kind: Kind, data: PathBuf, config: &str) -> Result<Self> {
        let config_file = data.with_extension("yml");
        std::fs::write(&config_file, config)?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?
            .local_addr()?
            .port();
        let address = format!("127.0.0.1:{port}");
        let log = std::fs::File::create(data.with_extension("log"))?;
        let mut command = match kind {
            Kind::Bellwether => {
                let binary = std::env::var_os("BELLWETHER_BIN")
                    .context("BELLWETHER_BIN must name the release binary (cargo xtask bench)")?;
                let mut command = tokio::process::Command::new(binary);
                command
                    .arg("serve")
                    .arg("--config")
                    .arg(&config_file)
                    .arg("--data")
                    .arg(&data);
                command.arg("--listen").arg(&address);
                command.arg("--web.enable-remote-write-receiver");
                command
            }
            Kind::VictoriaMetrics => {
                let mut command = tokio::process::Command::new("victoria-metrics");
                command.arg(format!("-storageDataPath={}", data.display()));
                command.arg(format!("-httpListenAddr={address}"));
                command.arg(format!("-promscrape.config={}", config_file.display()));
                command.args([
                    "-promscrape.config.strictParse=false",
                    "-retentionPeriod=1y",
                ]);
                command.args([
                    "-search.latencyOffset=0s",
                    "-search.maxUniqueTimeseries=1000000",
                ]);
                command
            }
            Kind::Prometheus => {
                let mut command = tokio::process::Command::new("prometheus");
                command.arg(format!("--config.file={}", config_file.display()));
                command.arg(format!("--storage.tsdb.path={}", data.display()));
                command.arg(format!("--web.listen-address={address}"));
                command.arg("--web.enable-remote-write-receiver");
                command
            }
        };
        command
            .stdout(log.try_clone()?)
            .stderr(log)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let process = command
            .spawn()
            .with_context(|| format!("cannot start {}", kind.name()))?;
        let pid = process.id().context("the server ended at once")?;
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(300))
            .build()?;
        let mut server = Self {
            kind,
            url: format!("http://{address}"),
            data,
            process,
            pid,
            client,
        };
        server.wait_until_ready().await?;
        Ok(server)
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let path = match self.kind {
            Kind::VictoriaMetrics => "/health",
            Kind::Bellwether | Kind::Prometheus => "/-/ready",
        };
        for _ in 0..12_000 {
            if let Some(status) = self.process.try_wait()? {
                let log = std::fs::read_to_string(self.data.with_extension("log"))?;
                let lines: Vec<&str> = log.lines().rev().take(15).collect();
                bail!(
                    "{} ended with {status}:\n{}",
                    self.kind.name(),
                    lines.join("\n")
                );
            }
            let answer = self.client.get(format!("{}{path}", self.url)).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bail!("{} was not ready within 2 min", self.kind.name())
    }

    /// Sends one remote-write 1.0 request that must be taken.
    pub(crate) async fn write(&self, body: Vec<u8>) -> Result<()> {
        let (status, text) = self.send(body).await?;
        if !(200..300).contains(&status) {
            bail!("{}: {status}: {text}", self.kind.name());
        }
        Ok(())
    }

    /// Sends one remote-write 1.0 request and gives the status and the text of the answer.
    pub(crate) async fn send(&self, body: Vec<u8>) -> Result<(u16, String)> {
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

    /// CPU time and memory so far.
    pub(crate) fn usage(&self) -> Result<Usage> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        // The command's name stands in brackets and may hold spaces.
        let after = stat
            .rsplit_once(')')
            .context("/proc/<pid>/stat has no name")?
            .1;
        let fields: Vec<&str> = after.split_whitespace().collect();
        let ticks = |index: usize| -> Result<f64> { Ok(fields[index].parse::<f64>()?) };
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let kib = |name: &str| {
            status
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<f64>().ok())
                .unwrap_or(0.0)
        };
        Ok(Usage {
            // Linux counts in hundredths of a second on every architecture that we run on.
            cpu_seconds: (ticks(11)? + ticks(12)?) / 100.0,
            rss_bytes: kib("VmRSS:") * 1024.0,
            rss_peak_bytes: kib("VmHWM:") * 1024.0,
        })
    }

    /// Bytes of all files in the data folder.
    pub(crate) fn disk_bytes(&self) -> u64 {
        folder_bytes(&self.data)
    }

    /// Asks the server to write what it holds in memory and to merge what it can.
    pub(crate) async fn compact(&self) -> Result<()> {
        let paths: &[&str] = match self.kind {
            Kind::VictoriaMetrics => &["/internal/force_flush", "/internal/force_merge"],
            Kind::Bellwether => &["/api/bellwether/v1/storage/compact"],
            Kind::Prometheus => &[],
        };
        for path in paths {
            let answer = self
                .client
                .post(format!("{}{path}", self.url))
                .send()
                .await?;
            let status = answer.status();
            if !status.is_success() {
                bail!(
                    "{}: {path}: {status}: {}",
                    self.kind.name(),
                    answer.text().await?
                );
            }
        }
        Ok(())
    }

    /// Lets the server read its configuration again.
    pub(crate) async fn reload(&self) -> Result<()> {
        let told = tokio::process::Command::new("kill")
            .args(["-HUP", &self.pid.to_string()])
            .status()
            .await?;
        if !told.success() {
            bail!("cannot tell {} to reload", self.kind.name());
        }
        Ok(())
    }

    /// Ends the server without a warning.
    pub(crate) async fn kill(mut self) -> Result<()> {
        Ok(self.process.kill().await?)
    }

    /// Ends the server as an operator would, and waits for it.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let ended = tokio::process::Command::new("kill")
            .arg(self.pid.to_string())
            .status()
            .await?;
        if !ended.success() {
            bail!("cannot stop {}", self.kind.name());
        }
        tokio::time::timeout(Duration::from_secs(120), self.process.wait())
            .await
            .with_context(|| format!("{} did not stop within 120 s", self.kind.name()))??;
        Ok(())
    }
}

/// How large a data folder was, looked at ten times a second while its server works.
#[derive(Debug)]
pub(crate) struct FolderWatch {
    /// Steps of data written so far.
    pub(crate) steps: Arc<AtomicI64>,
    /// Time since the start, steps written by then, bytes.
    seen: Arc<Mutex<Vec<(Duration, i64, u64)>>>,
    task: tokio::task::JoinHandle<()>,
}

/// What a [`FolderWatch`] saw.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FolderSizes {
    pub(crate) bytes_max: u64,
    /// The longest time for which it was above the bound without a break.
    pub(crate) above: Duration,
    /// The same in steps of data.
    pub(crate) above_steps: i64,
}

impl FolderWatch {
    pub(crate) fn start(folder: PathBuf) -> Self {
        let steps = Arc::new(AtomicI64::new(0));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (watched_steps, watched) = (Arc::clone(&steps), Arc::clone(&seen));
        let begun = Instant::now();
        let task = tokio::spawn(async move {
            loop {
                let bytes = folder_bytes(&folder);
                let row = (
                    begun.elapsed(),
                    watched_steps.load(Ordering::Relaxed),
                    bytes,
                );
                watched
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(row);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        Self { steps, seen, task }
    }

    /// Stops looking and sums up, with `bound` bytes as the size to compare with.
    pub(crate) fn finish(self, bound: u64) -> FolderSizes {
        self.task.abort();
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sizes = FolderSizes::default();
        let mut run: Option<(Duration, i64)> = None;
        for &(at, steps, bytes) in seen.iter() {
            sizes.bytes_max = sizes.bytes_max.max(bytes);
            if bytes <= bound {
                run = None;
                continue;
            }
            let (from, from_steps) = *run.get_or_insert((at, steps));
            sizes.above = sizes.above.max(at - from);
            sizes.above_steps = sizes.above_steps.max(steps - from_steps);
        }
        sizes
    }
}

/// Bytes of all files under a folder.
pub(crate) fn folder_bytes(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => folder_bytes(&entry.path()),
            // Blocks on disk, not length: files that are set aside in advance do not count.
            Ok(metadata) => std::os::unix::fs::MetadataExt::blocks(&metadata) * 512,
            Err(_) => 0,
        })
        .sum()
}

/// Milliseconds since the epoch.
#[expect(
    clippy::disallowed_methods,
    reason = "data must end now, by the peers' clocks"
)]
pub(crate) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}

/// A configuration that scrapes nothing.
pub(crate) const EMPTY_CONFIG: &str = "global: { scrape_interval: 15s }\nscrape_configs: []\n";
