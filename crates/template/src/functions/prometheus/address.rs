//! Hosts and ports.

use std::net::IpAddr;

/// Parts a host from its port, as Go's `net.SplitHostPort` does: the host may be in brackets.
fn split(address: &str) -> Option<(&str, &str)> {
    let (host, port) = address.rsplit_once(':')?;
    if let Some(rest) = host.strip_prefix('[') {
        let host = rest.strip_suffix(']')?;
        return (!host.contains(['[', ']'])).then_some((host, port));
    }
    // Without brackets there may be one colon only.
    (!host.contains([':', '[', ']']) && !port.contains(['[', ']'])).then_some((host, port))
}

/// The host of an address; the address itself where it has no port.
pub(super) fn without_port(address: &str) -> &str {
    split(address).map_or(address, |(host, _)| host)
}

/// The first part of the name of a host, with the port if there was one. Addresses of machines stay.
pub(super) fn without_domain(address: &str) -> String {
    let (host, port) = split(address).unwrap_or((address, ""));
    if host.parse::<IpAddr>().is_ok() {
        return address.to_owned();
    }
    let name = host.split('.').next().unwrap_or(host);
    match port {
        "" => name.to_owned(),
        port if name.contains(':') => format!("[{name}]:{port}"),
        port => format!("{name}:{port}"),
    }
}

/// The path of a URL.
pub(super) fn path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let end = rest.find(['?', '#']).unwrap_or(rest.len());
    let rest = rest.get(..end).unwrap_or(rest);
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_taken_away() {
        let check = |address: &str, want: &str| assert_eq!(without_port(address), want);
        check("foo.example.com", "foo.example.com");
        check("foo.example.com:12345", "foo.example.com");
        check("192.0.2.1:12345", "192.0.2.1");
        check("2001:0DB8::1", "2001:0DB8::1");
        check("[2001:0DB8::1]:12345", "2001:0DB8::1");
        check("[2001:0DB8::1]::12345", "[2001:0DB8::1]::12345");
        check("[::1", "[::1");
        check(":", "");
        check("", "");
    }

    #[test]
    fn domains_are_taken_away() {
        let check = |address: &str, want: &str| assert_eq!(without_domain(address), want);
        check("foo.example.com", "foo");
        check("foo.example.com:12345", "foo:12345");
        check("192.0.2.1:12345", "192.0.2.1:12345");
        check("2001:0DB8::1", "2001:0DB8::1");
        check("[2001:0DB8::1]:12345", "[2001:0DB8::1]:12345");
        check("[2001:0DB8::1]::12345", "[2001:0DB8::1]::12345");
    }

    #[test]
    fn paths_of_urls() {
        assert_eq!(path("http://testhost:9090/path/prefix"), "/path/prefix");
        assert_eq!(path("http://testhost:9090"), "");
        assert_eq!(path("http://testhost?a=/b"), "");
        assert_eq!(path("/p"), "/p");
    }
}
