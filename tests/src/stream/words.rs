//! What an engine told, in words that can be compared.

use super::to_hex;
use coap_ws_core::Event as Core;
use coap_ws_driver::engine::Event;

/// An event in few words: `opened`, `request 0101aa`, `failed 40 Maybe`, `closed Released`.
///
/// # Panics
///
/// Where there is a new event.
pub fn words(event: &Event) -> String {
    match event {
        Event::Asked(_) => "asked".into(),
        Event::Opened(_) => "opened".into(),
        Event::OpeningFailed(error) => format!("opening failed: {error:?}"),
        Event::Settings(settings) => format!("settings {}", settings.max_message_size),
        Event::Request { message, .. } => format!("request {}", to_hex(message.view().as_bytes())),
        Event::Response { exchange, message, last } => {
            let what = if *last { "response" } else { "notification" };
            format!("{what} {} {}", exchange.get(), to_hex(message.view().as_bytes()))
        }
        Event::Unusable { exchange, error } => format!("unusable {} {error:?}", exchange.get()),
        Event::Pong { ping, custody } => format!("pong {} {custody}", ping.get()),
        Event::Release(_) => "release".into(),
        Event::Abort(notice) => {
            format!("abort {:?}", notice.diagnostic.as_deref().unwrap_or_default())
        }
        Event::Core(event) => core_words(*event),
        other => panic!("the tests do not know this yet: {other:?}"),
    }
}

fn core_words(event: Core) -> String {
    match event {
        Core::Failed { exchange, error, sent } => {
            format!("failed {} {sent:?} {error:?}", exchange.get())
        }
        Core::Silent(exchange) => format!("silent {}", exchange.get()),
        Core::Expired(id) => format!("expired {}", id.arrival()),
        Core::NotificationDue(observer) => format!("due {}", observer.serial()),
        Core::ObserverGone(observer) => format!("gone {}", observer.serial()),
        Core::PingFailed { ping, error } => format!("ping failed {} {error:?}", ping.get()),
        Core::Room => "room".into(),
        Core::Closed(reason) => format!("closed {reason:?}"),
        other => panic!("the tests do not know this yet: {other:?}"),
    }
}
