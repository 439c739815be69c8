//! TLS for the client of HTTP.
//!
//! ## Model
//! Servers are trusted that the system trusts: its roots, or those that `SSL_CERT_FILE` and
//! `SSL_CERT_DIR` name. They are read once, when the first probe is made.

use std::fmt;
use std::sync::{Arc, LazyLock};

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::client::Target;

/// The configuration of all probes, or why there is none.
static CONFIG: LazyLock<Result<Arc<ClientConfig>, String>> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(native.certs);
    match roots.is_empty() {
        true => Err("the system trusts nobody: SSL_CERT_FILE may name a file of roots".to_owned()),
        false => config(roots),
    }
});

fn config(roots: RootCertStore) -> Result<Arc<ClientConfig>, String> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| error.to_string())?;
    let config = builder.with_root_certificates(roots).with_no_client_auth();
    Ok(Arc::new(config))
}

/// Begins TLS with one host.
pub(crate) struct Connector(Result<(TlsConnector, ServerName<'static>), String>);

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connector").finish_non_exhaustive()
    }
}

impl Connector {
    pub(crate) fn new(target: &Target) -> Self {
        if !target.is_tls {
            return Self(Err("it is not asked for".to_owned()));
        }
        Self(
            CONFIG
                .clone()
                .and_then(|config| Self::of_host(config, &target.host)),
        )
    }

    fn of_host(
        config: Arc<ClientConfig>,
        host: &str,
    ) -> Result<(TlsConnector, ServerName<'static>), String> {
        let name = ServerName::try_from(host.to_owned());
        let name = name.map_err(|error| error.to_string())?;
        Ok((TlsConnector::from(config), name))
    }

    pub(crate) async fn connect(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, String> {
        let (connector, name) = self.0.as_ref().map_err(|it| format!("no TLS: {it}"))?;
        let connected = connector.connect(name.clone(), stream).await;
        connected.map_err(|error| format!("no TLS: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

    use super::*;

    /// Connects to a server that has a certificate for `localhost`, which is trusted or not.
    async fn connect(host: &str, is_trusted: bool) -> Result<(), String> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = CertificateDer::from(made.cert.der().to_vec());
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            // The client may not like the certificate.
            let _accepted = TlsAcceptor::from(Arc::new(server)).accept(stream).await;
        });
        let mut roots = RootCertStore::empty();
        if is_trusted {
            roots.add(certificate).unwrap();
        }
        let connector = Connector(Connector::of_host(config(roots).unwrap(), host));
        let stream = TcpStream::connect(address).await.unwrap();
        let connected = connector.connect(stream).await.map(drop);
        serving.await.unwrap();
        connected
    }

    #[tokio::test]
    async fn servers_are_trusted_by_name_and_root() {
        assert_eq!(connect("localhost", true).await, Ok(()));
        let error = connect("localhost", false).await.unwrap_err();
        assert!(error.contains("UnknownIssuer"), "{error}");
        let error = connect("mail.example", true).await.unwrap_err();
        assert!(error.contains("not valid for name"), "{error}");
    }
}
