//! Rules about everything a peer sends, judged over all connections of a run.
//!
//! Each is a case of its own at the end of the list: it passes when it was put to the test at
//! least once and never broken.

use crate::case::Level::{self, Def, Must, Should, Silent};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

macro_rules! rules {
    ($($rule:ident $id:literal $level:ident [$($requirement:literal)*] $section:literal
       $title:literal $why:literal)*) => {
        /// Which rule.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum Rule { $($rule),* }

        /// All of them, in order.
        pub const ALL: &[About] = &[$(About {
            rule: Rule::$rule,
            id: $id,
            level: $level,
            requirements: &[$($requirement),*],
            section: $section,
            title: $title,
            why: $why,
        }),*];
    };
}

/// What is said of a rule.
#[derive(Clone, Copy, Debug)]
pub struct About {
    pub rule: Rule,
    pub id: &'static str,
    pub level: Level,
    pub requirements: &'static [&'static str],
    pub section: &'static str,
    pub title: &'static str,
    pub why: &'static str,
}

rules! {
    Masking "always-masking" Must ["WS-18"] "6455 §5.1"
        "Every frame of a client is masked, none of a server"
        "A client MUST mask all frames that it sends; a server MUST NOT mask any."
    Rsv "always-rsv" Must ["WS-14"] "6455 §5.2"
        "The RSV bits are 0 where no extension was agreed"
        "RSV1-3 MUST be 0 unless an extension is negotiated that defines them."
    Length "always-frame-length" Must ["WS-27"] "6455 §5.2"
        "Frame lengths are written in as few bytes as possible"
        "The minimal number of bytes MUST be used to encode the length."
    Binary "always-binary" Def ["WS-20"] "8323 §4.2"
        "CoAP messages travel in binary frames"
        "The messages are transmitted in binary data frames; a text message is not CoAP."
    Whole "always-unfragmented" Silent ["WS-25"] "8323 §4.2"
        "Messages are not fragmented"
        "Fragments are allowed and typically not used; libcoap 4.3.5 closes on any of them."
    NoPing "always-no-ws-ping" Should ["WS-28"] "8323 §4.4"
        "No WebSocket Ping and no unsolicited Pong is sent"
        "WebSocket Ping and unsolicited Pong frames SHOULD NOT be used: CoAP has its own."
    CloseBody "always-close-body" Must ["WS-33"] "6455 §5.5.1, §7.4.1"
        "A Close frame has no body, or a code that may be sent and UTF-8"
        "1005, 1006 and 1015 MUST NOT be set by an endpoint; a body begins with two bytes of code \
         and goes on in UTF-8."
    AfterClose "always-nothing-after-close" Must ["WS-31"] "6455 §5.5.1"
        "Nothing follows a Close frame"
        "The application MUST NOT send any more data frames after a Close frame."
    AfterAbort "always-nothing-after-abort" Def ["ABT-01"] "8323 §5.6"
        "No message follows an Abort"
        "The sender shuts down the connection immediately after the Abort message."
    CsmFirst "always-csm-first" Must ["CSM-01"] "8323 §3.3, §4.3"
        "The first message on every connection is a CSM"
        "Each endpoint MUST send a CSM as its first message on the connection."
    CsmSize "always-csm-size" Def ["CSM-24"] "8323 §5.3.1"
        "The first CSM fits the base value of 1152 bytes"
        "Until a CSM has said otherwise, 1152 bytes is what the other end takes."
    CsmOptions "always-csm-options" Silent ["CSM-27"] "8323 §5.3"
        "A CSM says its Max-Message-Size"
        "An empty CSM is legal, but libcoap 4.3.5 drops every message of two bytes."
    TokenLength "always-etl" Must ["TOK-15"] "8974 §2.2.1"
        "An Extended-Token-Length is from 8 to 65804"
        "The option value MUST NOT be outside this range."
    LenNibble "always-len-0" Must ["FMT-01"] "8323 §4.2"
        "The Len nibble is 0"
        "The Length (Len) field MUST be set to zero, because the frame contains the length."
    WellFormed "always-well-formed" Def ["FMT-25"] "7252 §3; 8323 §4.2"
        "Every message is well formed"
        "What breaks the message format has to be rejected, so nobody may send it."
    Kind "always-kind" Must ["CODE-04"] "7252 §3, §12.1"
        "Codes are of class 0, 2, 4, 5 or 7"
        "The classes 1, 3 and 6 are reserved."
    Size "always-within-mms" Def ["CSM-16"] "8323 §5.3.1"
        "No message is larger than our Max-Message-Size"
        "The option says how large a message its sender can receive."
    Bert "always-bert-agreed" Def ["BERT-06"] "8323 §5.3.2, §6"
        "SZX 7 is used only towards who has indicated BERT"
        "SZX 7 is reserved in RFC 7959: only who has said Block-Wise-Transfer and a \
         Max-Message-Size above 1152, or has used SZX 7, can be expected to read it."
    Uint "always-short-uint" Should ["FMT-22"] "7252 §3.2"
        "Numbers are written without leading zeros"
        "A sender SHOULD represent the integer with as few bytes as possible."
    Defaults "always-no-defaults" Should ["OPT-09"] "7252 §5.4.4"
        "No option has its default value, Max-Age 60 above all"
        "If the value is the default, the option SHOULD NOT be included."
    OptionLength "always-option-length" Def ["OPT-13"] "7252 §5.4.3, §5.10"
        "Option values have a length that is allowed for them"
        "Options are defined to have values of a specific length or range."
    Repeats "always-no-repeats" Must ["OPT-14" "OPT-21"] "7252 §5.4.5"
        "An option is repeated only where that is defined, ETag never in a response"
        "An option that is not repeatable MUST NOT be included more than once."
    Place "always-option-place" Must ["OPT-08"] "7252 §5.4"
        "Options of requests stay out of responses"
        "An option that is not defined for a code MUST NOT be included."
    Critical "always-known-signaling" Must ["SIG-02"] "8323 §5.2"
        "No unregistered critical option is in a signaling message"
        "A receiver that does not know it MUST abort the connection."
    Diagnostic "always-diagnostic-utf8" Must ["CODE-09"] "7252 §5.5.2"
        "Diagnostic payloads are UTF-8"
        "The diagnostic message MUST be encoded using UTF-8."
    AbortSays "always-abort-says-why" Should ["ABT-02" "FMT-26"] "8323 §5.6"
        "An Abort says why in a diagnostic payload"
        "A diagnostic payload SHOULD be included in the Abort message."
    Observe "always-observe-success" Must ["OBS-03"] "7641 §4.2"
        "Only 2.xx responses have an Observe option"
        "A non-2.xx notification MUST NOT include an Observe Option."
    RequestToken "always-request-token" Def ["TOK-14"] "8974 §2.2.1"
        "Tokens of requests are not longer than we have said that we take"
        "Before a CSM with Extended-Token-Length it is eight bytes."
    Known "always-known-token" Must ["TOK-01" "CODE-15"] "7252 §5.3.1, §5.2"
        "A response has the token of a request that is waiting for one, and comes once"
        "The token MUST be echoed in any resulting response without modification."
    TwoBytes "always-two-bytes" Silent ["TOK-28"] "interoperability"
        "No message is of exactly two bytes"
        "Legal, but libcoap 4.3.5 drops such messages: a token or an option avoids that."
}

/// What is known of one rule.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// How often it was put to the test.
    pub seen: u64,
    /// The first time it was broken.
    pub broken: Option<String>,
}

/// Of all rules, shared by all connections of a run.
#[derive(Clone, Debug, Default)]
pub struct Rules(Arc<Mutex<BTreeMap<Rule, Record>>>);

impl Rules {
    /// The rule held, or this is how it was broken.
    pub fn judge(&self, rule: Rule, broken: Option<String>) {
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let record = records.entry(rule).or_default();
        record.seen += 1;
        if record.broken.is_none() {
            record.broken = broken;
        }
    }

    pub fn record(&self, rule: Rule) -> Record {
        let records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        records.get(&rule).cloned().unwrap_or_default()
    }
}
