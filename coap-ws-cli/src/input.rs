//! What is typed on the command line, as values.

use crate::args::AllowedOrigin;
use crate::errors::Failure;
use crate::exit::Exit;
use crate::text::parse_hex;
use bytes::Bytes;
use coap_ws_tokio::core::block::BlockSize;
use coap_ws_tokio::core::message::{ContentFormat, OptionNumber};
use http::{HeaderName, HeaderValue};
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

/// A payload: `text`, `@file`, `@-`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Body {
    Text(String),
    File(PathBuf),
    Stdin,
}

/// Reads `-d`.
#[expect(clippy::unnecessary_wraps, reason = "clap wants a result")]
pub(crate) fn body(text: &str) -> Result<Body, String> {
    Ok(match text.strip_prefix('@') {
        Some("-") => Body::Stdin,
        Some(path) => Body::File(PathBuf::from(path)),
        None => Body::Text(text.to_owned()),
    })
}

impl Body {
    /// Reads it. Nothing has been sent yet when this fails.
    pub(crate) fn read(self) -> Result<Bytes, Failure> {
        let (source, read) = match self {
            Body::Text(text) => return Ok(text.into()),
            Body::File(path) => {
                let read = std::fs::read(&path);
                (format!("{}", path.display()), read)
            }
            Body::Stdin => {
                let mut bytes = Vec::new();
                let read = std::io::stdin().lock().read_to_end(&mut bytes);
                ("stdin".to_owned(), read.map(|_| bytes))
            }
        };
        read.map(Bytes::from).map_err(|error| {
            Failure::new(
                Exit::Usage,
                format!("cannot read the payload from {source}: {error}"),
                "-d @NAME reads a file, from the directory that this is run in",
                "check the name; -d @- reads stdin, -d TEXT sends the text itself",
            )
        })
    }
}

/// Bytes given in hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Hex(pub(crate) Bytes);

/// Reads an ETag, of 1 to 8 bytes (RFC 7252 §5.10.6).
pub(crate) fn etag(text: &str) -> Result<Hex, String> {
    match parse_hex(text)? {
        bytes if (1..=8).contains(&bytes.len()) => Ok(Hex(bytes.into())),
        bytes => Err(format!("an ETag has 1 to 8 bytes, not {}", bytes.len())),
    }
}

/// Reads an ETag, or nothing: whatever exists (RFC 7252 §5.10.8.1).
pub(crate) fn if_match(text: &str) -> Result<Hex, String> {
    if text.is_empty() { Ok(Hex(Bytes::new())) } else { etag(text) }
}

/// Reads a Content-Format: a number, a short name (`json`) or a media type.
pub(crate) fn content_format(text: &str) -> Result<ContentFormat, String> {
    if let Ok(number) = text.parse() {
        return Ok(ContentFormat::new(number));
    }
    let name = text.to_ascii_lowercase().replace(' ', "");
    // The registry has the charset in the name; nobody types it.
    let name = if name == "text/plain" { "text" } else { &name };
    ContentFormat::by_name(name).ok_or_else(|| {
        "known are text, link-format, xml, octet-stream, exi, json, json-patch, merge-patch, \
         cbor, cwt, cbor-seq, senml-json, senml-cbor, their media types, and numbers to 65535"
            .to_owned()
    })
}

/// Reads the size of a block: 16 to 1024, or `bert`.
pub(crate) fn block_size(text: &str) -> Result<BlockSize, String> {
    if text.eq_ignore_ascii_case("bert") {
        return Ok(BlockSize::Bert);
    }
    let bytes = text.parse().ok();
    let exact = |size: &BlockSize| !size.is_bert() && Some(size.bytes()) == bytes;
    BlockSize::ALL.into_iter().find(exact).ok_or_else(|| {
        "a block has 16, 32, 64, 128, 256, 512 or 1024 bytes, or is `bert`".to_owned()
    })
}

/// An option of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ExtraOption {
    pub(crate) number: OptionNumber,
    pub(crate) value: Bytes,
}

