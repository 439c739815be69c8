//! Replicas of this server, of which one notifies.

use bellwether_model::short;
use bellwether_notify::replica::{LeaseSettings, Postgres, ReplicaSettings, TTL_MS_MIN};
use bellwether_outbound::settings::Secret;
use url::Url;

use super::global::expand;
use super::http_client::{HTTP_CLIENT, TLS, decode_http_client, decode_tls};
use crate::config::LoadOptions;
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::view::View;

/// No lease is longer: nobody would be told for as long after a death.
const TTL_MS_MAX: i64 = 3_600_000;
/// The lease may be in one of these.
const PLACES: [&str; 3] = ["file", "postgres", "kubernetes"];

pub(crate) static REPLICAS: Section = Section {
    name: "replicas",
    doc: "Several servers with the same rules, of which the holder of a lease notifies; silences and acknowledgements hold on all. Set exactly one of file, postgres and kubernetes, the same for all replicas. Texts may hold $VAR and ${VAR}, taken from the environment; $$ is a dollar.",
    fields: &[
        Field::required(
            "name",
            Kind::Text,
            "What this replica is called, such as ${HOSTNAME}; another for each.",
        ),
        Field::new(
            "ttl",
            Kind::Duration,
            "10s",
            "How long the lease lasts, 3s to 1h; another replica notifies at most that long and a fifth of it after the holder's death.",
        ),
        Field::new(
            "file",
            Kind::Section(&FILE),
            "",
            "A lease in a folder that all replicas see.",
        ),
        Field::new(
            "postgres",
            Kind::Section(&POSTGRES),
            "",
            "A lease in a PostgreSQL.",
        ),
        Field::new(
            "kubernetes",
            Kind::Section(&KUBERNETES),
            "",
            "A Lease of Kubernetes.",
        ),
    ],
    includes: &[],
    check: Some(|view, problems| {
        let ttl_ms = view.duration_ms("ttl");
        if !(TTL_MS_MIN..=TTL_MS_MAX).contains(&ttl_ms) {
            let text = view.text("ttl");
            view.error_at(problems, "ttl", format!("{text} given: want 3s to 1h"));
        }
        if view.at_most_one(problems, &PLACES) && view.set_among(&PLACES).is_empty() {
            view.error(
                problems,
                format!(
                    "says not where the lease is: set one of {}",
                    PLACES.join(", ")
                ),
            );
        }
    }),
};

static FILE: Section = Section {
    name: "replicas.file",
    doc: "The lease is a locked file. The folder's file system must lock between machines, as NFS 4 does.",
    fields: &[Field::required(
        "folder",
        Kind::Path,
        "The folder; made where it is not there.",
    )],
    includes: &[],
    check: None,
};

static POSTGRES: Section = Section {
    name: "replicas.postgres",
    doc: "The lease is a row of the table bellwether_lease, which ends by the clock of the server; the table bellwether_replica_log holds what was notified. Both are made where they are not there.",
    fields: &[
        Field::required(
            "url",
            Kind::Secret,
            "A URL such as postgresql://user:${PASSWORD}@host/database?sslmode=require. sslmode is disable, prefer or require, which checks the certificate.",
        ),
        Field::new("tls_config", Kind::Section(&TLS), "", "TLS."),
        Field::new(
            "lease",
            Kind::Text,
            "bellwether",
            "Name of the lease, where several groups of replicas share a database.",
        ),
    ],
    includes: &[],
    check: None,
};

static KUBERNETES: Section = Section {
    name: "replicas.kubernetes",
    doc: "The lease is a Lease of coordination.k8s.io/v1, by the service account of the pod, which needs the verbs get, create and update. Replicas tell one another what was notified, with these client settings.",
    fields: &[
        Field::new(
            "namespace",
            Kind::Text,
            "",
            "Its namespace; that of the pod where absent.",
        ),
        Field::new("name", Kind::Text, "bellwether", "Its name."),
        Field::required(
            "url",
            Kind::Text,
            "Where the other replicas reach this one, such as http://${POD_IP}:9090/.",
        ),
    ],
    includes: &[&HTTP_CLIENT],
    check: None,
};

/// Decodes the section. None where something in it is wrong, which is told.
pub(crate) fn decode_replicas(
    view: &View<'_>,
    options: &LoadOptions<'_>,
    problems: &mut Problems,
) -> Option<ReplicaSettings> {
    Some(ReplicaSettings {
        name: expanded(view, "name", options, problems)?,
        ttl_ms: view.duration_ms("ttl"),
        lease: decode_lease(view, options, problems)?,
    })
}

fn decode_lease(
    view: &View<'_>,
    options: &LoadOptions<'_>,
    problems: &mut Problems,
) -> Option<LeaseSettings> {
    if let Some(file) = view.optional_section("file") {
        let folder = expanded(&file, "folder", options, problems)?;
        let folder = file.origin.join(&folder);
        return Some(LeaseSettings::File { folder });
    }
    if let Some(postgres) = view.optional_section("postgres") {
        let url = Secret::new(expanded(&postgres, "url", options, problems)?);
        let tls = decode_tls(&postgres.section("tls_config"));
        let lease = postgres.text("lease").to_owned();
        if let Err(error) = Postgres::new(&url, &tls, &lease) {
            postgres.error_at(problems, "url", error.to_string());
            return None;
        }
        return Some(LeaseSettings::Postgres { url, tls, lease });
    }
    let kubernetes = view.optional_section("kubernetes")?;
    let text = expanded(&kubernetes, "url", options, problems)?;
    let url = match text.parse::<Url>() {
        Ok(url) if matches!(url.scheme(), "http" | "https") => url,
        _ => {
            let text = short(&text);
            let message = format!("{text:?} given: want a URL with http or https");
            kubernetes.error_at(problems, "url", message);
            return None;
        }
    };
    Some(LeaseSettings::Kubernetes {
        namespace: kubernetes.optional_text("namespace"),
        name: kubernetes.text("name").to_owned(),
        url,
        http: Box::new(decode_http_client(&kubernetes)),
    })
}

