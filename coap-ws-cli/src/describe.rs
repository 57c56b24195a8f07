//! A message in words: names of codes and options, values as what they mean.

use crate::text;
use coap_ws_tokio::core::message::{Code, ContentFormat, Message, OptionFormat, OptionNumber};
use coap_ws_tokio::core::message::{Kind, OptionRef};

/// `GET`, `2.05 Content`, `7.01 CSM`, `4.25`.
pub(crate) fn code(code: Code) -> String {
    match (code.kind(), code.name()) {
        (Kind::Request, Some(name)) => name.to_owned(),
        (_, Some(name)) => format!("{code} {name}"),
        (_, None) => code.to_string(),
    }
}

/// The whole message on one line.
pub(crate) fn message(message: &Message<'_>) -> String {
    let mut parts = vec![code(message.code())];
    match message.token() {
        [] => {}
        token if token.len() <= 16 => parts.push(format!("token {}", text::hex(token))),
        token => parts.push(format!("token of {} bytes", token.len())),
    }
    for option in message.options() {
        parts.push(self::option(message.code(), option));
    }
    if !message.payload().is_empty() {
        parts.push(payload(message.payload()));
    }
    parts.join("  ")
}

/// An option: name and value.
pub(crate) fn option(code: Code, option: OptionRef<'_>) -> String {
    let value = value(code, option);
    let name = name(code, option.number);
    if value.is_empty() { name } else { format!("{name} {value}") }
}

/// The name of an option; a number where it has none.
pub(crate) fn name(code: Code, number: OptionNumber) -> String {
    match number.name_in(code) {
        Some(name) => name.to_owned(),
        None if number.is_critical() => format!("option {} (critical)", number.get()),
        None => format!("option {}", number.get()),
    }
}

/// The value of an option, as its format and its meaning have it.
pub(crate) fn value(code: Code, option: OptionRef<'_>) -> String {
    let OptionRef { number, value } = option;
    let hex = || format!("0x{}", text::hex(value));
    let text = match number.format_in(code) {
        OptionFormat::Empty | OptionFormat::Opaque if value.is_empty() => String::new(),
        OptionFormat::Empty | OptionFormat::Opaque => hex(),
        OptionFormat::String => match std::str::from_utf8(value) {
            Ok(text) => text::quoted(text),
            Err(_) => format!("{} (no UTF-8)", hex()),
        },
        OptionFormat::Uint => option.uint().map_or_else(hex, |n| meaning(code, number, n)),
    };
    match number.spec() {
        Some(spec) if !code.is_signal() && !spec.allows(value.len()) => {
            let reason = format!("(its length {} is not allowed)", value.len());
            if text.is_empty() { reason } else { format!("{text} {reason}") }
        }
        _ => text,
    }
}

/// A number as what it stands for.
fn meaning(code: Code, number: OptionNumber, n: u32) -> String {
    if code.is_signal() {
        let seconds = code == Code::RELEASE;
        return if seconds { format!("{n} s") } else { n.to_string() };
    }
    match number {
        OptionNumber::CONTENT_FORMAT | OptionNumber::ACCEPT => match u16::try_from(n) {
            Ok(n) => format(ContentFormat::new(n)),
            Err(_) => n.to_string(),
        },
        OptionNumber::BLOCK1
        | OptionNumber::BLOCK2
        | OptionNumber::Q_BLOCK1
        | OptionNumber::Q_BLOCK2 => Block::of(n).to_string(),
        OptionNumber::MAX_AGE => format!("{n} s"),
        OptionNumber::NO_RESPONSE => no_response(n),
        OptionNumber::OBSERVE if code.is_request() && n == 0 => "0 (register)".to_owned(),
        OptionNumber::OBSERVE if code.is_request() && n == 1 => "1 (deregister)".to_owned(),
        _ => n.to_string(),
    }
}

/// `application/json (50)`; without the parameters of the type, which the number implies.
pub(crate) fn format(format: ContentFormat) -> String {
    match format.media_type().and_then(|name| name.split(';').next()) {
        Some(name) => format!("{name} ({})", format.get()),
        None => format.get().to_string(),
    }
}

/// The value of a block option (RFC 7959 §2.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Block {
    pub(crate) number: u32,
    pub(crate) more: bool,
    pub(crate) size_exponent: u32,
}

impl Block {
    pub(crate) const fn of(value: u32) -> Block {
        Block { number: value >> 4, more: value & 8 != 0, size_exponent: value & 7 }
    }

