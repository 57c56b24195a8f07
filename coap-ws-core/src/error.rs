//! Three vocabularies of failure, by whose fault it is: [`SendError`] and [`Refused`] are the
//! caller's, a [`Violation`] is the peer's, a [`CloseReason`] is what came of it.

use crate::message::{Code, EncodeError, FormatError, OptionNumber};
use crate::served::Responder;
use core::fmt;

/// Whether a request that failed may have reached the peer (RFC 8323 §3.4; PING-14).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Sent {
    /// No byte of it was handed out: it is safe to send again elsewhere.
    No,
    /// It was handed out; whether it was processed is unknown.
    Maybe,
}

/// Why a request, a Ping or a Release was not taken. Nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SendError {
    /// Larger than the base 1152 bytes, and the peer's CSM that may allow it is not here yet.
    AwaitingSettings,
    /// Larger than the peer takes, or than our own limit, in bytes of the whole message.
    TooLarge {
        /// The size of the message.
        size: usize,
        /// The most that may be sent now.
        limit: usize,
    },
    /// `max_exchanges` are in flight; try again at [`Event::Room`](crate::Event::Room).
    TooManyExchanges,
    /// Output is above high water; try again at [`Event::Room`](crate::Event::Room).
    NoRoom,
    /// The connection was released by either side: no more requests (REL-05).
    Releasing,
    /// The connection is closing or closed.
    Closed,
    /// The code is not a method.
    NotARequest(Code),
    /// The message cannot be written.
    Encode(EncodeError),
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AwaitingSettings => {
                f.write_str("larger than 1152 bytes and the peer's CSM has not come yet")
            }
            Self::TooLarge { size, limit } => {
                write!(f, "the message has {size} bytes, {limit} may be sent")
            }
            Self::TooManyExchanges => f.write_str("too many requests in flight"),
            Self::NoRoom => f.write_str("too much output waits to be sent"),
            Self::Releasing => f.write_str("the connection is being released"),
            Self::Closed => f.write_str("the connection is closed"),
            Self::NotARequest(code) => write!(f, "{code} is not a request method"),
            Self::Encode(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for SendError {}

/// A response that was not taken, and the responder back, to try something else.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    /// The right to answer, where there still is one to use.
    pub responder: Responder,
    /// Why.
    pub why: RefusedWhy,
}

/// Why a response was not taken. Nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RefusedWhy {
    /// Output is above high water; try again at [`Event::Room`](crate::Event::Room).
    NoRoom,
    /// Larger than the peer takes, or than our own limit, in bytes of the whole message.
    TooLarge {
        /// The size of the message.
        size: usize,
        /// The most that may be sent now.
        limit: usize,
    },
    /// The request was answered already: by the core, at `answer_timeout`.
    Expired,
    /// The connection is closing or closed.
    Closed,
    /// The code is not a response.
    NotAResponse(Code),
    /// The message cannot be written.
    Encode(EncodeError),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.fmt(f)
    }
}

impl fmt::Display for RefusedWhy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RefusedWhy::NoRoom => f.write_str("too much output waits to be sent"),
            RefusedWhy::TooLarge { size, limit } => {
                write!(f, "the response has {size} bytes, {limit} may be sent")
            }
            RefusedWhy::Expired => f.write_str("the request was answered 5.03 at its timeout"),
            RefusedWhy::Closed => f.write_str("the connection is closed"),
            RefusedWhy::NotAResponse(code) => write!(f, "{code} is not a response code"),
            RefusedWhy::Encode(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for Refused {}

/// Why a notification was not taken. Nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum NotifyError {
    /// There is no such observer any more.
    Gone,
    /// As for a response.
    Refused(RefusedWhy),
}

impl fmt::Display for NotifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("the observer is gone"),
            Self::Refused(why) => why.fmt(f),
        }
    }
}

impl core::error::Error for NotifyError {}

/// Why a response came that may not be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ResponseError {
    /// It has a critical option that we do not understand (RFC 7252 §5.4.1; OPT-04).
    CriticalOption(OptionNumber),
    /// Its code is of a reserved class (CODE-05).
    ReservedCode(Code),
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CriticalOption(number) => {
                write!(f, "the response has a critical option that is not understood: {number}")
            }
            Self::ReservedCode(code) => write!(f, "the response has the reserved code {code}"),
        }
    }
}

impl core::error::Error for ResponseError {}

/// Why a request ended without a response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RequestError {
    /// No response within the request's timeout. Its token is retired.
    Timeout,
    /// The connection ended first.
    Closed(CloseReason),
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("no response within the timeout"),
            Self::Closed(reason) => write!(f, "the connection ended: {reason}"),
        }
    }
}

impl core::error::Error for RequestError {}

/// A rule that the peer broke. Each knows the section it is in and what we do about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Violation {
    /// Bytes that are no CoAP message (FMT-25).
    Format(FormatError),
    /// A request with a token longer than we advertised (RFC 8974 §2.2.1; TOK-18).
    TokenTooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// The first message is not a CSM (RFC 8323 §3.3; CSM-06).
    SettingsMissing,
    /// No CSM within `csm_timeout` (CSM-08).
    SettingsLate,
    /// A CSM with a value that cannot be accepted (CSM-19).
    BadSetting(OptionNumber),
    /// A signal with a critical option that is not understood (RFC 8323 §5.2; SIG-02).
    CriticalSignalOption {
        /// The signal.
        code: Code,
        /// The option.
        option: OptionNumber,
    },
    /// A text message: CoAP travels in binary ones (RFC 8323 §4.2; WS-21).
    TextMessage,
    /// A message larger than we announced (RFC 8323 §5.3.1; CSM-17).
    TooLarge,
    /// A message that was begun and not finished in time (T22).
    MessageLate,
    /// More useless but legal messages than `limits` allow.
    Flood(Flood),
    /// A rule of RFC 6455, with the status code that closes for it.
    WebSocket {
        /// The WebSocket status code (RFC 6455 §7.4.1).
        code: u16,
    },
}

