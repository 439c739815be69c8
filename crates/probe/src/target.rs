//! Targets as text: which URL one means, and how one is shown.

use std::borrow::Cow;

use bellwether_outbound::settings::redacted_url;
use url::Url;

use crate::module::{McpTransport, Module, Prober};

/// What stands where a password stood.
const HIDDEN: &str = "xxxxx";

/// The text to match with a pattern that says which targets may be asked for: the URL that the prober asks,
/// written in the one way that it can be, where it takes a URL; else the target as it is.
///
/// A pattern for the text that somebody wrote could be deceived: `https://evil?x.example.org/`,
/// `https://evil\.example.org/` and `HTTPS://evil#.example.org/` all lead to `evil`. A target that is no URL stays as
/// it is; a probe of it asks nobody.
///
/// ```
/// use bellwether_probe::{Module, Prober, request_target};
///
/// let module = Module::new(Prober::Http(Box::default()));
/// let target = request_target(&module, "https://EVIL?x.example.org/");
/// assert_eq!(target, "https://evil/?x.example.org/");
/// assert_eq!(request_target(&module, "evil"), "http://evil/");
/// ```
#[must_use]
pub fn request_target<'t>(module: &Module, target: &'t str) -> Cow<'t, str> {
    let full = match &module.prober {
        Prober::Http(_) | Prober::Grpc(_) => with_scheme(target),
        Prober::WebSocket(_) | Prober::Llm(_) => Cow::Borrowed(target),
        Prober::Mcp(settings) => match settings.transport {
            McpTransport::Network => Cow::Borrowed(target),
            McpTransport::Stdio(_) => return Cow::Borrowed(target),
        },
        Prober::Tcp(_)
        | Prober::Unix(_)
        | Prober::Dns(_)
        | Prober::Icmp(_)
        | Prober::Postgres(_)
        | Prober::Redis(_)
        | Prober::Process(_)
        | Prober::Command(_) => return Cow::Borrowed(target),
    };
    match Url::parse(&full) {
        Ok(url) => Cow::Owned(url.into()),
        Err(_) => Cow::Borrowed(target),
    }
}

/// With `http://` in front, where a target names neither that nor `https`.
pub(crate) fn with_scheme(target: &str) -> Cow<'_, str> {
    let lower = target.trim_start().to_ascii_lowercase();
    match lower.starts_with("http://") || lower.starts_with("https://") {
        true => Cow::Borrowed(target),
        false => Cow::Owned(format!("http://{target}")),
    }
}

/// A target without the password that may stand in it, whatever prober it is for: also where it is a URL without
/// a scheme, and where it is no valid URL.
///
/// ```
/// use bellwether_probe::shown_target;
///
/// assert_eq!(shown_target("http://joe:hunter2@a/b"), "http://joe:xxxxx@a/b");
/// assert_eq!(shown_target("a:1"), "a:1");
/// ```
#[must_use]
pub fn shown_target(target: &str) -> String {
    let (added, full) = match target.contains("://") {
        true => ("", Cow::Borrowed(target)),
        false => ("http://", Cow::Owned(format!("http://{target}"))),
    };
    match Url::parse(&full) {
        Ok(url) if url.password().is_some() => {
            let shown = redacted_url(&url);
            shown.strip_prefix(added).unwrap_or(&shown).to_owned()
        }
        Ok(_) => target.to_owned(),
        Err(_) => match password_as_written(target) {
            Some((before, _, after)) => format!("{before}{HIDDEN}{after}"),
            None => target.to_owned(),
        },
    }
}

/// The passwords of a target in each form that a text may hold them in: as it is written, as a URL has it, and
/// with `%` decoded, as it is sent.
pub(crate) fn passwords_of(target: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    if let Some((_, written, _)) = password_as_written(target) {
        found.push(written.to_owned());
    }
    let full = match target.contains("://") {
        true => Cow::Borrowed(target),
        false => Cow::Owned(format!("http://{target}")),
    };
    if let Ok(url) = Url::parse(&full)
        && let Some(password) = url.password()
    {
        found.push(password.to_owned());
    }
    let decoded: Vec<String> = found.iter().map(|text| percent_decoded(text)).collect();
    found.extend(decoded);
    found
}

/// What stands between the first `:` behind the scheme and the last `@` of the authority, with what is before
/// and after it.
fn password_as_written(target: &str) -> Option<(&str, &str, &str)> {
    let start = target.find("://").map_or(0, |at| at + "://".len());
    let rest = target.get(start..)?;
    // A password may hold what ends an authority where it was written carelessly, so the last @ counts where there
    // is none before that.
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let at = match rest.get(..end)?.rfind('@') {
        Some(at) => at,
        None => rest.rfind('@')?,
    };
    let colon = rest.get(..at)?.find(':')?;
    let (from, to) = (start + colon + 1, start + at);
    Some((
        target.get(..from)?,
        target.get(from..to)?,
        target.get(to..)?,
    ))
}

