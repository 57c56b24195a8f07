//! Option numbers, their properties and the registry (RFC 7252 §5.4, §5.10, §12.2).

use super::Code;
use core::fmt;

/// The number of an option, which also says how to treat it when it is unknown.
///
/// ```
/// use coap_ws_core::message::OptionNumber;
/// assert!(OptionNumber::URI_PATH.is_critical());
/// assert_eq!(OptionNumber::NO_RESPONSE.spec().unwrap().name, "No-Response");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OptionNumber(u16);

/// How the bytes of an option's value are read (RFC 7252 §3.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OptionFormat {
    /// No value.
    Empty,
    /// Any bytes.
    Opaque,
    /// An unsigned integer, most significant byte first, leading zeros allowed (FMT-23).
    Uint,
    /// UTF-8.
    String,
}

/// In which messages an option means anything (OPT-08).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// Requests only.
    Request,
    /// Responses only.
    Response,
    /// Both.
    Both,
}

/// What the registry says of an option.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct OptionSpec {
    /// The registered name.
    pub name: &'static str,
    /// How the value is read.
    pub format: OptionFormat,
    /// Fewest bytes of a value.
    pub min_len: u16,
    /// Most bytes of a value.
    pub max_len: u16,
    /// Whether a request may have it more than once.
    pub repeatable: bool,
    /// Where it is defined.
    pub direction: Direction,
}

impl OptionSpec {
    /// Whether a value may be this long (OPT-13).
    pub const fn allows(&self, len: usize) -> bool {
        len >= self.min_len as usize && len <= self.max_len as usize
    }
}

macro_rules! options {
    ($($(#[$doc:meta])* $id:ident = $number:literal, $name:literal, $format:ident, $min:literal ..= $max:literal, $repeat:literal, $direction:ident;)*) => {
        impl OptionNumber {
            $($(#[$doc])* pub const $id: OptionNumber = OptionNumber($number);)*

            /// What the registry says of this number, `None` for one it does not have.
            pub const fn spec(self) -> Option<&'static OptionSpec> {
                match self.0 {
                    $($number => const {
                        Some(&OptionSpec {
                            name: $name,
                            format: OptionFormat::$format,
                            min_len: $min,
                            max_len: $max,
                            repeatable: $repeat,
                            direction: Direction::$direction,
                        })
                    },)*
                    _ => None,
                }
            }

            /// Every registered option, in ascending order.
            pub const REGISTERED: &'static [OptionNumber] = &[$(OptionNumber::$id),*];
        }
    };
}

options! {
    /// RFC 7252 §5.10.8.1.
    IF_MATCH = 1, "If-Match", Opaque, 0..=8, true, Request;
    /// RFC 7252 §5.10.1.
    URI_HOST = 3, "Uri-Host", String, 1..=255, false, Request;
    /// RFC 7252 §5.10.6. Repeatable in requests only.
    ETAG = 4, "ETag", Opaque, 1..=8, true, Both;
    /// RFC 7252 §5.10.8.2.
    IF_NONE_MATCH = 5, "If-None-Match", Empty, 0..=0, false, Request;
    /// RFC 7641 §2.
    OBSERVE = 6, "Observe", Uint, 0..=3, false, Both;
    /// RFC 7252 §5.10.1.
    URI_PORT = 7, "Uri-Port", Uint, 0..=2, false, Request;
    /// RFC 7252 §5.10.7.
    LOCATION_PATH = 8, "Location-Path", String, 0..=255, true, Response;
    /// RFC 8613 §2.
    OSCORE = 9, "OSCORE", Opaque, 0..=255, false, Both;
    /// RFC 7252 §5.10.1.
    URI_PATH = 11, "Uri-Path", String, 0..=255, true, Request;
    /// RFC 7252 §5.10.3.
    CONTENT_FORMAT = 12, "Content-Format", Uint, 0..=2, false, Both;
    /// RFC 7252 §5.10.5.
    MAX_AGE = 14, "Max-Age", Uint, 0..=4, false, Response;
    /// RFC 7252 §5.10.1.
    URI_QUERY = 15, "Uri-Query", String, 0..=255, true, Request;
    /// RFC 8768 §3.
    HOP_LIMIT = 16, "Hop-Limit", Uint, 1..=1, false, Request;
    /// RFC 7252 §5.10.4.
    ACCEPT = 17, "Accept", Uint, 0..=2, false, Request;
    /// RFC 9177 §4.1.
    Q_BLOCK1 = 19, "Q-Block1", Uint, 0..=3, false, Both;
    /// RFC 7252 §5.10.7.
    LOCATION_QUERY = 20, "Location-Query", String, 0..=255, true, Response;
    /// RFC 9668 §3.
    EDHOC = 21, "EDHOC", Empty, 0..=0, false, Request;
    /// RFC 7959 §2.1.
    BLOCK2 = 23, "Block2", Uint, 0..=3, false, Both;
    /// RFC 7959 §2.1.
    BLOCK1 = 27, "Block1", Uint, 0..=3, false, Both;
    /// RFC 7959 §4.
    SIZE2 = 28, "Size2", Uint, 0..=4, false, Both;
    /// RFC 9177 §4.1.
    Q_BLOCK2 = 31, "Q-Block2", Uint, 0..=3, true, Both;
    /// RFC 7252 §5.10.2.
    PROXY_URI = 35, "Proxy-Uri", String, 1..=1034, false, Request;
    /// RFC 7252 §5.10.2.
    PROXY_SCHEME = 39, "Proxy-Scheme", String, 1..=255, false, Request;
    /// RFC 7959 §4.
    SIZE1 = 60, "Size1", Uint, 0..=4, false, Both;
    /// RFC 9175 §2.2.1.
    ECHO = 252, "Echo", Opaque, 1..=40, false, Both;
    /// RFC 7967 §2.
    NO_RESPONSE = 258, "No-Response", Uint, 0..=1, false, Request;
    /// RFC 9175 §3.2.1.
    REQUEST_TAG = 292, "Request-Tag", Opaque, 0..=8, true, Request;
}

impl OptionNumber {
    /// The option with this number.
    pub const fn new(number: u16) -> OptionNumber {
        OptionNumber(number)
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Whether a receiver that does not know the option must reject the message
    /// (RFC 7252 §5.4.1; OPT-10).
    pub const fn is_critical(self) -> bool {
        self.0 & 1 == 1
    }

    /// Whether a proxy that does not know the option must not forward it.
    pub const fn is_unsafe(self) -> bool {
        self.0 & 2 == 2
    }

    /// Whether the option is no part of a cache key.
    pub const fn is_no_cache_key(self) -> bool {
        self.0 & 0x1e == 0x1c
    }

    /// The name of this number in a message of this code: signaling codes have option
    /// numbers of their own (RFC 8323 §5.2; SIG-01).
    pub const fn name_in(self, code: Code) -> Option<&'static str> {
        if code.is_signal() {
            return match (code, self.0) {
                (Code::CSM, 2) => Some("Max-Message-Size"),
                (Code::CSM, 4) => Some("Block-Wise-Transfer"),
                (Code::CSM, 6) => Some("Extended-Token-Length"),
                (Code::PING | Code::PONG, 2) => Some("Custody"),
                (Code::RELEASE, 2) => Some("Alternative-Address"),
                (Code::RELEASE, 4) => Some("Hold-Off"),
                (Code::ABORT, 2) => Some("Bad-CSM-Option"),
                (_, 9) => Some("OSCORE"),
                _ => None,
            };
        }
        match self.spec() {
            Some(spec) => Some(spec.name),
            None => None,
        }
    }

    /// How the value of this number is read in a message of this code.
    pub const fn format_in(self, code: Code) -> OptionFormat {
        if code.is_signal() {
            return match (code, self.0) {
                (Code::CSM, 2 | 6) | (Code::RELEASE, 4) | (Code::ABORT, 2) => OptionFormat::Uint,
                (Code::RELEASE, 2) => OptionFormat::String,
                (Code::CSM, 4) | (Code::PING | Code::PONG, 2) => OptionFormat::Empty,
                _ => OptionFormat::Opaque,
            };
        }
        match self.spec() {
            Some(spec) => spec.format,
            None => OptionFormat::Opaque,
        }
    }
}

impl fmt::Display for OptionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.spec() {
            Some(spec) => f.write_str(spec.name),
            None => write!(f, "option {}", self.0),
        }
    }
}

impl fmt::Debug for OptionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.spec() {
            Some(spec) => write!(f, "{} ({})", self.0, spec.name),
            None => write!(f, "{}", self.0),
        }
    }
}

