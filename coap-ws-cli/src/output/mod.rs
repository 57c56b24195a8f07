//! What becomes of an answer: its status for people on stderr, its payload for whoever reads
//! stdout.

mod cbor;
mod file;
mod hexdump;
mod json;
mod links;

pub(crate) use file::save;

use crate::describe;
use crate::errors::Failure;
use crate::exit::Exit;
use crate::paint::Paint;
use crate::say;
use crate::text;
use coap_ws_tokio::Response;
use coap_ws_tokio::core::message::{Code, ContentFormat, OptionNumber, OptionRef};
use std::io::IsTerminal;
use std::path::Path;

/// Tells the status and delivers the payload: to a file, raw to a pipe, made readable on a
/// terminal. The text of an error without a format is part of the status.
pub(crate) fn deliver(response: &Response, file: Option<&Path>) -> Result<Exit, Failure> {
    say::note(&status(response, Paint::stderr()));
    let payload = response.body();
    let exit = Exit::of(response.code());
    if diagnostic(response).is_some() || response.code() == Code::EMPTY {
        return Ok(exit);
    }
    match file {
        Some(path) if path == Path::new("-") => say::bytes(payload)?,
        Some(path) => write(path, payload)?,
        None if std::io::stdout().is_terminal() => {
            if let Some(readable) = readable(payload, response.format(), Paint::stdout()) {
                say::line(&readable)?;
            }
        }
        None => say::bytes(payload)?,
    }
    Ok(exit)
}

/// Tells the status alone.
pub(crate) fn tell_status(response: &Response) {
    say::note(&status(response, Paint::stderr()));
}

/// A payload on one line: text as it is, JSON without line breaks, CBOR in diagnostic notation,
/// all else in hexadecimal digits.
pub(crate) fn one_line(response: &Response) -> String {
    let payload = response.body();
    let kind = Kind::of(response.format());
    let text = std::str::from_utf8(payload).ok();
    let text = text.filter(|text| !matches!(kind, Kind::Unknown) || text::is_readable(text));
    let shown = match (kind, text) {
        (Kind::Json, Some(text)) => json::compact(text),
        (Kind::Cbor, _) => cbor::diagnostic(payload),
        _ => None,
    };
    match shown.as_deref().or(text) {
        Some(text) if !matches!(kind, Kind::Bytes) => text::one_line(text),
        _ if payload.is_empty() => String::new(),
        _ => format!("0x{}", text::hex(payload)),
    }
}

fn write(path: &Path, payload: &[u8]) -> Result<(), Failure> {
    let count = text::count(payload.len(), "byte");
    match std::fs::write(path, payload) {
        Ok(()) => {
            say::note(&format!("{count} written to {}", path.display()));
            Ok(())
        }
        Err(error) => Err(Failure::new(
            Exit::Failed,
            format!("cannot write {count} to {}: {error}", path.display()),
            "the answer came, but the file cannot be written",
            "a directory that exists and may be written to",
        )),
    }
}

/// The answer in one line: code, options, length.
fn status(response: &Response, paint: Paint) -> String {
    let code = response.code();
    if code == Code::EMPTY {
        return paint.green("sent; no answer was wanted (RFC 7967)");
    }
    let shown = describe::code(code);
    let shown = if code.is_success() { paint.green(shown) } else { paint.red(shown) };
    if let Some(text) = diagnostic(response) {
        return format!("{shown}: {}", text::one_line(text));
    }
    let mut parts = vec![shown];
    for (number, value) in response.options() {
        let option = OptionRef { number, value };
        parts.push(match number {
            OptionNumber::CONTENT_FORMAT => describe::value(code, option),
            _ => describe::option(code, option),
        });
    }
    if !response.body().is_empty() {
        parts.push(text::count(response.body().len(), "byte"));
    }
    parts.join("  ")
}

/// The text for people that an error may have (RFC 7252 §5.5.2).
fn diagnostic(response: &Response) -> Option<&str> {
    let payload = response.body();
    if !response.code().is_error() || payload.is_empty() || response.format().is_some() {
        return None;
    }
    std::str::from_utf8(payload).ok()
}

