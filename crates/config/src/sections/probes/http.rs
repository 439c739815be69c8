//! `http`.

use bellwether_probe::module::{Compression, HeaderMatch, HttpSettings, Pattern, RequestBody};

use super::address::{ADDRESS, check_header_names, decode_address, decode_patterns};
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::sections::http_client::{HTTP_CLIENT, decode_http_client};
use crate::view::{View, node_text};
use crate::yaml::{Node, shortened};

/// What an answer may say of itself.
const VERSIONS: [&str; 4] = ["HTTP/1.0", "HTTP/1.1", "HTTP/2.0", "HTTP/3.0"];
const NO_CEL: &str = "CEL is not evaluated here, so that such a probe never succeeds; use \
     fail_if_body_matches_regexp or fail_if_body_not_matches_regexp";

pub(super) static HTTP: Section = Section {
    name: "http prober",
    doc: "A request over HTTP/1.1 or HTTP/2. Headers and body are shown in the effective configuration, unless the name of a header may stand for a secret; http_headers, basic_auth, authorization and body_file keep secrets.",
    fields: &[
        Field::new(
            "valid_status_codes",
            Kind::List(&Kind::Integer { min: 100, max: 999 }),
            "",
            "The statuses that pass; 200 to 299 where none is listed.",
        ),
        Field::new(
            "valid_http_versions",
            Kind::List(&Kind::Text),
            "",
            "The versions that pass, such as HTTP/1.1 and HTTP/2.0; all where none is listed.",
        ),
        Field::new("method", Kind::Text, "GET", "The method."),
        Field::new(
            "headers",
            Kind::Headers(&Kind::Text),
            "",
            "Headers of the request. Host also names the server for TLS.",
        ),
        Field::new("body", Kind::Text, "", "The body of the request."),
        Field::new(
            "body_file",
            Kind::ReadFile,
            "",
            "File with the body of the request, read for each probe.",
        ),
        Field::new(
            "fail_if_ssl",
            Kind::Bool,
            "false",
            "Fail where the last request went over TLS.",
        ),
        Field::new(
            "fail_if_not_ssl",
            Kind::Bool,
            "false",
            "Fail where the last request did not go over TLS.",
        ),
        Field::new(
            "fail_if_body_matches_regexp",
            Kind::List(&Kind::Pattern),
            "",
            "Fail where the body matches one of these.",
        ),
        Field::new(
            "fail_if_body_not_matches_regexp",
            Kind::List(&Kind::Pattern),
            "",
            "Fail where the body does not match one of these.",
        ),
        Field::new(
            "fail_if_body_json_matches_cel",
            Kind::Text,
            "",
            "Fail where an expression in CEL is true of the body.",
        )
        .inert(NO_CEL),
        Field::new(
            "fail_if_body_json_not_matches_cel",
            Kind::Text,
            "",
            "Fail where an expression in CEL is not true of the body.",
        )
        .inert(NO_CEL),
        Field::new(
            "fail_if_header_matches",
            Kind::Sections(&HEADER_MATCH),
            "",
            "Fail where a value of the header matches.",
        ),
        Field::new(
            "fail_if_header_not_matches",
            Kind::Sections(&HEADER_MATCH),
            "",
            "Fail where no value of the header matches.",
        ),
        Field::new(
            "compression",
            Kind::OneOf(&["identity", "gzip", "deflate", "br", ""]),
            "",
            "How the answer is packed; its body is taken as it comes where absent.",
        ),
        Field::new(
            "body_size_limit",
            Kind::Size,
            "0",
            "The longest unpacked body that passes; 0: no limit of your own.",
        ),
        Field::new(
            "skip_resolve_phase_with_proxy",
            Kind::Bool,
            "false",
            "Leave the target's name to the proxy, where there is one.",
        ),
        Field::new(
            "no_follow_redirects",
            Kind::Bool,
            "",
            "The contrary of follow_redirects.",
        )
        .deprecated("use follow_redirects"),
        Field::new("enable_http3", Kind::Bool, "", "Speak HTTP/3.")
            .inert("HTTP/3 is not spoken: targets are asked with HTTP/2 or HTTP/1.1"),
    ],
    includes: &[&ADDRESS, &HTTP_CLIENT],
    check: Some(check_http),
};

static HEADER_MATCH: Section = Section {
    name: "condition on a header",
    doc: "A pattern for the values of one header.",
    fields: &[
        Field::required("header", Kind::Text, "The header's name."),
        Field::required("regexp", Kind::Pattern, "The pattern."),
        Field::new(
            "allow_missing",
            Kind::Bool,
            "false",
            "Whether an answer without this header passes.",
        ),
    ],
    includes: &[],
    check: None,
};

fn check_http(view: &View<'_>, problems: &mut Problems) {
    view.at_most_one(problems, &["body", "body_file"]);
    if view.bool("fail_if_ssl") && view.bool("fail_if_not_ssl") {
        let message =
            "is true, and fail_if_ssl too: want at most one of them, or every answer fails";
        view.error_at(problems, "fail_if_not_ssl", message);
    }
    check_header_names(view, "headers", problems);
    let method = view.text("method");
    if !method.bytes().all(|b| b.is_ascii_alphabetic()) {
        let message = format!(
            "{:?} is not a method: want one such as GET, HEAD or POST",
            shortened(method)
        );
        view.error_at(problems, "method", message);
    }
    check_versions(view, problems);
    let compression = view.text("compression");
    for (name, node) in view.entries("headers") {
        let accepted = node_text(node);
        if name.eq_ignore_ascii_case("accept-encoding") && !accepts(&accepted, compression) {
            let message = format!(
                "{:?} does not accept compression {compression:?}: want both to agree",
                shortened(&accepted)
            );
            problems.error(&view.origin.file, node.position, &node.path, message);
        }
    }
}

