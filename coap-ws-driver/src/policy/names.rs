//! What one connection's requests may call this server by.

use super::authority::{Authority, Host};
use super::{Bind, Policy, PublicUri};
use std::net::Ipv6Addr;
use std::sync::Arc;

/// The part of a [`Policy`] that outlives the opening handshake; shared by all connections.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    public_uris: Arc<[PublicUri]>,
    bind: Bind,
}

impl Names {
    pub(crate) fn of(policy: &Policy) -> Names {
        Names { public_uris: policy.public_uris.clone().into(), bind: policy.bind }
    }

    pub(crate) fn bound(&self, bind: Bind) -> Names {
        Names { bind, ..self.clone() }
    }

    /// Whether a request with this Uri-Host was meant for us, on a connection whose handshake
    /// named `host`: the option is judged as a `Host` header is (T13, URI-26). So it never gets at
    /// what the policy keeps from those who say it in the handshake.
    pub(crate) fn include(&self, uri_host: &[u8], host: &Authority) -> bool {
        let Some(asked) = parse(uri_host) else { return false };
        // The port was right in the handshake.
        asked == host.host
            || answers(&self.public_uris, self.bind, &Authority { host: asked, port: host.port })
    }
}

/// Whether a server with these names answers to that one.
pub(super) fn answers(public_uris: &[PublicUri], bind: Bind, host: &Authority) -> bool {
    if public_uris.is_empty() {
        return match bind {
            Bind::Loopback => host.host.is_local(),
            Bind::Any => true,
        };
    }
    public_uris.iter().any(|uri| uri.matches(host))
}

/// The value of a Uri-Host option; an IPv6 address may be without its brackets.
fn parse(uri_host: &[u8]) -> Option<Host> {
    let text = std::str::from_utf8(uri_host).ok()?;
    if let Ok(address) = text.parse::<Ipv6Addr>() {
        return Some(Host::V6(address));
    }
    let Authority { host, port } = text.parse().ok()?;
    port.is_none().then_some(host)
}

#[cfg(test)]
mod tests {
    use super::{Bind, Names, Policy};

    // T13, URI-08, URI-18, URI-26
    #[test]
    fn t13_a_uri_host_is_judged_as_a_host_is() {
        let mut policy = Policy::default();
        let local = Names::of(&policy);
        policy.public_uris.push("coaps+ws://a.example".parse().unwrap());
        policy.public_uris.push("coaps+ws://b.example:8443".parse().unwrap());
        let named = Names::of(&policy);
        let anybody = local.bound(Bind::Any);
        for (names, host, asked, included) in [
            (&local, "localhost", "localhost", true),
            (&local, "localhost", "LOCALHOST", true),
            (&local, "localhost:8683", "127.0.0.1", true),
            (&local, "[::1]", "::1", true),
            (&local, "[::1]", "[::1]", true),
            (&local, "localhost", "attacker.example", false),
            (&local, "localhost", "10.0.0.1", false),
            (&local, "localhost", "a b", false),
            (&local, "localhost", "localhost:80", false),
            (&local, "localhost", "\u{ff}", false),
            (&named, "a.example", "a.example", true),
            (&named, "a.example:8443", "b.example", true),
            (&named, "a.example:1", "b.example", false),
            (&named, "a.example", "c.example", false),
            (&named, "a.example", "localhost", false),
            (&anybody, "a.example", "c.example", true),
            (&anybody, "a.example", "a b", false),
        ] {
            let got = names.include(asked.as_bytes(), &host.parse().unwrap());
            assert_eq!(got, included, "{asked} at {host} by {names:?}");
        }
    }
}
