//! The acceptor's TLS.

use super::{TlsError, certificates, key, provider, roots};
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// Who a server is and whether clients have to show who they are. Clones share what is
/// [reloaded](ServerTls::reload_pem).
#[derive(Clone)]
pub struct ServerTls {
    clients: ClientAuth,
    current: Arc<RwLock<Arc<ServerConfig>>>,
}

/// Whether clients show a certificate. Who they are is for handlers to see
/// ([`RemoteInfo::certificates`](crate::RemoteInfo)).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum ClientAuth {
    /// They are not asked.
    #[default]
    None,
    /// They may; one that they show must be good. PEM text of the authorities.
    Optional(Vec<u8>),
    /// They must. PEM text of the authorities.
    Required(Vec<u8>),
}

impl ServerTls {
    /// This certificate (with its chain) and key; clients are not asked for theirs.
    ///
    /// # Errors
    ///
    /// [`TlsError`] where the two cannot be used.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<ServerTls, TlsError> {
        ServerTls::with_clients(certificate, key, ClientAuth::None)
    }

    /// The same, and what is asked of clients.
    ///
    /// # Errors
    ///
    /// [`TlsError`] where certificates or key cannot be used.
    pub fn with_clients(
        certificate: &[u8],
        key: &[u8],
        clients: ClientAuth,
    ) -> Result<ServerTls, TlsError> {
        let current = Arc::new(RwLock::new(build(certificate, key, &clients)?));
        Ok(ServerTls { clients, current })
    }

    /// Uses another certificate from now on. Connections that are open stay as they are. On an
    /// error the old one stays.
    ///
    /// # Errors
    ///
    /// [`TlsError`] where the two cannot be used.
    pub fn reload_pem(&self, certificate: &[u8], key: &[u8]) -> Result<(), TlsError> {
        let config = build(certificate, key, &self.clients)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn build(
    certificate: &[u8],
    private: &[u8],
    clients: &ClientAuth,
) -> Result<Arc<ServerConfig>, TlsError> {
    let builder = ServerConfig::builder_with_provider(provider());
    let builder = builder.with_safe_default_protocol_versions().map_err(TlsError::Identity)?;
    let verifier = |pem: &[u8]| -> Result<_, TlsError> {
        let store = Arc::new(roots(pem)?);
        Ok(WebPkiClientVerifier::builder_with_provider(store, provider()))
    };
    let bad = |error: rustls::server::VerifierBuilderError| TlsError::Roots(error.to_string());
    let builder = match clients {
        ClientAuth::None => builder.with_no_client_auth(),
        ClientAuth::Optional(pem) => {
            let verifier = verifier(pem)?.allow_unauthenticated().build().map_err(bad)?;
            builder.with_client_cert_verifier(verifier)
        }
        ClientAuth::Required(pem) => {
            builder.with_client_cert_verifier(verifier(pem)?.build().map_err(bad)?)
        }
    };
    let config = builder.with_single_cert(certificates(certificate)?, key(private)?);
    Ok(Arc::new(config.map_err(TlsError::Identity)?))
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clients = match self.clients {
            ClientAuth::None => "none",
            ClientAuth::Optional(_) => "optional",
            ClientAuth::Required(_) => "required",
        };
        f.debug_struct("ServerTls").field("clients", &clients).finish_non_exhaustive()
    }
}