fn check_versions(view: &View<'_>, problems: &mut Problems) {
    let items = view.items("valid_http_versions");
    let is_http3 = |item: &&Node| node_text(item) == "HTTP/3.0";
    let file = &view.origin.file;
    if view.bool("enable_http3") {
        if let Some(other) = items.iter().find(|item| {
            let text = node_text(item);
            text == "HTTP/1.1" || text == "HTTP/2.0"
        }) {
            let message = format!(
                "{:?} given: want HTTP/3.0 alone where enable_http3 is true",
                node_text(other)
            );
            problems.error(file, other.position, &other.path, message);
        }
        if view.bool("enable_http2") {
            let message = "needs enable_http2: false";
            view.error_at(problems, "enable_http3", message);
        }
    } else if let Some(item) = items.iter().find(is_http3) {
        let message = "\"HTTP/3.0\" given: want enable_http3: true with it";
        problems.error(file, item.position, &item.path, message);
    }
    for item in items {
        let text = node_text(item);
        if !VERSIONS.contains(&text.as_str()) {
            let message = format!(
                "{:?} is the version of no answer: want {}",
                shortened(&text),
                VERSIONS.join(", ")
            );
            problems.warning(file, item.position, &item.path, message);
        }
    }
}

/// Whether an `Accept-Encoding` takes a compression: by the entry of the highest quality that names
/// it, which is the first of those that are alike.
fn accepts(accepted: &str, compression: &str) -> bool {
    if accepted.is_empty() || compression.is_empty() {
        return true;
    }
    let qualities = accepted.split(',').filter_map(|part| {
        let (encoding, quality) = match part.rsplit_once(';') {
            None => (part, 1.0),
            Some((encoding, quality)) => {
                let quality = quality.trim();
                let number = quality.strip_prefix("q=").unwrap_or(quality);
                (encoding, number.parse::<f32>().unwrap_or(0.0))
            }
        };
        let encoding = encoding.trim();
        (encoding == compression || encoding == "*").then_some(quality)
    });
    qualities.fold(0.0, f32::max) > 0.0
}

pub(super) fn decode_http(view: &View<'_>) -> HttpSettings {
    let mut client = decode_http_client(view);
    if view.is_set("no_follow_redirects") {
        client.follow_redirects = !view.bool("no_follow_redirects");
    }
    let cel = [
        "fail_if_body_json_matches_cel",
        "fail_if_body_json_not_matches_cel",
    ];
    HttpSettings {
        unknown_condition: view.set_among(&cel).first().map(|key| (*key).to_owned()),
        valid_status_codes: view
            .texts("valid_status_codes")
            .iter()
            .filter_map(|code| u16::try_from(crate::values::parse_integer(code)?).ok())
            .collect(),
        valid_http_versions: view.texts("valid_http_versions"),
        address: decode_address(view),
        skip_resolve_phase_with_proxy: view.bool("skip_resolve_phase_with_proxy"),
        fail_if_ssl: view.bool("fail_if_ssl"),
        fail_if_not_ssl: view.bool("fail_if_not_ssl"),
        method: view.text("method").to_owned(),
        headers: view.text_map("headers"),
        fail_if_body_matches: decode_patterns(view, "fail_if_body_matches_regexp"),
        fail_if_body_not_matches: decode_patterns(view, "fail_if_body_not_matches_regexp"),
        fail_if_header_matches: decode_header_matches(view, "fail_if_header_matches"),
        fail_if_header_not_matches: decode_header_matches(view, "fail_if_header_not_matches"),
        body: match (view.optional_text("body"), view.path_of("body_file")) {
            (Some(text), _) => RequestBody::Text(text),
            (None, Some(file)) => RequestBody::File(file),
            (None, None) => RequestBody::Empty,
        },
        client,
        compression: Compression::NAMES
            .iter()
            .find(|(name, _)| *name == view.text("compression"))
            .map(|(_, compression)| *compression),
        body_size_limit: Some(view.size_bytes("body_size_limit")).filter(|bytes| *bytes > 0),
    }
}

fn decode_header_matches(view: &View<'_>, key: &str) -> Vec<HeaderMatch> {
    view.sections(key)
        .iter()
        .filter_map(|item| {
            Some(HeaderMatch {
                header: item.text("header").to_owned(),
                pattern: Pattern::new(item.text("regexp")).ok()?,
                allow_missing: item.bool("allow_missing"),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_accepted() {
        let check = |accepted: &str, compression: &str, want: bool| {
            assert_eq!(
                accepts(accepted, compression),
                want,
                "{accepted} {compression}"
            );
        };
        check("gzip", "", true);
        check("", "gzip", true);
        check("gzip;q=1.0", "gzip", true);
        check("br, gzip", "gzip", true);
        check("gzip, compress", "br", false);
        check("gzip, compress, *", "br", true);
        check("gzip, compress, br;q=0.0", "br", false);
        check("*;q=0.0", "gzip", false);
        check("gzip;q=x", "gzip", false);
    }
}
