//! Character references in the values of attributes.

use std::borrow::Cow;

/// The names that mean something to scripts, styles and URLs. Others stay as they are: no list of
/// two thousand names is worth it, since none of them changes a context.
const NAMED: [(&str, char); 34] = [
    ("Tab", '\t'),
    ("NewLine", '\n'),
    ("excl", '!'),
    ("quot", '"'),
    ("QUOT", '"'),
    ("num", '#'),
    ("dollar", '$'),
    ("percnt", '%'),
    ("amp", '&'),
    ("AMP", '&'),
    ("apos", '\''),
    ("lpar", '('),
    ("rpar", ')'),
    ("ast", '*'),
    ("plus", '+'),
    ("comma", ','),
    ("period", '.'),
    ("sol", '/'),
    ("colon", ':'),
    ("semi", ';'),
    ("lt", '<'),
    ("LT", '<'),
    ("equals", '='),
    ("gt", '>'),
    ("GT", '>'),
    ("quest", '?'),
    ("commat", '@'),
    ("lbrack", '['),
    ("lsqb", '['),
    ("bsol", '\\'),
    ("rbrack", ']'),
    ("grave", '`'),
    ("lbrace", '{'),
    ("rbrace", '}'),
];

/// A text whose character references are read.
pub(super) fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('&') {
        out.push_str(before);
        match reference(behind) {
            Some((c, behind)) => {
                out.push(c);
                rest = behind;
            }
            None => {
                out.push('&');
                rest = behind;
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The character of a reference whose ampersand has been read, and what follows it.
fn reference(text: &str) -> Option<(char, &str)> {
    if let Some(number) = text.strip_prefix('#') {
        let (radix, digits) = match number.strip_prefix(['x', 'X']) {
            Some(digits) => (16, digits),
            None => (10, number),
        };
        let count = digits.chars().take_while(|c| c.is_digit(radix)).count();
        let (digits, behind) = digits.split_at(count);
        if digits.is_empty() {
            return None;
        }
        let code = u32::from_str_radix(digits, radix).unwrap_or(u32::MAX);
        let c = match code {
            0 => '\u{fffd}',
            code => char::from_u32(code).unwrap_or('\u{fffd}'),
        };
        return Some((c, behind.strip_prefix(';').unwrap_or(behind)));
    }
    let count = text.bytes().take_while(u8::is_ascii_alphanumeric).count();
    let (name, behind) = text.split_at(count);
    let (_, c) = NAMED.iter().find(|(known, _)| *known == name)?;
    // The oldest names need no semicolon.
    let old = matches!(
        name,
        "amp" | "AMP" | "lt" | "LT" | "gt" | "GT" | "quot" | "QUOT"
    );
    match behind.strip_prefix(';') {
        Some(behind) => Some((*c, behind)),
        None if old => Some((*c, behind)),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read() {
        let check = |text: &str, want: &str| assert_eq!(decoded(text), want, "{text}");
        check("a", "a");
        check("&quot;&#39;&#x3C;&#X3c&#60x", "\"'<<<x");
        check("&amp&lt;&colon;&colon&nbsp;&", "&<:&colon&nbsp;&");
        check(
            "&#0;&#xd800;&#99999999999;&#;&#x",
            "\u{fffd}\u{fffd}\u{fffd}&#;&#x",
        );
    }
}
