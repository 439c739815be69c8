//! Service discoveries: the schema of every one that Prometheus has, and the decoders of those
//! that are carried out.

use std::sync::LazyLock;

use bellwether_model::Labels;
use bellwether_outbound::settings::HttpClientSettings;
use bellwether_scrape::settings::{Discovery, DnsRecord, TargetGroup};
use regex::Regex;

use super::http_client::{HTTP_CLIENT, TLS, decode_http_client};
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::values::ANY_URL;
use crate::view::{View, node_text};
use crate::yaml::{NodeValue, shortened};

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
/// What `check config` says of a discovery that is not carried out.
const UNSUPPORTED: &str = "this discovery is understood but not carried out: its targets will not be found; carried out are static_configs, file_sd_configs, http_sd_configs and dns_sd_configs";

const fn unsupported(key: &'static str, section: &'static Section) -> Field {
    Field::new(key, Kind::Sections(section), "", section.doc).inert(UNSUPPORTED)
}

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

static FILE_NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^[^*]*(\*[^/]*)?\.(json|yml|yaml|JSON|YML|YAML)$")
        .expect("the pattern is constant")
});

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

static EC2_FILTER: Section = Section {
    name: "EC2 filter",
    doc: "A filter of the EC2 API.",
    fields: &[
        Field::new("name", Kind::Text, "", "What is filtered."),
        Field::required("values", TEXTS, "The values that are taken."),
    ],
    includes: &[],
    check: None,
};

static AWS_COMMON: Section = Section {
    name: "AWS access",
    doc: "How the API of AWS is reached.",
    fields: &[
        Field::new(
            "region",
            Kind::Text,
            "",
            "The region; the instance's own where absent.",
        ),
        Field::new("endpoint", Kind::Text, "", "Another endpoint of the API."),
        Field::new("access_key", Kind::Text, "", "Id of the key."),
        Field::new("secret_key", Kind::Secret, "", "The key."),
        Field::new(
            "profile",
            Kind::Text,
            "",
            "Profile of the shared credentials file.",
        ),
        Field::new("role_arn", Kind::Text, "", "Role to take on."),
        Field::new(
            "external_id",
            Kind::Text,
            "",
            "External id to take the role with.",
        ),
        refresh("1m"),
    ],
    includes: &[&HTTP_CLIENT],
    check: None,
};

const AWS_ROLES: &[&str] = &["ec2", "ecs", "elasticache", "lightsail", "msk", "rds"];

static AWS_SD: Section = Section {
    name: "aws_sd_config",
    doc: "Services of AWS, by role.",
    fields: &[
        Field::required("role", Kind::OneOf(AWS_ROLES), "What is looked up."),
        port(""),
        Field::new(
            "filters",
            Kind::Sections(&FILTER),
            "",
            "Filters (ec2, rds).",
        ),
        Field::new(
            "clusters",
            TEXTS,
            "",
            "Clusters (ecs, elasticache, msk, rds).",
        ),
    ],
    includes: &[&AWS_COMMON],
    check: None,
};

static EC2_SD: Section = Section {
    name: "ec2_sd_config",
    doc: "Instances of AWS EC2.",
    fields: &[
        port("80"),
        Field::new(
            "filters",
            Kind::Sections(&EC2_FILTER),
            "",
            "Filters of the EC2 API.",
        ),
    ],
    includes: &[&AWS_COMMON],
    check: None,
};

static LIGHTSAIL_SD: Section = Section {
    name: "lightsail_sd_config",
    doc: "Instances of AWS Lightsail.",
    fields: &[port("80")],
    includes: &[&AWS_COMMON],
    check: None,
};

const fn clusters() -> Field {
    Field::new(
        "clusters",
        TEXTS,
        "",
        "Clusters to look into; all where absent.",
    )
}

const fn concurrency(default: &'static str) -> Field {
    Field::new(
        "request_concurrency",
        Kind::Integer {
            min: 0,
            max: i64::MAX,
        },
        default,
        "Requests to the API at once.",
    )
}

