//! Those who run containers, other than Kubernetes: Docker, Swarm, Marathon, Nomad.

use super::{FILTER, TEXTS, port, refresh};
use crate::schema::{Field, Kind, Section};
use crate::sections::http_client::HTTP_CLIENT;
use crate::values::ANY_URL;

pub(super) static DOCKER_SD: Section = Section {
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

pub(super) static DOCKERSWARM_SD: Section = Section {
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

pub(super) static MARATHON_SD: Section = Section {
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

pub(super) static NOMAD_SD: Section = Section {
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
