//! The tools that the gate needs beside Rust: installed where they are missing, never skipped.
//!
//! ## Model
//! Debian packages come by `apt-get` (as root), Python packages into a virtual environment, npm
//! packages into a folder of their own; the last two live in the machine's cache or in `target`.
//!
//! ## Failure
//! What is missing and cannot be installed is an error that names the package.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::shell::{Step, cache_dir, root};

/// A program and the Debian package that brings it.
const DEBIAN: [(&str, &str); 7] = [
    ("prometheus", "prometheus"),
    ("victoria-metrics", "victoria-metrics"),
    ("amtool", "prometheus-alertmanager"),
    (
        "prometheus-blackbox-exporter",
        "prometheus-blackbox-exporter",
    ),
    ("chromium", "chromium"),
    // The server's own programs are in a folder of their version, which is not on the path.
    ("pg_createcluster", "postgresql"),
    ("redis-server", "redis-server"),
];

/// Python packages of the interop tests.
const PYTHON: [&str; 9] = [
    "prometheus-client==0.26.0",
    "opentelemetry-sdk==1.45.2",
    "opentelemetry-exporter-otlp-proto-http==1.45.2",
    "opentelemetry-exporter-otlp-proto-grpc==1.45.2",
    "grpcio-tools==1.85.1",
    "PyYAML==6.0.3",
    "mcp==2.3.0",
    "llmock==0.2.2",
    "openai==3.57.0",
];

/// The previous line of the MCP SDK, which cannot stand beside the present one.
const PYTHON_MCP_1: [&str; 2] = ["mcp==1.30.0", "websockets==17.4"];

/// npm packages of the browser tests, and of the MCP servers that are probed.
const NPM: [&str; 6] = [
    "playwright-core@1.64.1",
    "axe-core@4.14.1",
    "@modelcontextprotocol/sdk@1.32.2",
    "@modelcontextprotocol/server@2.4.0",
    "@modelcontextprotocol/node@2.1.2",
    "zod@4.6.7",
];

/// Installs what is missing.
pub(crate) fn install() -> Result<()> {
    install_debian()?;
    install_python("venv", &PYTHON)?;
    install_python("venv-mcp-1", &PYTHON_MCP_1)?;
    install_npm()
}

/// The Python of the virtual environment.
pub(crate) fn python() -> Result<PathBuf> {
    Ok(tool_dir()?.join("venv/bin/python"))
}

/// The Python of the environment with the MCP SDK 1.x.
pub(crate) fn python_mcp_1() -> Result<PathBuf> {
    Ok(tool_dir()?.join("venv-mcp-1/bin/python"))
}

/// The folder with the npm packages.
pub(crate) fn node_modules() -> Result<PathBuf> {
    Ok(tool_dir()?.join("npm/node_modules"))
}

fn tool_dir() -> Result<PathBuf> {
    match cache_dir() {
        Some(cache) => Ok(cache.join("tools")),
        None => Ok(root()?.join("target/tools")),
    }
}

fn install_debian() -> Result<()> {
    let missing: Vec<&str> = DEBIAN
        .iter()
        .filter(|(program, _)| !on_path(program))
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !on_path("apt-get") {
        bail!("missing: {list}. Install these packages of your system and try again");
    }
    Step::new("apt-get")
        .args(["update", "-qq"])
        .step("apt-get update")?;
    // The services that come with the packages must not start: the tests start their own.
    let mut install = Step::new("apt-get");
    install
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("RUNLEVEL", "1");
    install
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .args(&missing);
    install
        .step(&format!("apt-get install {list}"))
        .with_context(|| {
            format!("these need root: run once `sudo apt-get install {list}` and try again")
        })
}

/// Installs packages into a virtual environment of their own.
fn install_python(folder: &str, packages: &[&str]) -> Result<()> {
    let venv = tool_dir()?.join(folder);
    let python = venv.join("bin/python");
    let stamp = venv.join(format!("{}.stamp", fingerprint(packages)));
    if stamp.is_file() {
        return Ok(());
    }
    if !Step::new("python3")
        .args(["-m", "venv"])
        .args([&venv])
        .succeeds()
    {
        // Debian keeps venv in a package of its own.
        Step::new("apt-get")
            .args(["install", "-y", "-qq", "python3-venv"])
            .step("python3-venv")?;
        Step::new("python3")
            .args(["-m", "venv"])
            .args([&venv])
            .step("python environment")?;
    }
    let mut pip = Step::new(&python);
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ])
    .args(packages);
    pip.step("pip install")?;
    std::fs::write(&stamp, "").with_context(|| format!("cannot write {}", stamp.display()))
}

fn install_npm() -> Result<()> {
    let folder = tool_dir()?.join("npm");
    let stamp = folder.join(format!("{}.stamp", fingerprint(&NPM)));
    if stamp.is_file() {
        return Ok(());
    }
    if !on_path("npm") {
        bail!("npm is missing: install Node.js 20 or newer and try again");
    }
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make {}", folder.display()))?;
    let mut npm = Step::new("npm");
    npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"])
        .args([&folder]);
    npm.args(NPM).step("npm install")?;
    std::fs::write(&stamp, "").with_context(|| format!("cannot write {}", stamp.display()))
}

/// Names the list of packages, so that a changed list is installed again.
fn fingerprint(packages: &[&str]) -> String {
    packages.join("+").replace(['=', '/', '@'], "-")
}

fn on_path(program: &str) -> bool {
    let Some(path) = std::env::var_os("PATH") else {
        return false;
    };
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
