//! The opening handshake of the mock server.

use super::mutation::Wrong;
use super::world::World;
use coap_ws_conform::wire::http::{self, Head, WELL_KNOWN};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::{Instant, timeout_at};

const LONGEST: usize = 64 * 1024;

/// What to do with a head.
enum Judged {
    Accept(Head),
    Refuse(Head),
    Silent,
}

/// Reads a head and answers it; the bytes behind it, if the connection is open then.
pub(super) async fn accept(io: &mut DuplexStream, world: &World) -> Option<Vec<u8>> {
    let mut buffer = Vec::new();
    let by = Instant::now() + Duration::from_secs(10);
    let (head, length) = loop {
        let mut space = vec![0; 16 * 1024];
        let read = timeout_at(by, io.read(&mut space)).await;
        match read {
            Err(_) if world.is(Wrong::HandshakeForever) => std::future::pending().await,
            Err(_) => {
                refuse(io, &Head::new("HTTP/1.1 408 Request Timeout")).await;
                return None;
            }
            Ok(Ok(n)) if n > 0 => buffer.extend(&space[..n]),
            Ok(_) => return None,
        }
        if let Some(parsed) = Head::parse(&buffer) {
            break parsed;
        }
        let not_http = buffer.starts_with(b"\x16");
        if not_http && world.is(Wrong::GarbageWaits) {
            std::future::pending::<()>().await;
        }
        let too_long = buffer.len() > LONGEST && !world.is(Wrong::HeadUnlimited);
        if too_long || world.is(Wrong::HandshakeOneRead) {
            refuse(io, &Head::new("HTTP/1.1 431 Request Header Fields Too Large")).await;
            return None;
        }
    };
    if world.is(Wrong::GarbageWaits) && buffer.starts_with(b"\x16") {
        std::future::pending::<()>().await;
    }
    match judge(&head, world) {
        Judged::Accept(reply) => {
            io.write_all(&reply.bytes()).await.ok()?;
            Some(buffer.split_off(length))
        }
        Judged::Refuse(reply) => {
            refuse(io, &reply).await;
            None
        }
        Judged::Silent => None,
    }
}

async fn refuse(io: &mut DuplexStream, head: &Head) {
    let head = head.clone().field("Content-Length", "0").field("Connection", "close");
    let _ = io.write_all(&head.bytes()).await;
}

fn bad() -> Judged {
    Judged::Refuse(Head::new("HTTP/1.1 400 Bad Request"))
}

fn judge(head: &Head, world: &World) -> Judged {
    let lax = world.is(Wrong::HandshakeLax);
    let mut words = head.start.split(' ');
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let version = words.next().unwrap_or("");
    if (method != "GET" || version != "HTTP/1.1") && !lax {
        return bad();
    }
    if world.is(Wrong::HandshakeFussy) && fussy(head, target) {
        return bad();
    }
    let path = match target.strip_prefix("http://") {
        Some(rest) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => target,
    };
    let wanted = if world.is(Wrong::PathElsewhere) { "/coap" } else { WELL_KNOWN };
    if path != wanted && !world.is(Wrong::PathAny) {
        return match world.is(Wrong::PathSilent) {
            true => Judged::Silent,
            false => Judged::Refuse(Head::new("HTTP/1.1 404 Not Found")),
        };
    }
    let hosts = head.all("host").count();
    let doubled = hosts > 1 && !world.is(Wrong::HostTwice);
    let upgrade = head.lists("upgrade", "websocket") && head.lists("connection", "upgrade");
    let exact =
        head.first("Upgrade") == Some("websocket") && head.first("Connection") == Some("Upgrade");
    let keys: Vec<&str> = head.all("sec-websocket-key").collect();
    let key_good = matches!(keys.as_slice(), [key] if http::is_key(key));
    let parts = hosts > 0 && !doubled && upgrade && key_good;
    if (!parts && !lax) || (world.is(Wrong::ConnectionExact) && !exact) {
        return bad();
    }
    judge_versions(head, keys.first().copied().unwrap_or_default(), world, lax)
}

fn fussy(head: &Head, target: &str) -> bool {
    let known = ["origin", "sec-websocket-extensions"];
    let unknown = head.fields.iter().any(|(name, _)| {
        let name = name.to_ascii_lowercase();
        !http::upgrade("", "").fields.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name))
            && !known.contains(&name.as_str())
    });
    unknown || target.starts_with("http") || head.all("sec-websocket-protocol").count() > 1
}

fn judge_versions(head: &Head, key: &str, world: &World, lax: bool) -> Judged {
    match head.first("sec-websocket-version") {
        Some("13") => {}
        Some(_) if world.is(Wrong::VersionAny) => {}
        Some(_) if world.is(Wrong::VersionUntold) => return bad(),
        Some(_) => {
            let reply = Head::new("HTTP/1.1 426 Upgrade Required");
            return Judged::Refuse(reply.field("Sec-WebSocket-Version", "13"));
        }
        None if lax => {}
        None => return bad(),
    }
    let offers = head.first("sec-websocket-extensions").is_some();
    if offers && world.is(Wrong::ExtensionRefuses) {
        return bad();
    }
    if head.first("origin").is_some() && !world.is(Wrong::OriginAny) {
        return Judged::Refuse(Head::new("HTTP/1.1 403 Forbidden"));
    }
    let list: Vec<&str> = head.list("sec-websocket-protocol").collect();
    let offered = list.contains(&"coap");
    let pass =
        world.is(Wrong::ProtocolUnoffered) || (world.is(Wrong::ProtocolMissing) && list.is_empty());
    if (!offered && !pass) || (world.is(Wrong::ProtocolFussy) && list.len() > 1) {
        return bad();
    }
    let mut reply = http::switching(key);
    if !offered && world.is(Wrong::ProtocolMissing) {
        reply = reply.without("sec-websocket-protocol");
    }
    if world.is(Wrong::ProtocolWhole) {
        reply = reply.with("Sec-WebSocket-Protocol", &list.join(", "));
    }
    if world.is(Wrong::ProtocolDoubled) {
        reply = reply.field("Sec-WebSocket-Protocol", "coap");
    }
    if world.is(Wrong::AcceptBad) {
        reply = reply.with("Sec-WebSocket-Accept", &http::accept("wrong"));
    }
    if world.is(Wrong::ExtensionUnasked) {
        reply = reply.field("Sec-WebSocket-Extensions", "x-conform-unasked");
    }
    Judged::Accept(reply)
}
