//! Codes: what a message is (RFC 7252 §3, §12.1; RFC 8323 §5).

use core::fmt;

/// The code of a message: a class of three bits and a detail of five (RFC 7252 §3).
///
/// ```
/// use coap_ws_core::message::Code;
/// assert_eq!(Code::CONTENT.to_string(), "2.05");
/// assert_eq!(Code::from_byte(0xe1), Code::CSM);
/// assert!(Code::NOT_FOUND.is_error());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u8);

/// What a code makes of its message. The roles split by code class alone (TOK-03).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `0.00`, and nothing else in the message (RFC 8323 §3.4).
    Empty,
    /// `0.01` to `0.31`: methods.
    Request,
    /// Classes 2, 4 and 5.
    Response,
    /// Class 7 (RFC 8323 §5).
    Signal,
    /// Classes 1, 3 and 6: never processed (RFC 7252 §3; CODE-04).
    Reserved,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $class:literal . $detail:literal, $text:literal;)*) => {
        impl Code {
            $($(#[$doc])* pub const $name: Code = Code(($class << 5) | $detail);)*

            /// The registered name, `None` for a code that no RFC names.
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(Code::$name => Some($text),)*
                    _ => None,
                }
            }

            /// Every registered code, in ascending order.
            pub const REGISTERED: &'static [Code] = &[$(Code::$name),*];
        }
    };
}

codes! {
    /// Empty message (RFC 8323 §3.4).
    EMPTY = 0 . 0, "Empty";
    /// RFC 7252 §5.8.1.
    GET = 0 . 1, "GET";
    /// RFC 7252 §5.8.2.
    POST = 0 . 2, "POST";
    /// RFC 7252 §5.8.3.
    PUT = 0 . 3, "PUT";
    /// RFC 7252 §5.8.4.
    DELETE = 0 . 4, "DELETE";
    /// RFC 8132 §2.
    FETCH = 0 . 5, "FETCH";
    /// RFC 8132 §3.
    PATCH = 0 . 6, "PATCH";
    /// RFC 8132 §3.
    IPATCH = 0 . 7, "iPATCH";
    /// RFC 7252 §5.9.1.1.
    CREATED = 2 . 1, "Created";
    /// RFC 7252 §5.9.1.2.
    DELETED = 2 . 2, "Deleted";
    /// RFC 7252 §5.9.1.3.
    VALID = 2 . 3, "Valid";
    /// RFC 7252 §5.9.1.4.
    CHANGED = 2 . 4, "Changed";
    /// RFC 7252 §5.9.1.5.
    CONTENT = 2 . 5, "Content";
    /// RFC 7959 §2.9.1.
    CONTINUE = 2 . 31, "Continue";
    /// RFC 7252 §5.9.2.1.
    BAD_REQUEST = 4 . 0, "Bad Request";
    /// RFC 7252 §5.9.2.2.
    UNAUTHORIZED = 4 . 1, "Unauthorized";
    /// RFC 7252 §5.9.2.3.
    BAD_OPTION = 4 . 2, "Bad Option";
    /// RFC 7252 §5.9.2.4.
    FORBIDDEN = 4 . 3, "Forbidden";
    /// RFC 7252 §5.9.2.5.
    NOT_FOUND = 4 . 4, "Not Found";
    /// RFC 7252 §5.9.2.6.
    METHOD_NOT_ALLOWED = 4 . 5, "Method Not Allowed";
    /// RFC 7252 §5.9.2.7.
    NOT_ACCEPTABLE = 4 . 6, "Not Acceptable";
    /// RFC 7959 §2.9.2.
    REQUEST_ENTITY_INCOMPLETE = 4 . 8, "Request Entity Incomplete";
    /// RFC 8132 §3.4.
    CONFLICT = 4 . 9, "Conflict";
    /// RFC 7252 §5.9.2.8.
    PRECONDITION_FAILED = 4 . 12, "Precondition Failed";
    /// RFC 7252 §5.9.2.9.
    REQUEST_ENTITY_TOO_LARGE = 4 . 13, "Request Entity Too Large";
    /// RFC 7252 §5.9.2.10.
    UNSUPPORTED_CONTENT_FORMAT = 4 . 15, "Unsupported Content-Format";
    /// RFC 8132 §3.4.
    UNPROCESSABLE_ENTITY = 4 . 22, "Unprocessable Entity";
    /// RFC 8516 §3.
    TOO_MANY_REQUESTS = 4 . 29, "Too Many Requests";
    /// RFC 7252 §5.9.3.1.
    INTERNAL_SERVER_ERROR = 5 . 0, "Internal Server Error";
    /// RFC 7252 §5.9.3.2.
    NOT_IMPLEMENTED = 5 . 1, "Not Implemented";
    /// RFC 7252 §5.9.3.3.
    BAD_GATEWAY = 5 . 2, "Bad Gateway";
    /// RFC 7252 §5.9.3.4.
    SERVICE_UNAVAILABLE = 5 . 3, "Service Unavailable";
    /// RFC 7252 §5.9.3.5.
    GATEWAY_TIMEOUT = 5 . 4, "Gateway Timeout";
    /// RFC 7252 §5.9.3.6.
    PROXYING_NOT_SUPPORTED = 5 . 5, "Proxying Not Supported";
    /// RFC 8768 §4.
    HOP_LIMIT_REACHED = 5 . 8, "Hop Limit Reached";
    /// Capabilities and Settings (RFC 8323 §5.3).
    CSM = 7 . 1, "CSM";
    /// RFC 8323 §5.4.
    PING = 7 . 2, "Ping";
    /// RFC 8323 §5.4.
    PONG = 7 . 3, "Pong";
    /// RFC 8323 §5.5.
    RELEASE = 7 . 4, "Release";
    /// RFC 8323 §5.6.
    ABORT = 7 . 5, "Abort";
}