static ECS_SD: Section = Section {
    name: "ecs_sd_config",
    doc: "Tasks of AWS ECS.",
    fields: &[port("80"), clusters(), concurrency("20")],
    includes: &[&AWS_COMMON],
    check: None,
};

static ELASTICACHE_SD: Section = Section {
    name: "elasticache_sd_config",
    doc: "Nodes of AWS ElastiCache.",
    fields: &[port("80"), clusters(), concurrency("10")],
    includes: &[&AWS_COMMON],
    check: None,
};

static MSK_SD: Section = Section {
    name: "msk_sd_config",
    doc: "Brokers of AWS MSK.",
    fields: &[port("80"), clusters(), concurrency("10")],
    includes: &[&AWS_COMMON],
    check: None,
};

static RDS_SD: Section = Section {
    name: "rds_sd_config",
    doc: "Databases of AWS RDS.",
    fields: &[
        port("80"),
        clusters(),
        concurrency("10"),
        Field::new(
            "filters",
            Kind::Sections(&FILTER),
            "",
            "Filters of the RDS API.",
        ),
    ],
    includes: &[&AWS_COMMON],
    check: None,
};

const AZURE_METHODS: &[&str] = &["OAuth", "ManagedIdentity", "SDK", "WorkloadIdentity"];

static AZURE_SD: Section = Section {
    name: "azure_sd_config",
    doc: "Virtual machines of Azure.",
    fields: &[
        Field::new("environment", Kind::Text, "AzurePublicCloud", "The cloud."),
        Field::new(
            "authentication_method",
            Kind::OneOf(AZURE_METHODS),
            "OAuth",
            "How to sign in.",
        ),
        Field::required("subscription_id", Kind::Text, "The subscription."),
        Field::new("tenant_id", Kind::Text, "", "The tenant (OAuth)."),
        Field::new("client_id", Kind::Text, "", "The client (OAuth)."),
        Field::new(
            "client_secret",
            Kind::Secret,
            "",
            "The client's secret (OAuth).",
        ),
        Field::new(
            "resource_group",
            Kind::Text,
            "",
            "The resource group; all where absent.",
        ),
        refresh("5m"),
        port("80"),
    ],
    includes: &[&HTTP_CLIENT],
    check: Some(|view, problems| {
        if view.text("authentication_method") == "OAuth" {
            require(
                view,
                problems,
                &["tenant_id", "client_id", "client_secret"],
                "authentication_method OAuth",
            );
        }
    }),
};

/// Reports those of the keys that are not set.
fn require(view: &View<'_>, problems: &mut Problems, keys: &[&'static str], why: &str) {
    for key in keys {
        if !view.is_set(key) {
            view.error_at(problems, key, format!("{key} is missing: {why} needs it"));
        }
    }
}

/// Reports unless exactly one of the keys is set.
fn exactly_one(view: &View<'_>, problems: &mut Problems, keys: &[&'static str]) {
    if view.at_most_one(problems, keys) && view.set_among(keys).is_empty() {
        view.error(problems, format!("one of {} is missing", keys.join(", ")));
    }
}

