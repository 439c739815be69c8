//! Service discoveries: the schema of every one that Prometheus has, and the decoders of those
//! that are carried out.

mod aws;
mod cloud;
mod containers;
mod kubernetes;
mod registry;

use std::sync::LazyLock;

use bellwether_model::Labels;
use bellwether_scrape::settings::{Discovery, DnsRecord, TargetGroup};
use regex::Regex;

use self::aws::{AWS_SD, EC2_SD, ECS_SD, ELASTICACHE_SD, LIGHTSAIL_SD, MSK_SD, RDS_SD};
use self::cloud::{
    AZURE_SD, DIGITALOCEAN_SD, GCE_SD, HETZNER_SD, IONOS_SD, LINODE_SD, OCI_SD, OPENSTACK_SD,
    OUTSCALE_SD, OVHCLOUD_SD, SCALEWAY_SD, STACKIT_SD, TRITON_SD, VULTR_SD,
};
use self::containers::{DOCKER_SD, DOCKERSWARM_SD, MARATHON_SD, NOMAD_SD};
use self::kubernetes::KUBERNETES_SD;
use self::registry::{
    CONSUL_SD, EUREKA_SD, KUMA_SD, NERVE_SD, PUPPETDB_SD, SERVERSET_SD, UYUNI_SD,
};
use super::http_client::{HTTP_CLIENT, decode_http_client};
use crate::schema::{Field, Kind, Section};
use crate::view::{View, node_text};
use crate::yaml::{NodeValue, shortened};

/// Every discovery by its key; stands among the settings of jobs and of Alertmanagers.
pub(crate) static DISCOVERY: Section = Section {
    name: "service discovery",
    doc: "Where targets come from.",
    fields: &[
        Field::new(
            "static_configs",
            Kind::Sections(&TARGET_GROUP),
            "",
            TARGET_GROUP.doc,
        ),
        Field::new("file_sd_configs", Kind::Sections(&FILE_SD), "", FILE_SD.doc),
        Field::new("http_sd_configs", Kind::Sections(&HTTP_SD), "", HTTP_SD.doc),
        Field::new("dns_sd_configs", Kind::Sections(&DNS_SD), "", DNS_SD.doc),
        unsupported("aws_sd_configs", &AWS_SD),
        unsupported("azure_sd_configs", &AZURE_SD),
        unsupported("consul_sd_configs", &CONSUL_SD),
        unsupported("digitalocean_sd_configs", &DIGITALOCEAN_SD),
        unsupported("docker_sd_configs", &DOCKER_SD),
        unsupported("dockerswarm_sd_configs", &DOCKERSWARM_SD),
        unsupported("ec2_sd_configs", &EC2_SD),
        unsupported("ecs_sd_configs", &ECS_SD),
        unsupported("elasticache_sd_configs", &ELASTICACHE_SD),
        unsupported("eureka_sd_configs", &EUREKA_SD),
        unsupported("gce_sd_configs", &GCE_SD),
        unsupported("hetzner_sd_configs", &HETZNER_SD),
        unsupported("ionos_sd_configs", &IONOS_SD),
        unsupported("kubernetes_sd_configs", &KUBERNETES_SD),
        unsupported("kuma_sd_configs", &KUMA_SD),
        unsupported("lightsail_sd_configs", &LIGHTSAIL_SD),
        unsupported("linode_sd_configs", &LINODE_SD),
        unsupported("marathon_sd_configs", &MARATHON_SD),
        unsupported("msk_sd_configs", &MSK_SD),
        unsupported("nerve_sd_configs", &NERVE_SD),
        unsupported("nomad_sd_configs", &NOMAD_SD),
        unsupported("oci_sd_configs", &OCI_SD),
        unsupported("openstack_sd_configs", &OPENSTACK_SD),
        unsupported("outscale_sd_configs", &OUTSCALE_SD),
        unsupported("ovhcloud_sd_configs", &OVHCLOUD_SD),
        unsupported("puppetdb_sd_configs", &PUPPETDB_SD),
        unsupported("rds_sd_configs", &RDS_SD),
        unsupported("scaleway_sd_configs", &SCALEWAY_SD),
        unsupported("serverset_sd_configs", &SERVERSET_SD),
        unsupported("stackit_sd_configs", &STACKIT_SD),
        unsupported("triton_sd_configs", &TRITON_SD),
        unsupported("uyuni_sd_configs", &UYUNI_SD),
        unsupported("vultr_sd_configs", &VULTR_SD),
    ],
    includes: &[],
    check: None,
};

/// What `check config` says of a discovery that is not carried out.
const UNSUPPORTED: &str = "this discovery is understood but not carried out: its targets will not be found; carried out are static_configs, file_sd_configs, http_sd_configs and dns_sd_configs";

const fn unsupported(key: &'static str, section: &'static Section) -> Field {
    Field::new(key, Kind::Sections(section), "", section.doc).inert(UNSUPPORTED)
}

pub(crate) static TARGET_GROUP: Section = Section {
    name: "static_config",
    doc: "Targets that stand in the file.",
    fields: &[
        Field::new("targets", TEXTS, "", "Addresses, host:port."),
        Field::new("labels", Kind::Labels, "", "Labels of all of them."),
    ],
    includes: &[],
    check: None,
};

