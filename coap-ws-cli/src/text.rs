//! Bytes and foreign text as something that can be shown.

use std::fmt::Write;

/// Text of a peer without anything that drives a terminal or turns the reading direction:
/// such characters become `\u{…}`. Line feeds and tabs stay.
pub(crate) fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\n' | '\t' => shown.push(c),
            '\r' if rest.peek() == Some(&'\n') => {}
            c if is_harmful(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

/// The same on one line and in quotes.
pub(crate) fn quoted(text: &str) -> String {
    let mut shown = String::with_capacity(text.len() + 2);
    shown.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' | '\n' | '\r' | '\t' => shown.extend(c.escape_default()),
            c if is_harmful(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown.push('"');
    shown
}

/// The same on one line, without quotes.
pub(crate) fn one_line(text: &str) -> String {
    let shown = quoted(text);
    shown.get(1..shown.len() - 1).unwrap_or_default().replace("\\\"", "\"")
}

/// Whether text is for people: no control characters but the usual ones.
pub(crate) fn is_readable(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// `01 45 42`.
pub(crate) fn spaced(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 3);
    for byte in bytes {
        if !text.is_empty() {
            text.push(' ');
        }
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// `014542`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The same cut after `most` bytes, with what is left out.
pub(crate) fn spaced_up_to(bytes: &[u8], most: usize) -> String {
    match bytes.get(..most) {
        Some(first) if bytes.len() > most => {
            format!("{} … {} more", spaced(first), count(bytes.len() - most, "byte"))
        }
        _ => spaced(bytes),
    }
}

/// `1 byte`, `65,536 bytes`.
pub(crate) fn count(n: usize, what: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{} {what}{s}", grouped(n))
}

/// `65,536`.
fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Hexadecimal digits, with spaces, colons and a `0x` as people paste them.
pub(crate) fn parse_hex(text: &str) -> Result<Vec<u8>, String> {
    let text = text.trim();
    let text = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    let mut digits = Vec::with_capacity(text.len());
    for c in text.chars().filter(|c| !c.is_whitespace() && !matches!(c, ':' | '_' | '-')) {
        match c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()) {
            Some(digit) => digits.push(digit),
            None => return Err(format!("`{}` is no hexadecimal digit", c.escape_debug())),
        }
    }
    let (pairs, []) = digits.as_chunks::<2>() else {
        return Err("an odd number of hexadecimal digits: a byte has two".to_owned());
    };
    Ok(pairs.iter().map(|[high, low]| (high << 4) | low).collect())
}

#[cfg(test)]
mod tests {
    use super::{count, harmless, hex, one_line, parse_hex, quoted, spaced, spaced_up_to};

    #[test]
    fn nothing_drives_the_terminal() {
        assert_eq!(harmless("a\x1b[31mb\r\nc\td\u{9b}"), "a\\u{1b}[31mb\nc\td\\u{9b}");
        // Alone, a carriage return would overwrite the line.
        assert_eq!(harmless("good\rbad"), "good\\u{d}bad");
        assert_eq!(harmless("abc\u{202e}def"), "abc\\u{202e}def");
        assert_eq!(harmless("Grüße, 世界"), "Grüße, 世界");
        assert_eq!(quoted("a\"b\\\n\x07"), r#""a\"b\\\n\u{7}""#);
        assert_eq!(one_line("a \"b\"\n"), "a \"b\"\\n");
    }

    #[test]
    fn hexadecimal_both_ways() {
        assert_eq!(parse_hex("0x01 45:42"), Ok(vec![1, 0x45, 0x42]));
        assert_eq!(parse_hex(""), Ok(vec![]));
        assert!(parse_hex("014").is_err_and(|why| why.contains("odd")));
        assert!(parse_hex("zz").is_err_and(|why| why.contains("`z`")));
        assert!(parse_hex("é1").is_err());
        assert_eq!(spaced(&[1, 255]), "01 ff");
        assert_eq!(hex(&[1, 255]), "01ff");
        assert_eq!(spaced_up_to(&[1, 2, 3], 2), "01 02 … 1 byte more");
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(count(1, "byte"), "1 byte");
        assert_eq!(count(65_536, "byte"), "65,536 bytes");
        assert_eq!(count(123, "byte"), "123 bytes");
        assert_eq!(count(1_234_567, "byte"), "1,234,567 bytes");
    }
}
