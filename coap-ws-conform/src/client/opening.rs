//! The opening handshake of a client (RFC 6455 §4.1, RFC 8323 §4.1).

use super::{ClientCx, Guest};
use crate::case::{Case, Outcome, deviates, lenient, skip, visit};
use crate::conn::Event;
use crate::wire::http::{self, Head, WELL_KNOWN};
use crate::wire::message::Code;
use crate::wire::{Frame, hex};
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::Instant;

/// Judges each of the opening handshakes.
fn each(heads: &[Head], judge: impl Fn(&Head) -> Option<String>) -> Outcome {
    if heads.is_empty() {
        return Err(skip("no client came"));
    }
    match heads.iter().find_map(judge) {
        Some(wrong) => Err(deviates(wrong)),
        None => Ok(()),
    }
}

/// A field that is there exactly once, with that value whatever its case.
fn once(head: &Head, name: &'static str, value: &str) -> Option<String> {
    let all: Vec<&str> = head.all(name).collect();
    match all.as_slice() {
        [one] if one.eq_ignore_ascii_case(value) => None,
        other => Some(format!("{name}: {other:?}")),
    }
}

/// Waits for what a client does after a reply that is none, and demands that it sends no message.
async fn gives_up(mut guest: Guest) -> Outcome {
    let by = Instant::now() + guest.conn.patience.answer;
    match guest.conn.event(by).await {
        Event::Message(message) => Err(deviates(format!("it goes on, with {}", message.code))),
        Event::Close(_) | Event::End(_) => guest.fails(super::guest::ANSWER).await.or_else(pass),
        Event::Nothing => Err(deviates("it waits for more")),
        other => guest.conn.instead(&other, "it does not give up"),
    }
}

fn pass(stop: crate::case::Stop) -> Outcome {
    match stop {
        crate::case::Stop::Skipped(_) => Ok(()),
        other => Err(other),
    }
}

/// Answers the handshake with this, and demands that the client gives up.
async fn refuses(cx: &ClientCx, reply: impl FnOnce(&Guest) -> Head) -> Outcome {
    let mut guest = cx.visit("/hello").await?;
    let head = reply(&guest);
    guest.reply(&head).await;
    gives_up(guest).await
}

/// Answers the handshake with this, and demands that it is good.
async fn accepts(cx: &ClientCx, reply: impl FnOnce(&Guest) -> Head) -> Outcome {
    let mut guest = cx.visit("/hello").await?;
    let head = reply(&guest);
    guest.reply(&head).await;
    guest.conn.send("00e1 2401000000 20").await;
    guest.conn.settle().await;
    if !guest.conn.peer.csm {
        return Err(deviates("no CSM came"));
    }
    Ok(())
}

const PARTS: &str = "The request of the opening handshake is described field by field.";
const FAIL: &str = "The client gives up and sends no message";

pub(super) const HEADS: &[Case] = &[
    Case::def("cl-target", &["WS-03"])
        .says("8323 §8.3", "The request target is `/.well-known/coap`, whatever the URI's path")
        .expects(
            "GET /.well-known/coap HTTP/1.1",
            "The endpoint is composed of the authority and \
             this path; path and query of the URI become options.",
        )
        .heads(|heads| {
            let wanted = format!("GET {WELL_KNOWN} HTTP/1.1");
            each(heads, |head| (head.start != wanted).then(|| head.start.clone()))
        }),
    Case::must("cl-host", &["WS-16", "WS-42"])
        .says("6455 §4.1", "There is one Host, with the port where it is not the default")
        .expects("Host: ADDRESS:PORT", PARTS)
        .heads(|heads| {
            each(heads, |head| {
                let all: Vec<&str> = head.all("host").collect();
                let good = matches!(all.as_slice(), [host] if host.contains(':'));
                (!good).then(|| format!("Host: {all:?}"))
            })
        }),
    Case::must("cl-upgrade", &["WS-42"])
        .says("6455 §4.1", "There is `Upgrade: websocket`")
        .expects("Upgrade: websocket", PARTS)
        .heads(|heads| each(heads, |head| once(head, "Upgrade", "websocket"))),
    Case::must("cl-connection", &["WS-42"])
        .says("6455 §4.1", "Connection includes Upgrade")
        .expects("Connection: Upgrade", PARTS)
        .heads(|heads| {
            each(heads, |head| {
                let good = head.lists("connection", "upgrade");
                (!good).then(|| format!("Connection: {:?}", head.first("connection")))
            })
        }),
    Case::must("cl-version", &["WS-42"])
        .says("6455 §4.1", "There is `Sec-WebSocket-Version: 13`, once")
        .expects("Sec-WebSocket-Version: 13", PARTS)
        .heads(|heads| each(heads, |head| once(head, "Sec-WebSocket-Version", "13"))),
    Case::must("cl-key", &["WS-42"])
        .says("6455 §4.1", "There is one Sec-WebSocket-Key, of sixteen bytes in base64")
        .expects("24 characters", PARTS)
        .heads(|heads| {
            each(heads, |head| {
                let all: Vec<&str> = head.all("sec-websocket-key").collect();
                let good = matches!(all.as_slice(), [key] if http::is_key(key));
                (!good).then(|| format!("Sec-WebSocket-Key: {all:?}"))
            })
        }),
    Case::must("cl-key-fresh", &["WS-42"])
        .says("6455 §4.1", "No two connections have the same key")
        .expects("A new key each time", "The nonce MUST be selected randomly for each connection.")
        .heads(|heads| {
            if heads.len() < 2 {
                return Err(skip("there were not two connections"));
            }
            let keys: HashSet<_> = heads.iter().map(|h| h.first("sec-websocket-key")).collect();
            if keys.len() == heads.len() { Ok(()) } else { Err(deviates("a key came twice")) }
        }),
    Case::must("cl-protocol", &["WS-02"])
        .says("8323 §4.1", "`coap` is among the subprotocols")
        .expects(
            "Sec-WebSocket-Protocol: coap",
            "The client MUST include the name `coap` in the \
             list of protocols.",
        )
        .heads(|heads| {
            each(heads, |head| {
                let good = head.list("sec-websocket-protocol").any(|listed| listed == "coap");
                (!good).then(|| format!("{:?}", head.first("sec-websocket-protocol")))
            })
        }),
    Case::silent("cl-protocol-alone", &["WS-02"])
        .says("8323 §4.1", "`coap` is the only subprotocol")
        .expects(
            "Sec-WebSocket-Protocol: coap",
            "Others may be listed; libcoap 4.3.5 answers 400 \
             then.",
        )
        .heads(|heads| each(heads, |head| once(head, "Sec-WebSocket-Protocol", "coap"))),
];

