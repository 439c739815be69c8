//! `tcp` and `unix`: connect, and hold a conversation if there is one.

use std::net::SocketAddr;

use bellwether_storage::Clock;
use tokio::net::UnixStream;

use crate::connection::connect_tcp;
use crate::conversation::{Peer, converse};
use crate::module::{TcpSettings, UnixSettings};
use crate::recorder::{FAILED_DUE_TO_REGEX, Failure, Recorder};
use crate::resolve::{choose_address, split_host_port};

pub(crate) async fn probe_tcp(
    recorder: &mut Recorder,
    settings: &TcpSettings,
    target: &str,
    clock: &dyn Clock,
) -> Result<(), Failure> {
    // Shown however far the probe comes, so that an alert on it always has a series.
    recorder.set(FAILED_DUE_TO_REGEX, 0.0);
    let (host, port) = split_host_port(target)?;
    let address = choose_address(recorder, host, settings.address, None).await?;
    recorder.begin(None, "connect");
    let stream = connect_tcp(SocketAddr::new(address, port), settings.source).await?;
    recorder.end();
    let peer = Peer {
        host,
        tls: settings.tls,
        tls_config: &settings.tls_config,
        clock,
    };
    converse(recorder, Box::new(stream), &peer, &settings.query_response).await
}

pub(crate) async fn probe_unix(
    recorder: &mut Recorder,
    settings: &UnixSettings,
    target: &str,
    clock: &dyn Clock,
) -> Result<(), Failure> {
    recorder.begin(None, "connect");
    let stream = UnixStream::connect(target)
        .await
        .map_err(|error| Failure::new(format!("cannot connect to {target:?}: {error}")))?;
    recorder.end();
    let peer = Peer {
        // A socket has no name to check: TLS over it needs a server name in its settings.
        host: "localhost",
        tls: settings.tls,
        tls_config: &settings.tls_config,
        clock,
    };
    converse(recorder, Box::new(stream), &peer, &settings.query_response).await
}
