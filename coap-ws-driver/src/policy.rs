//! Which names a server answers to, and which web pages may open a connection to it.
//!
//! A [`Policy`] is a plain value; [`decide`](crate::handshake::decide) asks it two questions about
//! each opening handshake:
//!
//! 1. *Is the `Host` one of our names?* ([`Policy::answers_to`]) A page of `attacker.example` whose
//!    name suddenly resolves to `127.0.0.1` ("DNS rebinding", T11) still says
//!    `Host: attacker.example`, and that gives it away.
//! 2. *May the page that asks, ask?* ([`Policy::admits`]) Browsers let every page open WebSockets to
//!    every server and only tell where the page came from, in `Origin` (RFC 6455 §10.2, SEC-08,
//!    T10). A client that is no browser sends no `Origin`, and is not asked for one.
//!
//! ```
//! use coap_ws_driver::policy::Policy;
//!
//! let mut policy = Policy::default();
//! policy.public_uris.push("coaps+ws://example.org".parse()?);
//! assert!(policy.answers_to(&"EXAMPLE.org.".parse()?));
//! assert!(policy.admits(&"https://example.org".parse()?, &"example.org".parse()?));
//! assert!(!policy.admits(&"https://evil.example".parse()?, &"example.org".parse()?));
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects
)]

mod authority;
mod forwarded;
mod names;
mod origin;
mod public_uri;

pub use authority::{Authority, AuthorityError, Host};
pub use forwarded::{Network, NetworkError, client_address};
pub(crate) use names::Names;
pub use origin::{Origin, OriginError};
pub use public_uri::{PublicUri, PublicUriError, Scheme};

use std::net::IpAddr;

/// What a server is called, where it can be reached from, and whose web pages it serves.
///
/// The default is the narrowest: localhost names only, pages of the same origin only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// What clients call this server (`--public-uri`); needed behind a proxy and wherever names
    /// matter. When not empty, a request's `Host` must match one of them: the host, and the port
    /// if the URI states one (T11). So must the Uri-Host of a CoAP request that differs from the
    /// `Host`, else it is answered 4.04 (T13).
    pub public_uris: Vec<PublicUri>,
    /// Pages of which other origins may connect (`--allow-origin`). Default: none (T10).
    pub allowed_origins: AllowedOrigins,
    /// The scheme of the listener itself: [`Scheme::CoapsWs`] if TLS ends here. Only used while
    /// `public_uris` is empty; a proxy that ends TLS before us is described by `public_uris`.
    pub scheme: Scheme,
    /// Proxies whose word on who the client is counts (`X-Forwarded-For`). Default: none.
    pub trusted_proxies: Vec<Network>,
    /// The name that the client asked for in its TLS handshake (SNI), where there was one: the
    /// `Host` must be the same (T12). Set for each connection.
    pub server_name: Option<String>,
    /// Where the listener can be reached from. Only used while `public_uris` is empty.
    pub bind: Bind,
}

impl Policy {
    /// Whether `host`, of a `Host` header or an absolute request target, is a name of this server
    /// (T11).
    pub fn answers_to(&self, host: &Authority) -> bool {
        names::answers(&self.public_uris, self.bind, host)
    }

    /// Whether `host` is the name that the TLS handshake asked for, if there was one and it
    /// asked (T12). An address asks for none.
    pub fn agrees_with_tls(&self, host: &Authority) -> bool {
        let Some(asked) = self.server_name.as_deref() else { return true };
        asked.parse::<Authority>().is_ok_and(|asked| asked.host == host.host)
    }

    /// Whether a page of `origin` may connect by the name `host` (SEC-08, T10): pages of the
    /// server's own origins, and those of [`allowed_origins`](Policy::allowed_origins).
    ///
    /// The scheme counts: `http://example.org` is not the origin of `coaps+ws://example.org`, for
    /// whoever sits on the network can put words into a page that came without TLS.
    pub fn admits(&self, origin: &Origin, host: &Authority) -> bool {
        let own = if self.public_uris.is_empty() {
            origin.is_of(self.scheme, &host.host, host.port)
        } else {
            self.public_uris.iter().any(|uri| {
                origin.is_of(uri.scheme, &uri.host, uri.port)
                    // A URI without a port matches a `Host` with one, which then counts.
                    || uri.port.is_none() && origin.is_of(uri.scheme, &uri.host, host.port)
            })
        };
        own || match &self.allowed_origins {
            AllowedOrigins::SameOrigin => false,
            AllowedOrigins::Also(listed) => listed.contains(origin),
            AllowedOrigins::Any => true,
        }
    }
}

/// Pages of which origins may connect besides the server's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AllowedOrigins {
    /// None.
    #[default]
    SameOrigin,
    /// These, by name. `null` (a sandboxed frame, a local file) is allowed only if listed.
    Also(Vec<Origin>),
    /// Any page in the world may act with this server as if its visitor did. For servers that
    /// only publish, or ask for credentials that a browser does not send by itself.
    Any,
}

/// Where a listener can be reached from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bind {
    /// From this machine only: the server answers to `localhost`, `*.localhost`, `127.0.0.0/8` and
    /// `[::1]`.
    #[default]
    Loopback,
    /// From elsewhere, by names that nobody told us: the server answers to any.
    Any,
}

impl From<IpAddr> for Bind {
    /// What the address of a listening socket says.
    fn from(address: IpAddr) -> Self {
        if address.to_canonical().is_loopback() { Self::Loopback } else { Self::Any }
    }
}
