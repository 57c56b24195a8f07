//! How transcripts spell messages, in both directions.
//!
//! Either as bytes, `0145 42 ff "hi" 61*200`: hexadecimal in any grouping, quoted text, and
//! `piece*count` for repetition. Or as a message, `GET 42 /a ?b 258=1a "hi"`: the code by its
//! name or as `2.05`, the token (`-` for none), `/segment`, `?argument` or `number=piece` for
//! options in ascending order, and quoted text or `=piece` for the payload.

use coap_ws_core::message::{
    Code, Encode, EncodeError, Encoder, Message, OptionNumber, encode_message,
};
use std::fmt::Write;

/// The words of a line: separated by blanks outside quotes, up to a word that starts with `;`.
pub(super) fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for char in line.chars() {
        quoted ^= char == '"';
        match char {
            ';' if !quoted && word.is_empty() => break,
            ' ' if !quoted => words.push(std::mem::take(&mut word)),
            _ => word.push(char),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// The bytes that a transcript spells, as bytes or as a message.
///
/// # Errors
///
/// What cannot be read.
pub fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let words = words(text);
    match words.split_first() {
        Some((first, [token, rest @ ..])) if code(first).is_some() => {
            let token = if token == "-" { Vec::new() } else { piece(token)? };
            let message = Spelled::parse(first, rest)?;
            let mut buffer = vec![0; 80_000];
            let size = encode_message(&mut buffer, &token, &message).map_err(|e| e.to_string())?;
            buffer.truncate(size);
            Ok(buffer)
        }
        _ => Ok(words.iter().map(|word| piece(word)).collect::<Result<Vec<_>, _>>()?.concat()),
    }
}

/// Bytes in hexadecimal; `-` for none.
pub fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() { "-".into() } else { digits(bytes) }
}

/// A message as a transcript spells it.
pub fn show(message: &Message<'_>) -> String {
    let code = message.code();
    let mut line = match code.name().filter(|_| code.is_request()) {
        Some(name) => name.to_owned(),
        None => code.to_string(),
    };
    let _ = write!(line, " {}", hex(message.token()));
    for option in message.options() {
        let plain = |byte: &u8| byte.is_ascii_graphic() && !b"\";".contains(byte);
        let text = std::str::from_utf8(option.value).unwrap_or("");
        let _ = match option.number {
            OptionNumber::URI_PATH if option.value.iter().all(plain) => write!(line, " /{text}"),
            OptionNumber::URI_QUERY if option.value.iter().all(plain) => write!(line, " ?{text}"),
            number => write!(line, " {}={}", number.get(), digits(option.value)),
        };
    }
    line + &show_payload(message.payload())
}

fn show_payload(payload: &[u8]) -> String {
    let plain = |byte: &u8| (byte.is_ascii_graphic() || *byte == b' ') && *byte != b'"';
    match payload {
        [] => String::new(),
        [first, rest @ ..] if rest.len() > 15 && rest.iter().all(|byte| byte == first) => {
            format!(" ={first:02x}*{}", payload.len())
        }
        text if text.iter().all(plain) => format!(" \"{}\"", String::from_utf8_lossy(text)),
        other => format!(" ={}", digits(other)),
    }
}

/// The code with this name, of a method or a signal, or this number.
pub(super) fn code(word: &str) -> Option<Code> {
    let named = |code: &&Code| matches!(code.class(), 0 | 7) && code.name() == Some(word);
    if let Some(code) = Code::REGISTERED.iter().find(named) {
        return Some(*code);
    }
    let (class, detail) = word.split_once('.')?;
    Code::new(class.parse().ok()?, detail.parse().ok().filter(|_| detail.len() == 2)?)
}

/// A message without its token, to be sent.
pub(super) struct Spelled {
    code: Code,
    options: Vec<(OptionNumber, Vec<u8>)>,
    payload: Vec<u8>,
}

impl Spelled {
    pub(super) fn parse(name: &str, words: &[String]) -> Result<Spelled, String> {
        let code = code(name).ok_or_else(|| format!("`{name}` is no code"))?;
        let mut spelled = Spelled { code, options: Vec::new(), payload: Vec::new() };
        for word in words {
            let option = if let Some(segment) = word.strip_prefix('/') {
                (OptionNumber::URI_PATH, segment.as_bytes().to_vec())
            } else if let Some(argument) = word.strip_prefix('?') {
                (OptionNumber::URI_QUERY, argument.as_bytes().to_vec())
            } else if word.starts_with('"') {
                spelled.payload = piece(word)?;
                continue;
            } else if let Some(payload) = word.strip_prefix('=') {
                spelled.payload = piece(payload)?;
                continue;
            } else {
                let (number, value) = word.split_once('=').ok_or(format!("`{word}`?"))?;
                let number = number.parse().map_err(|_| format!("`{number}` is no option"))?;
                (OptionNumber::new(number), piece(value)?)
            };
            spelled.options.push(option);
        }
        Ok(spelled)
    }
}

impl Encode for Spelled {
    fn code(&self) -> Code {
        self.code
    }

    fn encode(&self, out: &mut Encoder<'_>) -> Result<(), EncodeError> {
        self.options.iter().try_for_each(|(number, value)| out.option(*number, value))?;
        out.payload(&self.payload)
    }
}

fn piece(word: &str) -> Result<Vec<u8>, String> {
    let (piece, count) = match word.rsplit_once('*').filter(|(_, count)| !count.contains('"')) {
        Some((piece, count)) => (piece, count.parse().map_err(|_| format!("`{word}`?"))?),
        None => (word, 1),
    };
    let text = piece.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let bytes = match text {
        Some(text) => text.as_bytes().to_vec(),
        None => parse_hex(piece).ok_or_else(|| format!("`{piece}` is not hexadecimal"))?,
    };
    Ok(bytes.repeat(count))
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parse_hex(digits: &str) -> Option<Vec<u8>> {
    let pairs = (0..digits.len()).step_by(2);
    pairs.map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_messages_are_two_spellings_of_one_thing() {
        let get = bytes("0101 42 b1 61 41 62 d1e6 1a ff \"hi\"").unwrap();
        assert_eq!(bytes("GET 42 /a ?b 258=1a \"hi\" ; a comment").unwrap(), get);
        assert_eq!(show(&Message::parse(&get).unwrap()), "GET 42 /a ?b 258=1a \"hi\"");
        assert_eq!(bytes("00 \"a;b \" 61*3").unwrap(), b"\0a;b aaa");
        let long = bytes("2.05 - 4=ff =61*17").unwrap();
        assert_eq!(long, bytes("0045 41ff ff 61*17").unwrap());
        assert_eq!(show(&Message::parse(&long).unwrap()), "2.05 - 4=ff =61*17");
        assert!(bytes("0g").is_err() && bytes("abc").is_err() && bytes("GET 42 x").is_err());
    }
}
