//! CBOR as diagnostic notation (RFC 8949 §8).

use crate::text;
use ciborium_ll::{Decoder, Header};
use std::fmt::Write;

/// How deep items may be nested.
const MOST_DEEP: usize = 64;

/// The items of a sequence, one a line; `None` where the bytes are no CBOR.
pub(super) fn diagnostic(bytes: &[u8]) -> Option<String> {
    let mut reader = Reader { rest: bytes, text: String::new() };
    loop {
        reader.item(MOST_DEEP)?;
        if reader.rest.is_empty() {
            return Some(reader.text);
        }
        reader.text.push('\n');
    }
}

struct Reader<'b> {
    rest: &'b [u8],
    text: String,
}

impl<'b> Reader<'b> {
    fn header(&mut self) -> Option<Header> {
        let mut decoder = Decoder::from(self.rest);
        let header = decoder.pull().ok()?;
        self.rest = self.rest.get(decoder.offset()..)?;
        Some(header)
    }

    fn item(&mut self, deep: usize) -> Option<()> {
        let header = self.header()?;
        self.item_of(header, deep)
    }

    fn item_of(&mut self, header: Header, deep: usize) -> Option<()> {
        let deep = deep.checked_sub(1)?;
        match header {
            Header::Positive(n) => self.write(format_args!("{n}")),
            Header::Negative(n) => self.write(format_args!("{}", -1 - i128::from(n))),
            Header::Float(n) => self.float(n),
            Header::Simple(20) => self.write(format_args!("false")),
            Header::Simple(21) => self.write(format_args!("true")),
            Header::Simple(22) => self.write(format_args!("null")),
            Header::Simple(23) => self.write(format_args!("undefined")),
            Header::Simple(n) => self.write(format_args!("simple({n})")),
            Header::Tag(tag) => {
                self.write(format_args!("{tag}("));
                self.item(deep)?;
                self.text.push(')');
            }
            Header::Bytes(length) => self.string(length, shown_bytes)?,
            Header::Text(length) => self.string(length, shown_text)?,
            Header::Array(length) => self.items('[', ']', length, deep, false)?,
            Header::Map(length) => self.items('{', '}', length, deep, true)?,
            Header::Break => return None,
        }
        Some(())
    }

    /// The items of an array, or the keys and values of a map.
    fn items(
        &mut self,
        open: char,
        close: char,
        length: Option<usize>,
        deep: usize,
        pairs: bool,
    ) -> Option<()> {
        self.text.push(open);
        if length.is_none() {
            self.text.push_str("_ ");
        }
        let mut index = 0;
        while length.is_none_or(|length| index < length) {
            let header = self.header()?;
            if length.is_none() && header == Header::Break {
                break;
            }
            if index > 0 {
                self.text.push_str(", ");
            }
            self.item_of(header, deep)?;
            if pairs {
                self.text.push_str(": ");
                self.item(deep)?;
            }
            index += 1;
        }
        self.text.push(close);
        Some(())
    }

    /// A string, whole or in pieces.
    fn string(&mut self, length: Option<usize>, show: fn(&[u8]) -> Option<String>) -> Option<()> {
        if let Some(length) = length {
            let shown = show(self.take(length)?)?;
            self.text.push_str(&shown);
            return Some(());
        }
        let mut pieces = Vec::new();
        loop {
            match self.header()? {
                Header::Break => break,
                Header::Bytes(Some(length)) | Header::Text(Some(length)) => {
                    pieces.push(show(self.take(length)?)?);
                }
                _ => return None,
            }
        }
        self.write(format_args!("(_ {})", pieces.join(", ")));
        Some(())
    }

    /// The bytes of a string. A length above what is left takes nothing.
    fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }

    fn float(&mut self, n: f64) {
        if n.is_nan() {
            self.text.push_str("NaN");
        } else if n.is_infinite() {
            self.text.push_str(if n > 0.0 { "Infinity" } else { "-Infinity" });
        } else {
            self.write(format_args!("{n:?}"));
        }
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = self.text.write_fmt(text);
    }
}

#[expect(clippy::unnecessary_wraps, reason = "text may be no UTF-8, bytes are always bytes")]
fn shown_bytes(bytes: &[u8]) -> Option<String> {
    Some(format!("h'{}'", text::hex(bytes)))
}

fn shown_text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(text::quoted)
}

#[cfg(test)]
mod tests {
    use super::diagnostic;
    use crate::text::parse_hex;

    /// RFC 8949, appendix A.
    #[test]
    fn examples_of_the_rfc() {
        let cases = [
            ("00", "0"),
            ("3903e7", "-1000"),
            ("3bffffffffffffffff", "-18446744073709551616"),
            ("f93c00", "1.0"),
            ("fb3ff199999999999a", "1.1"),
            ("f97c00", "Infinity"),
            ("f4", "false"),
            ("f7", "undefined"),
            ("f8ff", "simple(255)"),
            ("c074323031332d30332d32315432303a30343a30305a", "0(\"2013-03-21T20:04:00Z\")"),
            ("4401020304", "h'01020304'"),
            ("62225c", "\"\\\"\\\\\""),
            ("8301820203820405", "[1, [2, 3], [4, 5]]"),
            ("a26161016162820203", "{\"a\": 1, \"b\": [2, 3]}"),
            ("5f42010243030405ff", "(_ h'0102', h'030405')"),
            ("9fff", "[_ ]"),
            ("bf61610161629f0203ffff", "{_ \"a\": 1, \"b\": [_ 2, 3]}"),
            ("0102", "1\n2"),
        ];
        for (hex, shown) in cases {
            assert_eq!(diagnostic(&parse_hex(hex).unwrap()).as_deref(), Some(shown), "{hex}");
        }
    }

    #[test]
    fn what_is_no_cbor_stays() {
        for hex in ["18", "ff", "82 01", "5bffffffffffffffff", "61ff", "9f", "a1 01", "1c"] {
            assert_eq!(diagnostic(&parse_hex(hex).unwrap()), None, "{hex}");
        }
        // Deeper than a stack is.
        assert_eq!(diagnostic(&[0x81; 100_000]), None);
    }
}