static FILE_SD: Section = Section {
    name: "file_sd_config",
    doc: "Files that hold target groups, read again when they change.",
    fields: &[
        Field::required(
            "files",
            TEXTS,
            "Paths that end in .json, .yml or .yaml; the last part may be a glob.",
        ),
        refresh("5m"),
    ],
    includes: &[],
    check: Some(|view, problems| {
        for item in view.items("files") {
            let text = node_text(item);
            if !FILE_NAME.is_match(&text) {
                problems.error(
                    &view.origin.file,
                    item.position,
                    &item.path,
                    format!("{:?} is not a path for file discovery: want one that ends in .json, .yml or .yaml, with * only in its last part", shortened(&text)),
                );
            }
        }
    }),
};

static FILE_NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^[^*]*(\*[^/]*)?\.(json|yml|yaml|JSON|YML|YAML)$")
        .expect("the pattern is constant")
});

static HTTP_SD: Section = Section {
    name: "http_sd_config",
    doc: "A URL that answers with target groups as JSON.",
    fields: &[
        Field::required("url", Kind::Url(HTTP), "The URL."),
        refresh("1m"),
    ],
    includes: &[&HTTP_CLIENT],
    check: None,
};

static DNS_SD: Section = Section {
    name: "dns_sd_config",
    doc: "Names that are resolved.",
    fields: &[
        Field::required("names", TEXTS, "The names."),
        Field::new(
            "type",
            Kind::OneOfAnyCase(&["SRV", "A", "AAAA", "MX", "NS"]),
            "SRV",
            "What to ask for.",
        ),
        Field::new(
            "port",
            PORT,
            "",
            "Port of the targets; needed unless the type is SRV.",
        ),
        refresh("30s"),
    ],
    includes: &[],
    check: Some(|view, problems| {
        if !view.text("type").eq_ignore_ascii_case("SRV") && view.integer("port") == 0 {
            view.error_at(
                problems,
                "port",
                format!(
                    "port is missing: records of type {} bring none",
                    view.text("type")
                ),
            );
        }
    }),
};

/// Decodes every discovery of a section, in the order of the file.
pub(crate) fn decode_discovery(view: &View<'_>) -> Vec<Discovery> {
    let Some(NodeValue::Mapping(entries)) = view.node.map(|node| &node.value) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in entries {
        let Some(field) = DISCOVERY.field(&entry.key) else {
            continue;
        };
        let views = view.sections(field.key);
        match field.key {
            "static_configs" => {
                if !views.is_empty() {
                    found.push(Discovery::Static(views.iter().map(decode_group).collect()));
                }
            }
            "file_sd_configs" => found.extend(views.iter().map(|view| {
                Discovery::File {
                    files: view
                        .texts("files")
                        .iter()
                        .map(|file| view.origin.join(file).to_string_lossy().into_owned())
                        .collect(),
                    refresh_interval_ms: view.duration_ms("refresh_interval"),
                }
            })),
            "http_sd_configs" => found.extend(views.iter().filter_map(|view| {
                Some(Discovery::Http {
                    url: view.url("url")?,
                    refresh_interval_ms: view.duration_ms("refresh_interval"),
                    http: Box::new(decode_http_client(view)),
                })
            })),
            "dns_sd_configs" => found.extend(views.iter().map(|view| Discovery::Dns {
                names: view.texts("names"),
                record: match view.text("type").to_ascii_uppercase().as_str() {
                    "A" => DnsRecord::A,
                    "AAAA" => DnsRecord::Aaaa,
                    "MX" => DnsRecord::Mx,
                    "NS" => DnsRecord::Ns,
                    _ => DnsRecord::Srv,
                },
                port: u16::try_from(view.integer("port")).unwrap_or(0),
                refresh_interval_ms: view.duration_ms("refresh_interval"),
            })),
            _ => {
                if !views.is_empty() {
                    found.push(Discovery::Unsupported {
                        key: field.key.to_owned(),
                    });
                }
            }
        }
    }
    found
}

fn decode_group(view: &View<'_>) -> TargetGroup {
    TargetGroup {
        targets: view.texts("targets"),
        labels: Labels::from_pairs(view.text_map("labels")),
    }
}

static FILTER: Section = Section {
    name: "filter",
    doc: "A filter of the provider's own API.",
    fields: &[
        Field::new("name", Kind::Text, "", "What is filtered."),
        Field::new("values", TEXTS, "", "The values that are taken."),
    ],
    includes: &[],
    check: None,
};

const fn refresh(default: &'static str) -> Field {
    Field::new(
        "refresh_interval",
        Kind::Duration,
        default,
        "How often targets are looked up.",
    )
}

const fn port(default: &'static str) -> Field {
    Field::new("port", PORT, default, "Port of the targets.")
}

const PORT: Kind = Kind::Integer {
    min: 0,
    max: 65_535,
};
const HTTP: &[&str] = &["http", "https"];
const TEXTS: Kind = Kind::List(&Kind::Text);
