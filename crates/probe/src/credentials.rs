//! Which of the things that a probe sends are secrets.

/// Parts of names of headers, metadata and arguments that hold secrets.
const SECRET_PARTS: [&str; 9] = [
    "auth",
    "cookie",
    "credential",
    "key",
    "passphrase",
    "passw",
    "secret",
    "session",
    "token",
];
/// Names that hold such a part and are no secrets.
const HARMLESS: [&str; 5] = [
    ":authority",
    "idempotency-key",
    "sec-websocket-key",
    "x-forwarded-authority",
    "author",
];

/// Whether what stands under a name may be a secret, in any case of its letters. Rather once too often: a text that
/// is hidden without need costs less than a key in a log.
pub(crate) fn may_be_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    !HARMLESS.contains(&name.as_str()) && SECRET_PARTS.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_known() {
        for name in [
            "Authorization",
            "Proxy-Authorization",
            "Cookie",
            "X-API-Key",
            "apikey",
            "x-auth-token",
            "PASSWORD",
            "client_secret",
        ] {
            assert!(may_be_secret(name), "{name}");
        }
        for name in [
            "Accept",
            "Host",
            "User-Agent",
            "Content-Type",
            "x-request-id",
            "author",
        ] {
            assert!(!may_be_secret(name), "{name}");
        }
    }
}
