//! Whether somebody accepts connections.

use tokio::net::TcpStream;

use crate::health::Outcome;

/// Connects and hangs up. The address is a host and a port.
pub(crate) async fn look(address: &str) -> Outcome {
    match TcpStream::connect(address).await {
        Ok(_stream) => Outcome::Up,
        Err(error) => Outcome::Down(format!("no connection to {address}: {error}")),
    }
}

/// Whether it is a host and a port: `db:5432`, `[::1]:5432`.
pub(crate) fn is_address(address: &str) -> bool {
    let Some((host, port)) = address.rsplit_once(':') else {
        return false;
    };
    let is_bracketed = host.starts_with('[') && host.ends_with(']');
    let is_port = port.parse::<u16>().is_ok_and(|it| it > 0);
    is_port && !host.is_empty() && (is_bracketed || !host.contains(':'))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn addresses_have_a_host_and_a_port() {
        for (address, want) in [
            ("db:5432", true),
            ("[::1]:80", true),
            ("127.0.0.1:1", true),
            ("::1:80", false),
            ("db", false),
            ("db:", false),
            (":80", false),
            ("db:0", false),
            ("db:70000", false),
        ] {
            assert_eq!(is_address(address), want, "{address}");
        }
    }

    #[tokio::test]
    async fn who_listens_is_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        assert_eq!(look(&address).await, Outcome::Up);
        drop(listener);
        let (_, reason) = look(&address).await.into_parts();
        assert!(
            reason.starts_with(&format!("no connection to {address}: ")),
            "{reason}"
        );
    }
}
