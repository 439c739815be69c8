//! What the values of attributes are.

use super::context::Attribute;

/// What an attribute may hold, as far as values are concerned that make up its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Plain,
    /// Changes how other content is read or sent: no value may make up such a name.
    Unsafe,
    Url,
    SrcSet,
    Css,
    Js,
    Html,
}

impl Content {
    /// How the value of an attribute with this content is escaped.
    pub(super) fn attribute(self) -> Attribute {
        match self {
            Self::Plain | Self::Unsafe | Self::Html => Attribute::Plain,
            Self::Url => Attribute::Url,
            Self::SrcSet => Attribute::SrcSet,
            Self::Css => Attribute::Style,
            Self::Js => Attribute::Script,
        }
    }
}

const URLS: [&str; 17] = [
    "action",
    "archive",
    "background",
    "cite",
    "classid",
    "codebase",
    "data",
    "formaction",
    "href",
    "icon",
    "longdesc",
    "manifest",
    "poster",
    "profile",
    "src",
    "usemap",
    "xmlns",
];

const UNSAFE: [&str; 22] = [
    "accept-charset",
    "async",
    "challenge",
    "charset",
    "content",
    "crossorigin",
    "defer",
    "enctype",
    "form",
    "formenctype",
    "formmethod",
    "formnovalidate",
    "http-equiv",
    "keytype",
    "language",
    "method",
    "novalidate",
    "pattern",
    "rel",
    "sandbox",
    "type",
    "value",
];

/// The content of an attribute by its name in lower case. Names that nobody knows are taken for
/// scripts or URLs where they look like it.
pub(super) fn content(name: &str) -> Content {
    // `data-action` is treated as `action`, `svg:href` as `href`.
    let name = match (name.strip_prefix("data-"), name.split_once(':')) {
        (Some(name), _) => name,
        (None, Some(("xmlns", _))) => return Content::Url,
        (None, Some((_, name))) => name,
        (None, None) => name,
    };
    match name {
        "style" => return Content::Css,
        "srcset" => return Content::SrcSet,
        "srcdoc" => return Content::Html,
        "srclang" | "open" => return Content::Plain,
        _ => {}
    }
    if URLS.contains(&name) {
        Content::Url
    } else if UNSAFE.contains(&name) {
        Content::Unsafe
    } else if name.starts_with("on") {
        Content::Js
    } else if ["src", "uri", "url"].iter().any(|part| name.contains(part)) {
        Content::Url
    } else {
        Content::Plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_values_are() {
        let check = |name: &str, want: Content| assert_eq!(content(name), want, "{name}");
        check("href", Content::Url);
        check("data-href", Content::Url);
        check("xlink:href", Content::Url);
        check("xmlns:x", Content::Url);
        check("onclick", Content::Js);
        check("data-onclick", Content::Js);
        check("style", Content::Css);
        check("srcset", Content::SrcSet);
        check("title", Content::Plain);
        check("tweeturl", Content::Url);
        check("type", Content::Unsafe);
        check("data-type", Content::Unsafe);
    }
}
