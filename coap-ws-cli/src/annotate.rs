//! A message byte by byte: which bytes are which part.

use crate::describe;
use crate::text;
use coap_ws_tokio::core::message::Message;

/// Some bytes of a message and what they are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Part {
    pub(crate) bytes: Vec<u8>,
    pub(crate) meaning: String,
}

/// The parts of a message in the order of the wire; together they are all of its bytes.
pub(crate) fn parts(message: &Message<'_>) -> Vec<Part> {
    let bytes = message.as_bytes();
    let mut parts = Vec::new();
    let mut from = 0;
    let mut add = |to: usize, meaning: String| {
        if let Some(part) = bytes.get(from..to).filter(|part| !part.is_empty()) {
            parts.push(Part { bytes: part.to_vec(), meaning });
        }
        from = from.max(to);
    };
    let token = message.token();
    let token_at = bytes.len() - message.tail().len() - token.len();
    add(1, header(bytes.first().copied().unwrap_or(0), token.len()));
    add(2, format!("code {:?}", message.code()));
    add(token_at, "extended token length (RFC 8974 §2.1)".to_owned());
    add(token_at + token.len(), "token".to_owned());
    let mut last = 0;
    for option in message.options() {
        let number = option.number.get();
        let meaning = format!(
            "{} ({number} = {last} + {}, length {})",
            describe::option(message.code(), option),
            number - last,
            option.value.len()
        );
        last = number;
        add(end_of(bytes, option.value), meaning);
    }
    if !message.payload().is_empty() {
        add(bytes.len() - message.payload().len(), "payload marker".to_owned());
        add(bytes.len(), format!("payload, {}", describe::payload(message.payload())));
    }
    parts
}

/// How many bytes are on one line, and how many of one part are shown at all.
const ROW: usize = 8;
const MOST: usize = 64;

/// The parts as lines in two columns.
pub(crate) fn lines(message: &Message<'_>) -> Vec<String> {
    let parts = parts(message);
    let longest = parts.iter().map(|part| part.bytes.len().min(ROW)).max().unwrap_or(0);
    let width = (longest * 3).saturating_sub(1);
    parts.iter().flat_map(|part| rows(part, width)).collect()
}

/// The meaning stands beside the first bytes.
fn rows(part: &Part, width: usize) -> Vec<String> {
    let shown = part.bytes.get(..MOST).unwrap_or(&part.bytes);
    let mut rows: Vec<String> = shown.chunks(ROW).map(text::spaced).collect();
    if shown.len() < part.bytes.len() {
        let more = text::count(part.bytes.len() - shown.len(), "byte");
        rows.push(format!("… {more} more"));
    }
    if let Some(first) = rows.first_mut() {
        *first = format!("{first:<width$}  {}", part.meaning);
    }
    rows
}

fn header(first: u8, token_length: usize) -> String {
    let (length, nibble) = (first >> 4, usize::from(first & 15));
    match nibble == token_length {
        true => format!("length nibble {length}, token length {nibble}"),
        false => format!("length nibble {length}, token length {nibble}: {token_length}, extended"),
    }
}

/// Where a part of the bytes ends: the options lend their values from the message.
fn end_of(bytes: &[u8], part: &[u8]) -> usize {
    (part.as_ptr() as usize).saturating_sub(bytes.as_ptr() as usize) + part.len()
}

#[cfg(test)]
mod tests {
    use super::{lines, parts};
    use crate::text::parse_hex;
    use coap_ws_tokio::core::message::Message;

    #[test]
    fn every_part_is_named() {
        let bytes = parse_hex("01 01 2a b5 68656c6c6f 41 7a ff 6869").unwrap();
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(
            lines(&message),
            [
                "01                 length nibble 0, token length 1",
                "01                 code 0.01 GET",
                "2a                 token",
                "b5 68 65 6c 6c 6f  Uri-Path \"hello\" (11 = 0 + 11, length 5)",
                "41 7a              Uri-Query \"z\" (15 = 11 + 4, length 1)",
                "ff                 payload marker",
                "68 69              payload, 2 bytes \"hi\"",
            ]
        );
    }

    #[test]
    fn long_parts_take_rows() {
        let mut bytes = vec![0x00, 0x45, 0xff];
        bytes.extend([7; 70]);
        let lines = lines(&Message::parse(&bytes).unwrap());
        assert!(lines[3].starts_with("07 07 07 07 07 07 07 07  payload, 70 bytes 07"), "{lines:?}");
        assert_eq!(lines[4], "07 07 07 07 07 07 07 07");
        assert_eq!(lines.len(), 3 + 8 + 1);
        assert_eq!(lines[11], "… 6 bytes more");
    }

    /// The documented vectors: no byte is left out or told twice.
    #[test]
    fn the_parts_are_the_message() {
        let vectors = include_str!("../../tests/data/messages.json");
        let vectors: serde_json::Value = serde_json::from_str(vectors).unwrap();
        let mut seen = 0;
        for vector in vectors.as_array().unwrap() {
            let bytes = parse_hex(vector["hex"].as_str().unwrap()).unwrap();
            let Ok(message) = Message::parse(&bytes) else { continue };
            let all: Vec<u8> = parts(&message).into_iter().flat_map(|part| part.bytes).collect();
            assert_eq!(all, bytes, "{}", vector["name"]);
            seen += 1;
        }
        assert!(seen > 50, "{seen} valid vectors");
    }
}