/// A payload for a terminal, by its format; without one, by what it looks like. Nothing in it
/// can drive the terminal.
pub(crate) fn readable(
    payload: &[u8],
    format: Option<ContentFormat>,
    paint: Paint,
) -> Option<String> {
    if payload.is_empty() {
        return None;
    }
    let kind = Kind::of(format);
    // Where nobody says that it is text, control characters say that it is none.
    let text = std::str::from_utf8(payload).ok();
    let text = text.filter(|text| !matches!(kind, Kind::Unknown) || text::is_readable(text));
    let shown = match (kind, text) {
        (Kind::Json, Some(text)) => json::pretty(text).map(|text| text::harmless(&text)),
        (Kind::Links, Some(text)) => links::table(text, paint),
        (Kind::Cbor, _) => cbor::diagnostic(payload),
        (Kind::Bytes, _) => Some(hexdump::dump(payload, paint)),
        _ => None,
    };
    // What is not what it says it is, is shown as what it is.
    let shown = shown.or_else(|| text.map(text::harmless));
    let shown = shown.unwrap_or_else(|| hexdump::dump(payload, paint));
    Some(shown.trim_end_matches('\n').to_owned())
}

/// How a payload is shown.
#[derive(Clone, Copy)]
enum Kind {
    Unknown,
    Text,
    Json,
    Links,
    Cbor,
    Bytes,
}

impl Kind {
    fn of(format: Option<ContentFormat>) -> Kind {
        match format {
            Some(
                ContentFormat::JSON
                | ContentFormat::JSON_PATCH
                | ContentFormat::MERGE_PATCH
                | ContentFormat::SENML_JSON,
            ) => Kind::Json,
            Some(ContentFormat::LINK_FORMAT) => Kind::Links,
            Some(
                ContentFormat::CBOR
                | ContentFormat::CBOR_SEQ
                | ContentFormat::SENML_CBOR
                | ContentFormat::CWT,
            ) => Kind::Cbor,
            Some(ContentFormat::OCTET_STREAM | ContentFormat::EXI) => Kind::Bytes,
            Some(ContentFormat::TEXT | ContentFormat::XML) => Kind::Text,
            _ => Kind::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{readable, status};
    use crate::paint::Paint;
    use coap_ws_tokio::Response;
    use coap_ws_tokio::core::message::{Code, ContentFormat};

    fn shown(payload: &[u8], format: Option<ContentFormat>) -> String {
        readable(payload, format, Paint::plain()).unwrap_or_default()
    }

    #[test]
    fn the_status_is_one_line() {
        let told = |response: Response| status(&response, Paint::plain());
        let content = Response::content("hi").content_format(ContentFormat::TEXT).etag(vec![1, 2]);
        let line = "2.05 Content  ETag 0x0102  text/plain (0)  2 bytes";
        assert_eq!(told(content), line);
        assert_eq!(told(Response::new(Code::CHANGED)), "2.04 Changed");
        let error = Response::error(Code::NOT_FOUND, "no\nsuch\x1b thing");
        assert_eq!(told(error), "4.04 Not Found: no\\nsuch\\u{1b} thing");
        let problem = Response::new(Code::BAD_REQUEST).content_format(ContentFormat::CBOR);
        assert_eq!(
            told(problem.payload(vec![0xa0])),
            "4.00 Bad Request  application/cbor (60)  1 byte"
        );
        assert!(told(Response::new(Code::EMPTY)).contains("no answer was wanted"));
    }

    #[test]
    fn formats_are_made_readable() {
        assert_eq!(shown(b"{\"a\":1}", Some(ContentFormat::JSON)), "{\n  \"a\": 1\n}");
        assert_eq!(shown(&[0xa1, 1, 2], Some(ContentFormat::CBOR)), "{1: 2}");
        assert!(shown(b"</a>;rt=x", Some(ContentFormat::LINK_FORMAT)).contains("/a"));
        assert_eq!(shown(b"hi\n", Some(ContentFormat::TEXT)), "hi");
        assert_eq!(shown(b"hi", None), "hi");
        assert!(shown(b"hi", Some(ContentFormat::OCTET_STREAM)).contains("68 69"));
        assert!(shown(&[0, 1], None).contains("00 01"));
        assert_eq!(shown(b"", None), "");
    }

    /// What is not what it says it is, is shown as what it is.
    #[test]
    fn wrong_formats_are_shown_all_the_same() {
        assert_eq!(shown(b"{\"a\":", Some(ContentFormat::JSON)), "{\"a\":");
        assert!(shown(&[0xff], Some(ContentFormat::JSON)).contains("ff"));
        assert!(shown(&[0xa1, 1], Some(ContentFormat::CBOR)).contains("a1 01"));
        assert_eq!(shown(b"\x1b[2J", Some(ContentFormat::TEXT)), "\\u{1b}[2J");
        assert!(shown(b"\x1b[2J", None).contains("1b 5b"));
    }
}
