//! Which targets fit a prober.

use bellwether_probe::Prober;
use bellwether_probe::module::McpTransport;
use url::Url;

use crate::yaml::shortened;

/// What a prober wants as its target.
enum Form {
    /// A URL with one of these schemes; the first is meant where none is written and the flag is set.
    Url {
        schemes: &'static [&'static str],
        without_scheme: bool,
    },
    /// `host:port`.
    HostAndPort,
    /// `host` or `host:port`.
    HostMaybePort,
    /// A host.
    Host,
    /// A path.
    Path,
    /// Nothing: the settings of the prober say what is probed.
    Nothing,
}

fn form_of(prober: &Prober) -> Form {
    match prober {
        Prober::Http(_) | Prober::Grpc(_) => Form::Url {
            schemes: &["http", "https"],
            without_scheme: true,
        },
        Prober::Llm(_) => Form::Url {
            schemes: &["http", "https"],
            without_scheme: false,
        },
        Prober::WebSocket(_) => Form::Url {
            schemes: &["ws", "wss", "http", "https"],
            without_scheme: false,
        },
        Prober::Mcp(settings) => match settings.transport {
            McpTransport::Network => Form::Url {
                schemes: &["http", "https", "ws", "wss"],
                without_scheme: false,
            },
            McpTransport::Stdio(_) => Form::Nothing,
        },
        Prober::Tcp(_) => Form::HostAndPort,
        Prober::Dns(_) | Prober::Postgres(_) | Prober::Redis(_) => Form::HostMaybePort,
        Prober::Icmp(_) => Form::Host,
        Prober::Unix(_) => Form::Path,
        Prober::Process(_) | Prober::Command(_) => Form::Nothing,
    }
}

/// Says what is wrong with a target, as far as that can be told without asking it.
pub(super) fn check_target(prober: &Prober, target: &str) -> Result<(), String> {
    let form = form_of(prober);
    let name = prober.name();
    if let Form::Nothing = form {
        return match target {
            "" => Ok(()),
            _ => Err(format!(
                "is given: want none, since {name} itself says what is probed"
            )),
        };
    }
    let want = wanted(&form);
    if target.is_empty() {
        return Err(format!("is missing: want {want} for {name}"));
    }
    let fits = match &form {
        Form::Url {
            schemes,
            without_scheme,
        } => is_url(target, schemes, *without_scheme),
        Form::HostAndPort => split_port(target).is_some_and(|(host, _)| is_host(host)),
        Form::HostMaybePort => {
            is_host(target) || split_port(target).is_some_and(|(host, _)| is_host(host))
        }
        Form::Host => is_host(target),
        Form::Path | Form::Nothing => true,
    };
    match fits {
        true => Ok(()),
        false => Err(format!("{} given: want {want} for {name}", quoted(target))),
    }
}

fn wanted(form: &Form) -> String {
    match form {
        Form::Url { schemes, .. } => {
            format!("a URL that begins with {}://", schemes.join(":// or "))
        }
        Form::HostAndPort => "host:port".to_owned(),
        Form::HostMaybePort => "host or host:port".to_owned(),
        Form::Host => "a host".to_owned(),
        Form::Path => "the path of a socket".to_owned(),
        Form::Nothing => "none".to_owned(),
    }
}

fn is_url(target: &str, schemes: &[&str], without_scheme: bool) -> bool {
    let full = match target.contains("://") {
        true => target.to_owned(),
        false if without_scheme => format!("http://{target}"),
        false => return false,
    };
    Url::parse(&full).is_ok_and(|url| {
        schemes.contains(&url.scheme()) && url.host_str().is_some_and(|host| !host.is_empty())
    })
}

/// Host and port; an IPv6 address stands in brackets.
fn split_port(target: &str) -> Option<(&str, u16)> {
    let (host, port) = target.rsplit_once(':')?;
    let port = port.parse().ok()?;
    match host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        Some(address) => Some((address, port)),
        None if host.contains(':') => None,
        None => Some((host, port)),
    }
}

fn is_host(text: &str) -> bool {
    if text.contains(':') {
        return text.parse::<std::net::Ipv6Addr>().is_ok();
    }
    !text.is_empty() && !text.contains(['/', '@', '?', '#']) && !text.contains(char::is_whitespace)
}

/// A target for a message. One that may hold a password is not shown.
fn quoted(target: &str) -> String {
    match target.contains('@') {
        true => "a text with @".to_owned(),
        false => format!("{:?}", shortened(target)),
    }
}

#[cfg(test)]
mod tests {
    use bellwether_probe::module::{DnsSettings, IcmpSettings, TcpSettings, UnixSettings};

    use super::*;

    #[test]
    fn targets_fit_their_probers() {
        let http = Prober::Http(Box::default());
        let tcp = Prober::Tcp(TcpSettings::default());
        let unix = Prober::Unix(UnixSettings::default());
        let dns = Prober::Dns(Box::<DnsSettings>::default());
        let icmp = Prober::Icmp(IcmpSettings::default());
        let grpc = Prober::Grpc(Box::default());
        let websocket = Prober::WebSocket(Box::default());
        let check = |prober: &Prober, target: &str, want: bool| {
            let outcome = check_target(prober, target);
            assert_eq!(
                outcome.is_ok(),
                want,
                "{} {target}: {outcome:?}",
                prober.name()
            );
            let error = outcome.err().unwrap_or_default();
            assert!(!error.contains("hunter2"), "{error}");
        };
        for (target, want) in [
            ("http://a", true),
            ("HTTPS://a:1/b?c", true),
            ("a.example/b", true),
            ("a:80", true),
            ("http://joe:hunter2@a", true),
            ("ftp://joe:hunter2@a", false),
            ("http://", false),
            ("", false),
        ] {
            check(&http, target, want);
            check(&grpc, target, want);
        }
        for (target, want) in [
            ("a:1", true),
            ("[::1]:1", true),
            ("a", false),
            ("::1:1", false),
            ("a:70000", false),
            ("http://a:1", false),
            ("joe:hunter2@a:1", false),
        ] {
            check(&tcp, target, want);
        }
        for (target, want) in [
            ("a", true),
            ("a:53", true),
            ("::1", true),
            ("udp://a", false),
        ] {
            check(&dns, target, want);
        }
        for (target, want) in [
            ("a", true),
            ("::1", true),
            ("a:1", false),
            ("http://a", false),
        ] {
            check(&icmp, target, want);
        }
        for (target, want) in [("ws://a", true), ("https://a", true), ("a", false)] {
            check(&websocket, target, want);
        }
        check(&unix, "/run/a.sock", true);
        check(&unix, "", false);
    }
}
