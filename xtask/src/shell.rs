//! Running other programs, one announced step after another.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// A program to run.
#[derive(Debug)]
pub(crate) struct Step(Command);

impl Step {
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        Self(Command::new(program))
    }

    pub(crate) fn args<S: AsRef<OsStr>>(
        &mut self,
        arguments: impl IntoIterator<Item = S>,
    ) -> &mut Self {
        self.0.args(arguments);
        self
    }

    pub(crate) fn env(&mut self, name: &str, value: impl AsRef<OsStr>) -> &mut Self {
        self.0.env(name, value);
        self
    }

    /// The folder in which it runs.
    pub(crate) fn directory(&mut self, folder: impl AsRef<std::path::Path>) -> &mut Self {
        self.0.current_dir(folder);
        self
    }

    /// Runs it, says what it is and how long it took, and fails where it fails.
    pub(crate) fn step(&mut self, what: &str) -> Result<()> {
        println!("\n==> {what}");
        let begun = Instant::now();
        let program = self.0.get_program().to_owned();
        let status = self
            .0
            .status()
            .with_context(|| format!("cannot run {}", program.display()))?;
        if !status.success() {
            bail!("{what}: {} ended with {status}", program.display());
        }
        println!("<== {what}: {:.0} s", begun.elapsed().as_secs_f64());
        Ok(())
    }

    /// Runs it, says what it is, and gives what it prints.
    pub(crate) fn text(&mut self, what: &str) -> Result<String> {
        println!("\n==> {what}");
        let program = self.0.get_program().to_owned();
        let output = self
            .0
            .stderr(std::process::Stdio::inherit())
            .output()
            .with_context(|| format!("cannot run {}", program.display()))?;
        if !output.status.success() {
            let program = program.display();
            bail!("{what}: {program} ended with {}", output.status);
        }
        String::from_utf8(output.stdout).with_context(|| format!("{what}: what it prints"))
    }

    /// Runs it silently and tells whether it succeeded.
    pub(crate) fn succeeds(&mut self) -> bool {
        self.0.output().is_ok_and(|output| output.status.success())
    }
}

/// Cargo in the root of the repository.
pub(crate) fn cargo(arguments: &[&str]) -> Step {
    let mut step = Step::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    step.args(arguments);
    // What cargo says of xtask itself: build scripts that ask for such variables (ring's) would be run
    // anew, and all that depends on them, whenever cargo is called by hand in between.
    for (name, _) in std::env::vars_os() {
        let is_of_package =
            |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if name.to_str().is_some_and(is_of_package) {
            step.0.env_remove(&name);
        }
    }
    if let Ok(root) = root() {
        step.0.current_dir(root);
    }
    if let Ok(target) = target_dir() {
        step.0.env("CARGO_TARGET_DIR", target);
    }
    step
}

/// The folder that holds the workspace.
pub(crate) fn root() -> Result<PathBuf> {
    // As cargo says it now: a binary from a cache may have been built in another checkout.
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").context("run this by `cargo xtask`")?;
    let manifest = PathBuf::from(manifest);
    Ok(manifest
        .parent()
        .context("xtask has no parent folder")?
        .to_owned())
}

/// What is kept between checkouts, if the machine offers it: `~/.cache/bellwether`.
pub(crate) fn cache_dir() -> Option<PathBuf> {
    let home = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))?;
    let cache = home.join("bellwether");
    cache.is_dir().then_some(cache)
}

/// Where cargo builds: `CARGO_TARGET_DIR`, else the machine's cache, else `target`.
pub(crate) fn target_dir() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("CARGO_TARGET_DIR") {
        return Ok(folder.into());
    }
    match cache_dir() {
        Some(cache) => Ok(cache.join("target")),
        None => Ok(root()?.join("target")),
    }
}
