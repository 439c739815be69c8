//! Servers that say what a test wants.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bellwether_outbound::settings::{PemSource, Secret, TlsSettings};
use bellwether_storage::SystemClock;
use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::task::AbortOnDropHandle;

use crate::module::{AddressChoice, IpProtocol};
use crate::{Module, ProbeResult, Prober};

/// Far more than any test needs: a probe that is cut off shows as a failed test.
pub(super) const LONG: Duration = Duration::from_secs(30);

pub(super) const IP4: AddressChoice = AddressChoice {
    preferred: IpProtocol::Ip4,
    fallback: false,
};

/// Probes with time enough.
pub(super) async fn probe(prober: Prober, target: &str) -> ProbeResult {
    crate::probe(&Module::new(prober), target, LONG, &SystemClock).await
}

/// A server that ends with its test.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    _task: AbortOnDropHandle<()>,
}

/// Serves each connection with `talk`.
pub(super) async fn serve<F, R>(talk: F) -> Server
where
    F: Fn(TcpStream) -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(talk(stream));
        }
    });
    Server {
        address,
        _task: AbortOnDropHandle::new(task),
    }
}

/// An address where nobody listens.
pub(super) async fn refused() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

/// A self-signed certificate of `localhost`.
pub(super) struct Identity {
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
    pem: String,
}

impl Identity {
    /// Valid from 2020 to the beginning of `year`.
    pub(super) fn until(year: i32) -> Self {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params
            .distinguished_name
            .push(DnType::CommonName, "localhost");
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self {
            certificate: certificate.der().clone(),
            key: key.serialize_der(),
            pem: certificate.pem(),
        }
    }

    /// Settings of a client that trusts it.
    pub(super) fn trusted(&self) -> TlsSettings {
        TlsSettings {
            ca: Some(PemSource::Inline(Secret::new(self.pem.clone()))),
            ..TlsSettings::default()
        }
    }

    pub(super) fn acceptor(&self, alpn: &[&[u8]]) -> TlsAcceptor {
        let key = PrivateKeyDer::try_from(self.key.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], key)
            .unwrap();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// Takes a TLS connection; `None` where the client does not like us.
pub(super) async fn accept(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
) -> Option<TlsStream<TcpStream>> {
    acceptor.accept(stream).await.ok()
}
