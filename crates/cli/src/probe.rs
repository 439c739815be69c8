//! `probe`: one probe from the shell, phase by phase.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bellwether_config::{LoadOptions, ProbeModules, load_probe_modules};
use bellwether_probe::{CanaryLedger, Module, ProbeResult, Surroundings, probe_within};
use bellwether_storage::SystemClock;
use clap::Args;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::{Value, json};

use crate::arguments::Output;
use crate::remote;

/// How long a probe may take where nobody says anything.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

/// Flags of `probe`.
#[derive(Debug, Args)]
pub(crate) struct Probe {
    /// The name of a probe of the configuration, or a target: a URL, `host:port`, or a host for ping.
    #[arg(value_name = "NAME|URL")]
    what: String,
    /// How a target is probed: a module of the configuration, or a built-in one; by the form of the target if not given.
    #[arg(long, value_name = "NAME")]
    module: Option<String>,
    /// The configuration whose probes and modules are meant.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A blackbox.yml whose modules are meant.
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    probe_config: Option<PathBuf>,
    /// Let this running server check its probe of that name, instead of probing from here.
    #[arg(long, value_name = "URL", conflicts_with_all = ["config", "probe_config", "module", "timeout"])]
    url: Option<String>,
    /// How long it may take, such as 10s; the module or probe may say less.
    #[arg(long, value_name = "DURATION")]
    timeout: Option<String>,
    /// Tell every step.
    #[arg(long, short)]
    verbose: bool,
    /// Text for people, or JSON.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// What is probed, and how.
struct Meant {
    module_name: String,
    module: Arc<Module>,
    target: String,
    timeout: Duration,
}

/// Probes, and prints what there is to be seen. Exit code 1: the target is down, or how it is is not known.
pub(crate) async fn run(flags: &Probe) -> Result<ExitCode> {
    let found = match &flags.url {
        Some(url) => {
            let name = utf8_percent_encode(&flags.what, NON_ALPHANUMERIC);
            let path = format!("/api/bellwether/v1/probes/{name}/check");
            let answer = remote::ask(Method::POST, url, &path, &[], None).await?;
            answer["data"].clone()
        }
        None => probed(&meant(flags)?).await,
    };
    match flags.output {
        Output::Text => print!("{}", text(&found, &flags.what, flags.verbose)),
        Output::Json => remote::print_json(&found)?,
    }
    Ok(match found["success"] == true {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(1),
    })
}

/// What a probe from here finds, in the form in which servers tell it.
async fn probed(meant: &Meant) -> Value {
    let canaries = CanaryLedger::new();
    let surroundings = Surroundings {
        clock: &SystemClock,
        canaries: Some(&canaries),
    };
    let result = probe_within(&meant.module, &meant.target, meant.timeout, &surroundings).await;
    json_of(meant, &result)
}

fn meant(flags: &Probe) -> Result<Meant> {
    let said = flags.timeout.as_deref().map(|text| {
        let ms = bellwether_model::time::parse_duration(text)
            .map_err(|error| anyhow::anyhow!("--timeout: {error}"))?;
        match u64::try_from(ms) {
            Ok(ms @ 1..) => Ok(Duration::from_millis(ms)),
            _ => bail!("--timeout: {text:?} given: want more than nothing"),
        }
    });
    let said = said.transpose()?;
    let mut modules = ProbeModules::built_in();
    if let Some(path) = &flags.probe_config {
        let loaded = load_probe_modules(path)
            .with_context(|| format!("{} cannot be used", path.display()))?;
        modules = loaded.modules;
    }
    if let Some(path) = &flags.config {
        let loaded = bellwether_config::load(path, &LoadOptions::default())
            .with_context(|| format!("{} cannot be used", path.display()))?;
        let mut probes = loaded.config.probes.into_iter();
        if flags.module.is_none()
            && let Some(probe) = probes.find(|it| it.name == flags.what)
        {
            let timeout = probe
                .module
                .timeout_within(said.or(Some(probe.timeout)), Duration::ZERO);
            return Ok(Meant {
                module_name: probe.module_name,
                module: probe.module,
                target: probe.target,
                timeout,
            });
        }
        modules = loaded.config.probe_modules;
    }
    let name = match &flags.module {
        Some(name) => name.as_str(),
        None => guessed(&flags.what)?,
    };
    let module = modules.modules.get(name).with_context(|| {
        let known: Vec<&str> = modules.modules.keys().map(String::as_str).collect();
        format!(
            "there is no module {name:?}: want one of {}",
            known.join(", ")
        )
    })?;
    Ok(Meant {
        module_name: name.to_owned(),
        timeout: module.timeout_within(said.or(Some(TIMEOUT_DEFAULT)), Duration::ZERO),
        module: Arc::clone(module),
        target: flags.what.clone(),
    })
}

/// The module that the form of a target asks for.
fn guessed(target: &str) -> Result<&'static str> {
    let is_port = |text: &str| text.parse::<u16>().is_ok();
    Ok(match target.split_once("://") {
        Some(("http" | "https", _)) => "http_2xx",
        Some(("ws" | "wss", _)) => "websocket",
        Some((scheme, _)) => {
            bail!("{scheme:?} is no scheme that a module is known for: name one with --module")
        }
        None if target
            .rsplit_once(':')
            .is_some_and(|(_, port)| is_port(port)) =>
        {
            "tcp_connect"
        }
        None if target.parse::<std::net::IpAddr>().is_ok() || target.contains('.') => "icmp",
        None if target == "localhost" => "icmp",
        None => bail!(
            "{target:?} is no target: want a URL or host:port; to mean a probe of that name give \
             --config FILE or --url SERVER"
        ),
    })
}

