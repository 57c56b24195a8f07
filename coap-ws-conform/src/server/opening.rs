//! Helpers of the handshake cases.

use crate::case::{Outcome, deviates};
use crate::conn::{Conn, Reply};
use crate::context::Cx;
use crate::wire::http::{self, Head};

/// The key of the examples in RFC 6455 and RFC 8323.
pub(super) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// Offers the handshake of RFC 8323 figure 9, changed.
pub(super) async fn offered(cx: &Cx, change: impl FnOnce(Head) -> Head) -> Outcome<(Conn, Reply)> {
    let mut conn = cx.raw().await?;
    let reply = conn.offer(&change(http::upgrade(&cx.shared.host, KEY))).await;
    Ok((conn, reply))
}

/// Demands an HTTP error.
pub(super) async fn refused(cx: &Cx, change: impl FnOnce(Head) -> Head) -> Outcome<Head> {
    match offered(cx, change).await?.1 {
        Reply::Head(head) if head.status() >= 300 => Ok(head),
        reply => Err(deviates(reply.text())),
    }
}

/// Demands 101 for `coap`.
pub(super) async fn accepted(cx: &Cx, change: impl FnOnce(Head) -> Head) -> Outcome<Head> {
    let head = match offered(cx, change).await?.1 {
        Reply::Head(head) if head.status() == 101 => head,
        reply => return Err(deviates(reply.text())),
    };
    let upgrades = head.lists("upgrade", "websocket") && head.lists("connection", "upgrade");
    if !upgrades {
        return Err(deviates("101 without `Upgrade: websocket` and `Connection: Upgrade`"));
    }
    match head.first("sec-websocket-protocol") {
        Some("coap") => Ok(head),
        Some(other) => Err(deviates(format!("101 with `Sec-WebSocket-Protocol: {other}`"))),
        None => Err(deviates("101 without `Sec-WebSocket-Protocol: coap`")),
    }
}