/// A text with `%` decoded; what is no UTF-8 then is replaced.
pub(crate) fn percent_decoded(text: &str) -> String {
    // This decodes a + as well, which is not meant here.
    url::form_urlencoded::parse(
        format!("x={}", text.replace('+', "%2B").replace('&', "%26")).as_bytes(),
    )
    .next()
    .map(|(_, value)| value.into_owned())
    .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use bellwether_model::Regexp;

    use super::*;
    use crate::module::{LocalProgram, McpSettings, TcpSettings};

    #[test]
    fn the_target_of_a_request_is_the_url_that_is_asked() {
        let check = |prober: Prober, target: &str, want: &str| {
            assert_eq!(request_target(&Module::new(prober), target), want);
        };
        let http = || Prober::Http(Box::default());
        for (target, want) in [
            (
                "https://evil?x.example.org/",
                "https://evil/?x.example.org/",
            ),
            ("https://evil\\.example.org/", "https://evil/.example.org/"),
            ("https://evil#.example.org/", "https://evil/#.example.org/"),
            ("HTTPS://A.Example.ORG", "https://a.example.org/"),
            ("https://ev\til.example.org/", "https://evil.example.org/"),
            (" https://a.example.org/../b", "https://a.example.org/b"),
            ("a.example.org/x", "http://a.example.org/x"),
            ("http://", "http://"),
        ] {
            check(http(), target, want);
            check(Prober::Grpc(Box::default()), target, want);
        }
        let evil = "wss://evil?x.example.org/";
        let want = "wss://evil/?x.example.org/";
        check(Prober::WebSocket(Box::default()), evil, want);
        check(Prober::Mcp(Box::default()), evil, want);
        check(
            Prober::Llm(Box::default()),
            "http://evil?x",
            "http://evil/?x",
        );
        let local = McpSettings {
            transport: McpTransport::Stdio(LocalProgram::default()),
            ..McpSettings::default()
        };
        check(Prober::Mcp(Box::new(local)), "A?b", "A?b");
        check(Prober::Tcp(TcpSettings::default()), "A:1", "A:1");
    }

    #[test]
    fn the_expression_of_the_handbook_lets_no_other_host_through() {
        let page = include_str!("../../../docs/user/probes.md");
        let (_, rest) = page.split_once("probe_targets: [\"").unwrap();
        let (quoted, _) = rest.split_once("\"]").unwrap();
        let pattern = Regexp::anchored(&quoted.replace("\\\\", "\\")).unwrap();
        let module = Module::new(Prober::Http(Box::default()));
        let check = |target: &str, want: bool| {
            let asked = request_target(&module, target);
            assert_eq!(pattern.is_match(&asked), want, "{target}: {asked}");
        };
        check("https://a.example.org/x", true);
        check("HTTPS://A.EXAMPLE.ORG", true);
        for evil in [
            "https://evil?x.example.org/",
            "https://evil\\x.example.org/",
            "https://evil#x.example.org/",
            "https://evil/x.example.org/",
            "https://a:b@evil/x.example.org/",
            "https://x.example.org@evil/",
            "https://x.example.org:1@evil/",
            "https://x.example.org.evil/",
        ] {
            check(evil, false);
            assert!(!pattern.is_match(evil), "{evil}");
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        let check = |target: &str, want: &str| assert_eq!(shown_target(target), want);
        check("http://joe:hunter2@a/b", "http://joe:xxxxx@a/b");
        check("joe:hunter2@a", "joe:xxxxx@a/");
        check("http://joe:hunter2@a:70000/b", "http://joe:xxxxx@a:70000/b");
        check("joe:hunter2@", "joe:xxxxx@");
        check("http://a", "http://a");
        check("http://a/b:c@d", "http://a/b:c@d");
        check("a:1", "a:1");
        check("/run/a.sock", "/run/a.sock");
    }

    #[test]
    fn passwords_are_found_in_all_their_forms() {
        let check = |target: &str, want: &[&str]| {
            let mut found = passwords_of(target);
            found.sort();
            found.dedup();
            assert_eq!(found, want, "{target}");
        };
        check("http://joe:hunter2@a", &["hunter2"]);
        check("joe:hunter2@a:1", &["hunter2"]);
        check("http://joe:p%40ss+1&@a", &["p%40ss+1&", "p@ss+1&"]);
        check("http://joe:päss@a", &["p%C3%A4ss", "päss"]);
        check("http://joe:hunter2@a:70000", &["hunter2"]);
        check("http://a:1/", &[]);
        check("a:1", &[]);
    }
}
