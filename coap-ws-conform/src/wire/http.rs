//! HTTP heads: as much of RFC 7230 as an opening handshake needs (RFC 6455 §4).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// The one path of the transport (RFC 8323 §8.3).
pub const WELL_KNOWN: &str = "/.well-known/coap";

const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A start line and fields, in order and as they are.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Head {
    pub start: String,
    pub fields: Vec<(String, String)>,
}

impl Head {
    pub fn new(start: impl Into<String>) -> Head {
        Head { start: start.into(), fields: Vec::new() }
    }

    pub fn field(mut self, name: &str, value: &str) -> Head {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn without(mut self, name: &str) -> Head {
        self.fields.retain(|(field, _)| !field.eq_ignore_ascii_case(name));
        self
    }

    /// Puts a value in place of all that a field has.
    pub fn with(self, name: &str, value: &str) -> Head {
        self.without(name).field(name, value)
    }

    pub fn starting(mut self, start: impl Into<String>) -> Head {
        self.start = start.into();
        self
    }

    pub fn all<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h str> {
        let fields = self.fields.iter().filter(move |(field, _)| field.eq_ignore_ascii_case(name));
        fields.map(|(_, value)| value.as_str())
    }

    pub fn first(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The members of a field that is a list, over all its lines.
    pub fn list<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h str> {
        self.all(name).flat_map(|value| value.split(',')).map(str::trim).filter(|s| !s.is_empty())
    }

    /// Whether a list has a member, whatever its case.
    pub fn lists(&self, name: &str, member: &str) -> bool {
        self.list(name).any(|listed| listed.eq_ignore_ascii_case(member))
    }

    /// The three digits of a response, 0 where there are none.
    pub fn status(&self) -> u16 {
        let mut words = self.start.split(' ');
        match words.next() {
            Some(version) if version.starts_with("HTTP/") => {
                words.next().and_then(|status| status.parse().ok()).unwrap_or(0)
            }
            _ => 0,
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.start);
        for (name, value) in &self.fields {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        text.into_bytes()
    }

    /// Reads a head and its length, once all of it is there.
    pub fn parse(bytes: &[u8]) -> Option<(Head, usize)> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let text = String::from_utf8_lossy(&bytes[..end - 4]).into_owned();
        let mut lines = text.split("\r\n");
        let mut head = Head::new(lines.next().unwrap_or_default());
        for line in lines {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            head = head.field(name, value.trim_matches([' ', '\t']));
        }
        Some((head, end))
    }
}

/// The request of RFC 8323 figure 9, to this authority.
pub fn upgrade(host: &str, key: &str) -> Head {
    Head::new(format!("GET {WELL_KNOWN} HTTP/1.1"))
        .field("Host", host)
        .field("Upgrade", "websocket")
        .field("Connection", "Upgrade")
        .field("Sec-WebSocket-Key", key)
        .field("Sec-WebSocket-Protocol", "coap")
        .field("Sec-WebSocket-Version", "13")
}

/// The response of the same figure.
pub fn switching(key: &str) -> Head {
    Head::new("HTTP/1.1 101 Switching Protocols")
        .field("Upgrade", "websocket")
        .field("Connection", "Upgrade")
        .field("Sec-WebSocket-Accept", &accept(key))
        .field("Sec-WebSocket-Protocol", "coap")
}

/// What answers a key (RFC 6455 §4.2.2).
pub fn accept(key: &str) -> String {
    STANDARD.encode(Sha1::digest(format!("{key}{GUID}")))
}

/// A key: sixteen bytes in base64.
pub fn key(bytes: [u8; 16]) -> String {
    STANDARD.encode(bytes)
}

/// Whether that is what a key is.
pub fn is_key(key: &str) -> bool {
    STANDARD.decode(key).is_ok_and(|bytes| bytes.len() == 16)
}

#[cfg(test)]
mod tests {
    use super::{Head, accept, is_key, switching, upgrade};

    #[test]
    fn the_example_of_rfc_8323() {
        let key = "dGhlIHNhbXBsZSBub25jZQ==";
        assert_eq!(accept(key), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert!(is_key(key) && !is_key("AAAA"));
        let bytes = upgrade("example.org", key).bytes();
        let (head, length) = Head::parse(&bytes).unwrap();
        assert_eq!(length, bytes.len());
        assert_eq!(head, upgrade("example.org", key));
        assert!(Head::parse(&bytes[..length - 1]).is_none());
        assert_eq!(switching(key).status(), 101);
        assert!(head.lists("connection", "upgrade"));
    }
}