/// A Content-Format, the media type of a payload as a number (RFC 7252 §12.3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentFormat(u16);

macro_rules! formats {
    ($($id:ident = $number:literal, $short:literal, $name:literal;)*) => {
        impl ContentFormat {
            $(#[doc = concat!("`", $name, "`")] pub const $id: ContentFormat = ContentFormat($number);)*

            /// The registered media type, `None` for a number this library does not know.
            pub const fn media_type(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($name),)*
                    _ => None,
                }
            }

            /// The format with this media type or short name (`json`, `cbor`, `text`, ..).
            pub fn by_name(name: &str) -> Option<ContentFormat> {
                $(if name == $short || name == $name { return Some(ContentFormat::$id); })*
                None
            }
        }
    };
}

formats! {
    TEXT = 0, "text", "text/plain;charset=utf-8";
    LINK_FORMAT = 40, "link-format", "application/link-format";
    XML = 41, "xml", "application/xml";
    OCTET_STREAM = 42, "octet-stream", "application/octet-stream";
    EXI = 47, "exi", "application/exi";
    JSON = 50, "json", "application/json";
    JSON_PATCH = 51, "json-patch", "application/json-patch+json";
    MERGE_PATCH = 52, "merge-patch", "application/merge-patch+json";
    CBOR = 60, "cbor", "application/cbor";
    CWT = 61, "cwt", "application/cwt";
    CBOR_SEQ = 63, "cbor-seq", "application/cbor-seq";
    SENML_JSON = 110, "senml-json", "application/senml+json";
    SENML_CBOR = 112, "senml-cbor", "application/senml+cbor";
}

impl ContentFormat {
    /// The format with this number.
    pub const fn new(number: u16) -> ContentFormat {
        ContentFormat(number)
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for ContentFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.media_type() {
            Some(name) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Debug for ContentFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({self})", self.0)
    }
}
