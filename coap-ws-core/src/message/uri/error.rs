//! What can be wrong with a URI, said so that its writer can mend it.

use core::fmt;

use super::{MAX_URI_LENGTH, Scheme};

/// Why a text is not a URI of CoAP over WebSockets, and where.
///
/// ```
/// use coap_ws_core::message::uri::Uri;
///
/// assert_eq!(
///     Uri::parse("coap://h/a").unwrap_err().to_string(),
///     "the scheme is not one of CoAP over WebSockets (RFC 8323 §8.3): \
///      write `coap+ws://` (at byte 0)"
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UriError {
    /// What is wrong.
    pub kind: UriErrorKind,
    /// Where, in bytes from the start of the text that was parsed or joined.
    pub offset: usize,
}

impl UriError {
    pub(super) const fn new(kind: UriErrorKind, offset: usize) -> Self {
        Self { kind, offset }
    }
}

impl fmt::Display for UriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {})", self.kind, self.offset)
    }
}

impl core::error::Error for UriError {}

/// What is wrong with a URI. `Display` says it and what to write instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UriErrorKind {
    /// Longer than [`MAX_URI_LENGTH`], perhaps only after it was joined.
    TooLong,
    /// Something else than a scheme before the first `:`, or no `:` at all. A relative reference
    /// with a colon in its first segment begins with `./`.
    MissingScheme,
    /// A scheme other than the two of RFC 8323 §8.3 and §8.4 (`URI-05`).
    UnsupportedScheme {
        /// The one that comes nearest: the secure one for `coaps`, `wss`, `https`.
        instead: Scheme,
    },
    /// Nothing, or something else than `//`, after the scheme (`URI-03`).
    MissingAuthority,
    /// `user@` before the host (`URI-04`).
    Userinfo,
    /// No host between `//` and what follows (`URI-03`).
    EmptyHost,
    /// The host decodes to a character that no host name has (RFC 7252 §6.5 step 2, `URI-18`).
    InvalidHost,
    /// Brackets around something that is not an IPv6 address.
    InvalidIpv6,
    /// More than one colon in the authority, so perhaps an IPv6 address without brackets.
    MissingBrackets,
    /// An IPv6 zone id, which means nothing to another host (`URI-24`).
    ZoneId,
    /// The port is not a number from 1 to 65535.
    InvalidPort,
    /// `#` and what follows it (`URI-06`).
    Fragment,
    /// A character that RFC 3986 does not allow here.
    InvalidCharacter,
    /// `%` without two hexadecimal digits.
    InvalidPercentEncoding,
    /// The percent-encoded bytes are not UTF-8 (RFC 7252 §6.4).
    InvalidUtf8,
    /// A host, path segment or query argument of more than 255 bytes.
    ComponentTooLong,
    /// A relative path joined to a URI that is itself the result of several joins.
    TooManyJoins,
}

impl fmt::Display for UriErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => return write!(f, "the URI is longer than {MAX_URI_LENGTH} bytes"),
            Self::UnsupportedScheme { instead } => {
                return write!(
                    f,
                    "the scheme is not one of CoAP over WebSockets (RFC 8323 §8.3): \
                     write `{instead}://`"
                );
            }
            Self::MissingScheme => {
                "the URI does not begin with a scheme: write `coap+ws://` or `coaps+ws://`"
            }
            Self::MissingAuthority => {
                "the host is missing (RFC 8323 §8.3): write `//` and a host after the scheme"
            }
            Self::Userinfo => {
                "userinfo (`user@…`) is not allowed in a CoAP URI (RFC 8323 §8.3): leave it out"
            }
            Self::EmptyHost => "the host is empty (RFC 8323 §8.3): write one after `//`",
            Self::InvalidHost => {
                "the host decodes to a character that no host name has (RFC 7252 §6.5)"
            }
            Self::InvalidIpv6 => {
                "the brackets do not hold an IPv6 address (RFC 3986 §3.2.2): write one like `[::1]`"
            }
            Self::MissingBrackets => {
                "the authority has more than one `:` (RFC 3986 §3.2.2): \
                 write an IPv6 address in brackets, like `[::1]:8080`"
            }
            Self::ZoneId => {
                "a zone id (`%…`) is not allowed in an IPv6 address of a URI: leave it out"
            }
            Self::InvalidPort => "the port is not a number from 1 to 65535 (RFC 3986 §3.2.3)",
            Self::Fragment => {
                "a fragment (`#…`) is not allowed in a CoAP URI (RFC 7252 §6.4): \
                 leave it out, or write the character as `%23`"
            }
            Self::InvalidCharacter => {
                "a character is not allowed here in a URI (RFC 3986 §2): percent-encode it"
            }
            Self::InvalidPercentEncoding => {
                "`%` is not followed by two hexadecimal digits (RFC 3986 §2.1): \
                 write the character itself as `%25`"
            }
            Self::InvalidUtf8 => "percent-encoded bytes are not UTF-8 (RFC 7252 §6.4)",
            Self::ComponentTooLong => {
                "a host, path segment or query argument is longer than the 255 bytes \
                 of its option (RFC 7252 §5.10)"
            }
            Self::TooManyJoins => {
                "too many relative references are joined: print the URI and parse it again, \
                 or join a path that begins with `/`"
            }
        })
    }
}
