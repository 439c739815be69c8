//! The `bellwether.yml` of a demo: what is scraped, probed and told.

use std::net::SocketAddr;

use crate::backfill::{INSTANCE, JOB};

/// How a probe is written. Times are short: whoever watches is to see a change soon.
struct Probe {
    name: String,
    target: String,
    /// The prober with its settings.
    way: &'static str,
    depends_on: Vec<String>,
    /// `kind/name`.
    entity: String,
    title: String,
    group: &'static str,
}

/// A provider that is asked for its models, which costs nothing.
const LLM: &str = "llm: {}";
/// A server of MCP, of whatever generation.
const MCP: &str = "mcp: {}";
const HTTP: &str = "http: {}";
const WEBSOCKET: &str = "websocket: { ping: true, json_rpc_method: ping }";

/// The configuration; `rule_file` is relative to it.
pub(super) fn config(
    daemon: SocketAddr,
    providers: &[(&'static str, SocketAddr)],
    rule_file: &str,
) -> String {
    let mut text = format!(
        "scrape_configs:\n\
         \x20 - job_name: {JOB}\n\
         \x20   scrape_interval: 15s\n\
         \x20   scrape_native_histograms: true\n\
         \x20   always_scrape_classic_histograms: true\n\
         \x20   static_configs:\n\
         \x20     - targets: [\"{daemon}\"]\n\
         \x20       labels:\n\
         \x20         instance: {INSTANCE}\n\
         rule_files: [{rule_file:?}]\n\
         probes:\n"
    );
    for probe in probes(daemon, providers) {
        text.push_str(&written(&probe));
    }
    text.push_str(&format!(
        "notifications:\n\
         \x20 route:\n\
         \x20   receiver: demo-chat\n\
         \x20   group_by: [alertname]\n\
         \x20   group_wait: 5s\n\
         \x20 receivers:\n\
         \x20   - name: demo-chat\n\
         \x20     webhook_configs:\n\
         \x20       - url: http://{daemon}/hook\n"
    ));
    text.push_str(crate::FORESIGHT);
    text
}

fn written(probe: &Probe) -> String {
    let Probe {
        name,
        target,
        way,
        depends_on,
        entity,
        title,
        group,
    } = probe;
    let depends_on = depends_on.join(", ");
    format!(
        "\x20 - name: {name}\n\
         \x20   target: {target}\n\
         \x20   {way}\n\
         \x20   interval: 5s\n\
         \x20   timeout: 2s\n\
         \x20   failure_threshold: 2\n\
         \x20   success_threshold: 2\n\
         \x20   depends_on: [{depends_on}]\n\
         \x20   entity: {entity}\n\
         \x20   public: {{ title: {title:?}, group: {group:?} }}\n"
    )
}

fn probes(daemon: SocketAddr, providers: &[(&'static str, SocketAddr)]) -> Vec<Probe> {
    let of_provider = |(name, address): &(&'static str, SocketAddr)| Probe {
        name: format!("provider-{name}"),
        target: format!("http://{address}/v1"),
        way: LLM,
        depends_on: Vec::new(),
        entity: format!("provider/{name}"),
        title: format!("Models of {name}"),
        group: "Providers",
    };
    let mut probes: Vec<Probe> = providers.iter().map(of_provider).collect();
    // As scraped targets are named, so that all that is known of the daemon comes together.
    let entity = format!("daemon/{JOB}/{INSTANCE}");
    let of_daemon = |name: &str, target: String, way, depends_on, title: &str| Probe {
        name: name.to_owned(),
        target,
        way,
        depends_on,
        entity: entity.clone(),
        title: title.to_owned(),
        group: "Daemon",
    };
    let names = probes.iter().map(|it| it.name.clone()).collect();
    let ready = format!("http://{daemon}/readyz");
    probes.push(of_daemon("daemon-ready", ready, HTTP, names, "Answers"));
    let on_ready = || vec!["daemon-ready".to_owned()];
    let socket = format!("ws://{daemon}/ws");
    probes.push(of_daemon(
        "daemon-websocket",
        socket,
        WEBSOCKET,
        on_ready(),
        "Chat",
    ));
    let tools = format!("http://{daemon}/mcp");
    probes.push(of_daemon("daemon-mcp", tools, MCP, on_ready(), "Tools"));
    probes
}
