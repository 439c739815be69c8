//! Modules: ways to probe, by name.

use std::time::Duration;

use bellwether_probe::{Module, Prober};

use super::database::{POSTGRES, REDIS, decode_postgres, decode_redis};
use super::dns::{DNS, decode_dns};
use super::grpc::{GRPC, decode_grpc};
use super::http::{HTTP, decode_http};
use super::icmp::{ICMP, decode_icmp};
use super::llm::{LLM, decode_llm};
use super::mcp::{MCP, decode_mcp};
use super::process::{PROCESS, decode_process};
use super::program::{COMMAND, decode_command};
use super::tcp::{TCP, UNIX, decode_tcp, decode_unix};
use super::values::optional_duration;
use super::websocket::{WEBSOCKET, decode_websocket};
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::values::parse_integer;
use crate::view::View;

/// Every prober by the name of its settings.
pub(super) const PROBERS: &[&str] = &[
    "http",
    "tcp",
    "unix",
    "dns",
    "icmp",
    "grpc",
    "websocket",
    "mcp",
    "llm",
    "postgres",
    "redis",
    "process",
    "command",
];
/// Those whose settings must be there, and what they must say.
const WITH_SETTINGS: [(&str, &str); 3] = [
    ("dns", "query_name"),
    ("process", "name"),
    ("command", "program"),
];

/// The settings of every prober, which stand in modules and in probes.
pub(super) static PROBER_SETTINGS: Section = Section {
    name: "settings of probers",
    doc: "The settings of each prober, under its name.",
    fields: &[
        Field::new("http", Kind::Section(&HTTP), "", HTTP.doc),
        Field::new("tcp", Kind::Section(&TCP), "", TCP.doc),
        Field::new("unix", Kind::Section(&UNIX), "", UNIX.doc),
        Field::new("dns", Kind::Section(&DNS), "", DNS.doc),
        Field::new("icmp", Kind::Section(&ICMP), "", ICMP.doc),
        Field::new("grpc", Kind::Section(&GRPC), "", GRPC.doc),
        Field::new("websocket", Kind::Section(&WEBSOCKET), "", WEBSOCKET.doc),
        Field::new("mcp", Kind::Section(&MCP), "", MCP.doc),
        Field::new("llm", Kind::Section(&LLM), "", LLM.doc),
        Field::new("postgres", Kind::Section(&POSTGRES), "", POSTGRES.doc),
        Field::new("redis", Kind::Section(&REDIS), "", REDIS.doc),
        Field::new("process", Kind::Section(&PROCESS), "", PROCESS.doc),
        Field::new("command", Kind::Section(&COMMAND), "", COMMAND.doc),
        Field::new(
            "certificate_lifetime_min",
            Kind::Duration,
            "",
            "A certificate of the target that ends sooner than this degrades; only one that has ended counts where absent.",
        ),
    ],
    includes: &[],
    check: None,
};

pub(crate) static MODULE: Section = Section {
    name: "probe module",
    doc: "A way to probe: a module of blackbox_exporter, or one with a prober of ours.",
    fields: &[
        Field::required(
            "prober",
            Kind::OneOf(PROBERS),
            "What is spoken to the target.",
        ),
        Field::new(
            "timeout",
            Kind::GoDuration,
            "",
            "The longest that a probe may take; what the asker allows where absent or 0s.",
        ),
    ],
    includes: &[&PROBER_SETTINGS],
    check: Some(check_module),
};

pub(crate) static MODULE_FILE: Section = Section {
    name: "file of probe modules",
    doc: "A `blackbox.yml`: what `probe_modules` may name.",
    fields: &[Field::new(
        "modules",
        Kind::SectionMap(&MODULE),
        "",
        "The modules, by name.",
    )],
    includes: &[],
    check: None,
};

fn check_module(view: &View<'_>, problems: &mut Problems) {
    let prober = view.text("prober");
    for other in view.set_among(PROBERS) {
        if other != prober {
            view.warn_at(
                problems,
                other,
                format!("has no effect: prober is {prober}"),
            );
        }
    }
    for (name, key) in WITH_SETTINGS {
        if prober == name && !view.is_set(name) {
            view.error(
                problems,
                format!("{name} is missing: want at least {name}.{key}"),
            );
        }
    }
    let timeout = view.text("timeout");
    if parse_integer(timeout).is_some_and(|number| number != 0) {
        let message = format!("{timeout:?} has no unit: want a duration such as 5s");
        view.error_at(problems, "timeout", message);
    }
}

/// Decodes the module of this name. None where its prober was reported as wrong.
pub(crate) fn decode_module(view: &View<'_>, name: &str) -> Option<Module> {
    let mut module = decode_way(view, view.text("prober"), name)?;
    let timeout_ms = u64::try_from(view.go_duration_ms("timeout")).unwrap_or(0);
    module.timeout = Some(timeout_ms)
        .filter(|ms| *ms > 0)
        .map(Duration::from_millis);
    Some(module)
}

/// Decodes the settings of a prober, which stand in `view` under its name. `owner` is the name of the
/// module or probe that has them.
pub(super) fn decode_way(view: &View<'_>, prober: &str, owner: &str) -> Option<Module> {
    let section = || view.section(prober);
    let mut module = Module::new(match prober {
        "http" => Prober::Http(Box::new(decode_http(&section()))),
        "tcp" => Prober::Tcp(decode_tcp(&section())),
        "unix" => Prober::Unix(decode_unix(&section())),
        "dns" => Prober::Dns(Box::new(decode_dns(&section()))),
        "icmp" => Prober::Icmp(decode_icmp(&section())),
        "grpc" => Prober::Grpc(Box::new(decode_grpc(&section()))),
        "websocket" => Prober::WebSocket(Box::new(decode_websocket(&section()))),
        "mcp" => Prober::Mcp(Box::new(decode_mcp(&section()))),
        "llm" => Prober::Llm(Box::new(decode_llm(&section(), owner))),
        "postgres" => Prober::Postgres(Box::new(decode_postgres(&section()))),
        "redis" => Prober::Redis(Box::new(decode_redis(&section()))),
        "process" => Prober::Process(Box::new(decode_process(&section())?)),
        "command" => Prober::Command(Box::new(decode_command(&section()))),
        _ => return None,
    });
    module.certificate_lifetime_min = optional_duration(view, "certificate_lifetime_min");
    Some(module)
}
