//! Proxy options towards an origin server (RFC 7252 §5.7, §5.10.2), and Hop-Limit (RFC 8768).

use crate::case::{Case, Outcome, deviates, lenient, run, skip};
use crate::context::Cx;
use crate::wire::message::{Code, Message};
use crate::wire::names::*;

/// A request for somebody else, that only a proxy can answer otherwise than 5.05.
async fn refused(cx: &Cx, request: Message) -> Outcome {
    let mut conn = cx.open().await?;
    conn.patience.answer *= 2;
    let answer = conn.ask(request).await?;
    match answer.code {
        Code::PROXYING => {}
        Code(0xa2 | 0xa4) => return Err(skip(format!("it is a proxy: {}", answer.code))),
        Code(0x81 | 0x83) => return Err(lenient(format!("a proxy that refuses: {}", answer.code))),
        other => return Err(deviates(other.to_string())),
    }
    conn.goes_on().await
}

fn proxy_uri(uri: &str) -> Message {
    Message::new(Code::GET).option(PROXY_URI, uri)
}

/// A URI of exactly this length.
fn long(length: usize) -> String {
    let start = "coap://conform.invalid/";
    format!("{start}{}", "a".repeat(length - start.len()))
}

/// A GET with a Hop-Limit that RFC 8768 forbids.
async fn hop_limit(cx: &Cx, value: &[u8]) -> Outcome {
    let mut conn = cx.open().await?;
    let answer = conn.ask(cx.get()?.option(HOP_LIMIT, value)).await?;
    match answer.code {
        Code::BAD_REQUEST => Ok(()),
        Code::CONTENT => Err(deviates("2.05: ignored, as by who does not know RFC 8768")),
        other => Err(deviates(other.to_string())),
    }
}

const UNABLE: &str = "An endpoint that is unable or unwilling to act as a forward-proxy for the \
                      request MUST return 5.05. Answering with something of its own gives the \
                      client the wrong resource.";
const HOPS: &str = "A value of 0 or above 255 MUST be rejected with 4.00 by who knows RFC 8768; \
                    for all others the option is elective, and 2.05 is right.";

pub(super) const CASES: &[Case] = &[
    Case::must("prx-uri", &["PRX-01"])
        .says("7252 §5.10.2", "Proxy-Uri towards who is no proxy is answered 5.05")
        .expects("5.05, and the connection goes on", UNABLE)
        .run(run!(cx, {
            refused(&cx, proxy_uri("coap://conform.invalid/x")).await?;
        })),
    Case::must("prx-uri-ws", &["PRX-01"])
        .says("7252 §5.10.2; 8323 §8", "So is one of the scheme coap+ws")
        .expects("5.05", UNABLE)
        .run(run!(cx, {
            refused(&cx, proxy_uri("coap+ws://conform.invalid/x")).await?;
        })),
    Case::must("prx-uri-268", &["PRX-01", "FMT-16"])
        .says("7252 §5.10.2, §3.1", "So is one of 268 bytes, the last with one byte of length")
        .expects("5.05", UNABLE)
        .run(run!(cx, {
            refused(&cx, proxy_uri(&long(268))).await?;
        })),
    Case::must("prx-uri-1034", &["PRX-01", "OPT-13"])
        .says("7252 §5.10", "So is one of 1034 bytes, the longest there is")
        .expects("5.05", UNABLE)
        .run(run!(cx, {
            refused(&cx, proxy_uri(&long(1034))).await?;
        })),
    Case::must("prx-uri-and-path", &["PRX-03"])
        .says("7252 §5.10.2", "Proxy-Uri takes precedence over Uri-Path")
        .expects(
            "5.05, not the resource of the path",
            "It MUST take precedence over any of the \
             Uri-* options.",
        )
        .run(run!(cx, {
            refused(&cx, cx.get()?.option(PROXY_URI, "coap://conform.invalid/x")).await?;
        })),
    Case::must("prx-scheme", &["PRX-04"])
        .says("7252 §5.10.2, §5.7.2", "Proxy-Scheme towards who is no proxy is answered 5.05")
        .expects(
            "5.05",
            "With it, the request URI is that of the Uri-* options under another \
             scheme: a proxy request all the same.",
        )
        .run(run!(cx, {
            let get = cx.get()?.option(URI_HOST, "conform.invalid");
            refused(&cx, get.option(PROXY_SCHEME, "coap")).await?;
        })),
    Case::silent("hop-0", &["PRX-10"])
        .says("8768 §3", "Hop-Limit 0 is answered 4.00")
        .expects("4.00", HOPS)
        .run(run!(cx, {
            hop_limit(&cx, &[0]).await?;
        })),
    Case::silent("hop-empty", &["PRX-10"])
        .says("8768 §3", "An empty Hop-Limit is answered 4.00")
        .expects("4.00", HOPS)
        .run(run!(cx, {
            hop_limit(&cx, &[]).await?;
        })),
    Case::silent("hop-256", &["PRX-10"])
        .says("8768 §3", "Hop-Limit 256 is answered 4.00")
        .expects("4.00", HOPS)
        .run(run!(cx, {
            hop_limit(&cx, &[1, 0]).await?;
        })),
    Case::must("hop-16", &["PRX-09"])
        .says("8768 §3", "Hop-Limit 16 changes nothing at an origin server")
        .expects("2.05", "The option is elective, and 16 its initial value.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.ask_for(cx.get()?.option(HOP_LIMIT, [16]), &[Code::CONTENT]).await?;
        })),
    Case::must("hop-255", &["PRX-09"])
        .says("8768 §3", "Hop-Limit 255 changes nothing at an origin server")
        .expects("2.05", "255 is the largest value.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.ask_for(cx.get()?.option(HOP_LIMIT, [255]), &[Code::CONTENT]).await?;
        })),
];
