//! The initiator's TLS.

use super::{TlsError, certificates, key, provider, roots};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::BuilderVerifierExt;
use std::fmt;
use std::sync::Arc;

/// Whom a client trusts and who it is.
#[derive(Clone)]
pub struct ClientTls {
    trust: Trust,
    identity: Option<(Vec<u8>, Vec<u8>)>,
    server_name: Option<ServerName<'static>>,
    config: Arc<ClientConfig>,
}

#[derive(Clone)]
enum Trust {
    Platform,
    Roots(Arc<rustls::RootCertStore>),
}

impl ClientTls {
    /// Trusts whom the operating system trusts.
    ///
    /// # Errors
    ///
    /// [`TlsError::Roots`] where the system has no roots.
    pub fn platform() -> Result<ClientTls, TlsError> {
        ClientTls::new(Trust::Platform)
    }

    /// Trusts these root certificates, and nobody else. A self-signed certificate that is no
    /// authority (`CA:FALSE`) is its own.
    ///
    /// # Errors
    ///
    /// [`TlsError`] for text that has none.
    pub fn with_roots_pem(pem: &[u8]) -> Result<ClientTls, TlsError> {
        ClientTls::new(Trust::Roots(Arc::new(roots(pem)?)))
    }

    fn new(trust: Trust) -> Result<ClientTls, TlsError> {
        let config = build(&trust, None)?;
        Ok(ClientTls { trust, identity: None, server_name: None, config })
    }

    /// Shows this certificate to a server that asks for one.
    ///
    /// # Errors
    ///
    /// [`TlsError`] where the two cannot be used.
    pub fn identity_pem(mut self, certificate: &[u8], key: &[u8]) -> Result<ClientTls, TlsError> {
        let identity = (certificate.to_vec(), key.to_vec());
        self.config = build(&self.trust, Some(&identity))?;
        self.identity = Some(identity);
        Ok(self)
    }

    /// Checks the server's certificate against this name and asks for it (SNI), instead of the
    /// URI's host.
    ///
    /// # Errors
    ///
    /// [`TlsError::ServerName`].
    pub fn server_name(mut self, name: &str) -> Result<ClientTls, TlsError> {
        let parsed = ServerName::try_from(name.to_owned());
        self.server_name = Some(parsed.map_err(|_| TlsError::ServerName(name.to_owned()))?);
        Ok(self)
    }

    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }

    /// The name to check against: the one that was set, or the host of the URI (SEC-03, SEC-04).
    pub(crate) fn name_for(&self, host: &str) -> Result<ServerName<'static>, TlsError> {
        match &self.server_name {
            Some(name) => Ok(name.clone()),
            None => ServerName::try_from(host.to_owned())
                .map_err(|_| TlsError::ServerName(host.to_owned())),
        }
    }
}

fn build(
    trust: &Trust,
    identity: Option<&(Vec<u8>, Vec<u8>)>,
) -> Result<Arc<ClientConfig>, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider());
    let builder = builder.with_safe_default_protocol_versions().map_err(TlsError::Identity)?;
    let builder = match trust {
        Trust::Platform => {
            builder.with_platform_verifier().map_err(|error| TlsError::Roots(error.to_string()))?
        }
        Trust::Roots(store) => builder.with_root_certificates(Arc::clone(store)),
    };
    Ok(Arc::new(match identity {
        Some((certificate, private)) => builder
            .with_client_auth_cert(certificates(certificate)?, key(private)?)
            .map_err(TlsError::Identity)?,
        None => builder.with_no_client_auth(),
    }))
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls")
            .field("identity", &self.identity.is_some())
            .field("server_name", &self.server_name)
            .finish_non_exhaustive()
    }
}