static CONSUL_SD: Section = Section {
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

static DIGITALOCEAN_SD: Section = Section {
    name: "digitalocean_sd_config",
    doc: "Droplets or databases of DigitalOcean.",
    fields: &[
        Field::new(
            "role",
            Kind::OneOf(&["droplets", "databases"]),
            "droplets",
            "What is looked up.",
        ),
        port("80"),
        refresh("1m"),
    ],
    includes: &[&HTTP_CLIENT],
    check: None,
};

static DOCKER_SD: Section = Section {
    name: "docker_sd_config",
    doc: "Containers of a Docker daemon.",
    fields: &[
        Field::required(
            "host",
            Kind::Url(ANY_URL),
            "Address of the daemon, such as unix:///var/run/docker.sock.",
        ),
        Field::new(
            "filters",
            Kind::Sections(&FILTER),
            "",
            "Filters of the Docker API.",
        ),
        Field::new(
            "host_networking_host",
            Kind::Text,
            "localhost",
            "Host of containers in the host's network.",
        ),
        Field::new(
            "match_first_network",
            Kind::Bool,
            "true",
            "Take the first network of containers that have several.",
        ),
        port("80"),
        refresh("1m"),
    ],
    includes: &[&HTTP_CLIENT],
    check: None,
};

static DOCKERSWARM_SD: Section = Section {
    name: "dockerswarm_sd_config",
    doc: "Services, tasks or nodes of Docker Swarm.",
    fields: &[
        Field::required("host", Kind::Url(ANY_URL), "Address of the daemon."),
        Field::required(
            "role",
            Kind::OneOf(&["services", "tasks", "nodes"]),
            "What is looked up.",
        ),
        Field::new(
            "filters",
            Kind::Sections(&FILTER),
            "",
            "Filters of the Docker API.",
        ),
        port("80"),
        refresh("1m"),
    ],
    includes: &[&HTTP_CLIENT],
    check: None,
};

static EUREKA_SD: Section = Section {
    name: "eureka_sd_config",
    doc: "Instances of a Eureka registry.",
    fields: &[
        Field::required("server", Kind::Url(&[]), "URL of the registry."),
        refresh("30s"),
    ],
    includes: &[&HTTP_CLIENT],
    check: None,
};

static GCE_SD: Section = Section {
    name: "gce_sd_config",
    doc: "Instances of Google Compute Engine.",
    fields: &[
        Field::required("project", Kind::Text, "The project."),
        Field::required("zone", Kind::Text, "The zone."),
        Field::new("filter", Kind::Text, "", "Filter of the GCE API."),
        Field::new("tag_separator", Kind::Text, ",", "What joins the tags."),
        port("80"),
        refresh("1m"),
    ],
    includes: &[],
    check: None,
};

static HETZNER_SD: Section = Section {
    name: "hetzner_sd_config",
    doc: "Servers of Hetzner.",
    fields: &[
        Field::required(
            "role",
            Kind::OneOf(&["robot", "hcloud"]),
            "Which of Hetzner's APIs.",
        ),
        Field::new(
            "label_selector",
            Kind::Text,
            "",
            "Selector of the hcloud API.",
        ),
        port("80"),
        refresh("1m"),
    ],
    includes: &[&HTTP_CLIENT],
    check: None,
};

static IONOS_SD: Section = Section {
    name: "ionos_sd_config",
    doc: "Servers of an IONOS datacenter.",
    fields: &[
        Field::required("datacenter_id", Kind::Text, "The datacenter."),
        port("80"),
        refresh("1m"),
    ],
    includes: &[&HTTP_CLIENT],
    check: None,
};

const KUBERNETES_ROLES: &[&str] = &[
    "pod",
    "service",
    "endpoints",
    "endpointslice",
    "node",
    "ingress",
];

static KUBERNETES_SD: Section = Section {
    name: "kubernetes_sd_config",
    doc: "Objects of a Kubernetes cluster.",
    fields: &[
        Field::required("role", Kind::OneOf(KUBERNETES_ROLES), "What is looked up."),
        Field::new(
            "api_server",
            Kind::Url(ANY_URL),
            "",
            "The API server; the pod's own cluster where absent.",
        ),
        Field::new(
            "kubeconfig_file",
            Kind::ReadFile,
            "",
            "A kubeconfig file instead.",
        ),
        Field::new(
            "namespaces",
            Kind::Section(&KUBERNETES_NAMESPACES),
            "",
            "Where to look.",
        ),
        Field::new(
            "selectors",
            Kind::Sections(&KUBERNETES_SELECTOR),
            "",
            "What to look for.",
        ),
        Field::new(
            "attach_metadata",
            Kind::Section(&KUBERNETES_ATTACH),
            "",
            "Whose metadata to add.",
        ),
    ],
    includes: &[&HTTP_CLIENT],
    check: Some(check_kubernetes),
};

static KUBERNETES_NAMESPACES: Section = Section {
    name: "namespaces",
    doc: "The namespaces that are looked into.",
    fields: &[
        Field::new(
            "own_namespace",
            Kind::Bool,
            "false",
            "The pod's own namespace.",
        ),
        Field::new("names", TEXTS, "", "These namespaces; all where absent."),
    ],
    includes: &[],
    check: None,
};

static KUBERNETES_SELECTOR: Section = Section {
    name: "selector",
    doc: "Restricts the objects of a role.",
    fields: &[
        Field::required("role", Kind::OneOf(KUBERNETES_ROLES), "Whose objects."),
        Field::new("label", Kind::Text, "", "Label selector."),
        Field::new("field", Kind::Text, "", "Field selector."),
    ],
    includes: &[],
    check: Some(|view, problems| {
        for term in view
            .text("field")
            .split(',')
            .filter(|term| !term.is_empty())
        {
            if !term.contains('=') {
                view.error_at(
                    problems,
                    "field",
                    format!(
                        "{:?} is not a field selector: want terms such as status.phase=Running",
                        shortened(term)
                    ),
                );
            }
        }
        if !is_label_selector(view.text("label")) {
            view.error_at(problems, "label", format!("{:?} is not a label selector: want terms such as app=web, tier in (a, b), !canary", shortened(view.text("label"))));
        }
    }),
};

static LABEL_SELECTOR_TERM: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\s*(!?\s*[A-Za-z0-9./_-]+|[A-Za-z0-9./_-]+\s*(=|==|!=|>|<)\s*[A-Za-z0-9._-]*|[A-Za-z0-9./_-]+\s+(in|notin)\s*\([A-Za-z0-9._, -]*\))\s*$")
        .expect("the pattern is constant")
});

