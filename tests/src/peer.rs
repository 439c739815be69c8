//! Other programs beside the server.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::process::{Child, Command};

use crate::{free_port, root, tail};

/// A program that runs until it is dropped.
#[derive(Debug)]
pub struct Peer {
    /// Its URL, without a slash at the end.
    pub url: String,
    _process: Child,
}

/// Debian's Prometheus with a configuration, in a folder of its own.
///
/// # Errors
/// Where it is not ready in time.
pub async fn prometheus(folder: &Path, config: &str) -> Result<Peer> {
    std::fs::create_dir_all(folder)?;
    let config_file = folder.join("prometheus.yml");
    std::fs::write(&config_file, config)?;
    let address = format!("127.0.0.1:{}", free_port()?);
    let mut command = Command::new("prometheus");
    command.arg(format!("--config.file={}", config_file.display()));
    command.arg(format!(
        "--storage.tsdb.path={}",
        folder.join("data").display()
    ));
    command.arg(format!("--web.listen-address={address}"));
    start(command, folder, &format!("http://{address}"), "/-/ready").await
}

/// Debian's Alertmanager with a configuration, in a folder of its own.
///
/// # Errors
/// Where it is not ready in time.
pub async fn alertmanager(folder: &Path, config: &str) -> Result<Peer> {
    std::fs::create_dir_all(folder)?;
    let config_file = folder.join("alertmanager.yml");
    std::fs::write(&config_file, config)?;
    let address = format!("127.0.0.1:{}", free_port()?);
    let mut command = Command::new("prometheus-alertmanager");
    command.arg(format!("--config.file={}", config_file.display()));
    command.arg(format!("--storage.path={}", folder.join("data").display()));
    command.arg(format!("--web.listen-address={address}"));
    command.arg("--cluster.listen-address=");
    start(command, folder, &format!("http://{address}"), "/-/ready").await
}

/// Debian's blackbox_exporter with the configuration that stands in a folder, from which the paths in
/// it start.
///
/// # Errors
/// Where it is not ready in time.
pub async fn blackbox_exporter(folder: &Path, config_file: &str) -> Result<Peer> {
    let address = format!("127.0.0.1:{}", free_port()?);
    let mut command = Command::new("prometheus-blackbox-exporter");
    command.current_dir(folder);
    command.arg(format!("--config.file={config_file}"));
    command.arg(format!("--web.listen-address={address}"));
    command.arg("--log.level=error");
    start(command, folder, &format!("http://{address}"), "/-/healthy").await
}

/// One of the Python clients in `tests/clients`, which answers on the port it is given.
///
/// # Errors
/// Where it is not ready in time.
pub async fn python(folder: &Path, script: &str) -> Result<Peer> {
    let address = format!("127.0.0.1:{}", free_port()?);
    let mut command = python_command(script)?;
    command.arg(&address);
    start(command, folder, &format!("http://{address}"), "/metrics").await
}

/// A Python client that runs to its end.
///
/// # Errors
/// Where `PYTHON` is not set.
pub fn python_command(script: &str) -> Result<Command> {
    let python = std::env::var_os("PYTHON")
        .context("PYTHON is not set: run these tests by `cargo xtask blackbox`")?;
    let mut command = Command::new(python);
    command.arg(root().join("tests/clients").join(script));
    Ok(command)
}

async fn start(mut command: Command, folder: &Path, url: &str, ready: &str) -> Result<Peer> {
    std::fs::create_dir_all(folder)?;
    let log_file = folder.join("peer.log");
    let log = std::fs::File::create(&log_file)?;
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .kill_on_drop(true);
    let mut process = command
        .spawn()
        .with_context(|| format!("cannot start {command:?}"))?;
    let client = crate::client()?;
    for _ in 0..600 {
        if let Some(status) = process.try_wait()? {
            bail!("the peer ended with {status}:\n{}", tail(&log_file));
        }
        let answer = client.get(format!("{url}{ready}")).send().await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            return Ok(Peer {
                url: url.to_owned(),
                _process: process,
            });
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("the peer was not ready in time:\n{}", tail(&log_file))
}

/// Runs a program to its end and gives what it printed.
///
/// # Errors
/// Where it fails; the text holds its error output.
pub async fn output(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .await
        .with_context(|| format!("cannot run {command:?}"))?;
    if !output.status.success() {
        let (out, err) = (&output.stdout, &output.stderr);
        bail!(
            "{command:?} ended with {}:\n{}{}",
            output.status,
            String::from_utf8_lossy(out),
            String::from_utf8_lossy(err)
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Any program that listens on an address, in a folder of its own, once it takes connections.
///
/// # Errors
/// Where it ends, or takes none within 60 s; the text holds the end of its log.
pub async fn listening(mut command: Command, folder: &Path, address: &str) -> Result<Peer> {
    std::fs::create_dir_all(folder)?;
    let log_file = folder.join(format!("peer-{}.log", address.replace(':', "-")));
    let log = std::fs::File::create(&log_file)?;
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .kill_on_drop(true);
    let mut process = command
        .spawn()
        .with_context(|| format!("cannot start {command:?}"))?;
    for _ in 0..600 {
        if let Some(status) = process.try_wait()? {
            bail!("the peer ended with {status}:\n{}", tail(&log_file));
        }
        if tokio::net::TcpStream::connect(address).await.is_ok() {
            return Ok(Peer {
                url: format!("http://{address}"),
                _process: process,
            });
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("the peer does not listen in time:\n{}", tail(&log_file))
}
