//! Registries that services enrol in, and inventories of machines.

use super::{HTTP, TEXTS, port, refresh};
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::sections::http_client::HTTP_CLIENT;
use crate::view::{View, node_text};
use crate::yaml::shortened;

pub(super) static CONSUL_SD: Section = Section {
    name: "consul_sd_config",
    doc: "Services of a Consul catalogue.",
    fields: &[
        Field::new(
            "server",
            Kind::Text,
            "localhost:8500",
            "Address of the agent.",
        ),
        Field::new("path_prefix", Kind::Text, "", "Path before the API's own."),
        Field::new("token", Kind::Secret, "", "ACL token."),
        Field::new("datacenter", Kind::Text, "", "The datacenter."),
        Field::new("namespace", Kind::Text, "", "The namespace."),
        Field::new("partition", Kind::Text, "", "The admin partition."),
        Field::new("tag_separator", Kind::Text, ",", "What joins the tags."),
        Field::new("scheme", Kind::Text, "http", "Scheme of the API."),
        Field::new("username", Kind::Text, "", "The user's name.").deprecated("use basic_auth"),
        Field::new("password", Kind::Secret, "", "The password.").deprecated("use basic_auth"),
        Field::new(
            "allow_stale",
            Kind::Bool,
            "true",
            "Take answers that may be old.",
        ),
        Field::new(
            "services",
            TEXTS,
            "",
            "Services to look up; all where absent.",
        ),
        Field::new("tags", TEXTS, "", "Tags that a node must have."),
        Field::new(
            "node_meta",
            Kind::Map(&Kind::Text),
            "",
            "Metadata that a node must have.",
        ),
        Field::new("filter", Kind::Text, "", "Filter of the catalogue API."),
        Field::new("health_filter", Kind::Text, "", "Filter of the health API."),
        refresh("30s"),
    ],
    includes: &[&HTTP_CLIENT],
    check: Some(|view, problems| {
        if view.text("server").trim().is_empty() {
            view.error_at(
                problems,
                "server",
                "server is empty: want an address such as localhost:8500",
            );
        }
        if !view.set_among(&["username", "password"]).is_empty() && view.is_set("basic_auth") {
            view.error_at(
                problems,
                "basic_auth",
                "is set together with username or password: keep basic_auth",
            );
        }
        view.at_most_one(problems, &["token", "authorization", "oauth2"]);
    }),
};

pub(super) static EUREKA_SD: Section = Section {
    name: "eureka_sd_config",
    doc: "Instances of a Eureka registry.",
    fields: &[
        Field::required("server", Kind::Url(&[]), "URL of the registry."),
        refresh("30s"),
    ],
    includes: &[&HTTP_CLIENT],
    check: None,
};

pub(super) static KUMA_SD: Section = Section {
    name: "kuma_sd_config",
    doc: "Data plane proxies of a Kuma control plane.",
    fields: &[
        Field::required("server", Kind::Url(&[]), "URL of the control plane."),
        Field::new("client_id", Kind::Text, "", "Name of this client."),
        Field::new(
            "fetch_timeout",
            Kind::Duration,
            "2m",
            "Time after which a fetch fails.",
        ),
        refresh("15s"),
    ],
    includes: &[&HTTP_CLIENT],
    check: None,
};

pub(super) static NERVE_SD: Section = Section {
    name: "nerve_sd_config",
    doc: "Services of AirBnB's Nerve in ZooKeeper.",
    fields: ZOOKEEPER,
    includes: &[],
    check: Some(check_zookeeper),
};

pub(super) static PUPPETDB_SD: Section = Section {
    name: "puppetdb_sd_config",
    doc: "Resources of PuppetDB.",
    fields: &[
        Field::required("url", Kind::Url(HTTP), "URL of PuppetDB."),
        Field::required("query", Kind::Text, "Query in PQL."),
        Field::new(
            "include_parameters",
            Kind::Bool,
            "false",
            "Give targets the parameters as labels.",
        ),
        port("80"),
        refresh("1m"),
    ],
    includes: &[&HTTP_CLIENT],
    check: None,
};

pub(super) static SERVERSET_SD: Section = Section {
    name: "serverset_sd_config",
    doc: "Serversets (Finagle, Aurora) in ZooKeeper.",
    fields: ZOOKEEPER,
    includes: &[],
    check: Some(check_zookeeper),
};

pub(super) static UYUNI_SD: Section = Section {
    name: "uyuni_sd_config",
    doc: "Systems of Uyuni.",
    fields: &[
        Field::required("server", Kind::Url(&[]), "URL of the server."),
        Field::required("username", Kind::Text, "The user's name."),
        Field::required("password", Kind::Secret, "The password."),
        Field::new(
            "entitlement",
            Kind::Text,
            "monitoring_entitled",
            "Entitlement that a system must have.",
        ),
        Field::new("separator", Kind::Text, ",", "What joins the groups."),
        refresh("1m"),
    ],
    includes: &[&HTTP_CLIENT],
    check: None,
};

const ZOOKEEPER: &[Field] = &[
    Field::required("servers", TEXTS, "Addresses of ZooKeeper."),
    Field::required("paths", TEXTS, "Nodes to watch; each begins with a slash."),
    Field::new(
        "timeout",
        Kind::Duration,
        "10s",
        "Time after which a request fails.",
    ),
];

fn check_zookeeper(view: &View<'_>, problems: &mut Problems) {
    for item in view.items("paths") {
        let text = node_text(item);
        if !text.starts_with('/') {
            problems.error(
                &view.origin.file,
                item.position,
                &item.path,
                format!(
                    "{:?} is not a path of ZooKeeper: want one that begins with a slash",
                    shortened(&text)
                ),
            );
        }
    }
}
