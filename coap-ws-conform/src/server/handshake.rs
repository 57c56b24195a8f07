//! The opening handshake of a server (RFC 6455 §4.2, RFC 8323 §4.1).

use super::opening::{accepted, offered, refused};
use crate::case::{Case, deviates, lenient, run, skip};
use crate::conn::Event;
use crate::wire::http::{self, WELL_KNOWN};
use tokio::time::Instant;

const MUST_REFUSE: &str = "An HTTP error, no 101";
const STOPS: &str = "A handshake that does not match the description: the server MUST stop \
                     processing it and return an HTTP response with an error code such as 400.";

pub(super) const CASES: &[Case] = &[
    Case::must("hs-101", &["WS-03", "WS-05"])
        .says("8323 §4.1", "The handshake of figure 9 is accepted")
        .expects(
            "101 with Upgrade, Connection, Accept and `Sec-WebSocket-Protocol: coap`, each once",
            "This is the handshake that RFC 8323 gives as its example, on the path of §8.3.",
        )
        .run(run!(cx, {
            let head = accepted(&cx, |head| head).await?;
            for name in ["sec-websocket-accept", "sec-websocket-protocol", "upgrade"] {
                let count = head.all(name).count();
                if count != 1 {
                    Err(deviates(format!("{name} is there {count} times")))?;
                }
            }
            if !head.start.starts_with("HTTP/1.1 101") {
                Err(deviates(format!("the status line is {:?}", head.start)))?;
            }
        })),
    Case::must("hs-accept", &["WS-10"])
        .says("6455 §4.2.2", "The key of the RFC's example gets the accept value of that example")
        .expects(
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            "base64 of SHA-1 of the key and the GUID; clients MUST fail the connection otherwise.",
        )
        .run(run!(cx, {
            let (_, reply) = offered(&cx, |head| head).await?;
            let crate::conn::Reply::Head(head) = reply else {
                return Err(deviates(reply.text()));
            };
            let got = head.first("sec-websocket-accept").unwrap_or("(none)");
            if got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
                Err(deviates(format!("Sec-WebSocket-Accept: {got}")))?;
            }
        })),
    Case::must("hs-protocol-list", &["WS-05"])
        .says("6455 §4.2.2", "Of `foo, coap` the server takes `coap`")
        .expects(
            "101 with `Sec-WebSocket-Protocol: coap` alone",
            "The value is one of those the client listed; the client of RFC 8323 §4.1 only has to \
             include `coap` in its list.",
        )
        .run(run!(cx, {
            accepted(&cx, |head| head.with("Sec-WebSocket-Protocol", "foo, coap")).await?;
        })),
    Case::must("hs-protocol-lines", &["WS-43"])
        .says("6455 §11.3.4", "Subprotocols on two lines are one list")
        .expects(
            "101 with `coap`",
            "The field MAY appear multiple times in a request, which is \
             the same as a single field with all values.",
        )
        .run(run!(cx, {
            accepted(&cx, |head| {
                let head = head.without("Sec-WebSocket-Protocol");
                head.field("Sec-WebSocket-Protocol", "foo").field("Sec-WebSocket-Protocol", "coap")
            })
            .await?;
        })),
    Case::silent("hs-protocol-missing", &["WS-06"])
        .says("8323 §4.1", "A handshake that offers no subprotocol is refused")
        .expects(
            "An HTTP error",
            "The client MUST include `coap`; what the server does without is \
             not said. Refusing is the only way to not talk past each other.",
        )
        .run(run!(cx, {
            refused(&cx, |head| head.without("Sec-WebSocket-Protocol")).await?;
        })),
    Case::must("hs-protocol-other", &["WS-05", "WS-06"])
        .says("6455 §4.2.2", "A handshake that offers `mqtt` only is not accepted for `coap`")
        .expects(
            "An HTTP error",
            "The server may only select a subprotocol that the client \
             offered. 101 without one would be legal WebSocket, and of no use.",
        )
        .run(run!(cx, {
            let (_, reply) = offered(&cx, |h| h.with("Sec-WebSocket-Protocol", "mqtt")).await?;
            match &reply {
                crate::conn::Reply::Head(head) if head.status() == 101 => {
                    match head.first("sec-websocket-protocol") {
                        Some(protocol) => {
                            Err(deviates(format!("101 with `Sec-WebSocket-Protocol: {protocol}`")))?
                        }
                        None => Err(lenient("101 without a subprotocol"))?,
                    };
                }
                crate::conn::Reply::None(_) => Err(lenient(reply.text()))?,
                _ => {}
            }
        })),
    Case::must("hs-path", &["WS-04"])
        .says("6455 §4.2.2", "A path with no service behind it gets an HTTP error")
        .expects(
            "404, or another HTTP error",
            "If the requested service is not available, the \
             server MUST send an appropriate HTTP error code such as 404 and abort the handshake. \
             Closing TCP without a word is not that.",
        )
        .run(run!(cx, {
            let start = "GET /conform/no-such-service HTTP/1.1";
            refused(&cx, |head| head.starting(start)).await?;
        })),
    Case::silent("hs-path-slash", &["WS-04"])
        .says("8323 §8.3", "The path with a slash at its end is another path")
        .expects(
            "404, or another HTTP error",
            "The endpoint is `/.well-known/coap`. A server may \
             serve other paths too, but clients that depend on it find no other server.",
        )
        .run(run!(cx, {
            refused(&cx, |head| head.starting(format!("GET {WELL_KNOWN}/ HTTP/1.1"))).await?;
        })),
    Case::must("hs-version-8", &["WS-12"])
        .says("6455 §4.2.2", "Version 8 gets an HTTP error that names version 13")
        .expects(
            "426 or another error, with `Sec-WebSocket-Version: 13`",
            "The server MUST abort \
             the handshake and send an error code and a Sec-WebSocket-Version field.",
        )
        .run(run!(cx, {
            let head = refused(&cx, |head| head.with("Sec-WebSocket-Version", "8")).await?;
            if !head.lists("sec-websocket-version", "13") {
                Err(deviates("an error, but without `Sec-WebSocket-Version: 13`"))?;
            }
        })),
    Case::must("hs-version-missing", &["WS-43"])
        .says("6455 §4.2.1", "A handshake without Sec-WebSocket-Version is refused")
        .expects(MUST_REFUSE, STOPS)
        .run(run!(cx, {
            refused(&cx, |head| head.without("Sec-WebSocket-Version")).await?;
        })),
    Case::must("hs-post", &["WS-43"])
        .says("6455 §4.2.1", "The method is GET, not POST")
        .expects(MUST_REFUSE, STOPS)
        .run(run!(cx, {
            let start = format!("POST {WELL_KNOWN} HTTP/1.1");
            refused(&cx, |head| head.starting(start).field("Content-Length", "0")).await?;
        })),
    Case::must("hs-http10", &["WS-43"])
        .says("6455 §4.2.1", "HTTP/1.0 is refused")
        .expects(MUST_REFUSE, STOPS)
        .run(run!(cx, {
            refused(&cx, |head| head.starting(format!("GET {WELL_KNOWN} HTTP/1.0"))).await?;
        })),
    Case::must("hs-no-host", &["WS-43"])
        .says("6455 §4.2.1", "A handshake without Host is refused")
        .expects(MUST_REFUSE, STOPS)
        .run(run!(cx, {
            refused(&cx, |head| head.without("Host")).await?;
        })),
    Case::must("hs-two-hosts", &["T15"])
        .says("7230 §5.4", "A request with two Host fields is refused")
        .expects(
            "400",
            "A server MUST respond with 400 to a request with more than one Host field.",
        )
        .run(run!(cx, {
            refused(&cx, |head| head.field("Host", "other.example")).await?;
        })),
    Case::must("hs-no-upgrade", &["WS-43"])
        .says("6455 §4.2.1", "A handshake without Upgrade is refused")
        .expects(MUST_REFUSE, STOPS)
        .run(run!(cx, {
            refused(&cx, |head| head.without("Upgrade")).await?;
        })),
    Case::must("hs-no-connection", &["WS-43"])
        .says("6455 §4.2.1", "A handshake without `Connection: Upgrade` is refused")
        .expects(MUST_REFUSE, STOPS)
        .run(run!(cx, {
            refused(&cx, |head| head.with("Connection", "keep-alive")).await?;
        })),
    Case::must("hs-no-key", &["WS-43"])
        .says("6455 §4.2.1", "A handshake without Sec-WebSocket-Key is refused")
        .expects(MUST_REFUSE, STOPS)
        .run(run!(cx, {
            refused(&cx, |head| head.without("Sec-WebSocket-Key")).await?;
        })),
    Case::must("hs-short-key", &["WS-43"])
        .says("6455 §4.2.1", "A key of three bytes is refused")
        .expects(MUST_REFUSE, "A key is base64 that, when decoded, is 16 bytes in length.")
        .run(run!(cx, {
            refused(&cx, |head| head.with("Sec-WebSocket-Key", "AAAA")).await?;
        })),
    Case::must("hs-two-keys", &["WS-43"])
        .says("6455 §11.3.1", "Two keys are refused")
        .expects(MUST_REFUSE, "The field MUST NOT appear more than once in an HTTP request.")
        .run(run!(cx, {
            let key = http::key([1; 16]);
            refused(&cx, |head| head.field("Sec-WebSocket-Key", &key)).await?;
        })),
    Case::must("hs-connection-list", &["WS-11"])
        .says("6455 §4.2.1", "`Connection: keep-alive, Upgrade` is accepted")
        .expects("101", "The field contains the token Upgrade; browsers and proxies add others.")
        .run(run!(cx, {
            accepted(&cx, |head| head.with("Connection", "keep-alive, Upgrade")).await?;
        })),
    Case::must("hs-case", &["WS-11"])
        .says("6455 §4.2.1", "Names of fields and the two keywords have no case")
        .expects("101", "Both values are treated as ASCII case-insensitive, field names are so.")
        .run(run!(cx, {
            accepted(&cx, |head| {
                let head = head.with("upgrade", "WebSocket").with("CONNECTION", "uPGRADE");
                let protocol = head.first("sec-websocket-protocol").unwrap_or("").to_owned();
                head.with("sec-websocket-protocol", &protocol)
            })
            .await?;
        })),
    Case::must("hs-absolute-form", &["WS-43"])
        .says("6455 §4.2.1", "The request target may be an absolute URI")
        .expects(
            "101",
            "A Request-URI that is a resource name, or an absolute HTTP URI that \
             contains one; a server MUST accept the absolute form (RFC 7230 §5.3.2).",
        )
        .run(run!(cx, {
            let start = format!("GET http://{}{WELL_KNOWN} HTTP/1.1", cx.shared.host);
            accepted(&cx, |head| head.starting(start)).await?;
        })),
    Case::def("hs-browser", &["WS-43"])
        .says("6455 §4.2.1", "Fields that a browser or a proxy adds do no harm")
        .expects("101", "Other fields MAY be sent; unknown ones are ignored.")
        .run(run!(cx, {
            accepted(&cx, |head| {
                head.field("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101")
                    .field("Pragma", "no-cache")
                    .field("Cache-Control", "no-cache")
                    .field("Accept-Language", "en-GB,en;q=0.7")
                    .field("Cookie", "session=0123456789abcdef; theme=dark")
                    .field("X-Forwarded-For", "192.0.2.1")
                    .field("Via", "1.1 proxy.example")
            })
            .await?;
        })),
    Case::silent("hs-long-field", &["WS-43"])
        .says("6455 §4.2.1", "A field of 2,000 bytes, such as a cookie, is taken")
        .expects("101", "No limit is written anywhere; browsers send cookies of up to 4 KiB each.")
        .run(run!(cx, {
            accepted(&cx, |head| head.field("Cookie", &"c".repeat(2000))).await?;
        })),
    Case::must("hs-extension-none", &["WS-13"])
        .says("6455 §9.1", "Without an offer there is no extension")
        .expects(
            "101 without Sec-WebSocket-Extensions",
            "The server lists only what was requested.",
        )
        .run(run!(cx, {
            let head = accepted(&cx, |head| head).await?;
            if let Some(extension) = head.first("sec-websocket-extensions") {
                Err(deviates(format!("Sec-WebSocket-Extensions: {extension}")))?;
            }
        })),
    Case::must("hs-extension-offered", &["WS-13", "WS-15"])
        .says("6455 §9.1", "An offer of extensions is accepted or passed over")
        .expects(
            "101, with no extension that was not offered",
            "An unknown extension is ignored: \
             it is simply not in the response. Python clients offer permessage-deflate by default.",
        )
        .run(run!(cx, {
            let offer = "permessage-deflate; client_max_window_bits, x-conform-unknown";
            let head = accepted(&cx, |head| head.field("Sec-WebSocket-Extensions", offer)).await?;
            for extension in head.list("sec-websocket-extensions") {
                let name = extension.split(';').next().unwrap_or_default().trim();
                if name != "permessage-deflate" {
                    Err(deviates(format!("it takes the extension {name:?}")))?;
                }
            }
        })),
    Case::should("hs-origin", &["SEC-08", "T10"])
        .says("6455 §10.2", "A page of a foreign origin is refused")
        .expects(
            "403",
            "Servers that are not meant for any web page SHOULD verify Origin. \
             Otherwise every page that a user visits can use his network (cross-site WebSocket \
             hijacking).",
        )
        .run(run!(cx, {
            refused(&cx, |head| head.field("Origin", "http://evil.example")).await?;
        })),
    Case::def("hs-segments", &["T06"])
        .says("6455 §4.2.1", "A handshake that comes byte by byte is accepted")
        .expects("101", "TCP has no message borders.")
        .run(run!(cx, {
            let mut conn = cx.raw().await?;
            let head = http::upgrade(&cx.shared.host, super::opening::KEY).bytes();
            for byte in &head {
                conn.write(&[*byte]).await;
                tokio::task::yield_now().await;
            }
            conn.note(crate::conn::log::Way::Out, &head, "the handshake, one byte a write");
            let reply = conn.reply().await;
            if reply.status() != 101 {
                Err(deviates(reply.text()))?;
            }
        })),
    Case::must("hs-garbage", &["WS-43"])
        .says("6455 §4.2.1", "What is no HTTP is refused, not waited for")
        .expects("400", STOPS)
        .run(run!(cx, {
            let mut conn = cx.raw().await?;
            conn.send_raw(b"\x16\x03\x01\x00\x05hello\r\n\r\n", "no HTTP").await;
            match conn.reply().await {
                reply if reply.status() >= 400 => {}
                crate::conn::Reply::None(Some(_)) => Err(lenient("closed without a response"))?,
                reply => Err(deviates(reply.text()))?,
            }
        })),
    Case::silent("hs-huge", &["T04"])
        .says("6455 §10.4", "A head of 100,000 bytes is not taken")
        .expects(
            "431, 400, or the end of the connection",
            "Limits are the implementation's own; \
             without one, a head is a way to fill its memory.",
        )
        .run(run!(cx, {
            let mut conn = cx.raw().await?;
            let head = http::upgrade(&cx.shared.host, super::opening::KEY);
            let reply = conn.offer(&head.field("X-Filler", &"x".repeat(100_000))).await;
            if reply.status() == 101 {
                Err(deviates("101"))?;
            }
            if matches!(reply, crate::conn::Reply::None(None)) {
                Err(deviates(reply.text()))?;
            }
        })),
    Case::silent("hs-deadline", &["T01"])
        .says("6455 §10.4", "A connection on which nothing comes is closed in time")
        .expects(
            "408, or the end of the connection",
            "No time is written anywhere; without one, \
             connections that say nothing pile up.",
        )
        .slow()
        .run(run!(cx, {
            let mut conn = cx.raw().await?;
            if let Err(None) = conn.head(Instant::now() + cx.shared.deadline).await {
                let seconds = cx.shared.deadline.as_secs();
                Err(deviates(format!("it is still open after {seconds} s")))?;
            }
        })),
    Case::def("hs-first-bytes", &["WS-44"])
        .says("6455 §4.2.2", "What follows the 101 is WebSocket, with the CSM in it")
        .expects(
            "A frame with a CSM",
            "Once the handshake is over the connection is OPEN, and the \
             server may send data; RFC 8323 §3.3 makes a CSM the first.",
        )
        .run(run!(cx, {
            let mut conn = cx.upgraded().await?;
            conn.send(crate::context::CSM).await;
            let by = Instant::now() + cx.patience().answer;
            match conn.event(by).await {
                Event::Message(m) if m.code == crate::wire::Code::CSM => {}
                Event::Nothing => Err(skip("the peer sends no CSM"))?,
                other => conn.instead(&other, "no CSM")?,
            }
        })),
];
