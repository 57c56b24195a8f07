//! Bytes with what they mean beside them.

use super::message::{Block, Code, Message};
use super::names::{self, Format};
use super::{number, to_hex};

/// The longest run of bytes that is shown whole.
const SHOWN: usize = 40;

/// Hexadecimal digits, cut where there are many.
pub fn bytes(bytes: &[u8]) -> String {
    match bytes.get(..SHOWN) {
        Some(start) if bytes.len() > SHOWN => {
            format!("{}… ({} bytes)", to_hex(start), bytes.len())
        }
        _ if bytes.is_empty() => "(nothing)".to_owned(),
        _ => to_hex(bytes),
    }
}

/// Text as far as it is printable, else digits.
pub fn text(value: &[u8]) -> String {
    let printable = |c: char| !c.is_control();
    match std::str::from_utf8(value) {
        Ok(text) if text.chars().all(printable) => {
            let mut shown: String = text.chars().take(80).collect();
            if shown.len() < text.len() {
                shown.push('…');
            }
            format!("{shown:?}")
        }
        _ => bytes(value),
    }
}

/// What the bytes of a WebSocket message mean, or where they stop meaning anything.
pub fn message(bytes: &[u8]) -> String {
    match Message::parse(bytes) {
        Ok(message) => described(&message),
        Err(error) => format!("no message: {} at byte {}", error.why, error.at),
    }
}

/// A message in one line.
pub fn described(message: &Message) -> String {
    let mut parts = vec![message.code.to_string()];
    if message.len != 0 {
        parts.push(format!("Len {}", message.len));
    }
    if !message.token.is_empty() {
        parts.push(format!("token {}", bytes(&message.token)));
    }
    for (number, value) in message.options.iter().take(12) {
        parts.push(option(message.code, *number, value));
    }
    if message.options.len() > 12 {
        parts.push(format!("{} more options", message.options.len() - 12));
    }
    if !message.payload.is_empty() {
        parts.push(format!("payload {}", payload(&message.payload)));
    }
    parts.join(" | ")
}

fn payload(payload: &[u8]) -> String {
    if payload.len() > 80 { format!("of {} bytes", payload.len()) } else { text(payload) }
}

fn option(code: Code, option: u16, value: &[u8]) -> String {
    let Some(info) = names::option(code, option) else {
        return format!("option {option} {}", text(value));
    };
    let value = match info.format {
        _ if value.is_empty() && info.format == Format::Empty => return info.name.to_owned(),
        Format::Uint if value.len() <= 8 => number(value).to_string(),
        Format::Block if value.len() <= 3 => Block::parse(value).to_string(),
        Format::Text => text(value),
        _ => bytes(value),
    };
    format!("{} {value}", info.name)
}

/// A body of a Close frame.
pub fn close(payload: &[u8]) -> String {
    match payload {
        [] => "without a code".to_owned(),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            let name = names::close(code);
            let reason =
                if reason.is_empty() { String::new() } else { format!(" {}", text(reason)) };
            format!("{code} {name}{reason}").trim_end().to_owned()
        }
        [_] => "with one byte".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{close, message};
    use crate::wire::hex;

    #[test]
    fn messages_of_rfc_8323() {
        let shown = [
            ("01e242", "7.02 Ping | token 42"),
            ("00e122048020", "7.01 CSM | Max-Message-Size 1152 | Block-Wise-Transfer"),
            (
                "010153b773656e736f72730b74656d706572617475726545753d43656c",
                "0.01 GET | token 53 | Uri-Path \"sensors\" | Uri-Path \"temperature\" | \
                 Uri-Query \"u=Cel\"",
            ),
            ("00e5ff6e6f2043534d", "7.05 Abort | payload \"no CSM\""),
            ("010110b161c137", "0.01 GET | token 10 | Uri-Path \"a\" | Block2 3/0/BERT"),
            ("0f01", "no message: token length 15 at byte 2"),
        ];
        for (bytes, text) in shown {
            assert_eq!(message(&hex(bytes)), text);
        }
        assert_eq!(close(&hex("03ea")), "1002 protocol error");
    }

    /// The vectors of the project, read by this reader: what is said to be a message is one, and
    /// what is said to be none is none.
    #[test]
    fn vectors() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/messages.json");
        let text = std::fs::read_to_string(path).unwrap();
        let vectors: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        assert!(vectors.len() > 100);
        for vector in vectors {
            let bytes = hex(vector["hex"].as_str().unwrap());
            let read = super::Message::parse(&bytes);
            // The nibble and the length of tokens are for the receiver to judge.
            let judged = read.as_ref().is_ok_and(|m| m.len == 0);
            let name = vector["name"].as_str().unwrap();
            if !name.starts_with("token_") {
                assert_eq!(judged, vector["valid"].as_bool().unwrap(), "{name}");
            }
            if let Ok(message) = read
                && bytes.first().is_some_and(|byte| byte >> 4 == 0)
            {
                let again = message.bytes();
                assert_eq!(super::to_hex(&again), super::to_hex(&bytes), "{name}");
            }
        }
    }
}