/// A text with variables filled in; none where one is empty: two replicas must not be one by
/// mistake. Of configurations of other machines nobody knows the variables.
fn expanded(
    view: &View<'_>,
    key: &str,
    options: &LoadOptions<'_>,
    problems: &mut Problems,
) -> Option<String> {
    let mut empty = None;
    let text = expand(view.text(key), |variable| {
        let value = (options.environment)(variable).unwrap_or_default();
        if value.is_empty() {
            empty = Some(variable.to_owned());
        }
        value
    });
    match empty {
        None => Some(text).filter(|text| !text.is_empty()),
        Some(variable) => {
            let variable = short(&variable);
            let message = format!("environment variable {variable:?} is empty");
            if options.leave_named_files {
                view.warn_at(problems, key, message);
            } else {
                view.error_at(problems, key, message);
            }
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_text;
    use crate::view::Origin;

    const HOST: &dyn Fn(&str) -> Option<String> = &|name| match name {
        "HOSTNAME" => Some("pod-1".to_owned()),
        "POD_IP" => Some("10.0.0.7".to_owned()),
        _ => None,
    };

    fn load(section: &str, is_elsewhere: bool) -> Result<Option<ReplicaSettings>, String> {
        let origin = Origin {
            file: "bellwether.yml".to_owned(),
            folder: "/etc/bellwether".into(),
        };
        let options = LoadOptions {
            environment: HOST,
            leave_named_files: is_elsewhere,
            ..LoadOptions::default()
        };
        let loaded = load_text(&format!("replicas: {section}\n"), &origin, &options);
        match loaded {
            Ok(loaded) => {
                assert!(!loaded.redacted_yaml.contains("hunter2"));
                Ok(loaded.config.replicas)
            }
            Err(errors) => Err(errors.errors.iter().map(ToString::to_string).collect()),
        }
    }

    #[test]
    fn replicas_are_read() {
        assert_eq!(load("", false), Ok(None));
        let settings = load("{ name: '${HOSTNAME}', file: { folder: shared } }", false);
        let want = ReplicaSettings {
            name: "pod-1".to_owned(),
            ttl_ms: 10_000,
            lease: LeaseSettings::File {
                folder: "/etc/bellwether/shared".into(),
            },
        };
        assert_eq!(settings, Ok(Some(want)));
        let section = "{ name: b, ttl: 5s, postgres: { url: 'postgresql://joe:hunter2@db/x' } }";
        let settings = load(section, false).unwrap().unwrap();
        assert_eq!(settings.ttl_ms, 5_000);
        assert!(matches!(
            &settings.lease,
            LeaseSettings::Postgres { url, lease, .. }
                if url.expose().contains("hunter2") && lease == "bellwether"
        ));
        let section = "{ name: c, kubernetes: { namespace: prod, url: 'http://$POD_IP:9090/', \
                       authorization: { credentials: hunter2 } } }";
        let settings = load(section, false).unwrap().unwrap();
        assert!(matches!(
            &settings.lease,
            LeaseSettings::Kubernetes { namespace: Some(namespace), name, url, http }
                if namespace == "prod"
                    && name == "bellwether"
                    && url.as_str() == "http://10.0.0.7:9090/"
                    && http.auth.is_some()
        ));
    }

    #[test]
    fn what_is_wrong_is_told_at_its_place() {
        for (section, want) in [
            ("{ file: { folder: x } }", "replicas: name is missing"),
            (
                "{ name: a }",
                "says not where the lease is: set one of file, postgres, kubernetes",
            ),
            (
                "{ name: a, file: { folder: x }, postgres: { url: 'postgresql://db/x' } }",
                "file and postgres are set: at most one of file, postgres, kubernetes may be",
            ),
            (
                "{ name: a, ttl: 2s, file: { folder: x } }",
                "2s given: want 3s to 1h",
            ),
            (
                "{ name: $NONE, file: { folder: x } }",
                "environment variable \"NONE\" is empty",
            ),
            (
                "{ name: a, postgres: { url: 'postgresql://joe:hunter2@db/x?sslmode=no' } }",
                "want postgresql://user:password@host/database",
            ),
            (
                "{ name: a, kubernetes: { url: 'ftp://a/' } }",
                "\"ftp://a/\" given: want a URL with http or https",
            ),
            (
                "{ name: a, kubernetes: { url: 'http://a/', folder: x } }",
                "folder",
            ),
        ] {
            let error = load(section, false).unwrap_err();
            assert!(error.contains(want), "{section}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        // The variables of another machine are not ours.
        assert_eq!(load("{ name: $NONE, file: { folder: x } }", true), Ok(None));
    }
}
