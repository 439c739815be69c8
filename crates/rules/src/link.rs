//! Links to the page of a query.

/// The path of the page that shows the result of a query as a table, as Prometheus writes it.
pub(crate) fn table_link(query: &str) -> String {
    let mut link = String::from("/graph?g0.expr=");
    for byte in query.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                link.push(char::from(byte));
            }
            b' ' => link.push('+'),
            _ => link.push_str(&format!("%{byte:02X}")),
        }
    }
    link.push_str("&g0.tab=1");
    link
}

#[cfg(test)]
mod tests {
    #[test]
    fn queries_are_escaped() {
        assert_eq!(
            super::table_link("up{job=\"ä\"} == 0"),
            "/graph?g0.expr=up%7Bjob%3D%22%C3%A4%22%7D+%3D%3D+0&g0.tab=1"
        );
    }
}