/// What was found, for people: the steps where they are wanted, the phases, the end.
fn text(found: &Value, what: &str, is_verbose: bool) -> String {
    let list = |key: &str| found[key].as_array().cloned().unwrap_or_default();
    let word = |value: &Value| {
        value
            .as_str()
            .unwrap_or_default()
            .escape_debug()
            .to_string()
    };
    let mut lines = Vec::new();
    let named = bellwether_probe::shown_target(what);
    let target = found["target"].as_str().unwrap_or(&named);
    lines.push(match found["module"].as_str() {
        Some(module) => format!("{module} {}", target.escape_debug()),
        None => target.escape_debug().to_string(),
    });
    if is_verbose {
        for step in list("log") {
            let at = milliseconds(&step["seconds"]);
            lines.push(format!("  {at:>10}  {}", word(&step["text"])));
        }
        lines.push(String::new());
    }
    for phase in list("phases") {
        let mark = match phase["finished"] == true {
            true => "",
            false => "  (not finished)",
        };
        let took = milliseconds(&phase["seconds"]);
        lines.push(format!("  {:<12}{took:>12}{mark}", word(&phase["name"])));
    }
    let reason = match found["reason"].as_str() {
        Some(reason) if !reason.is_empty() => format!(": {}", reason.escape_debug()),
        _ => String::new(),
    };
    let took = milliseconds(&found["durationSeconds"]);
    lines.push(format!("{} after {took}{reason}", word(&found["state"])));
    lines.join("\n") + "\n"
}

fn milliseconds(seconds: &Value) -> String {
    format!("{:.1} ms", seconds.as_f64().unwrap_or_default() * 1_000.0)
}

fn json_of(meant: &Meant, result: &ProbeResult) -> Value {
    let phase = |it: &bellwether_probe::Phase| json!({ "name": it.name, "seconds": it.duration.as_secs_f64(), "finished": it.finished });
    let step =
        |it: &bellwether_probe::Step| json!({ "seconds": it.at.as_secs_f64(), "text": it.text });
    let metric = |it: &bellwether_probe::Metric| {
        let labels: serde_json::Map<String, Value> = it
            .labels
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect();
        json!({ "name": it.name, "labels": labels, "value": it.value })
    };
    json!({
        "module": meant.module_name,
        "target": bellwether_probe::shown_target(&meant.target),
        "state": result.verdict.as_str(),
        "success": result.success,
        "reason": result.reason,
        "durationSeconds": result.duration.as_secs_f64(),
        "timeoutSeconds": result.timeout.as_secs_f64(),
        "phases": result.phases.iter().map(phase).collect::<Vec<_>>(),
        "metrics": result.metrics.iter().map(metric).collect::<Vec<_>>(),
        "log": result.log.iter().map(step).collect::<Vec<_>>(),
    })
}
