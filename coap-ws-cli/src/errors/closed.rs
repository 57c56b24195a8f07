//! Connections that ended before the answer came.

use super::Failure;
use crate::exit::Exit;
use coap_ws_tokio::core::{CloseReason, Violation};

pub(super) fn failure(reason: CloseReason, diagnostic: Option<&str>) -> Failure {
    let said = diagnostic.map(|text| format!(", and says: {text}"));
    let said = said.unwrap_or_default();
    let (exit, what, why, advice) = match reason {
        CloseReason::Released => (
            Exit::Released,
            format!("the server released the connection before it answered{said}"),
            "it shuts down or wants its clients elsewhere (RFC 8323 §5.5)".to_owned(),
            "try again in a while",
        ),
        CloseReason::ClosedByPeer(1000 | 1001) => (
            Exit::Released,
            "the server closed the connection before it answered".to_owned(),
            "it shuts down, without a Release".to_owned(),
            "try again in a while",
        ),
        CloseReason::ClosedByPeer(code) => (
            Exit::Protocol,
            format!("the server closed the WebSocket with status {code}"),
            websocket_status(code).to_owned(),
            "-vv shows what was said before; the server's log may say more",
        ),
        CloseReason::AbortedByPeer => (
            Exit::Protocol,
            format!("the server aborted the connection{said}"),
            "it found a fault in what we sent (RFC 8323 §5.6)".to_owned(),
            "-vv shows every byte; `coap-ws decode` judges a message",
        ),
        CloseReason::Violation(violation) => (
            Exit::Protocol,
            format!("the server broke the protocol: {violation}"),
            suspicion(violation).to_owned(),
            "-vv shows every byte; is it the right server?",
        ),
        CloseReason::Lost => (
            Exit::Protocol,
            "the connection was lost".to_owned(),
            "it ended without a WebSocket Close: the server, or a proxy in between, went away"
                .to_owned(),
            "try again; a proxy that cuts after a fixed time has a timeout to raise",
        ),
        CloseReason::KeepaliveTimeout | CloseReason::WriteStall => (
            Exit::Timeout,
            format!("the connection is dead: {reason}"),
            "the server hangs, or something in between drops what is sent".to_owned(),
            "try again",
        ),
        _ => (
            Exit::Protocol,
            format!("the connection ended: {reason}"),
            "nothing more is known".to_owned(),
            "-v shows what was said before",
        ),
    };
    Failure::new(exit, what, why, advice)
}

/// RFC 6455 §7.4.1.
const fn websocket_status(code: u16) -> &'static str {
    match code {
        1002 => "it found a fault in our frames or messages",
        1003 => "it does not take messages of this kind",
        1005 => "it gave no reason",
        1007 => "it found text that is no UTF-8",
        1008 => "its own rules forbid what we did, perhaps how often",
        1009 => "the message is too large for it",
        1011 => "it failed inside",
        1012..=1014 => "it, or what is behind it, restarts or is overloaded",
        _ => "the status is its own",
    }
}

/// What a violation smells of.
const fn suspicion(violation: Violation) -> &'static str {
    match violation {
        Violation::SettingsMissing => "the first message of each side must be a CSM",
        Violation::SettingsLate => "it opened a WebSocket, but does not speak CoAP over it",
        Violation::Format(_) => "what it sent is no CoAP message",
        Violation::TextMessage => "it speaks something else than CoAP over this WebSocket",
        Violation::TooLarge => "the message is larger than we announced that we take",
        Violation::WebSocket { .. } => "its frames are not those of RFC 6455",
        _ => "it does not keep to the rules of CoAP over WebSockets",
    }
}
