//! Header fields of messages: one line each, folded, with encoded words where ASCII does not do.

use super::address::{self, Mailbox};

/// Lines are folded to so many characters where there are spaces.
const LINE_CHARS: usize = 76;
/// A word that is longer is encoded, which can be cut anywhere: a line may have 998 characters.
const WORD_CHARS_MAX: usize = 900;
/// Longest encoded word.
const ENCODED_CHARS_MAX: usize = 75;
/// Fields that hold addresses, whose names may be encoded but nothing else.
const ADDRESS_FIELDS: [&str; 6] = ["from", "to", "cc", "bcc", "reply-to", "sender"];

/// Appends a field. Line ends in the value are encoded, so that no value makes another field.
pub(super) fn write(out: &mut String, name: &str, value: &str) {
    let value = if is_plain(value) {
        value.to_owned()
    } else {
        let lower = name.to_ascii_lowercase();
        let mailboxes = ADDRESS_FIELDS
            .contains(&lower.as_str())
            .then(|| address::list(value).ok())
            .flatten();
        match mailboxes {
            Some(mailboxes) => {
                let shown: Vec<String> = mailboxes.iter().map(shown).collect();
                shown.join(", ")
            }
            None => encoded(value),
        }
    };
    out.push_str(name);
    out.push(':');
    let mut length = name.len() + 1;
    for word in value.split(' ') {
        if length + 1 + word.len() > LINE_CHARS && !word.is_empty() && length > name.len() + 1 {
            out.push_str("\r\n");
            length = 0;
        }
        out.push(' ');
        out.push_str(word);
        length += 1 + word.len();
    }
    out.push_str("\r\n");
}

/// Whether a value can stand as it is.
fn is_plain(value: &str) -> bool {
    let is_short = value.split(' ').all(|word| word.len() <= WORD_CHARS_MAX);
    is_short && value.bytes().all(|b| matches!(b, b' '..=b'~' | b'\t'))
}

fn shown(mailbox: &Mailbox) -> String {
    let name = &mailbox.name;
    if name.is_empty() {
        return mailbox.address.clone();
    }
    let name = if is_plain(name) {
        format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        encoded(name)
    };
    format!("{name} <{}>", mailbox.address)
}

/// Encoded words, separated by spaces, which mean nothing between them.
fn encoded(text: &str) -> String {
    const START: &str = "=?utf-8?q?";
    const END: &str = "?=";
    let mut out = String::from(START);
    let mut length = START.len();
    for c in text.chars() {
        let mut buffer = [0; 4];
        let mut part = String::new();
        match c {
            ' ' => part.push('_'),
            '!'..='~' if !"=?_\"(),.:;<>@[\\]".contains(c) => part.push(c),
            c => {
                for byte in c.encode_utf8(&mut buffer).bytes() {
                    part.push_str(&format!("={byte:02X}"));
                }
            }
        }
        if length + part.len() + END.len() > ENCODED_CHARS_MAX {
            out.push_str(END);
            out.push(' ');
            out.push_str(START);
            length = START.len();
        }
        length += part.len();
        out.push_str(&part);
    }
    out.push_str(END);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, value: &str) -> String {
        let mut out = String::new();
        write(&mut out, name, value);
        out
    }

    #[test]
    fn fields_are_encoded_and_folded() {
        let check = |name: &str, value: &str, want: &str| assert_eq!(field(name, value), want);
        check("Subject", "[FIRING:1] a  b", "Subject: [FIRING:1] a  b\r\n");
        check("Subject", "", "Subject: \r\n");
        check(
            "Subject",
            "Zoë ist",
            "Subject: =?utf-8?q?Zo=C3=AB_ist?=\r\n",
        );
        check(
            "Subject",
            "a\r\nBcc: x@y",
            "Subject: =?utf-8?q?a=0D=0ABcc=3A_x=40y?=\r\n",
        );
        check(
            "To",
            "Zoë <zoe@b>, \"x, y\" <c@d>, e@f",
            "To: =?utf-8?q?Zo=C3=AB?= <zoe@b>, \"x, y\" <c@d>, e@f\r\n",
        );
        let word = "x".repeat(40);
        check(
            "X-Long",
            &format!("{word} {word}  {word}"),
            &format!("X-Long: {word}\r\n {word} \r\n {word}\r\n"),
        );
    }

    #[test]
    fn no_line_is_too_long() {
        for value in ["é".repeat(2_000), "x".repeat(2_000), "x y ".repeat(500)] {
            let text = field("Subject", &value);
            assert!(text.lines().all(|line| line.len() <= 90), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_value_makes_another_field(value in "[ -~é\\r\\n\\t]{0,200}", name in "Subject|To|X") {
            let text = field(&name, &value);
            let body = text.strip_suffix("\r\n").unwrap();
            for (index, line) in body.split("\r\n").enumerate() {
                assert!(index == 0 || line.starts_with(' '), "{text:?}");
                assert!(!line.contains(['\r', '\n']), "{text:?}");
                assert!(index == 0 || !line.trim().is_empty(), "{text:?}");
            }
        }

        #[test]
        fn lists_of_addresses_never_hold_what_ends_a_command(text in "[ -~é\\r\\n]{0,60}") {
            for mailbox in address::list(&text).unwrap_or_default() {
                assert!(!mailbox.address.contains(['\r', '\n', '<', '>']), "{mailbox:?}");
            }
        }
    }
}