    /// In bytes; 7 is BERT, whose blocks are counted in units of 1024 (RFC 8323 §6).
    pub(crate) fn size(self) -> u32 {
        1 << (self.size_exponent.min(6) + 4)
    }

    pub(crate) const fn is_bert(self) -> bool {
        self.size_exponent == 7
    }
}

impl std::fmt::Display for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Block { number, more, size_exponent } = self;
        write!(f, "NUM {number} M {} SZX {size_exponent}", u8::from(*more))?;
        match self.is_bert() {
            true => f.write_str(" (BERT)"),
            false => write!(f, " ({} bytes)", self.size()),
        }
    }
}

/// RFC 7967 §2.1.
fn no_response(bits: u32) -> String {
    let classes = [(2, "2.xx"), (8, "4.xx"), (16, "5.xx")];
    let named: Vec<_> =
        classes.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, class)| *class).collect();
    match named.is_empty() {
        true => format!("{bits} (all are wanted)"),
        false => format!("{bits} (not wanted: {})", named.join(", ")),
    }
}

/// A payload's length and beginning.
pub(crate) fn payload(bytes: &[u8]) -> String {
    let count = text::count(bytes.len(), "byte");
    match std::str::from_utf8(bytes) {
        Ok(readable) if text::is_readable(readable) => {
            let first: String = readable.chars().take(PREVIEW_CHARS).collect();
            let rest = if first.len() < readable.len() { "…" } else { "" };
            format!("{count} {}{rest}", text::quoted(&first))
        }
        _ => {
            let first = bytes.get(..PREVIEW_BYTES).unwrap_or(bytes);
            let rest = if first.len() < bytes.len() { " …" } else { "" };
            format!("{count} {}{rest}", text::spaced(first))
        }
    }
}

const PREVIEW_CHARS: usize = 60;
const PREVIEW_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::{Block, message, payload};
    use crate::text::parse_hex;
    use coap_ws_tokio::core::message::Message;

    #[track_caller]
    fn told(hex: &str) -> String {
        message(&Message::parse(&parse_hex(hex).unwrap()).unwrap())
    }

    #[test]
    fn requests_and_responses_in_words() {
        assert_eq!(told("01 01 01 b5 68656c6c6f"), "GET  token 01  Uri-Path \"hello\"");
        assert_eq!(
            told("01 45 42 c0 ff 6869"),
            "2.05 Content  token 42  Content-Format text/plain (0)  2 bytes \"hi\""
        );
        assert_eq!(told("00 84"), "4.04 Not Found");
        assert_eq!(told("00 99"), "4.25");
    }

    #[test]
    fn signals_have_option_names_of_their_own() {
        assert_eq!(told("00e1 220480 20"), "7.01 CSM  Max-Message-Size 1152  Block-Wise-Transfer");
        assert_eq!(told("00e4 410a"), "7.04 Release  Hold-Off 10 s");
        assert_eq!(told("01e2 42 20"), "7.02 Ping  token 42  Custody");
    }

    #[test]
    fn values_say_what_they_mean() {
        assert_eq!(told("0001 d10a 0e"), "GET  Block2 NUM 0 M 1 SZX 6 (1024 bytes)");
        assert_eq!(Block::of(0x37).to_string(), "NUM 3 M 0 SZX 7 (BERT)");
        assert_eq!(told("0001 60"), "GET  Observe 0 (register)");
        assert_eq!(told("0001 d1f5 1a"), "GET  No-Response 26 (not wanted: 2.xx, 4.xx, 5.xx)");
        assert_eq!(told("0001 90"), "GET  OSCORE");
        assert_eq!(told("0001 e0fcdc"), "GET  option 65001 (critical)");
        assert_eq!(told("0001 73001f90"), "GET  Uri-Port 8080 (its length 3 is not allowed)");
        assert_eq!(told("0001 b1ff"), "GET  Uri-Path 0xff (no UTF-8)");
        assert_eq!(told("0001 b3611b62"), "GET  Uri-Path \"a\\u{1b}b\"");
    }

    #[test]
    fn payloads_are_cut() {
        assert_eq!(payload(&[0, 1]), "2 bytes 00 01");
        assert_eq!(payload(&[b'x'; 61]), format!("61 bytes \"{}\"…", "x".repeat(60)));
        assert!(payload(&[0; 17]).ends_with("00 …"));
    }
}
