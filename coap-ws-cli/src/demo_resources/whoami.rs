//! What is known of the other end.

use coap_ws_tokio::Remote;
use serde_json::{Value, json};

/// As JSON. Header fields that carry credentials stay out.
pub(super) fn describe(remote: &Remote) -> String {
    let header = |name: &str| {
        let value = remote.handshake()?.headers.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let settings = remote.peer_settings().map_or(Value::Null, |settings| {
        json!({
            "max_message_size": settings.max_message_size,
            "block_wise": settings.block_wise,
            "bert": settings.bert(),
            "extended_token_length": settings.extended_token_length,
        })
    });
    let secure = remote.info().secure;
    let text = json!({
        "scheme": if secure { "coaps+ws" } else { "coap+ws" },
        "address": remote.info().address.map(|address| address.to_string()),
        "authority": remote.authority().map(ToString::to_string),
        "origin": header("origin"),
        "user_agent": header("user-agent"),
        "settings": settings,
    });
    text.to_string()
}
