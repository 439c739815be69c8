//! Addresses of e-mail as people write them: `joe@example.com, "Ops, night" <ops@example.com>`.
//!
//! ## Limits
//! Groups and comments of RFC 5322 are not read.

/// Most addresses of a list. Chosen: servers take a hundred at least.
const ADDRESSES_MAX: usize = 1_000;
/// Longest address, as RFC 5321 has it.
const ADDRESS_BYTES_MAX: usize = 254;

/// An address, perhaps with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mailbox {
    /// Empty: none.
    pub(super) name: String,
    pub(super) address: String,
}

impl Mailbox {
    /// What stands after the last `@`.
    pub(super) fn domain(&self) -> &str {
        self.address.rsplit('@').next().unwrap_or("localhost")
    }
}

/// The mailboxes of a list that is separated by commas.
///
/// # Errors
/// What is wrong.
pub(super) fn list(text: &str) -> Result<Vec<Mailbox>, String> {
    let mut mailboxes = Vec::new();
    for part in parts(text)? {
        let part = part.trim();
        if part.is_empty() {
            continue;
        }
        if mailboxes.len() == ADDRESSES_MAX {
            return Err(format!("more than {ADDRESSES_MAX} addresses"));
        }
        mailboxes.push(mailbox(part)?);
    }
    Ok(mailboxes)
}

/// What stands between commas that are neither in quotes nor in angle brackets.
fn parts(text: &str) -> Result<Vec<&str>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    let (mut is_quoted, mut is_in_brackets, mut is_escaped) = (false, false, false);
    for (at, c) in text.char_indices() {
        if is_escaped {
            is_escaped = false;
            continue;
        }
        match c {
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            '<' => is_in_brackets = true,
            '>' => is_in_brackets = false,
            ',' if !is_in_brackets => {
                let from = text.len() - rest.len();
                parts.push(text.get(from..at).unwrap_or(""));
                rest = text.get(at + 1..).unwrap_or("");
            }
            _ => {}
        }
    }
    if is_quoted {
        return Err("a quote is not closed".to_owned());
    }
    parts.push(rest);
    Ok(parts)
}

fn mailbox(text: &str) -> Result<Mailbox, String> {
    let (name, address) = match text.strip_suffix('>').and_then(|it| it.rsplit_once('<')) {
        Some((name, address)) => (unquoted(name.trim()), address.trim()),
        None => (String::new(), text),
    };
    let wrong = |reason: &str| Err(format!("{address:?} is not an address: {reason}"));
    let Some((local, domain)) = address.rsplit_once('@') else {
        return wrong("it has no @");
    };
    if local.is_empty() || domain.is_empty() {
        return wrong("nothing stands before or after the @");
    }
    if address.len() > ADDRESS_BYTES_MAX {
        return wrong("it is too long");
    }
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || "<>(),;:\\\"@".contains(c);
    let is_quoted = local.len() > 2 && local.starts_with('"') && local.ends_with('"');
    let is_literal = domain.starts_with('[') && domain.ends_with(']');
    let bad_local = if is_quoted {
        local.contains(|c: char| c.is_control() || "<>".contains(c))
    } else {
        local.contains(is_odd)
    };
    let bad_domain = domain.contains(|c| is_odd(c) && !(is_literal && c == ':'));
    if bad_local || bad_domain {
        return wrong("it holds a character that addresses do not have");
    }
    Ok(Mailbox {
        name,
        address: address.to_owned(),
    })
}

/// A name without its quotes.
fn unquoted(name: &str) -> String {
    let inner = name
        .strip_prefix('"')
        .and_then(|inner| inner.strip_suffix('"'));
    let Some(inner) = inner else {
        return name.to_owned();
    };
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next()),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read() {
        let check = |text: &str, want: &[(&str, &str)]| {
            let found = list(text).expect(text);
            let found: Vec<(&str, &str)> =
                found.iter().map(|it| (&*it.name, &*it.address)).collect();
            assert_eq!(found, want, "{text}");
        };
        check("", &[]);
        check("joe@example.com", &[("", "joe@example.com")]);
        check(" a@b , c@d,", &[("", "a@b"), ("", "c@d")]);
        check("Joe <joe@b>", &[("Joe", "joe@b")]);
        check(
            r#""Ops, \"night\"" <ops@b>, x@[IPv6:::1]"#,
            &[("Ops, \"night\"", "ops@b"), ("", "x@[IPv6:::1]")],
        );
        check("Zoë <zoë@bücher.example>", &[("Zoë", "zoë@bücher.example")]);
        check("\"a b\"@c", &[("", "\"a b\"@c")]);
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let check = |text: &str, want: &str| {
            let error = list(text).expect_err(text);
            assert!(error.contains(want), "{text}: {error}");
        };
        check("joe", "\"joe\" is not an address: it has no @");
        check("@b", "nothing stands before or after");
        check("a@", "nothing stands before or after");
        check("\"a", "a quote is not closed");
        check("a b@c", "a character that addresses do not have");
        check("a@b>\r\nRCPT TO:<x@y", "a character that");
        check("<a@b\r\nc>", "a character that");
        check("a@b@c", "a character that");
        check(&format!("{}@b", "a".repeat(300)), "too long");
        check(&"a@b,".repeat(1_001), "more than 1000");
    }
}
