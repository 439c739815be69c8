//! Connections that are made for one probe, and TLS over them.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bellwether_outbound::settings::TlsSettings;
use bellwether_outbound::{authorities, tls_config};
use bellwether_storage::Clock;
use rustls::ProtocolVersion;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

use crate::certificate::{chain_expiry, facts};
use crate::module::OnTrouble;
use crate::recorder::{Failure, Gauge, Recorder};

const SSL_EARLIEST_CERT_EXPIRY: Gauge = Gauge::new(
    "probe_ssl_earliest_cert_expiry",
    "When the first of the certificates that the server sent ends, as a Unix time.",
);
const SSL_LAST_CHAIN_EXPIRY: Gauge = Gauge::new(
    "probe_ssl_last_chain_expiry_timestamp_seconds",
    "When the last trusted chain of certificates ends, as a Unix time.",
);
const SSL_LAST_CHAIN_INFO: Gauge = Gauge::new(
    "probe_ssl_last_chain_info",
    "What the server's own certificate says.",
);
const TLS_VERSION_INFO: Gauge = Gauge::new(
    "probe_tls_version_info",
    "The version of TLS that was spoken.",
);
const TLS_CIPHER_INFO: Gauge = Gauge::new(
    "probe_tls_cipher_info",
    "The cipher suite of TLS that was agreed on.",
);

/// What blackbox_exporter shows where no chain was verified: the zero time of Go, as a Unix time.
const NO_CHAIN_SECONDS: f64 = -62_135_596_800.0;

/// A stream of bytes to a target.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A connection of whatever kind.
pub(crate) type Connection = Box<dyn Stream>;

/// Connects, from `source` if that is set.
pub(crate) async fn connect_tcp(
    address: SocketAddr,
    source: Option<IpAddr>,
) -> Result<TcpStream, Failure> {
    open_tcp(address, source)
        .await
        .map_err(|error| Failure::new(format!("cannot connect to {address}: {error}")))
}

/// The same for those who tell errors apart.
pub(crate) async fn open_tcp(address: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    if let Some(source) = source {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    let stream = socket.connect(address).await?;
    // Small messages go back and forth, and their times are measured.
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// What is known of TLS after its handshake.
#[derive(Debug)]
pub(crate) struct TlsFacts {
    certificates: Vec<CertificateDer<'static>>,
    version: Option<ProtocolVersion>,
    cipher: String,
    /// The protocol that was agreed on.
    pub(crate) alpn: Option<Vec<u8>>,
}

/// Begins TLS. `host` is whom to ask for and check where the settings name no server.
pub(crate) async fn begin_tls(
    stream: Connection,
    host: &str,
    settings: &TlsSettings,
    alpn: &[&[u8]],
) -> Result<(Connection, TlsFacts), Failure> {
    let config = tls_config(settings, alpn)?;
    let host = settings.server_name.as_deref().unwrap_or(host);
    let name = ServerName::try_from(host.to_owned())
        .map_err(|error| Failure::new(format!("{host:?} cannot be a server's name: {error}")))?;
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .map_err(|error| Failure::new(format!("TLS handshake with {host:?}: {error}")))?;
    let session = stream.get_ref().1;
    let suite = session.negotiated_cipher_suite();
    let facts = TlsFacts {
        certificates: session
            .peer_certificates()
            .unwrap_or_default()
            .iter()
            .map(|certificate| certificate.clone().into_owned())
            .collect(),
        version: session.protocol_version(),
        cipher: suite.map(cipher_name).unwrap_or_default(),
        alpn: session.alpn_protocol().map(<[u8]>::to_vec),
    };
    Ok((Box::new(stream), facts))
}

/// The name that IANA has for it; the library tells the suites of TLS 1.3 apart by a prefix.
fn cipher_name(suite: rustls::SupportedCipherSuite) -> String {
    let name = suite.suite().as_str().unwrap_or("unknown");
    name.replace("TLS13_", "TLS_")
}

/// Which of the metrics of TLS a prober has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TlsMetrics {
    /// `probe_tls_cipher_info`.
    pub(crate) cipher: bool,
    /// `probe_ssl_last_chain_expiry_timestamp_seconds`.
    pub(crate) chain_expiry: bool,
}

/// Records what is known of TLS.
pub(crate) fn record_tls(
    recorder: &mut Recorder,
    tls: &TlsFacts,
    settings: &TlsSettings,
    clock: &dyn Clock,
    metrics: TlsMetrics,
) {
    let version = match tls.version {
        Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
        Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
        _ => "unknown",
    };
    recorder.note(format!("{version} with {}", tls.cipher));
    recorder.set_labelled(TLS_VERSION_INFO, &[("version", version)], 1.0);
    if metrics.cipher {
        recorder.set_labelled(TLS_CIPHER_INFO, &[("cipher", &tls.cipher)], 1.0);
    }
    if metrics.chain_expiry {
        let expiry = if settings.insecure_skip_verify {
            None
        } else {
            let trusted = authorities(settings).unwrap_or_default();
            chain_expiry(
                &tls.certificates,
                &trusted,
                clock.now_ms().div_euclid(1_000),
            )
        };
        let seconds = expiry.map_or(NO_CHAIN_SECONDS, |seconds| seconds as f64);
        recorder.set(SSL_LAST_CHAIN_EXPIRY, seconds);
    }
    let Some(facts) = facts(&tls.certificates) else {
        recorder.note("the server's certificate cannot be read");
        return;
    };
    let ends_seconds = facts.earliest_expiry_seconds as f64;
    recorder.certificate_ends(ends_seconds);
    recorder.set(SSL_EARLIEST_CERT_EXPIRY, ends_seconds);
    let labels = [
        ("fingerprint_sha256", facts.fingerprint_sha256.as_str()),
        ("issuer", &facts.issuer),
        ("serialnumber", &facts.serial_number),
        ("subject", &facts.subject),
        ("subjectalternative", &facts.alternative_names),
    ];
    recorder.set_labelled(SSL_LAST_CHAIN_INFO, &labels, 1.0);
}

/// Takes down when the certificates end, and nothing else: for a prober that has no metrics of TLS, as it has none
/// in blackbox_exporter.
pub(crate) fn record_lifetime(recorder: &mut Recorder, tls: &TlsFacts) {
    match facts(&tls.certificates) {
        Some(facts) => recorder.certificate_ends(facts.earliest_expiry_seconds as f64),
        None => recorder.note("the server's certificate cannot be read"),
    }
}

/// Whether the first certificate to end of those that the target showed lives long enough.
pub(crate) fn judge_lifetime(
    recorder: &mut Recorder,
    lifetime_min: Duration,
    clock: &dyn Clock,
) -> Result<(), Failure> {
    recorder.may_degrade();
    let Some(ends) = recorder.certificate_ends_seconds() else {
        return Ok(());
    };
    let left = ends - clock.now_ms() as f64 / 1_000.0;
    if left >= lifetime_min.as_secs_f64() {
        return Ok(());
    }
    let reason = format!(
        "a certificate of the target ends in {:.1} days, sooner than {:.1}",
        left / 86_400.0,
        lifetime_min.as_secs_f64() / 86_400.0
    );
    recorder.trouble(OnTrouble::Degrade, reason)
}
