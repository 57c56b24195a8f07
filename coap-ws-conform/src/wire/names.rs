//! Registries: what numbers are called (RFC 7252 §12, RFC 8323 §11, and the RFCs that added to
//! them).

use super::Code;

pub const IF_MATCH: u16 = 1;
pub const URI_HOST: u16 = 3;
pub const ETAG: u16 = 4;
pub const IF_NONE_MATCH: u16 = 5;
pub const OBSERVE: u16 = 6;
pub const URI_PORT: u16 = 7;
pub const LOCATION_PATH: u16 = 8;
pub const OSCORE: u16 = 9;
pub const URI_PATH: u16 = 11;
pub const CONTENT_FORMAT: u16 = 12;
pub const MAX_AGE: u16 = 14;
pub const URI_QUERY: u16 = 15;
pub const HOP_LIMIT: u16 = 16;
pub const ACCEPT: u16 = 17;
pub const Q_BLOCK1: u16 = 19;
pub const LOCATION_QUERY: u16 = 20;
pub const BLOCK2: u16 = 23;
pub const BLOCK1: u16 = 27;
pub const SIZE2: u16 = 28;
pub const Q_BLOCK2: u16 = 31;
pub const PROXY_URI: u16 = 35;
pub const PROXY_SCHEME: u16 = 39;
pub const SIZE1: u16 = 60;
pub const ECHO: u16 = 252;
pub const NO_RESPONSE: u16 = 258;
pub const REQUEST_TAG: u16 = 292;

/// Of a CSM.
pub const MAX_MESSAGE_SIZE: u16 = 2;
pub const BLOCK_WISE_TRANSFER: u16 = 4;
pub const EXTENDED_TOKEN_LENGTH: u16 = 6;
/// Of Ping and Pong.
pub const CUSTODY: u16 = 2;
/// Of a Release.
pub const ALTERNATIVE_ADDRESS: u16 = 2;
pub const HOLD_OFF: u16 = 4;
/// Of an Abort.
pub const BAD_CSM_OPTION: u16 = 2;

/// How an option's value is to be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    Empty,
    Opaque,
    Uint,
    Text,
    Block,
}

/// Where an option may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum In {
    Request,
    Response,
    Both,
}

/// What is registered for a number.
#[derive(Clone, Copy, Debug)]
pub struct OptionInfo {
    pub number: u16,
    pub name: &'static str,
    pub format: Format,
    pub shortest: usize,
    pub longest: usize,
    pub repeatable: bool,
    pub place: In,
}

macro_rules! options {
    ($($number:literal $name:literal $format:ident $shortest:literal - $longest:literal
       $repeatable:literal $place:ident)*) => {
        &[$(OptionInfo {
            number: $number,
            name: $name,
            format: Format::$format,
            shortest: $shortest,
            longest: $longest,
            repeatable: $repeatable,
            place: In::$place,
        }),*]
    };
}

const OPTIONS: &[OptionInfo] = options! {
    1 "If-Match" Opaque 0-8 true Request
    3 "Uri-Host" Text 1-255 false Request
    4 "ETag" Opaque 1-8 false Both
    5 "If-None-Match" Empty 0-0 false Request
    6 "Observe" Uint 0-3 false Both
    7 "Uri-Port" Uint 0-2 false Request
    8 "Location-Path" Text 0-255 true Response
    9 "OSCORE" Opaque 0-255 false Both
    11 "Uri-Path" Text 0-255 true Request
    12 "Content-Format" Uint 0-2 false Both
    14 "Max-Age" Uint 0-4 false Response
    15 "Uri-Query" Text 0-255 true Request
    16 "Hop-Limit" Uint 1-1 false Request
    17 "Accept" Uint 0-2 false Request
    19 "Q-Block1" Block 0-3 false Both
    20 "Location-Query" Text 0-255 true Response
    21 "EDHOC" Empty 0-0 false Request
    23 "Block2" Block 0-3 false Both
    27 "Block1" Block 0-3 false Both
    28 "Size2" Uint 0-4 false Both
    31 "Q-Block2" Block 0-3 true Both
    35 "Proxy-Uri" Text 1-1034 false Request
    39 "Proxy-Scheme" Text 1-255 false Request
    60 "Size1" Uint 0-4 false Both
    252 "Echo" Opaque 1-40 false Both
    258 "No-Response" Uint 0-1 false Request
    292 "Request-Tag" Opaque 0-8 true Request
};

const CSM: &[OptionInfo] = options! {
    2 "Max-Message-Size" Uint 0-4 false Both
    4 "Block-Wise-Transfer" Empty 0-0 false Both
    6 "Extended-Token-Length" Uint 0-3 false Both
};
const PING: &[OptionInfo] = options! { 2 "Custody" Empty 0-0 false Both };
const RELEASE: &[OptionInfo] = options! {
    2 "Alternative-Address" Text 1-255 true Both
    4 "Hold-Off" Uint 0-3 false Both
};
const ABORT: &[OptionInfo] = options! { 2 "Bad-CSM-Option" Uint 0-2 false Both };

/// What is registered for an option in a message of this code: signaling options have number
/// spaces of their own (RFC 8323 §5.2).
pub fn option(code: Code, number: u16) -> Option<&'static OptionInfo> {
    let table = match code {
        Code::CSM => CSM,
        Code::PING | Code::PONG => PING,
        Code::RELEASE => RELEASE,
        Code::ABORT => ABORT,
        other if other.is_signaling() => &[],
        _ => OPTIONS,
    };
    table.iter().find(|info| info.number == number)
}

/// What a code is called.
pub fn code(code: Code) -> Option<&'static str> {
    Some(match code.0 {
        0x00 => "Empty",
        0x01 => "GET",
        0x02 => "POST",
        0x03 => "PUT",
        0x04 => "DELETE",
        0x05 => "FETCH",
        0x06 => "PATCH",
        0x07 => "iPATCH",
        0x41 => "Created",
        0x42 => "Deleted",
        0x43 => "Valid",
        0x44 => "Changed",
        0x45 => "Content",
        0x5f => "Continue",
        0x80 => "Bad Request",
        0x81 => "Unauthorized",
        0x82 => "Bad Option",
        0x83 => "Forbidden",
        0x84 => "Not Found",
        0x85 => "Method Not Allowed",
        0x86 => "Not Acceptable",
        0x88 => "Request Entity Incomplete",
        0x89 => "Conflict",
        0x8c => "Precondition Failed",
        0x8d => "Request Entity Too Large",
        0x8f => "Unsupported Content-Format",
        0x96 => "Unprocessable Entity",
        0x9d => "Too Many Requests",
        0xa0 => "Internal Server Error",
        0xa1 => "Not Implemented",
        0xa2 => "Bad Gateway",
        0xa3 => "Service Unavailable",
        0xa4 => "Gateway Timeout",
        0xa5 => "Proxying Not Supported",
        0xa8 => "Hop Limit Reached",
        0xe1 => "CSM",
        0xe2 => "Ping",
        0xe3 => "Pong",
        0xe4 => "Release",
        0xe5 => "Abort",
        _ => return None,
    })
}

/// What a close code of RFC 6455 §7.4.1 means.
pub fn close(code: u16) -> &'static str {
    match code {
        1000 => "normal",
        1001 => "going away",
        1002 => "protocol error",
        1003 => "unsupported data",
        1007 => "bad data",
        1008 => "policy",
        1009 => "too big",
        1011 => "internal error",
        _ => "",
    }
}
