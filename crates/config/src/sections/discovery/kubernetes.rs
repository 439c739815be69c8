//! Objects of Kubernetes.

use std::sync::LazyLock;

use bellwether_outbound::settings::HttpClientSettings;
use regex::Regex;

use super::TEXTS;
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::sections::http_client::{HTTP_CLIENT, decode_http_client};
use crate::values::ANY_URL;
use crate::view::View;
use crate::yaml::shortened;

const KUBERNETES_ROLES: &[&str] = &[
    "pod",
    "service",
    "endpoints",
    "endpointslice",
    "node",
    "ingress",
];

pub(super) static KUBERNETES_SD: Section = Section {
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
