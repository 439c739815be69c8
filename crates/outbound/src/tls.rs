//! TLS of a client, from its settings.
//!
//! ## Limits
//! `server_name` decides which name the certificate is checked for. The name that is sent to the
//! server (SNI) stays the host of the URL; for an address none is sent.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    SupportedProtocolVersion,
};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use crate::error::OutboundError;
use crate::file;
use crate::settings::{PemSource, TlsSettings, TlsVersion};

/// The authorities that the system trusts or, where it names none (a bare container), those that
/// Mozilla does. Read once.
static SYSTEM_ROOTS: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(SYSTEM_CERTIFICATES.iter().cloned());
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    Arc::new(roots)
});

/// The certificates of the authorities that the system trusts. Read once.
static SYSTEM_CERTIFICATES: LazyLock<Vec<CertificateDer<'static>>> =
    LazyLock::new(|| rustls_native_certs::load_native_certs().certs);

/// The configuration of a client, with the files read that the settings name.
pub(crate) fn config(settings: &TlsSettings, http2: bool) -> Result<ClientConfig, OutboundError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = versions(settings)?;
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)
        .map_err(|error| OutboundError::settings("min_version", error))?;
    let verifier = verifier(settings, &provider)?;
    let builder = builder
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match (&settings.cert, &settings.key) {
        (Some(cert), Some(key)) => {
            let certificates = certificates("cert", cert)?;
            let key = PrivateKeyDer::from_pem_slice(&pem("key", key)?)
                .map_err(|error| wrong("key", key, error))?;
            builder
                .with_client_auth_cert(certificates, key)
                .map_err(|error| wrong("cert", cert, error))?
        }
        (None, None) => builder.with_no_client_auth(),
        _ => {
            let reason = "certificate and key must be set together";
            return Err(OutboundError::settings("cert", reason));
        }
    };
    config.alpn_protocols = if http2 {
        vec![b"h2".to_vec(), b"http/1.1".to_vec()]
    } else {
        vec![b"http/1.1".to_vec()]
    };
    Ok(config)
}

/// TLS for those who make their own connections: `alpn` is what is offered, empty for nothing.
///
/// # Errors
/// Where a file of the settings cannot be read or a setting makes no sense.
pub fn tls_config(settings: &TlsSettings, alpn: &[&[u8]]) -> Result<ClientConfig, OutboundError> {
    let mut config = config(settings, false).map_err(|error| error.below("tls_config."))?;
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(config)
}

/// The certificates that a client with these settings trusts: those of its file, or the system's.
/// None where the system names none and Mozilla's keys are trusted, which come without certificates.
///
/// # Errors
/// Where the file cannot be read or holds none.
pub fn authorities(
    settings: &TlsSettings,
) -> Result<Cow<'static, [CertificateDer<'static>]>, OutboundError> {
    match &settings.ca {
        None => Ok(Cow::Borrowed(SYSTEM_CERTIFICATES.as_slice())),
        Some(ca) => {
            let read = certificates("ca", ca).map_err(|error| error.below("tls_config."))?;
            Ok(Cow::Owned(read))
        }
    }
}

/// Begins TLS on a connection to a host that does not speak HTTP, such as a mail server.
///
/// # Errors
/// Where a file of the settings cannot be read, a setting makes no sense, or the server's certificate
/// is not to be trusted.
pub async fn start_tls<S>(
    stream: S,
    host: &str,
    settings: &TlsSettings,
) -> Result<impl AsyncRead + AsyncWrite + Unpin + Send + use<S>, OutboundError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut config = config(settings, false).map_err(|error| error.below("tls_config."))?;
    config.alpn_protocols.clear();
    let name = ServerName::try_from(host.to_owned())
        .map_err(|error| OutboundError::settings(format!("host {host:?}"), error))?;
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .map_err(|error| OutboundError::Transport {
            url: host.to_owned(),
            reason: error.to_string(),
            timed_out: false,
        })
}

fn versions(
    settings: &TlsSettings,
) -> Result<Vec<&'static SupportedProtocolVersion>, OutboundError> {
    let offered = [
        (TlsVersion::Tls12, &rustls::version::TLS12),
        (TlsVersion::Tls13, &rustls::version::TLS13),
    ];
    let within = offered.into_iter().filter(|(version, _)| {
        settings.version_min.is_none_or(|min| *version >= min)
            && settings.version_max.is_none_or(|max| *version <= max)
    });
    let versions: Vec<_> = within.map(|(_, version)| version).collect();
    if versions.is_empty() {
        let reason = "leaves neither TLS 1.2 nor TLS 1.3, and older versions are not spoken";
        return Err(OutboundError::settings("max_version", reason));
    }
    Ok(versions)
}

fn pem(what: &str, source: &PemSource) -> Result<Vec<u8>, OutboundError> {
    match source {
        PemSource::Inline(secret) => Ok(secret.expose().as_bytes().to_vec()),
        PemSource::File(path) => file::read(&format!("{what}_file"), path),
    }
}

/// What is wrong with a PEM text, with the setting that holds it or the file that does.
fn wrong(what: &str, source: &PemSource, reason: impl ToString) -> OutboundError {
    match source {
        PemSource::Inline(_) => OutboundError::settings(what, reason),
        PemSource::File(path) => OutboundError::settings(
            format!("{what}_file {:?}", path.display().to_string()),
            reason,
        ),
    }
}

fn certificates(
    what: &str,
    source: &PemSource,
) -> Result<Vec<CertificateDer<'static>>, OutboundError> {
    let text = pem(what, source)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => {
            Err(wrong(what, source, "holds no certificate"))
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(wrong(what, source, error)),
    }
}

fn verifier(
    settings: &TlsSettings,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, OutboundError> {
    if settings.insecure_skip_verify {
        return Ok(Arc::new(NoVerification(Arc::clone(provider))));
    }
    let roots = match &settings.ca {
        None => Arc::clone(&SYSTEM_ROOTS),
        Some(ca) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates("ca", ca)? {
                roots
                    .add(certificate)
                    .map_err(|error| wrong("ca", ca, error))?;
            }
            Arc::new(roots)
        }
    };
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider))
        .build()
        .map_err(|error| OutboundError::settings("ca", error))?;
    let Some(name) = &settings.server_name else {
        return Ok(verifier);
    };
    let name = ServerName::try_from(name.clone())
        .map_err(|error| OutboundError::settings("server_name", error))?;
    Ok(Arc::new(OtherName { name, verifier }))
}

/// Checks certificates for another name than the host of the URL.
#[derive(Debug)]
struct OtherName {
    name: ServerName<'static>,
    verifier: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for OtherName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let name = &self.name;
        self.verifier
            .verify_server_cert(end_entity, intermediates, name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// Takes every certificate: `insecure_skip_verify`.
#[derive(Debug)]
struct NoVerification(Arc<CryptoProvider>);

impl ServerCertVerifier for NoVerification {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
