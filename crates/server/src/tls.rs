//! TLS of the listeners, from PEM files.
//!
//! ## Model
//! [`load`] makes a rustls configuration; the acceptor swaps it for a new one on reload, so that a
//! renewed certificate serves the next connection.
//!
//! ## Failure
//! A file that cannot be read or does not fit leaves the running configuration in place.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme,
};

use crate::error::ServerError;
use crate::front_proxy::{EitherAuthority, Peers};
use crate::settings::{ClientAuth, Pem, TlsSettings, TlsVersion};

fn fail(pem: &Pem, reason: impl std::fmt::Display) -> ServerError {
    let path = match pem {
        Pem::File(path) => path.display().to_string(),
        Pem::Inline(_) => "the PEM text in the configuration".to_owned(),
    };
    ServerError::Tls {
        path,
        reason: reason.to_string(),
    }
}

/// The bytes of a PEM, with secrets kept out of what errors say.
fn bytes(pem: &Pem) -> Result<Vec<u8>, ServerError> {
    match pem {
        Pem::File(path) => std::fs::read(path).map_err(|error| fail(pem, error)),
        Pem::Inline(text) => Ok(text.0.clone().into_bytes()),
    }
}

fn certificates(pem: &Pem) -> Result<Vec<CertificateDer<'static>>, ServerError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes(pem)?).collect();
    let found = found.map_err(|error| fail(pem, error))?;
    if found.is_empty() {
        return Err(fail(pem, "no certificate in it"));
    }
    Ok(found)
}

/// What the listeners of TLS need.
#[derive(Debug)]
pub(crate) struct LoadedTls {
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) peers: Peers,
}

/// Reads the files and makes a configuration.
pub(crate) fn load(settings: &TlsSettings, http2: bool) -> Result<Arc<LoadedTls>, ServerError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let spoken = settings.version_min..=settings.version_max;
    let all = [
        (TlsVersion::Tls13, &rustls::version::TLS13),
        (TlsVersion::Tls12, &rustls::version::TLS12),
    ];
    let versions: Vec<&rustls::SupportedProtocolVersion> = all
        .into_iter()
        .filter(|(v, _)| spoken.contains(v))
        .map(|(_, v)| v)
        .collect();
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)
        .map_err(|error| fail(&settings.cert, error))?;
    let front_proxies = match &settings.front_proxy {
        None => None,
        Some(proxy) => Some(verifier(&proxy.client_ca, &provider, false)?),
    };
    let clients: Option<Arc<dyn ClientCertVerifier>> = match settings.client_auth {
        ClientAuth::None if front_proxies.is_none() => None,
        // Whoever comes without the certificate of a front proxy is nobody yet.
        ClientAuth::None | ClientAuth::Request | ClientAuth::RequireAny => {
            let mandatory = settings.client_auth == ClientAuth::RequireAny;
            Some(Arc::new(AnyClient {
                provider,
                mandatory,
            }))
        }
        ClientAuth::VerifyIfGiven | ClientAuth::RequireAndVerify => {
            let clients = signed_clients(settings, &provider)?;
            Some(match &front_proxies {
                None => clients,
                Some(front_proxies) => Arc::new(EitherAuthority {
                    clients,
                    front_proxies: Arc::clone(front_proxies),
                }),
            })
        }
    };
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => builder.with_client_cert_verifier(clients),
    };
    let chain = certificates(&settings.cert)?;
    let key = PrivateKeyDer::from_pem_slice(&bytes(&settings.key)?)
        .map_err(|error| fail(&settings.key, error))?;
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|error| fail(&settings.key, error))?;
    config.alpn_protocols = if http2 {
        vec![b"h2".to_vec(), b"http/1.1".to_vec()]
    } else {
        vec![b"http/1.1".to_vec()]
    };
    let names = settings.front_proxy.as_ref();
    let names = names.map(|proxy| proxy.allowed_names.clone());
    Ok(Arc::new(LoadedTls {
        config: Arc::new(config),
        peers: Peers {
            front_proxy: front_proxies.zip(names),
            verifies_clients: matches!(
                settings.client_auth,
                ClientAuth::VerifyIfGiven | ClientAuth::RequireAndVerify
            ),
        },
    }))
}

/// Takes what an authority has signed, and nothing at all where that is allowed.
fn verifier(
    ca: &Pem,
    provider: &Arc<CryptoProvider>,
    may_be_missing: bool,
) -> Result<Arc<dyn ClientCertVerifier>, ServerError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca)? {
        roots.add(certificate).map_err(|error| fail(ca, error))?;
    }
    let provider = Arc::clone(provider);
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = match may_be_missing {
        true => builder.allow_unauthenticated(),
        false => builder,
    };
    let verifier = builder.build().map_err(|error| fail(ca, error))?;
    Ok(verifier)
}

fn signed_clients(
    settings: &TlsSettings,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, ServerError> {
    let ca = settings.client_ca.as_ref().ok_or_else(|| {
        fail(
            &settings.cert,
            "certificates of clients cannot be verified without client_ca_file or client_ca",
        )
    })?;
    let may_be_missing = settings.client_auth == ClientAuth::VerifyIfGiven;
    let verifier = verifier(ca, provider, may_be_missing)?;
    if settings.client_allowed_sans.is_empty() {
        return Ok(verifier);
    }
    Ok(Arc::new(NamedClients {
        inner: verifier,
        names: settings.client_allowed_sans.clone(),
    }))
}

/// Takes a certificate of whoever signed it; the client must only hold its key.
#[derive(Debug)]
struct AnyClient {
    provider: Arc<CryptoProvider>,
    mandatory: bool,
}

impl ClientCertVerifier for AnyClient {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Takes only certificates for one of the given names.
#[derive(Debug)]
struct NamedClients {
    inner: Arc<dyn ClientCertVerifier>,
    names: Vec<String>,
}

impl ClientCertVerifier for NamedClients {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.inner.client_auth_mandatory()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verified = self
            .inner
            .verify_client_cert(end_entity, intermediates, now)?;
        let parsed = rustls::server::ParsedCertificate::try_from(end_entity)?;
        let named = self.names.iter().any(|name| {
            rustls::pki_types::ServerName::try_from(name.as_str())
                .is_ok_and(|name| rustls::client::verify_server_name(&parsed, &name).is_ok())
        });
        if named {
            return Ok(verified);
        }
        Err(rustls::Error::InvalidCertificate(
            rustls::CertificateError::NotValidForName,
        ))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