/// Whether a text is a selector of Kubernetes' labels: terms joined by commas.
fn is_label_selector(text: &str) -> bool {
    let mut depth = 0_usize;
    let is_border = |c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    };
    text.trim().is_empty()
        || text
            .split(is_border)
            .all(|term| LABEL_SELECTOR_TERM.is_match(term))
}

static KUBERNETES_ATTACH: Section = Section {
    name: "attach_metadata",
    doc: "Metadata of related objects that targets get.",
    fields: &[
        Field::new("node", Kind::Bool, "false", "Of the node."),
        Field::new("namespace", Kind::Bool, "false", "Of the namespace."),
        Field::new(
            "deployment",
            Kind::Bool,
            "false",
            "Of the pod's deployment.",
        ),
        Field::new("job", Kind::Bool, "false", "Of the pod's job."),
        Field::new("cronjob", Kind::Bool, "false", "Of the pod's cron job."),
    ],
    includes: &[],
    check: None,
};

fn check_kubernetes(view: &View<'_>, problems: &mut Problems) {
    let has_client = decode_http_client(view) != HttpClientSettings::default();
    let (has_server, has_kubeconfig) = (view.is_set("api_server"), view.is_set("kubeconfig_file"));
    let own_namespace = view.section("namespaces").bool("own_namespace");
    if has_server && has_kubeconfig {
        view.error_at(
            problems,
            "kubeconfig_file",
            "is set together with api_server: keep one of the two",
        );
    }
    if has_client && has_kubeconfig {
        view.error_at(
            problems,
            "kubeconfig_file",
            "is set together with settings of the HTTP client: the file brings its own",
        );
    }
    if has_client && !has_server && !has_kubeconfig {
        view.error_at(
            problems,
            "api_server",
            "api_server is missing: settings of the HTTP client need it",
        );
    }
    if own_namespace && (has_server || has_kubeconfig) {
        view.error_at(problems, "namespaces", "own_namespace is set together with api_server or kubeconfig_file: only a pod in the cluster has its own");
    }
    let role = view.text("role");
    let allowed: &[&str] = match role {
        "pod" => &["pod", "node"],
        "service" => &["service"],
        "endpointslice" => &["pod", "service", "endpointslice"],
        "endpoints" => &["pod", "service", "endpoints"],
        "node" => &["node"],
        _ => &["ingress"],
    };
    let mut seen: Vec<&str> = Vec::new();
    for selector in view.sections("selectors") {
        let selector_role = selector.text("role");
        if seen.contains(&selector_role) {
            selector.error_at(
                problems,
                "role",
                format!("a second selector of role {selector_role}: join the two"),
            );
        }
        if !allowed.contains(&selector_role) {
            selector.error_at(
                problems,
                "role",
                format!("role {role} takes only selectors of {}", allowed.join(", ")),
            );
        }
        seen.push(selector_role);
    }
}

