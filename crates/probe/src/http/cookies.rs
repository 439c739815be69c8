//! The cookies that one probe is given on its way along redirects.
//!
//! ## Limits
//! A cookie goes back to the host that set it and nowhere else: `Domain` is not followed, which
//! spares the list of public suffixes. `Path` and `Secure` are heeded, times are not but for a
//! `Max-Age` that deletes, since a probe lasts seconds.

use hyper::header::{COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use url::Url;

use super::host_of;

/// Cookies of one probe. Chosen: as many as a browser keeps for a host.
const COOKIES_MAX: usize = 50;

#[derive(Debug, Default)]
pub(super) struct Cookies(Vec<Cookie>);

#[derive(Debug)]
struct Cookie {
    host: String,
    name: String,
    value: String,
    path: String,
    is_secure: bool,
}

impl Cookies {
    /// Takes what the answer of a URL sets.
    pub(super) fn take(&mut self, url: &Url, headers: &HeaderMap) {
        for header in headers.get_all(SET_COOKIE) {
            let Ok(text) = header.to_str() else { continue };
            let mut parts = text.split(';').map(str::trim);
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
                continue;
            };
            let mut cookie = Cookie {
                host: host_of(url),
                name: name.trim().to_owned(),
                value: value.trim().to_owned(),
                path: default_path(url),
                is_secure: false,
            };
            let mut is_deleted = false;
            for attribute in parts {
                let (key, value) = attribute.split_once('=').unwrap_or((attribute, ""));
                match key.to_ascii_lowercase().as_str() {
                    "path" if value.starts_with('/') => cookie.path = value.to_owned(),
                    "secure" => cookie.is_secure = true,
                    "max-age" => is_deleted = value.parse().is_ok_and(|age: i64| age <= 0),
                    _ => {}
                }
            }
            self.0.retain(|old| {
                (&old.host, &old.name, &old.path) != (&cookie.host, &cookie.name, &cookie.path)
            });
            if !is_deleted && self.0.len() < COOKIES_MAX {
                self.0.push(cookie);
            }
        }
    }

    /// Adds to a request of a URL what belongs to it.
    pub(super) fn give(&self, url: &Url, headers: &mut HeaderMap) {
        let host = host_of(url);
        let own = self.0.iter().filter(|cookie| {
            cookie.host == host
                && covers(&cookie.path, url.path())
                && (!cookie.is_secure || url.scheme() == "https")
        });
        let mut pairs: Vec<String> = own
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        if pairs.is_empty() {
            return;
        }
        let configured = headers.get(COOKIE).and_then(|value| value.to_str().ok());
        if let Some(configured) = configured {
            pairs.insert(0, configured.to_owned());
        }
        if let Ok(value) = HeaderValue::from_str(&pairs.join("; ")) {
            headers.insert(COOKIE, value);
        }
    }
}

/// RFC 6265, section 5.1.4: the path up to its last slash.
fn default_path(url: &Url) -> String {
    match url.path().rsplit_once('/') {
        None | Some(("", _)) => "/".to_owned(),
        Some((path, _)) => path.to_owned(),
    }
}

fn covers(cookie: &str, path: &str) -> bool {
    let rest = path.strip_prefix(cookie);
    rest.is_some_and(|rest| rest.is_empty() || cookie.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(cookies: &Cookies, url: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        cookies.give(&Url::parse(url).unwrap(), &mut headers);
        Some(headers.get(COOKIE)?.to_str().unwrap().to_owned())
    }

    #[test]
    fn cookies_go_back_where_they_came_from() {
        let mut cookies = Cookies::default();
        let mut headers = HeaderMap::new();
        for cookie in ["a=1; Path=/", "b=2", "c=3; Secure; Path=/"] {
            headers.append(SET_COOKIE, cookie.parse().unwrap());
        }
        cookies.take(&Url::parse("http://one.test/x/y").unwrap(), &headers);
        assert_eq!(sent(&cookies, "http://one.test/"), Some("a=1".to_owned()));
        assert_eq!(
            sent(&cookies, "http://one.test/x/z"),
            Some("a=1; b=2".to_owned())
        );
        assert_eq!(sent(&cookies, "http://one.test/xx"), Some("a=1".to_owned()));
        assert_eq!(
            sent(&cookies, "https://one.test/"),
            Some("a=1; c=3".to_owned())
        );
        assert_eq!(sent(&cookies, "http://two.test/"), None);
        let mut headers = HeaderMap::new();
        headers.append(SET_COOKIE, "a=; Max-Age=0; Path=/".parse().unwrap());
        cookies.take(&Url::parse("http://one.test/").unwrap(), &headers);
        assert_eq!(sent(&cookies, "http://one.test/"), None);
    }
}
