//! Probe modules of a configuration, and the loading of a `blackbox.yml`.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;
use std::sync::Arc;

use bellwether_probe::module::{
    GrpcSettings, HttpSettings, IcmpSettings, TcpSettings, WebSocketSettings,
};
use bellwether_probe::{Module, Prober};

use crate::config::{errors_of, origin_of, parse, read_file};
use crate::problem::{ConfigErrors, NamedFile, Problem, Problems};
use crate::sections::probes::modules::{MODULE_FILE, decode_module};
use crate::view::{Origin, View};
use crate::yaml::{Node, NodeValue};

/// Ways to probe, by name: those of the configuration, and built-in ones that it does not replace.
#[derive(Clone, Default)]
pub struct ProbeModules {
    /// All of them.
    pub modules: BTreeMap<String, Arc<Module>>,
    /// Whether the configuration says what modules there are. Otherwise there are only those that are
    /// built in.
    pub is_configured: bool,
    /// What changes when a module of the configuration does, by its name.
    fingerprints: BTreeMap<String, String>,
}

/// Modules are settings of many kinds, of which some hold texts that may be secret.
impl fmt::Debug for ProbeModules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProbeModules")
            .field("modules", &self.modules.keys())
            .field("is_configured", &self.is_configured)
            .finish_non_exhaustive()
    }
}

/// The same modules, written in the same way.
impl PartialEq for ProbeModules {
    fn eq(&self, other: &Self) -> bool {
        self.is_configured == other.is_configured && self.fingerprints == other.fingerprints
    }
}

impl ProbeModules {
    /// The modules that are there without any configuration: `http_2xx`, `http_post_2xx`,
    /// `tcp_connect`, `tls_connect`, `icmp`, `grpc`, `grpc_tls`, `websocket`, which sends a ping, `mcp`,
    /// `llm`, which spends nothing, `postgres` and `redis`. Probers of this host have none, since they
    /// must be told what to look at.
    #[must_use]
    pub fn built_in() -> Self {
        let post = HttpSettings {
            method: "POST".to_owned(),
            ..HttpSettings::default()
        };
        let tls = TcpSettings {
            tls: true,
            ..TcpSettings::default()
        };
        let grpc_tls = GrpcSettings {
            tls: true,
            ..GrpcSettings::default()
        };
        let websocket = WebSocketSettings {
            ping: true,
            ..WebSocketSettings::default()
        };
        let probers = [
            ("http_2xx", Prober::Http(Box::default())),
            ("http_post_2xx", Prober::Http(Box::new(post))),
            ("tcp_connect", Prober::Tcp(TcpSettings::default())),
            ("tls_connect", Prober::Tcp(tls)),
            ("icmp", Prober::Icmp(IcmpSettings::default())),
            ("grpc", Prober::Grpc(Box::default())),
            ("grpc_tls", Prober::Grpc(Box::new(grpc_tls))),
            ("websocket", Prober::WebSocket(Box::new(websocket))),
            ("mcp", Prober::Mcp(Box::default())),
            ("llm", Prober::Llm(Box::default())),
            ("postgres", Prober::Postgres(Box::default())),
            ("redis", Prober::Redis(Box::default())),
        ];
        Self {
            modules: probers
                .into_iter()
                .map(|(name, prober)| (name.to_owned(), Arc::new(Module::new(prober))))
                .collect(),
            ..Self::default()
        }
    }

    /// The modules that the configuration has, without those that are only built in.
    #[must_use]
    pub fn configured(&self) -> BTreeMap<String, Arc<Module>> {
        let own = self
            .modules
            .iter()
            .filter(|(name, _)| self.fingerprints.contains_key(*name));
        own.map(|(name, module)| (name.clone(), Arc::clone(module)))
            .collect()
    }

    /// How many modules the configuration has.
    #[must_use]
    pub fn configured_count(&self) -> usize {
        self.fingerprints.len()
    }

    /// A text that changes when a module does.
    pub(crate) fn fingerprint(&self, module: &str) -> &str {
        self.fingerprints.get(module).map_or("built in", |it| it)
    }

    fn add(&mut self, name: &str, view: &View<'_>) {
        let (Some(module), Some(node)) = (decode_module(view, name), view.node) else {
            return;
        };
        let print = fingerprint(node, view.origin, "");
        self.modules.insert(name.to_owned(), Arc::new(module));
        self.fingerprints.insert(name.to_owned(), print);
    }
}