/// What there was too much of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Flood {
    /// Empty messages (T24).
    Empty,
    /// CSMs (T51).
    Settings,
    /// Responses to nothing we ever asked (T65).
    Unmatched,
    /// WebSocket control frames (T25).
    Control,
}

impl Violation {
    /// What the peer did, in words that fit an Abort's diagnostic payload.
    pub const fn describe(&self) -> &'static str {
        match self {
            Self::Format(error) => error.kind.describe(),
            Self::TokenTooLong { .. } => "token longer than advertised",
            Self::SettingsMissing => "the first message must be a CSM",
            Self::SettingsLate => "no CSM in time",
            Self::BadSetting(_) => "CSM value not acceptable",
            Self::CriticalSignalOption { .. } => "unknown critical signaling option",
            Self::TextMessage => "text message: CoAP uses binary messages",
            Self::TooLarge => "message too large",
            Self::MessageLate => "message not finished in time",
            Self::Flood(Flood::Empty) => "too many Empty messages",
            Self::Flood(Flood::Settings) => "too many CSMs",
            Self::Flood(Flood::Unmatched) => "too many responses to no request",
            Self::Flood(Flood::Control) => "too many WebSocket control frames",
            Self::WebSocket { .. } => "WebSocket protocol error",
        }
    }

    /// The section that the rule is in.
    pub const fn section(&self) -> &'static str {
        match self {
            Self::Format(error) => error.kind.section(),
            Self::TokenTooLong { .. } => "RFC 8974 §2.2.1",
            Self::SettingsMissing | Self::SettingsLate => "RFC 8323 §3.3",
            Self::BadSetting(_) | Self::TooLarge => "RFC 8323 §5.3.1",
            Self::CriticalSignalOption { .. } => "RFC 8323 §5.2",
            Self::TextMessage => "RFC 8323 §4.2",
            Self::Flood(_) => "RFC 8974 §5.1",
            Self::MessageLate => "RFC 6455 §10.4",
            Self::WebSocket { .. } => "RFC 6455 §7.1.7",
        }
    }

    /// The WebSocket status code that we close with (WS-34).
    pub const fn close_code(&self) -> u16 {
        match self {
            Self::TextMessage => 1003,
            Self::TooLarge => 1009,
            Self::Flood(_) | Self::MessageLate => 1008,
            Self::WebSocket { code } => *code,
            _ => 1002,
        }
    }

    /// Whether an Abort goes first: not for what is below CoAP.
    pub(crate) const fn aborts(&self) -> bool {
        !matches!(self, Self::WebSocket { .. } | Self::Flood(Flood::Control))
    }

    /// The option that the Abort names: of a CSM only (ABT-05).
    pub(crate) const fn bad_csm_option(&self) -> Option<OptionNumber> {
        match self {
            Self::BadSetting(option) | Self::CriticalSignalOption { code: Code::CSM, option } => {
                Some(*option)
            }
            _ => None,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format(error) => error.fmt(f),
            Self::TokenTooLong { length } => {
                write!(f, "{} ({length} bytes; {})", self.describe(), self.section())
            }
            Self::CriticalSignalOption { code, option } => {
                write!(f, "{} {} in {code} ({})", self.describe(), option.get(), self.section())
            }
            _ => write!(f, "{} ({})", self.describe(), self.section()),
        }
    }
}

impl core::error::Error for Violation {}

/// Why a connection ended. Told once, last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum CloseReason {
    /// In good order after a Release of either side (RFC 8323 §5.5).
    Released,
    /// The peer sent an Abort (RFC 8323 §5.6). What it said came as
    /// [`Incoming::Abort`](crate::Incoming::Abort).
    AbortedByPeer,
    /// The application called [`abort`](crate::Connection::abort).
    Aborted,
    /// The peer closed the WebSocket without a Release, with this status code, or 1005 for
    /// none (RFC 6455 §7.4.1; REL-17).
    ClosedByPeer(u16),
    /// The stream ended or failed without a WebSocket Close.
    Lost,
    /// The peer broke a rule.
    Violation(Violation),
    /// Nothing came from the peer for `keepalive_timeout` after a Ping.
    KeepaliveTimeout,
    /// The peer did not read for `write_stall_timeout`.
    WriteStall,
}

impl CloseReason {
    /// Whether it ended as it should: released, or closed by the peer with 1000 or 1001.
    pub const fn is_clean(&self) -> bool {
        matches!(self, Self::Released | Self::ClosedByPeer(1000 | 1001))
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Released => f.write_str("released"),
            Self::AbortedByPeer => f.write_str("aborted by the peer"),
            Self::Aborted => f.write_str("aborted by us"),
            Self::ClosedByPeer(code) => write!(f, "closed by the peer (WebSocket status {code})"),
            Self::Lost => f.write_str("the connection was lost without a WebSocket Close"),
            Self::Violation(violation) => write!(f, "the peer broke a rule: {violation}"),
            Self::KeepaliveTimeout => f.write_str("the peer did not answer a keepalive Ping"),
            Self::WriteStall => f.write_str("the peer did not read what we sent"),
        }
    }
}

impl core::error::Error for CloseReason {}