impl Code {
    /// The code whose byte on the wire is `byte`. Every byte is a code.
    pub const fn from_byte(byte: u8) -> Code {
        Code(byte)
    }

    /// The code `class.detail`, `None` where class is above 7 or detail above 31.
    pub const fn new(class: u8, detail: u8) -> Option<Code> {
        if class > 7 || detail > 31 {
            return None;
        }
        Some(Code((class << 5) | detail))
    }

    /// The byte on the wire.
    pub const fn to_byte(self) -> u8 {
        self.0
    }

    /// The class: 0 request, 2 success, 4 client error, 5 server error, 7 signaling.
    pub const fn class(self) -> u8 {
        self.0 >> 5
    }

    /// The detail, 0 to 31.
    pub const fn detail(self) -> u8 {
        self.0 & 0x1f
    }

    /// What the code makes of its message.
    pub const fn kind(self) -> Kind {
        match self.class() {
            0 if self.0 == 0 => Kind::Empty,
            0 => Kind::Request,
            2 | 4 | 5 => Kind::Response,
            7 => Kind::Signal,
            _ => Kind::Reserved,
        }
    }

    /// Whether this is a request method.
    pub const fn is_request(self) -> bool {
        matches!(self.kind(), Kind::Request)
    }

    /// Whether this is a response code.
    pub const fn is_response(self) -> bool {
        matches!(self.kind(), Kind::Response)
    }

    /// Whether this is a signaling code.
    pub const fn is_signal(self) -> bool {
        matches!(self.kind(), Kind::Signal)
    }

    /// Whether this is a response of class 2.
    pub const fn is_success(self) -> bool {
        self.class() == 2
    }

    /// Whether this is a response of class 4 or 5.
    pub const fn is_error(self) -> bool {
        matches!(self.class(), 4 | 5)
    }

    /// Whether the method is safe: GET and FETCH change nothing (RFC 7252 §5.1, RFC 8132 §4).
    pub const fn is_safe(self) -> bool {
        matches!(self, Code::GET | Code::FETCH)
    }

    /// Whether doing it twice is as good as doing it once (RFC 7252 §5.1, RFC 8132 §4).
    pub const fn is_idempotent(self) -> bool {
        matches!(self, Code::GET | Code::PUT | Code::DELETE | Code::FETCH | Code::IPATCH)
    }

    /// How a code is to be read that its receiver does not know: an unknown error is the
    /// class's `x.00`, an unknown success is itself (RFC 7252 §5.2; CODE-02).
    pub const fn as_known(self) -> Code {
        if self.is_error() && self.name().is_none() { Code(self.class() << 5) } else { self }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.class(), self.detail())
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{self} {name}"),
            None => write!(f, "{self}"),
        }
    }
}
