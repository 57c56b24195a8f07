//! TLS by rustls: coaps+ws (RFC 8323 §8.4, §9).
//!
//! One implementation for all runtimes, over whatever carries bytes. TLS 1.2 and 1.3 and nothing
//! older (SEC-05); ALPN is left alone, since `coap` there means something else (SEC-06). Who
//! brings a TLS of their own gives the decrypted stream to
//! [`ClientBuilder::over`](crate::ClientBuilder::over) or
//! [`Acceptor::connection`](crate::Acceptor::connection).

mod client;
mod credentials;
mod failure;
mod server;
mod stream;

pub use client::ClientTls;
pub use credentials::{Credentials, PatternError};
pub use failure::TlsFailure;
pub use server::{ClientAuth, ServerTls};
pub(crate) use stream::TlsStream;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fmt;
use std::sync::Arc;

/// Certificates or keys that cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// The PEM text has no certificate in it.
    NoCertificate,
    /// The PEM text has no private key in it.
    NoKey,
    /// The PEM text is damaged.
    Pem(rustls::pki_types::pem::Error),
    /// Certificate and key do not go together, or are of a kind that is not supported.
    Identity(rustls::Error),
    /// A root certificate cannot be used.
    Roots(String),
    /// The name to check the server's certificate against is none.
    ServerName(String),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCertificate => f.write_str(
                "there is no certificate in it; a PEM file with BEGIN CERTIFICATE is needed",
            ),
            Self::NoKey => f.write_str(
                "there is no private key in it; a PEM file with BEGIN PRIVATE KEY is needed",
            ),
            Self::Pem(error) => write!(f, "the PEM text is damaged: {error}"),
            Self::Identity(error) => {
                write!(f, "certificate and key cannot be used together: {error}")
            }
            Self::Roots(error) => write!(f, "the root certificates cannot be used: {error}"),
            Self::ServerName(name) => write!(f, "`{name}` is no name that a certificate can have"),
        }
    }
}

impl std::error::Error for TlsError {}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(TlsError::Pem)?;
    if found.is_empty() { Err(TlsError::NoCertificate) } else { Ok(found) }
}

fn key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        rustls::pki_types::pem::Error::NoItemsFound => TlsError::NoKey,
        other => TlsError::Pem(other),
    })
}

fn roots(pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(pem)? {
        store.add(certificate).map_err(|error| TlsError::Roots(error.to_string()))?;
    }
    Ok(store)
}
