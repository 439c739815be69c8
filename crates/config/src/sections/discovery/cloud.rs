//! Machines of clouds other than AWS, by the API of each.

use super::{PORT, TEXTS, port, refresh};
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::sections::http_client::{HTTP_CLIENT, TLS};
use crate::values::ANY_URL;
use crate::view::View;

const AZURE_METHODS: &[&str] = &["OAuth", "ManagedIdentity", "SDK", "WorkloadIdentity"];

pub(super) static AZURE_SD: Section = Section {
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

pub(super) static DIGITALOCEAN_SD: Section = Section {
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

pub(super) static GCE_SD: Section = Section {
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

pub(super) static HETZNER_SD: Section = Section {
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

pub(super) static IONOS_SD: Section = Section {
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

pub(super) static LINODE_SD: Section = Section {
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

pub(super) static OCI_SD: Section = Section {
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

pub(super) static OPENSTACK_SD: Section = Section {
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

pub(super) static OUTSCALE_SD: Section = Section {
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

pub(super) static OVHCLOUD_SD: Section = Section {
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

pub(super) static SCALEWAY_SD: Section = Section {
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

pub(super) static STACKIT_SD: Section = Section {
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

pub(super) static TRITON_SD: Section = Section {
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

pub(super) static VULTR_SD: Section = Section {
    name: "vultr_sd_config",
    doc: "Instances of Vultr.",
    fields: &[port("80"), refresh("1m")],
    includes: &[&HTTP_CLIENT],
    check: None,
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
