//! A PostgreSQL in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};
use tokio::process::{Child, Command};

use crate::peer::output;
use crate::{eventually, free_port, tail};

/// The user that the server runs as where we are root, which it refuses to run as.
const USER: &str = "postgres";

/// A server that runs until it is dropped. It lets everybody in.
#[derive(Debug)]
pub struct PostgresServer {
    /// Its port on the loopback address.
    pub port: u16,
    /// The certificate that it shows, which is its own authority.
    pub certificate: PathBuf,
    /// Its folder, with `pg_hba.conf`.
    pub data: PathBuf,
    bin: PathBuf,
    log_file: PathBuf,
    process: Child,
}

impl PostgresServer {
    /// Starts a server with the data in a folder.
    ///
    /// # Errors
    /// Where it cannot be started; the text holds the end of its log.
    pub async fn start(folder: &Path) -> Result<Self> {
        let bin = programs()?;
        let data = folder.join("pg");
        // Another user has to get there.
        open_to_all(folder).await?;
        std::fs::create_dir_all(&data)?;
        own(&data).await?;
        let mut init = as_user(&bin.join("initdb"));
        init.args(["--auth=trust", "--username=bellwether", "--no-sync", "-D"]);
        output(init.arg(&data)).await?;
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let made = rcgen::generate_simple_self_signed(names)?;
        let (certificate, key) = (data.join("server.crt"), data.join("server.key"));
        std::fs::write(&certificate, made.cert.pem())?;
        std::fs::write(&key, made.signing_key.serialize_pem())?;
        output(Command::new("chmod").arg("600").arg(&key)).await?;
        own(&key).await?;
        let port = free_port()?;
        let log_file = folder.join("postgres.log");
        let process = launch(&bin, &data, port, &log_file, &[])?;
        let server = Self {
            port,
            certificate,
            data,
            bin,
            log_file,
            process,
        };
        server.ready().await?;
        Ok(server)
    }

    /// Waits until it answers.
    ///
    /// # Errors
    /// Where it does not in time; the text holds the end of its log.
    pub async fn ready(&self) -> Result<()> {
        let ready = eventually("PostgreSQL answers", || self.sql("SELECT 1")).await;
        ready.with_context(|| tail(&self.log_file))?;
        Ok(())
    }

    /// Stops it and starts it again with settings (`name=value`). Does not wait until it answers.
    ///
    /// # Errors
    /// Where it cannot be stopped or started.
    pub async fn restart(&mut self, settings: &[&str]) -> Result<()> {
        let mut stop = as_user(&self.bin.join("pg_ctl"));
        stop.arg("-D")
            .arg(&self.data)
            .args(["-m", "fast", "-s", "stop"]);
        output(&mut stop).await?;
        self.process.wait().await?;
        self.process = launch(&self.bin, &self.data, self.port, &self.log_file, settings)?;
        Ok(())
    }

    /// Its URL with an `sslmode`.
    #[must_use]
    pub fn url(&self, sslmode: &str) -> String {
        let port = self.port;
        format!("postgresql://bellwether:secret@127.0.0.1:{port}/postgres?sslmode={sslmode}")
    }

    /// Runs statements, and gives what they print, without headings.
    ///
    /// # Errors
    /// Where they fail.
    pub async fn sql(&self, statements: &str) -> Result<String> {
        let mut psql = Command::new(self.bin.join("psql"));
        psql.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c"]);
        psql.arg(statements).arg(self.url("disable"));
        output(&mut psql).await
    }
}

fn launch(bin: &Path, data: &Path, port: u16, log_file: &Path, settings: &[&str]) -> Result<Child> {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(log_file)?;
    let mut command = as_user(&bin.join("postgres"));
    command.arg("-D").arg(data).args(["-p", &port.to_string()]);
    let always = [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "fsync=off",
        "ssl=on",
    ];
    for setting in always.iter().chain(settings) {
        command.args(["-c", setting]);
    }
    command
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start {command:?}"))
}

/// The folder with the newest server's programs, as Debian lays them out; the path elsewhere.
fn programs() -> Result<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
    {
        let entry = entry?;
        let bin = entry.path().join("bin");
        if let Ok(version) = entry.file_name().to_string_lossy().parse()
            && bin.join("postgres").is_file()
        {
            found.push((version, bin));
        }
    }
    if let Some((_, bin)) = found.into_iter().max() {
        return Ok(bin);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .find(|folder| folder.join("postgres").is_file())
        .context("PostgreSQL is missing: `cargo xtask blackbox` installs it")
}

fn is_root() -> Result<bool> {
    let id = std::process::Command::new("id").arg("-u").output()?;
    ensure!(id.status.success(), "cannot run id");
    Ok(id.stdout.trim_ascii() == b"0")
}

fn as_user(program: &Path) -> Command {
    if !is_root().unwrap_or(false) {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args([
        format!("--reuid={USER}"),
        format!("--regid={USER}"),
        "--clear-groups".to_owned(),
        // The server goes with the test, also where that is killed.
        "--pdeathsig=KILL".to_owned(),
    ]);
    command.arg(program);
    command.current_dir("/");
    command
}

async fn own(path: &Path) -> Result<()> {
    if !is_root()? {
        return Ok(());
    }
    output(Command::new("chown").arg(USER).arg(path)).await?;
    Ok(())
}

async fn open_to_all(folder: &Path) -> Result<()> {
    if !folder.is_dir() {
        bail!("{} is no folder", folder.display());
    }
    output(Command::new("chmod").arg("755").arg(folder)).await?;
    Ok(())
}