/// Reads `-O NUMBER=VALUE`, or a registered name instead of the number.
pub(crate) fn option(text: &str) -> Result<ExtraOption, String> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    let named = |number: &&OptionNumber| {
        number.spec().is_some_and(|spec| spec.name.eq_ignore_ascii_case(name))
    };
    let number = match name.parse() {
        Ok(number) => OptionNumber::new(number),
        Err(_) => *OptionNumber::REGISTERED.iter().find(named).ok_or_else(|| {
            format!("`{}` is neither a number to 65535 nor an option's name", name.escape_debug())
        })?,
    };
    let value = match value.strip_prefix("0x") {
        Some(digits) => parse_hex(digits)?,
        None => value.as_bytes().to_vec(),
    };
    match number.spec() {
        Some(spec) if !spec.allows(value.len()) => Err(format!(
            "{} has {} to {} bytes, not {}; numbers are written in hexadecimal digits, as 0x3c",
            spec.name,
            spec.min_len,
            spec.max_len,
            value.len()
        )),
        _ => Ok(ExtraOption { number, value: value.into() }),
    }
}

/// A header field of the opening handshake.
pub(crate) type HeaderField = (HeaderName, HeaderValue);

/// Reads `-H "Name: value"`.
pub(crate) fn header(text: &str) -> Result<HeaderField, String> {
    let (name, value) = text.split_once(':').ok_or("write a name, a colon and a value")?;
    let name = name.trim().parse().map_err(|_| format!("`{}` is no name of a field", name.trim()));
    let value = value.trim().parse().map_err(|_| "the value has characters that it may not have");
    Ok((name?, value?))
}

/// Reads a time in seconds, with a fraction perhaps.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "write seconds, such as 5 or 0.5".to_owned())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) if time > Duration::ZERO && time <= MOST => Ok(time),
        _ => Err("more than 0 and at most 86400 seconds".to_owned()),
    }
}

/// A day.
const MOST: Duration = Duration::from_secs(86_400);

/// Reads `--allow-origin`.
pub(crate) fn allowed_origin(text: &str) -> Result<AllowedOrigin, String> {
    match text {
        "*" => Ok(AllowedOrigin::Any),
        _ => text.parse().map(AllowedOrigin::This).map_err(|error| format!("{error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Body, body, content_format, etag, header, if_match, option, seconds};
    use coap_ws_tokio::core::message::{ContentFormat, OptionNumber};
    use std::time::Duration;

    #[test]
    fn payloads() {
        assert_eq!(body("a@b"), Ok(Body::Text("a@b".into())));
        assert_eq!(body("@f.bin"), Ok(Body::File("f.bin".into())));
        assert_eq!(body("@-"), Ok(Body::Stdin));
        assert_eq!(body(""), Ok(Body::Text(String::new())));
    }

    #[test]
    fn formats_by_name_and_number() {
        for name in ["0", "text", "text/plain", "Text/Plain; charset=UTF-8"] {
            assert_eq!(content_format(name), Ok(ContentFormat::TEXT), "{name}");
        }
        assert_eq!(content_format("cbor"), Ok(ContentFormat::CBOR));
        assert_eq!(content_format("11542"), Ok(ContentFormat::new(11542)));
        assert!(content_format("65536").is_err_and(|why| why.contains("numbers to 65535")));
    }

    #[test]
    fn options_by_number_and_name() {
        let hop = option("16=0x05").unwrap();
        assert_eq!((hop.number, &hop.value[..]), (OptionNumber::HOP_LIMIT, &[5][..]));
        assert_eq!(option("uri-query=a=b").unwrap().value, "a=b");
        assert_eq!(option("65000").unwrap().value, "");
        assert_eq!(option("65000=").unwrap().value, "");
        assert!(option("Hop-Limit=five").is_err_and(|why| why.contains("1 to 1 bytes, not 4")));
        assert!(option("colour=red").is_err_and(|why| why.contains("`colour`")));
        assert!(option("65000=0x1").is_err_and(|why| why.contains("odd")));
    }

    #[test]
    fn etags_have_bytes() {
        assert_eq!(etag("0a0B").unwrap().0[..], [10, 11]);
        assert!(etag("").is_err());
        assert!(etag("000000000000000000").is_err_and(|why| why.contains("not 9")));
        assert!(if_match("").unwrap().0.is_empty());
    }

    #[test]
    fn header_fields() {
        let (name, value) = header("Authorization: Bearer a:b ").unwrap();
        assert_eq!((name.as_str(), value.as_bytes()), ("authorization", &b"Bearer a:b"[..]));
        assert!(header("no colon").is_err());
        assert!(header("a b: c").is_err());
        assert!(header("a: b\r\nc: d").is_err());
    }

    #[test]
    fn times_are_positive_and_finite() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for wrong in ["0", "-1", "NaN", "inf", "1e300", "5s", ""] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