pub(super) const CASES: &[Case] = &[
    Case::must("cl-waits", &["WS-01"])
        .says("6455 §4.1; 8323 §4.1", "Nothing is sent before the 101 has come")
        .expects(
            "Silence for half a second, then a CSM",
            "The client MUST wait for the response \
             before sending any further data.",
        )
        .visit(visit!(cx, {
            let mut guest = cx.visit("/hello").await?;
            let by = Instant::now() + Duration::from_millis(500);
            match guest.conn.event(by).await {
                Event::Nothing => {}
                other => guest.conn.instead(&other, "it does not wait")?,
            }
            guest.switch().await;
            guest.conn.settle().await;
            if !guest.conn.peer.csm {
                Err(deviates("no CSM came"))?;
            }
        })),
    Case::must("cl-csm-first", &["CSM-01", "CSM-02"])
        .says("8323 §3.3", "The client sends its CSM without waiting for ours")
        .expects("00e1… after the 101", "The initiator MUST NOT wait for the acceptor's CSM.")
        .visit(visit!(cx, {
            let mut guest = cx.open_with("/hello", "").await?;
            let by = Instant::now() + cx.shared.patience.answer;
            match guest.conn.event(by).await {
                Event::Message(m) if m.code == Code::CSM => {}
                other => guest.conn.instead(&other, "no CSM")?,
            }
        })),
    Case::def("cl-with-101", &["WS-44"])
        .says("6455 §4.2.2", "Frames in one segment with the 101 are read")
        .expects(
            "The client asks and takes the answer",
            "What follows the blank line is \
             WebSocket.",
        )
        .visit(visit!(cx, {
            let mut guest = cx.visit("/hello").await?;
            let csm = hex("00e1 2401000000 20");
            let both = [guest.switching().bytes(), Frame::binary(csm).bytes()].concat();
            guest.conn.send_raw(&both, "101 and a CSM in one write").await;
            let request = guest.request().await?;
            guest.answer(&request).await;
            guest.succeeds(super::guest::ANSWER).await?;
        })),
    Case::must("cl-101-case", &["WS-11"])
        .says("6455 §4.1", "The two keywords of the 101 have no case")
        .expects("A CSM", "Both are compared ASCII case-insensitively.")
        .visit(visit!(cx, {
            accepts(&cx, |guest| {
                guest.switching().with("upgrade", "WebSocket").with("CONNECTION", "upgrade")
            })
            .await?;
        })),
    Case::def("cl-101-fields", &["WS-11"])
        .says("6455 §4.1", "Fields that a proxy adds to the 101 do no harm")
        .expects("A CSM", "Other fields are ignored.")
        .visit(visit!(cx, {
            accepts(&cx, |guest| {
                guest.switching().field("Server", "proxy/1.0").field("X-Request-Id", "0123456789")
            })
            .await?;
        })),
    Case::silent("cl-101-no-protocol", &["WS-07"])
        .says("6455 §4.1; 8323 §4.1", "A 101 without a subprotocol is not taken for CoAP")
        .expects(FAIL, "It is legal WebSocket, and nobody has agreed to speak CoAP.")
        .visit(visit!(cx, {
            refuses(&cx, |guest| guest.switching().without("Sec-WebSocket-Protocol")).await?;
        })),
    Case::must("cl-101-other-protocol", &["WS-08"])
        .says("6455 §4.1", "A 101 with a subprotocol that was not offered fails")
        .expects(FAIL, "The client MUST fail the connection.")
        .visit(visit!(cx, {
            refuses(&cx, |guest| guest.switching().with("Sec-WebSocket-Protocol", "mqtt")).await?;
        })),
    Case::must("cl-101-wrong-accept", &["WS-10"])
        .says("6455 §4.1", "A 101 with a wrong Sec-WebSocket-Accept fails")
        .expects(FAIL, "The client MUST fail the connection.")
        .visit(visit!(cx, {
            let wrong = http::accept(&http::key([0; 16]));
            refuses(&cx, |guest| guest.switching().with("Sec-WebSocket-Accept", &wrong)).await?;
        })),
    Case::must("cl-101-no-accept", &["WS-10"])
        .says("6455 §4.1", "A 101 without Sec-WebSocket-Accept fails")
        .expects(FAIL, "The client MUST fail the connection.")
        .visit(visit!(cx, {
            refuses(&cx, |guest| guest.switching().without("Sec-WebSocket-Accept")).await?;
        })),
    Case::must("cl-101-no-upgrade", &["WS-11"])
        .says("6455 §4.1", "A 101 without Upgrade fails")
        .expects(FAIL, "The client MUST fail the connection.")
        .visit(visit!(cx, {
            refuses(&cx, |guest| guest.switching().without("Upgrade")).await?;
        })),
    Case::must("cl-101-no-connection", &["WS-11"])
        .says("6455 §4.1", "A 101 without `Connection: Upgrade` fails")
        .expects(FAIL, "The client MUST fail the connection.")
        .visit(visit!(cx, {
            refuses(&cx, |guest| guest.switching().with("Connection", "close")).await?;
        })),
    Case::must("cl-101-extension", &["WS-13"])
        .says("6455 §4.1", "A 101 with an extension that was not requested fails")
        .expects(FAIL, "The client MUST fail the connection.")
        .visit(visit!(cx, {
            refuses(&cx, |guest| {
                guest.switching().field("Sec-WebSocket-Extensions", "x-conform-unasked")
            })
            .await?;
        })),
    Case::silent("cl-101-two-protocols", &["WS-42"])
        .says("6455 §11.3.4", "A 101 with two Sec-WebSocket-Protocol fields fails")
        .expects(
            FAIL,
            "The field MUST NOT appear more than once in a response; what the client \
             does then is not said.",
        )
        .visit(visit!(cx, {
            refuses(&cx, |guest| guest.switching().field("Sec-WebSocket-Protocol", "coap")).await?;
        })),
    Case::def("cl-403", &["WS-09"])
        .says("6455 §4.1", "403 is no WebSocket")
        .expects(FAIL, "With another status than 101 the response is handled as HTTP.")
        .visit(visit!(cx, {
            refuses(&cx, |_| status("403 Forbidden")).await?;
        })),
    Case::def("cl-200", &["WS-09"])
        .says("6455 §4.1", "200 is no WebSocket")
        .expects(FAIL, "With another status than 101 the response is handled as HTTP.")
        .visit(visit!(cx, {
            refuses(&cx, |_| status("200 OK")).await?;
        })),
    Case::def("cl-302", &["WS-09"])
        .says("6455 §4.1", "302 is no WebSocket here")
        .expects(FAIL, "Following it is allowed, on another connection.")
        .visit(visit!(cx, {
            refuses(&cx, |_| status("302 Found").field("Location", "/elsewhere")).await?;
        })),
    Case::def("cl-101-segments", &["WS-44"])
        .says("6455 §4.1", "A 101 that comes byte by byte is read")
        .expects("A CSM", "TCP has no message borders.")
        .visit(visit!(cx, {
            let mut guest = cx.visit("/hello").await?;
            for byte in guest.switching().bytes() {
                guest.conn.write(&[byte]).await;
                tokio::task::yield_now().await;
            }
            guest.conn.settle().await;
            if !guest.conn.peer.csm {
                Err(deviates("no CSM came"))?;
            }
        })),
    Case::silent("cl-101-never", &["T16"])
        .says("6455 §4.1", "A response that never comes is not waited for for ever")
        .expects("The end of the connection", "No time is written anywhere.")
        .slow()
        .visit(visit!(cx, {
            let mut guest = cx.visit("/hello").await?;
            match guest.conn.event(Instant::now() + cx.shared.deadline).await {
                Event::End(_) => {}
                Event::Nothing => {
                    let seconds = cx.shared.deadline.as_secs();
                    Err(deviates(format!("it still waits after {seconds} s")))?;
                }
                other => Err(lenient(other.text()))?,
            }
        })),
];

fn status(status: &str) -> Head {
    Head::new(format!("HTTP/1.1 {status}")).field("Content-Length", "0")
}