/// What a successful load gives.
#[derive(Debug, Clone)]
pub struct LoadedProbeModules {
    /// The modules, with those that are built in.
    pub modules: ProbeModules,
    /// What is worth knowing: settings without effect, old names.
    pub warnings: Vec<Problem>,
    /// Files that the modules need: those with secrets, certificates and bodies.
    pub files: Vec<NamedFile>,
}

/// Loads a `blackbox.yml`. Files that it names are not looked at.
///
/// # Errors
/// Every reason why the file cannot be used.
pub fn load_probe_modules(path: &Path) -> Result<LoadedProbeModules, ConfigErrors> {
    let source = read_file(path).map_err(|problem| ConfigErrors {
        errors: vec![problem],
        is_unreadable: true,
    })?;
    let mut problems = Problems::default();
    match read(&source, &origin_of(path), &mut problems) {
        Some(modules) if problems.errors.is_empty() => Ok(LoadedProbeModules {
            modules,
            warnings: problems.warnings,
            files: problems.files,
        }),
        _ => Err(errors_of(problems)),
    }
}

fn read(source: &str, origin: &Origin, problems: &mut Problems) -> Option<ProbeModules> {
    let root = parse(source, origin, &MODULE_FILE, problems)?;
    let view = View::new(Some(&root), &MODULE_FILE, origin);
    if root.is_null() {
        view.error(problems, "the file is empty: want modules");
        return None;
    }
    let mut modules = ProbeModules::built_in();
    modules.is_configured = true;
    for (name, module) in view.named_sections("modules") {
        modules.add(name, &module);
    }
    Some(modules)
}

/// The modules of a configuration: those of `file` where one is given instead of what stands at
/// `probe_modules`, which is a mapping or the path of a file. None where they are wrong, which is told.
pub(crate) fn decode_at(
    root: &View<'_>,
    file: Option<&Path>,
    problems: &mut Problems,
) -> Option<ProbeModules> {
    if let Some(path) = file {
        return read_at(path, problems, |problems, problem| problems.push(problem));
    }
    if let Some(NodeValue::Mapping(_)) = root.node_of("probe_modules").map(|node| &node.value) {
        let mut modules = ProbeModules::built_in();
        modules.is_configured = true;
        for (name, module) in root.named_sections("probe_modules") {
            modules.add(name, &module);
        }
        let path = root.path().key("probe_modules");
        return Some(modules).filter(|_| !problems.has_errors_under(&root.origin.file, &path));
    }
    let Some(path) = root.path_of("probe_modules") else {
        return Some(ProbeModules::built_in());
    };
    read_at(&path, problems, |problems, problem| {
        let message = format!("{:?} {}", problem.file, problem.message);
        root.error_at(problems, "probe_modules", message);
    })
}

fn read_at(
    path: &Path,
    problems: &mut Problems,
    unreadable: impl FnOnce(&mut Problems, Problem),
) -> Option<ProbeModules> {
    let errors_before = problems.errors.len();
    match read_file(path) {
        Ok(source) => read(&source, &origin_of(path), problems)
            .filter(|_| problems.errors.len() == errors_before),
        Err(problem) => {
            unreadable(problems, problem);
            None
        }
    }
}

/// A text that is the same for the same settings in the same folder, secrets included, and another
/// one otherwise. A hash, so that it tells nothing of them at a glance; it is never shown all the same.
pub(crate) fn fingerprint(node: &Node, origin: &Origin, further: &str) -> String {
    let mut hasher = DefaultHasher::new();
    origin.folder.hash(&mut hasher);
    further.hash(&mut hasher);
    hash_node(node, &mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Takes in what a node is, wherever it stands.
fn hash_node(node: &Node, hasher: &mut DefaultHasher) {
    match &node.value {
        NodeValue::Scalar(scalar) => {
            (0_u8, scalar.is_plain, &scalar.text, &scalar.bytes).hash(hasher);
        }
        NodeValue::List(items) => {
            (1_u8, items.len()).hash(hasher);
            for item in items {
                hash_node(item, hasher);
            }
        }
        NodeValue::Mapping(entries) => {
            (2_u8, entries.len()).hash(hasher);
            for entry in entries {
                entry.key.hash(hasher);
                hash_node(&entry.value, hasher);
            }
        }
    }
}
