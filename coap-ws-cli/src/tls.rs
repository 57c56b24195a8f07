//! What the command line says of TLS.

use crate::errors::Failure;
use crate::exit::Exit;
use clap::Args;
use coap_ws_tokio::core::message::uri::Uri;
use coap_ws_tokio::tls::{ClientAuth, ClientTls, ServerTls, TlsError, TlsFailure};
use std::path::{Path, PathBuf};

/// Whom to trust and who to be.
#[derive(Args, Debug)]
#[command(next_help_heading = "TLS (coaps+ws)")]
pub(crate) struct ClientTlsArgs {
    /// Trust the authorities in this PEM file, and no other [default: those of the system]
    #[arg(long, value_name = "FILE")]
    pub(crate) cacert: Option<PathBuf>,
    /// Show this certificate (PEM) to a server that asks for one
    #[arg(long, value_name = "FILE", requires = "client_key")]
    pub(crate) client_cert: Option<PathBuf>,
    /// The key of that certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    pub(crate) client_key: Option<PathBuf>,
    /// The name that the server's certificate must have [default: the host of the URI]
    #[arg(long, value_name = "NAME")]
    pub(crate) server_name: Option<String>,
}

/// Who a server is.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "TLS (coaps+ws)")]
pub(crate) struct ServerTlsArgs {
    /// Speak TLS with this certificate and its chain (PEM); SIGHUP reads it anew
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,
    /// The key of that certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
    /// Clients must show a certificate that one of the authorities in this PEM file has signed
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) client_ca: Option<PathBuf>,
    /// Clients without a certificate are let in too
    #[arg(long, requires = "client_ca")]
    pub(crate) client_cert_optional: bool,
    /// Listen here without TLS, besides --listen
    #[arg(long, value_name = "ADDR:PORT", requires = "cert")]
    pub(crate) listen_plain: Vec<String>,
}

impl ClientTlsArgs {
    /// The settings for a URI; `None` where it needs none.
    pub(crate) fn settings(&self, uri: &str) -> Result<Option<ClientTls>, Failure> {
        if !Uri::parse(uri).is_ok_and(|uri| uri.scheme().is_secure()) {
            return Ok(None);
        }
        let mut tls = match &self.cacert {
            Some(path) => {
                ClientTls::with_roots_pem(&read(path)?).map_err(|error| unusable(path, &error))?
            }
            None => ClientTls::platform().map_err(|error| {
                Failure::new(
                    Exit::Connect,
                    "this machine trusts nobody",
                    error.to_string(),
                    "install its CA certificates, or name the authority with --cacert FILE",
                )
            })?,
        };
        if let (Some(certificate), Some(key)) = (&self.client_cert, &self.client_key) {
            tls = tls
                .identity_pem(&read(certificate)?, &read(key)?)
                .map_err(|error| unusable(certificate, &error))?;
        }
        if let Some(name) = &self.server_name {
            tls = tls.server_name(name).map_err(|error| {
                Failure::new(
                    Exit::Usage,
                    error.to_string(),
                    "--server-name takes a DNS name or an IP address",
                    "--server-name example.org",
                )
            })?;
        }
        Ok(Some(tls))
    }
}

impl ServerTlsArgs {
    /// The settings, `None` where the server speaks no TLS.
    pub(crate) fn settings(&self) -> Result<Option<ServerTls>, Failure> {
        let (Some(certificate), Some(key)) = (&self.cert, &self.key) else { return Ok(None) };
        let clients = match &self.client_ca {
            None => ClientAuth::None,
            Some(path) if self.client_cert_optional => ClientAuth::Optional(read(path)?),
            Some(path) => ClientAuth::Required(read(path)?),
        };
        let tls = ServerTls::with_clients(&read(certificate)?, &read(key)?, clients);
        tls.map(Some).map_err(|error| unusable(certificate, &error))
    }

    /// Reads certificate and key anew; on a failure the old ones stay.
    pub(crate) fn reload(&self, tls: &ServerTls) -> Result<(), Failure> {
        let (Some(certificate), Some(key)) = (&self.cert, &self.key) else { return Ok(()) };
        let reloaded = tls.reload_pem(&read(certificate)?, &read(key)?);
        reloaded.map_err(|error| unusable(certificate, &error))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| {
        Failure::new(
            Exit::Usage,
            format!("cannot read {}: {error}", path.display()),
            "it is not there, or may not be read",
            "check the path",
        )
    })
}

fn unusable(path: &Path, error: &TlsError) -> Failure {
    Failure::new(
        Exit::Usage,
        format!("{} cannot be used: {error}", path.display()),
        "TLS takes PEM files: certificates, and a private key of the same pair",
        "check which file goes to which flag",
    )
}

/// A TLS handshake that failed, in three parts.
pub(crate) fn failure(failure: &TlsFailure) -> Failure {
    let (why, advice) = match failure {
        TlsFailure::WrongName => (
            "the server is another one, or was given another name than its certificate has",
            "a name that is in the certificate, or --server-name NAME",
        ),
        TlsFailure::Expired | TlsFailure::NotYetValid => (
            "nobody renewed the certificate, or this machine's clock is wrong",
            "compare `date` with the certificate's dates; renew it on the server",
        ),
        TlsFailure::UnknownAuthority => (
            "the certificate is signed by itself or by an authority of somebody's own",
            "--cacert FILE with the authority's certificate, if you trust it",
        ),
        TlsFailure::AuthorityAsServer => (
            "`openssl req -x509` makes authorities unless it is told otherwise",
            "on the server, a certificate made with -addext basicConstraints=CA:FALSE",
        ),
        TlsFailure::CertificateRequired => (
            "the server lets nobody in who does not show a certificate",
            "--client-cert FILE --client-key FILE",
        ),
        TlsFailure::CertificateRefused => (
            "the server does not know the authority that has signed our certificate",
            "a certificate from an authority of the server's",
        ),
        TlsFailure::NotTls | TlsFailure::Closed => (
            "the port is not one for coaps+ws",
            "coap+ws:// with this port, or the port for coaps+ws (`coap-ws serve --cert`: 8684)",
        ),
        TlsFailure::Timeout => ("the peer does not answer with TLS", "check the port"),
        _ => ("certificate, name or protocol version do not suit", "-vv shows how far it came"),
    };
    Failure::new(Exit::Connect, format!("the TLS handshake failed: {failure}"), why, advice)
}