static KUMA_SD: Section = Section {
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

static LINODE_SD: Section = Section {
    name: "linode_sd_config",
    doc: "Instances of Linode.",
    fields: &[
        Field::new("region", Kind::Text, "", "The region; all where absent."),
        Field::new("tag_separator", Kind::Text, ",", "What joins the tags."),
        port("80"),
        refresh("1m"),
    ],
    includes: &[&HTTP_CLIENT],
    check: None,
};

static MARATHON_SD: Section = Section {
    name: "marathon_sd_config",
    doc: "Applications of Marathon.",
    fields: &[
        Field::required("servers", TEXTS, "URLs of the servers."),
        Field::new("auth_token", Kind::Secret, "", "Token."),
        Field::new(
            "auth_token_file",
            Kind::ReadFile,
            "",
            "File with the token.",
        ),
        refresh("30s"),
    ],
    includes: &[&HTTP_CLIENT],
    check: Some(|view, problems| {
        view.at_most_one(
            problems,
            &[
                "auth_token",
                "auth_token_file",
                "basic_auth",
                "bearer_token",
                "bearer_token_file",
                "authorization",
            ],
        );
    }),
};

static NERVE_SD: Section = Section {
    name: "nerve_sd_config",
    doc: "Services of AirBnB's Nerve in ZooKeeper.",
    fields: ZOOKEEPER,
    includes: &[],
    check: Some(check_zookeeper),
};

static SERVERSET_SD: Section = Section {
    name: "serverset_sd_config",
    doc: "Serversets (Finagle, Aurora) in ZooKeeper.",
    fields: ZOOKEEPER,
    includes: &[],
    check: Some(check_zookeeper),
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

static NOMAD_SD: Section = Section {
    name: "nomad_sd_config",
    doc: "Services of Nomad.",
    fields: &[
        Field::new(
            "server",
            Kind::Text,
            "http://localhost:4646",
            "URL of the API.",
        ),
        Field::new("namespace", Kind::Text, "default", "The namespace."),
        Field::new("region", Kind::Text, "global", "The region."),
        Field::new(
            "allow_stale",
            Kind::Bool,
            "true",
            "Take answers that may be old.",
        ),
        Field::new("tag_separator", Kind::Text, ",", "What joins the tags."),
        refresh("1m"),
    ],
    includes: &[&HTTP_CLIENT],
    check: Some(|view, problems| {
        if view.text("server").trim().is_empty() {
            view.error_at(
                problems,
                "server",
                "server is empty: want a URL such as http://localhost:4646",
            );
        }
    }),
};

static OCI_SD: Section = Section {
    name: "oci_sd_config",
    doc: "Instances of Oracle Cloud.",
    fields: &[
        Field::new(
            "auth",
            Kind::OneOf(&["api_key", "instance_principal"]),
            "api_key",
            "How to sign in.",
        ),
        Field::required("region", Kind::Text, "The region."),
        Field::new("tenancy", Kind::Text, "", "The tenancy (api_key)."),
        Field::new("user", Kind::Text, "", "The user (api_key)."),
        Field::new(
            "fingerprint",
            Kind::Text,
            "",
            "The key's fingerprint (api_key).",
        ),
        Field::new(
            "key_file",
            Kind::ReadFile,
            "",
            "File with the key (api_key).",
        ),
        Field::new("key_passphrase", Kind::Secret, "", "The key's passphrase."),
        Field::new("key_passphrase_file", Kind::ReadFile, "", "File with it."),
        Field::new(
            "compartments",
            Kind::List(&Kind::LabelName),
            "",
            "Compartments; all where absent.",
        ),
        port("80"),
        refresh("1m"),
    ],
    includes: &[&HTTP_CLIENT],
    check: Some(|view, problems| {
        view.at_most_one(problems, &["key_passphrase", "key_passphrase_file"]);
        if view.text("auth") == "api_key" {
            require(
                view,
                problems,
                &["tenancy", "user", "fingerprint", "key_file"],
                "auth api_key",
            );
        } else {
            for key in view.set_among(&[
                "tenancy",
                "user",
                "fingerprint",
                "key_file",
                "key_passphrase",
                "key_passphrase_file",
            ]) {
                view.error_at(
                    problems,
                    key,
                    "is set together with auth instance_principal, which needs no key",
                );
            }
        }
        if view.duration_ms("refresh_interval") == 0 {
            view.error_at(
                problems,
                "refresh_interval",
                "\"0\" given: want more than 0",
            );
        }
    }),
};

static OPENSTACK_SD: Section = Section {
    name: "openstack_sd_config",
    doc: "Instances, hypervisors or load balancers of OpenStack.",
    fields: &[
        Field::required(
            "role",
            Kind::OneOf(&["instance", "hypervisor", "loadbalancer"]),
            "What is looked up.",
        ),
        Field::required("region", Kind::Text, "The region."),
        Field::new(
            "identity_endpoint",
            Kind::Text,
            "",
            "URL of the identity service.",
        ),
        Field::new("username", Kind::Text, "", "The user's name."),
        Field::new("userid", Kind::Text, "", "The user's id."),
        Field::new("password", Kind::Secret, "", "The password."),
        Field::new("project_name", Kind::Text, "", "The project's name."),
        Field::new("project_id", Kind::Text, "", "The project's id."),
        Field::new("domain_name", Kind::Text, "", "The domain's name."),
        Field::new("domain_id", Kind::Text, "", "The domain's id."),
        Field::new(
            "application_credential_name",
            Kind::Text,
            "",
            "Name of the application credential.",
        ),
        Field::new(
            "application_credential_id",
            Kind::Text,
            "",
            "Id of the application credential.",
        ),
        Field::new(
            "application_credential_secret",
            Kind::Secret,
            "",
            "Its secret.",
        ),
        Field::new(
            "all_tenants",
            Kind::Bool,
            "false",
            "Look into all projects.",
        ),
        Field::new(
            "availability",
            Kind::OneOf(&["public", "internal", "admin"]),
            "public",
            "Which endpoint of the API.",
        ),
        Field::new("tls_config", Kind::Section(&TLS), "", "TLS."),
        port("80"),
        refresh("1m"),
    ],
    includes: &[],
    check: None,
};

static OUTSCALE_SD: Section = Section {
    name: "outscale_sd_config",
    doc: "Virtual machines of Outscale.",
    fields: &[
        Field::new("endpoint", Kind::Text, "", "Another endpoint of the API."),
        Field::new("region", Kind::Text, "eu-west-2", "The region."),
        Field::required("access_key", Kind::Text, "Id of the key."),
        Field::new("secret_key", Kind::Secret, "", "The key."),
        Field::new("secret_key_file", Kind::ReadFile, "", "File with the key."),
        port("80"),
        refresh("1m"),
    ],
    includes: &[&HTTP_CLIENT],
    check: Some(|view, problems| {
        exactly_one(view, problems, &["secret_key", "secret_key_file"]);
        if view.text("region").is_empty() {
            view.error_at(
                problems,
                "region",
                "region is empty: want one such as eu-west-2",
            );
        }
    }),
};

static OVHCLOUD_SD: Section = Section {
    name: "ovhcloud_sd_config",
    doc: "Servers of OVHcloud.",
    fields: &[
        Field::required("application_key", Kind::Text, "Key of the application."),
        Field::required(
            "application_secret",
            Kind::Secret,
            "Secret of the application.",
        ),
        Field::required("consumer_key", Kind::Secret, "Key of the consumer."),
        Field::required(
            "service",
            Kind::OneOf(&["vps", "dedicated_server"]),
            "What is looked up.",
        ),
        Field::new("endpoint", Kind::Text, "ovh-eu", "The API."),
        refresh("1m"),
    ],
    includes: &[],
    check: None,
};

static PUPPETDB_SD: Section = Section {
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

static SCALEWAY_SD: Section = Section {
    name: "scaleway_sd_config",
    doc: "Servers of Scaleway.",
    fields: &[
        Field::required(
            "role",
            Kind::OneOf(&["instance", "baremetal"]),
            "What is looked up.",
        ),
        Field::required("project_id", Kind::Text, "The project."),
        Field::required("access_key", Kind::Text, "Id of the key."),
        Field::new("secret_key", Kind::Secret, "", "The key."),
        Field::new("secret_key_file", Kind::ReadFile, "", "File with the key."),
        Field::new(
            "api_url",
            Kind::Text,
            "https://api.scaleway.com",
            "URL of the API.",
        ),
        Field::new("zone", Kind::Text, "fr-par-1", "The zone."),
        Field::new(
            "name_filter",
            Kind::Text,
            "",
            "What the server's name must hold.",
        ),
        Field::new("tags_filter", TEXTS, "", "Tags that a server must have."),
        port("80"),
        refresh("1m"),
    ],
    includes: &[&HTTP_CLIENT],
    check: Some(|view, problems| exactly_one(view, problems, &["secret_key", "secret_key_file"])),
};

static STACKIT_SD: Section = Section {
    name: "stackit_sd_config",
    doc: "Servers of STACKIT.",
    fields: &[
        Field::new("project", Kind::Text, "", "The project."),
        Field::new("region", Kind::Text, "eu01", "The region."),
        Field::new(
            "endpoint",
            Kind::Url(ANY_URL),
            "",
            "Another endpoint of the API.",
        ),
        Field::new(
            "service_account_key",
            Kind::Secret,
            "",
            "Key of the service account.",
        ),
        Field::new(
            "private_key",
            Kind::Secret,
            "",
            "Private key of the service account.",
        ),
        Field::new(
            "service_account_key_path",
            Kind::ReadFile,
            "",
            "File with the key.",
        ),
        Field::new(
            "private_key_path",
            Kind::ReadFile,
            "",
            "File with the private key.",
        ),
        Field::new(
            "credentials_file_path",
            Kind::ReadFile,
            "",
            "File with the credentials.",
        ),
        port("80"),
        refresh("1m"),
    ],
    includes: &[&HTTP_CLIENT],
    check: Some(|view, problems| {
        if view.text("region").is_empty() && !view.is_set("endpoint") {
            view.error(
                problems,
                "region and endpoint are empty: want one of the two",
            );
        }
    }),
};

static TRITON_SD: Section = Section {
    name: "triton_sd_config",
    doc: "Containers or compute nodes of Triton.",
    fields: &[
        Field::required("account", Kind::Text, "The account."),
        Field::required("dns_suffix", Kind::Text, "Suffix of the targets' names."),
        Field::required("endpoint", Kind::Text, "Address of the API."),
        Field::new(
            "role",
            Kind::OneOf(&["container", "cn"]),
            "container",
            "What is looked up.",
        ),
        Field::new("groups", TEXTS, "", "Groups of targets; all where absent."),
        Field::new("port", PORT, "9163", "Port of the API."),
        Field::new(
            "version",
            Kind::Integer {
                min: 0,
                max: i64::MAX,
            },
            "1",
            "Version of the API.",
        ),
        Field::new("tls_config", Kind::Section(&TLS), "", "TLS."),
        refresh("1m"),
    ],
    includes: &[],
    check: Some(|view, problems| {
        if view.duration_ms("refresh_interval") == 0 {
            view.error_at(
                problems,
                "refresh_interval",
                "\"0\" given: want more than 0",
            );
        }
    }),
};

static UYUNI_SD: Section = Section {
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

static VULTR_SD: Section = Section {
    name: "vultr_sd_config",
    doc: "Instances of Vultr.",
    fields: &[port("80"), refresh("1m")],
    includes: &[&HTTP_CLIENT],
    check: None,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_selectors_are_told_apart() {
        for text in [
            "",
            "app",
            "!app",
            "app=web",
            "a==b,c!=d",
            "tier in (a, b), x notin (c)",
            "a/b.c=",
            "n>1",
        ] {
            assert!(is_label_selector(text), "{text}");
        }
        for text in ["=", "a in b", "a=b=c", "a b", "a in (", ","] {
            assert!(!is_label_selector(text), "{text}");
        }
    }
}
