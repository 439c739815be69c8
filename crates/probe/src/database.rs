//! What probes of databases have in common: targets without a port, and classes of errors.

use std::net::SocketAddr;

use crate::connection::{Connection, open_tcp};
use crate::module::AddressChoice;
use crate::recorder::{Failure, Gauge, Recorder};
use crate::resolve::{choose_address, split_host_port};

/// Nobody listens.
pub(crate) const REFUSED: &str = "refused";
/// No address, no way, or a connection that broke off.
pub(crate) const NETWORK: &str = "network";
/// The server starts up, or recovers, or shuts down.
pub(crate) const NOT_READY: &str = "not_ready";
/// The credentials are not taken.
pub(crate) const AUTH: &str = "auth";
/// The server takes no more connections.
pub(crate) const TOO_MANY_CONNECTIONS: &str = "too_many_connections";
/// TLS did not begin.
pub(crate) const TLS: &str = "tls";
/// The server has another part in replication than it must have.
pub(crate) const ROLE: &str = "role";
/// The answer is not the one that is expected, or none that the protocol knows.
pub(crate) const BAD_ANSWER: &str = "bad_answer";
/// Something of ours is wrong.
pub(crate) const SETTINGS: &str = "settings";

/// Why a database is not as it should be: a class, and a reason for people.
#[derive(Debug)]
pub(crate) struct Trouble {
    class: &'static str,
    failure: Failure,
}

impl Trouble {
    pub(crate) fn new(class: &'static str, reason: impl Into<String>) -> Self {
        Self::of(class)(Failure::new(reason))
    }

    pub(crate) fn of(class: &'static str) -> impl Fn(Failure) -> Self {
        move |failure| Self { class, failure }
    }

    /// Shows the class in a metric.
    pub(crate) fn record(self, recorder: &mut Recorder, gauge: Gauge) -> Failure {
        recorder.set_labelled(gauge, &[("class", self.class)], 1.0);
        self.failure
    }
}

/// Whom to connect to.
pub(crate) struct DatabaseTarget<'a> {
    pub(crate) target: &'a str,
    /// The port where the target names none.
    pub(crate) usual_port: u16,
    pub(crate) address: AddressChoice,
    /// The duration metric that the phases go to.
    pub(crate) phases: Gauge,
}

impl DatabaseTarget<'_> {
    /// Resolves and connects. Gives the host, too, as TLS wants it.
    pub(crate) async fn connect(
        &self,
        recorder: &mut Recorder,
    ) -> Result<(Connection, String), Trouble> {
        let (host, port) = self.host_and_port()?;
        let phases = Some(self.phases);
        let address = choose_address(recorder, &host, self.address, phases).await;
        let server = SocketAddr::new(address.map_err(Trouble::of(NETWORK))?, port);
        recorder.begin(phases, "connect");
        let stream = open_tcp(server, None).await.map_err(|error| {
            let class = if error.kind() == std::io::ErrorKind::ConnectionRefused {
                REFUSED
            } else {
                NETWORK
            };
            Trouble::new(class, format!("cannot connect to {server}: {error}"))
        })?;
        recorder.end();
        Ok((Box::new(stream), host))
    }

    fn host_and_port(&self) -> Result<(String, u16), Trouble> {
        let target = self.target;
        if target.contains('/') || target.contains('@') {
            // Such a text may hold a password, so it is not shown.
            let reason = "the target is no host: want host or host:port";
            return Err(Trouble::new(SETTINGS, reason));
        }
        let is_bare_host = !target.contains(':') || target.ends_with(']');
        if is_bare_host {
            let host = target.trim_start_matches('[').trim_end_matches(']');
            return Ok((host.to_owned(), self.usual_port));
        }
        let (host, port) = split_host_port(target).map_err(Trouble::of(SETTINGS))?;
        Ok((host.to_owned(), port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_need_no_port() {
        let parts = |target| {
            let whole = DatabaseTarget {
                target,
                usual_port: 5432,
                address: AddressChoice::default(),
                phases: Gauge::new("x", "An x."),
            };
            whole.host_and_port().map_err(|trouble| trouble.failure)
        };
        let pair = |host: &str, port| (host.to_owned(), port);
        assert_eq!(parts("db").unwrap(), pair("db", 5432));
        assert_eq!(parts("db:1").unwrap(), pair("db", 1));
        assert_eq!(parts("[::1]").unwrap(), pair("::1", 5432));
        assert_eq!(parts("[::1]:1").unwrap(), pair("::1", 1));
        for wrong in ["db:x", "::1", "postgres://joe:hunter2@db/x"] {
            let failure = parts(wrong).unwrap_err();
            assert!(!failure.text().contains("hunter2"));
        }
    }
}
