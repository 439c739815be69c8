//! Who a connection's certificate says its client is: Kubernetes' aggregation layer, or a client of ours.
//!
//! ## Model
//! The API server of Kubernetes has asked who its user is and whether he may, and sends the request on: by
//! a certificate of its own authority, with the user's name in a header. Such a connection is a *front
//! proxy*. It may read `/apis`, and its headers count; those of anybody else never do. A certificate of
//! the authority of clients lets KEDA in, which has no other way to say who it is.
//!
//! ## See also
//! <https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/>

use std::sync::Arc;

use axum::http::{HeaderMap, Method};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, SignatureScheme};

use crate::{external_metrics, keda};

/// What the certificate of a connection has shown. An extension of its requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    /// It was signed by the authority of front proxies, and has one of their names.
    FrontProxy,
    /// It was verified by the authority of clients.
    Client,
}

impl Peer {
    /// Whether a request needs no further credentials.
    pub(crate) fn may(self, method: &Method, path: &str, headers: &HeaderMap) -> bool {
        match self {
            Self::FrontProxy => {
                let is_below = path
                    .strip_prefix(external_metrics::PATH)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
                // Without a user the API server has not asked who it is.
                let user = headers.get("x-remote-user");
                method == Method::GET && is_below && user.is_some_and(|user| !user.is_empty())
            }
            Self::Client => path.starts_with(keda::PATH),
        }
    }
}

/// How the certificates of connections are told apart.
#[derive(Debug, Clone)]
pub(crate) struct Peers {
    /// The authority of front proxies, with their names; none: any.
    pub(crate) front_proxy: Option<(Arc<dyn ClientCertVerifier>, Vec<String>)>,
    /// Whether all other certificates that come are verified.
    pub(crate) verifies_clients: bool,
}

impl Peers {
    /// Whose the certificates of a connection are, the client's own first.
    pub(crate) fn peer(&self, certificates: &[CertificateDer<'_>]) -> Option<Peer> {
        let (own, rest) = certificates.split_first()?;
        if let Some((verifier, names)) = &self.front_proxy
            && verifier
                .verify_client_cert(own, rest, UnixTime::now())
                .is_ok()
        {
            let is_named =
                names.is_empty() || common_name(own).is_some_and(|it| names.contains(&it));
            return is_named.then_some(Peer::FrontProxy);
        }
        self.verifies_clients.then_some(Peer::Client)
    }
}

/// The common name of a certificate's subject.
fn common_name(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let name = parsed.subject().iter_common_name().next()?;
    name.as_str().ok().map(str::to_owned)
}

/// Takes what either of two authorities has signed.
#[derive(Debug)]
pub(crate) struct EitherAuthority {
    pub(crate) clients: Arc<dyn ClientCertVerifier>,
    pub(crate) front_proxies: Arc<dyn ClientCertVerifier>,
}

impl ClientCertVerifier for EitherAuthority {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // A client that is told names of authorities may keep a certificate of others to itself.
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        self.clients.client_auth_mandatory()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let front = &self.front_proxies;
        match front.verify_client_cert(end_entity, intermediates, now) {
            Ok(verified) => Ok(verified),
            Err(_) => self
                .clients
                .verify_client_cert(end_entity, intermediates, now),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.clients
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.clients
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.clients.supported_verify_schemes()
    }
}
