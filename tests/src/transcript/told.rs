//! What the application is told, as transcripts write it.

use super::notation::{hex, show};
use coap_ws_core::{Abort, Event, ExchangeId, Incoming, PeerSettings, PingId, Release};
use std::fmt::Write;

/// What a message meant.
pub(super) fn incoming(incoming: &Incoming<'_>) -> String {
    match incoming {
        Incoming::Settings(settings) => peer_settings(settings),
        Incoming::Request { message, .. } => format!("request {}", show(message)),
        Incoming::Response { exchange, message, last } => {
            assert_eq!(exchange.token().as_bytes(), message.token(), "a stranger's response");
            let what = if *last { "response" } else { "notification" };
            format!("{what} {}", show(message))
        }
        Incoming::Failed { exchange, error } => format!("failed {}: {error}", token(*exchange)),
        Incoming::Pong { ping: id, custody: false } => format!("pong {}", ping(*id)),
        Incoming::Pong { ping: id, custody: true } => format!("pong {} custody", ping(*id)),
        Incoming::Release(message) => release(message),
        Incoming::Abort(message) => abort(message),
        other => format!("{other:?}"),
    }
}

/// What no message carried.
pub(super) fn event(event: &Event) -> String {
    match event {
        Event::Failed { exchange, error, sent } => {
            let sent = format!("{sent:?}").to_lowercase();
            format!("failed {} {sent}: {error}", token(*exchange))
        }
        Event::Silent(exchange) => format!("silent {}", token(*exchange)),
        Event::Expired(request) => format!("expired #{}", request.arrival()),
        Event::NotificationDue(observer) => format!("due @{}", observer.serial()),
        Event::ObserverGone(observer) => format!("gone @{}", observer.serial()),
        Event::PingFailed { ping: id, error } => format!("ping failed {}: {error}", ping(*id)),
        Event::Room => "room".into(),
        Event::Closed(reason) => format!("closed: {reason}"),
        other => format!("{other:?}"),
    }
}

/// The token of an exchange.
pub(super) fn token(exchange: ExchangeId) -> String {
    hex(exchange.token().as_bytes())
}

/// The token of a Ping: its number in as few bytes as it needs.
pub(super) fn ping(id: PingId) -> String {
    let digits = format!("{:x}", id.get());
    format!("{digits:0>width$}", width = digits.len().next_multiple_of(2))
}

fn peer_settings(settings: &PeerSettings) -> String {
    let mut line = format!("settings {}", settings.max_message_size);
    if settings.block_wise {
        line += " block-wise";
    }
    if settings.bert() {
        line += " bert";
    }
    if settings.extended_token_length != 8 {
        let _ = write!(line, " tokens {}", settings.extended_token_length);
    }
    line
}

fn release(release: &Release<'_>) -> String {
    let mut line = "release".to_owned();
    for address in release.alternative_addresses() {
        let _ = write!(line, " try {address}");
    }
    if !release.hold_off().is_zero() {
        let _ = write!(line, " hold-off {}s", release.hold_off().as_secs());
    }
    line + &diagnostic(release.diagnostic())
}

fn abort(abort: &Abort<'_>) -> String {
    let mut line = "abort".to_owned();
    if let Some(option) = abort.bad_csm_option() {
        let _ = write!(line, " bad-csm-option {}", option.get());
    }
    line + &diagnostic(abort.diagnostic())
}

fn diagnostic(text: Option<&str>) -> String {
    text.map(|text| format!(" \"{text}\"")).unwrap_or_default()
}
