//! Why a TLS handshake failed, in words.

use rustls::{AlertDescription, CertificateError, Error};
use std::fmt;
use std::io;

/// Why a TLS handshake failed. `Display` says what happened and what to try.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsFailure {
    /// The certificate is for other names (SEC-04).
    WrongName,
    /// The certificate is not valid any more.
    Expired,
    /// The certificate is not valid yet.
    NotYetValid,
    /// Nobody whom we trust has signed it; so is a self-signed one.
    UnknownAuthority,
    /// It is an authority's own (`CA:TRUE`), which a server's must not be. `openssl req -x509`
    /// makes such ones unless it is told otherwise.
    AuthorityAsServer,
    /// It was revoked.
    Revoked,
    /// It is bad in another way.
    BadCertificate(String),
    /// The peer wants to see a certificate of ours.
    CertificateRequired,
    /// The peer does not accept our certificate.
    CertificateRefused,
    /// Both ends have no version or cipher in common.
    NothingInCommon,
    /// The peer does not speak TLS.
    NotTls,
    /// The peer does not know the name that we asked for (SNI).
    UnknownName,
    /// The peer closed within the handshake.
    Closed,
    /// It took too long (T03).
    Timeout,
    /// Something else.
    Other(String),
}

impl TlsFailure {
    /// What an error of the stream says about TLS, `None` where it has nothing to do with it.
    pub fn of(error: &io::Error) -> Option<TlsFailure> {
        let inner = error.get_ref()?.downcast_ref::<Error>()?;
        Some(TlsFailure::of_rustls(inner))
    }

    /// The same for an error within the TLS handshake, where everything has to do with it.
    pub(crate) fn within_handshake(error: &io::Error) -> TlsFailure {
        TlsFailure::of(error).unwrap_or_else(|| match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe => TlsFailure::Closed,
            _ => TlsFailure::Other(error.to_string()),
        })
    }

    fn of_rustls(error: &Error) -> TlsFailure {
        match error {
            Error::InvalidCertificate(certificate) => TlsFailure::of_certificate(certificate),
            Error::AlertReceived(alert) => TlsFailure::of_alert(*alert),
            Error::NoCertificatesPresented => TlsFailure::CertificateRequired,
            Error::PeerIncompatible(_) => TlsFailure::NothingInCommon,
            Error::InvalidMessage(_) => TlsFailure::NotTls,
            other => TlsFailure::Other(other.to_string()),
        }
    }

    fn of_certificate(error: &CertificateError) -> TlsFailure {
        use CertificateError as E;
        match error {
            E::NotValidForName | E::NotValidForNameContext { .. } => TlsFailure::WrongName,
            E::Expired | E::ExpiredContext { .. } => TlsFailure::Expired,
            E::NotValidYet | E::NotValidYetContext { .. } => TlsFailure::NotYetValid,
            E::UnknownIssuer => TlsFailure::UnknownAuthority,
            E::Revoked => TlsFailure::Revoked,
            E::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
                TlsFailure::AuthorityAsServer
            }
            other => TlsFailure::BadCertificate(other.to_string()),
        }
    }

    fn of_alert(alert: AlertDescription) -> TlsFailure {
        use AlertDescription as A;
        match alert {
            A::CertificateRequired => TlsFailure::CertificateRequired,
            A::BadCertificate
            | A::CertificateExpired
            | A::CertificateRevoked
            | A::CertificateUnknown
            | A::UnknownCA
            | A::AccessDenied
            | A::UnsupportedCertificate => TlsFailure::CertificateRefused,
            A::ProtocolVersion | A::HandshakeFailure => TlsFailure::NothingInCommon,
            A::UnrecognisedName => TlsFailure::UnknownName,
            other => TlsFailure::Other(format!("the peer sent the alert {other:?}")),
        }
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongName => {
                "the certificate is for another name; use a name that it has, or give the name to check (server name)"
            }
            Self::Expired => "the certificate has expired; renew it, or look at this machine's clock",
            Self::NotYetValid => {
                "the certificate is not valid yet; look at this machine's clock"
            }
            Self::UnknownAuthority => {
                "the certificate is signed by an unknown authority, or by itself; trust its authority (CA certificate)"
            }
            Self::AuthorityAsServer => {
                "the certificate is an authority's (CA:TRUE), which a server's must not be; make one with basicConstraints=CA:FALSE"
            }
            Self::Revoked => "the certificate was revoked",
            Self::BadCertificate(what) => return write!(f, "the certificate is bad: {what}"),
            Self::CertificateRequired => {
                "the server wants a client certificate; give a certificate and its key"
            }
            Self::CertificateRefused => {
                "the peer does not accept the certificate; is it from an authority that the peer trusts?"
            }
            Self::NothingInCommon => {
                "no TLS version or cipher in common; TLS 1.2 and 1.3 are spoken here"
            }
            Self::NotTls => "the peer does not speak TLS; is coap+ws:// meant, or another port?",
            Self::UnknownName => "the server does not know the name that was asked for (SNI)",
            Self::Closed => {
                "the peer closed within the TLS handshake; does it speak TLS on this port?"
            }
            Self::Timeout => "the TLS handshake took too long; does the peer speak TLS on this port?",
            Self::Other(what) => return f.write_str(what),
        })
    }
}

impl std::error::Error for TlsFailure {}
