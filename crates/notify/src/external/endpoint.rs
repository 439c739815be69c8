//! Where an Alertmanager is: from the labels of a target to a URL.

use bellwether_model::{Labels, LabelsBuilder, relabel, short};
use url::Url;

use super::settings::AlertmanagerSettings;

/// Most Alertmanagers of one set. Chosen: a hundred times the largest cluster that we have heard of;
/// each has a queue and a task.
pub const ALERTMANAGERS_MAX: usize = 1_000;

const ADDRESS: &str = "__address__";
const SCHEME: &str = "__scheme__";
const PATH: &str = "__alerts_path__";
/// Where Alertmanager takes alerts.
const API_PATH: &str = "api/v2/alerts";

/// Why labels are no Alertmanager.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Relabelling left no `__address__`.
    #[error("an Alertmanager has no __address__ after relabelling")]
    NoAddress,
    /// The address holds a path or is no host.
    #[error(
        "{:?} is not the address of an Alertmanager: want host or host:port",
        short(address)
    )]
    Address {
        /// `__address__`.
        address: String,
    },
    /// The scheme is another one.
    #[error("__scheme__ is {:?}: want http or https", short(scheme))]
    Scheme {
        /// `__scheme__`.
        scheme: String,
    },
}

/// What became of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// Alerts are sent there.
    Active(Url),
    /// Relabelling dropped it; where it would have been.
    Dropped(Url),
}

/// Relabels a target that was found.
pub(super) fn endpoint(
    settings: &AlertmanagerSettings,
    found: &Labels,
) -> Result<Endpoint, EndpointError> {
    let mut labels = found.to_builder();
    if labels.get(SCHEME).is_none() {
        labels.set(SCHEME, &settings.scheme);
    }
    if labels.get(PATH).is_none() {
        labels.set(PATH, &post_path(&settings.path_prefix));
    }
    let before = labels.clone();
    if relabel::apply(&settings.relabel, &mut labels) {
        url(&labels).map(Endpoint::Active)
    } else {
        url(&before).map(Endpoint::Dropped)
    }
}

fn url(labels: &LabelsBuilder) -> Result<Url, EndpointError> {
    let scheme = labels.get(SCHEME).unwrap_or("");
    if scheme != "http" && scheme != "https" {
        return Err(EndpointError::Scheme {
            scheme: scheme.to_owned(),
        });
    }
    let address = labels.get(ADDRESS).ok_or(EndpointError::NoAddress)?;
    let refused = || EndpointError::Address {
        address: address.to_owned(),
    };
    if address.contains(['/', '?', '#', '\\']) {
        return Err(refused());
    }
    let mut url = Url::parse(&format!("{scheme}://{address}/")).map_err(|_| refused())?;
    // Sets a path as it is: what would begin a query is escaped.
    url.set_path(labels.get(PATH).unwrap_or(""));
    Ok(url)
}

/// The path of the API below a prefix: single slashes, without `.` and `..`.
fn post_path(prefix: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in prefix.split('/').chain(API_PATH.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use bellwether_model::relabel::{Action, Rule};

    use super::*;

    fn rule(source: &str, regex: &str, action: Action, target: &str, replacement: &str) -> Rule {
        Rule {
            source_labels: vec![source.to_owned()],
            separator: ";".to_owned(),
            regex_text: regex.to_owned(),
            regex: Rule::compile(regex).unwrap(),
            modulus: 0,
            target_label: target.to_owned(),
            replacement: replacement.to_owned(),
            action,
        }
    }

    fn found(
        settings: &AlertmanagerSettings,
        labels: &[(&str, &str)],
    ) -> Result<Endpoint, EndpointError> {
        endpoint(settings, &Labels::from_pairs(labels.iter().copied()))
    }

    #[test]
    fn urls_are_made_of_scheme_address_and_path() {
        let check = |scheme: &str, prefix: &str, labels: &[(&str, &str)], url: &str| {
            let settings = AlertmanagerSettings {
                scheme: scheme.to_owned(),
                path_prefix: prefix.to_owned(),
                ..AlertmanagerSettings::default()
            };
            let got = found(&settings, labels).unwrap();
            assert_eq!(got, Endpoint::Active(url.parse().unwrap()));
        };
        let address = [(ADDRESS, "am:9093")];
        check("http", "", &address, "http://am:9093/api/v2/alerts");
        check("https", "/a/", &address, "https://am:9093/a/api/v2/alerts");
        check(
            "http",
            "a//./b/../c",
            &address,
            "http://am:9093/a/c/api/v2/alerts",
        );
        check("http", "../..", &address, "http://am:9093/api/v2/alerts");
        check(
            "http",
            "/a?b",
            &address,
            "http://am:9093/a%3Fb/api/v2/alerts",
        );
        check(
            "http",
            "",
            &[(ADDRESS, "[::1]:9093")],
            "http://[::1]:9093/api/v2/alerts",
        );
        check("http", "", &[(ADDRESS, "am")], "http://am/api/v2/alerts");
        // What discovery says of a target comes before what the configuration says of all.
        let own = [(ADDRESS, "am"), (SCHEME, "https"), (PATH, "/x")];
        check("http", "/p", &own, "https://am/x");
    }

    #[test]
    fn rules_change_and_drop() {
        let rules = vec![
            rule("__meta_zone", "b", Action::Drop, "", ""),
            rule("__meta_port", "(.+)", Action::Replace, ADDRESS, "am:$1"),
            rule(
                "__meta_tenant",
                "(.+)",
                Action::Replace,
                PATH,
                "/$1/api/v2/alerts",
            ),
        ];
        let mut settings = AlertmanagerSettings {
            relabel: rules,
            ..AlertmanagerSettings::default()
        };
        let target = [
            (ADDRESS, "x"),
            ("__meta_port", "81"),
            ("__meta_tenant", "t"),
        ];
        assert_eq!(
            found(&settings, &target),
            Ok(Endpoint::Active(
                "http://am:81/t/api/v2/alerts".parse().unwrap()
            ))
        );
        assert_eq!(
            found(&settings, &[(ADDRESS, "x"), ("__meta_zone", "b")]),
            Ok(Endpoint::Dropped("http://x/api/v2/alerts".parse().unwrap()))
        );
        settings.relabel = vec![rule(ADDRESS, ".*", Action::Replace, ADDRESS, "")];
        assert_eq!(found(&settings, &target), Err(EndpointError::NoAddress));
    }

    #[test]
    fn what_is_no_alertmanager_is_told() {
        let check = |labels: &[(&str, &str)], text: &str| {
            let error = found(&AlertmanagerSettings::default(), labels).unwrap_err();
            assert_eq!(error.to_string(), text);
        };
        check(&[], "an Alertmanager has no __address__ after relabelling");
        for address in ["am/x", "am?x", "am#x", "a b", "am:port", "am:99999"] {
            check(
                &[(ADDRESS, address)],
                &format!(
                    "\"{address}\" is not the address of an Alertmanager: want host or host:port"
                ),
            );
        }
        check(
            &[(ADDRESS, "am"), (SCHEME, "ftp")],
            "__scheme__ is \"ftp\": want http or https",
        );
    }
}
