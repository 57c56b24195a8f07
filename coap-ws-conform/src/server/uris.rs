//! What URIs become in options (RFC 7252 §6, RFC 8323 §8), and discovery (RFC 6690).

use crate::case::{Case, Outcome, deviates, lenient, run, skip};
use crate::context::{Cx, request};
use crate::target::links;
use crate::wire::annotate;
use crate::wire::message::{Code, Message};
use crate::wire::names::*;

/// The host and port of our Host field.
fn authority(cx: &Cx) -> (String, Option<u16>) {
    let host = &cx.shared.host;
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => {
            (name.trim_matches(['[', ']']).to_owned(), port.parse().ok())
        }
        _ => (host.trim_matches(['[', ']']).to_owned(), None),
    }
}

/// A GET that has to be answered like the plain one.
async fn same(cx: &Cx, get: Message) -> Outcome {
    let mut conn = cx.open().await?;
    conn.ask_for(get, &[Code::CONTENT]).await.map(|_| ())
}

/// A GET that has to be answered, as an error or not.
async fn some(cx: &Cx, get: Message) -> Outcome<Message> {
    let mut conn = cx.open().await?;
    let answer = conn.ask(get).await?;
    conn.goes_on().await?;
    Ok(answer)
}

/// The segments of the readable resource, changed.
fn respelt(cx: &Cx, change: impl Fn(&str) -> String) -> Outcome<Message> {
    let get = cx.get()?;
    let segments: Vec<_> = get.all(URI_PATH).map(String::from_utf8_lossy).collect();
    if segments.is_empty() {
        return Err(skip("the resource has no path"));
    }
    let changed = segments.iter().map(|segment| change(segment));
    Ok(changed.fold(Message::new(Code::GET), |get, segment| get.option(URI_PATH, segment)))
}

pub(super) const CASES: &[Case] = &[
    Case::def("uri-host-equal", &["URI-08"])
        .says("7252 §5.10.1; 8323 §4.1", "An explicit Uri-Host that is the default is accepted")
        .expects(
            "2.05, as without it",
            "The Host field has the default value; both aiocoap and \
             libcoap send the option all the same.",
        )
        .run(run!(cx, {
            let (host, _) = authority(&cx);
            same(&cx, cx.get()?.option(URI_HOST, host)).await?;
        })),
    Case::def("uri-port-equal", &["URI-10"])
        .says("7252 §5.10.1; 8323 §8.5", "An explicit Uri-Port that is the default is accepted")
        .expects(
            "2.05, as without it",
            "The default is the destination port of TCP; libcoap sends \
             it.",
        )
        .run(run!(cx, {
            let (_, port) = authority(&cx);
            let port = port.unwrap_or(80);
            same(&cx, cx.get()?.uint(URI_PORT, u64::from(port))).await?;
        })),
    Case::def("uri-host-and-port", &["URI-08", "URI-10"])
        .says("7252 §5.10.1", "Both together are accepted")
        .expects("2.05, as without them", "That is what libcoap's client sends.")
        .run(run!(cx, {
            let (host, port) = authority(&cx);
            let get = cx.get()?.option(URI_HOST, host);
            same(&cx, get.uint(URI_PORT, u64::from(port.unwrap_or(80)))).await?;
        })),
    Case::def("uri-host-other", &["URI-26"])
        .says("7252 §5.10.1", "An unknown Uri-Host has an answer")
        .expects(
            "An error, or 2.05 of who has no virtual hosts",
            "What is served for which host is \
             the server's matter.",
        )
        .run(run!(cx, {
            some(&cx, cx.get()?.option(URI_HOST, "conform.invalid")).await?;
        })),
    Case::def("uri-host-not-a-host", &["URI-18"])
        .says("7252 §6.5", "A Uri-Host with a space has an answer")
        .expects(
            "An error, or 2.05 of who does not look at it",
            "A value that is no reg-name gives \
             no URI.",
        )
        .run(run!(cx, {
            some(&cx, cx.get()?.option(URI_HOST, "a b")).await?;
        })),
    Case::def("uri-query-empty", &["URI-12"])
        .says("7252 §6.4, §5.10", "An empty Uri-Query is no bad option")
        .expects(
            "A response other than 4.02",
            "Uri-Query is 0-255 bytes long; `?` alone becomes \
             one that is empty. (libcoap drops the message.)",
        )
        .run(run!(cx, {
            let answer = some(&cx, cx.get()?.option(URI_QUERY, [])).await?;
            if answer.code == Code::BAD_OPTION {
                Err(deviates(answer.code.to_string()))?;
            }
        })),
    Case::def("uri-trailing-slash", &["URI-11"])
        .says("7252 §6.4", "A path with a slash at its end has an answer")
        .expects(
            "A response; 4.04 if nobody is there",
            "The slash is one more, empty Uri-Path, and \
             names another resource than without.",
        )
        .run(run!(cx, {
            let answer = some(&cx, cx.get()?.option(URI_PATH, [])).await?;
            if answer.code == Code::BAD_OPTION {
                Err(deviates(answer.code.to_string()))?;
            }
        })),
    Case::def("uri-percent", &["URI-13"])
        .says("7252 §6.4", "A percent sign in a Uri-Path is data")
        .expects(
            "4.04",
            "Percent-encoding ends where options begin; decoding again names another \
             resource.",
        )
        .run(run!(cx, {
            let get = respelt(&cx, |segment| {
                let mut bytes = segment.bytes();
                let first = bytes.next().unwrap_or(b'a');
                format!("%{first:02X}{}", String::from_utf8_lossy(&bytes.collect::<Vec<_>>()))
            })?;
            let answer = some(&cx, get).await?;
            if answer.code.is_success() {
                Err(deviates(answer.code.to_string()))?;
            }
        })),
    Case::def("uri-case", &["FMT-24"])
        .says("7252 §6.3, §3.2", "Paths are compared byte by byte")
        .expects("4.04 for the path in capitals", "Strings are compared as bytes; case matters.")
        .run(run!(cx, {
            let answer = some(&cx, respelt(&cx, str::to_ascii_uppercase)?).await?;
            if answer.code.is_success() {
                Err(lenient(answer.code.to_string()))?;
            }
        })),
    Case::def("uri-utf8", &["OPT-17"])
        .says("7252 §5.10.1", "A Uri-Path in any script is a path")
        .expects("4.04", "Each segment holds any sequence of characters.")
        .run(run!(cx, {
            let get = Message::new(Code::GET).option(URI_PATH, "каталог").option(URI_PATH, "✓ é");
            let answer = some(&cx, get).await?;
            if answer.code == Code::BAD_OPTION {
                Err(deviates(answer.code.to_string()))?;
            }
        })),
    Case::should("uri-core", &["URI-20", "EXT-20"])
        .says("7252 §7.2; 8323 §8", "`/.well-known/core` lists the resources in link format")
        .expects(
            "2.05 with Content-Format 40, and links",
            "A server SHOULD support it; RFC 8323 \
             keeps the path for the namespace of its schemes.",
        )
        .run(run!(cx, {
            let mut conn = cx.open_with(crate::context::LARGE_CSM).await?;
            let answer = conn.ask(request(Code::GET, "/.well-known/core")).await?;
            if answer.code != Code::CONTENT || answer.number(CONTENT_FORMAT) != Some(40) {
                Err(deviates(annotate::described(&answer)))?;
            }
            let text = String::from_utf8_lossy(&answer.payload);
            if let Err(why) = links::parse(&text) {
                Err(deviates(why))?;
            }
        })),
    Case::silent("uri-core-filter", &["EXT-20"])
        .says("6690 §4.1", "A query of `/.well-known/core` filters the links")
        .expects(
            "2.05 without the links that do not match, or 4.04",
            "A server with limited \
             resources MAY answer with everything.",
        )
        .run(run!(cx, {
            let mut conn = cx.open_with(crate::context::LARGE_CSM).await?;
            let get = request(Code::GET, "/.well-known/core?rt=conform-nobody-has-this");
            let answer = conn.ask(get).await?;
            if answer.code == Code::CONTENT && !answer.payload.is_empty() {
                Err(deviates("2.05 with links that do not match"))?;
            }
        })),
    Case::def("uri-plugtest-query", &["URI-12"])
        .says("7252 §5.10.1", "The plugtest resource /query takes Uri-Query options")
        .expects("2.05", "ETSI TD_COAP_CORE_14.")
        .run(run!(cx, {
            let path = cx.target().plugtest("/query")?;
            same(&cx, request(Code::GET, path).path("?first=1&second=2")).await?;
        })),
    Case::def("uri-plugtest-path", &["URI-11"])
        .says("7252 §5.10.1", "The plugtest resource /path/sub1 has two segments")
        .expects("2.05", "ETSI TD_COAP_CORE_13.")
        .run(run!(cx, {
            let path = cx.target().plugtest("/path/sub1")?;
            same(&cx, request(Code::GET, path)).await?;
        })),
    Case::def("uri-plugtest-location", &["URI-25"])
        .says("7252 §5.10.7", "The plugtest resource /location-query answers with Location-Query")
        .expects("2.01 with Location-Query", "ETSI TD_COAP_CORE_16.")
        .run(run!(cx, {
            let path = cx.target().plugtest("/location-query")?;
            let mut conn = cx.open().await?;
            let post = request(Code::POST, path).uint(CONTENT_FORMAT, 0).payload("x");
            let answer = conn.ask_for(post, &[Code::CREATED]).await?;
            if !answer.has(LOCATION_QUERY) {
                Err(deviates(annotate::described(&answer)))?;
            }
        })),
    Case::must("uri-plugtest-formats", &["OPT-23"])
        .says("7252 §5.10.4", "The plugtest resource /multi-format has two formats")
        .expects("2.05 in the format that was asked for", "ETSI TD_COAP_CORE_20.")
        .run(run!(cx, {
            let path = cx.target().plugtest("/multi-format")?;
            let mut conn = cx.open().await?;
            for format in [0, 41] {
                let get = request(Code::GET, path).uint(ACCEPT, format);
                let answer = conn.ask_for(get, &[Code::CONTENT]).await?;
                if answer.number(CONTENT_FORMAT).unwrap_or(0) != format {
                    Err(deviates(annotate::described(&answer)))?;
                }
            }
        })),
    Case::must("uri-plugtest-validate", &["OPT-22"])
        .says("7252 §5.10.6", "The plugtest resource /validate has an ETag that is valid")
        .expects("2.03", "ETSI TD_COAP_CORE_21.")
        .run(run!(cx, {
            let path = cx.target().plugtest("/validate")?;
            let mut conn = cx.open().await?;
            let first = conn.ask_for(request(Code::GET, path), &[Code::CONTENT]).await?;
            let Some(etag) = first.first(ETAG) else {
                return Err(skip("it has no ETag"));
            };
            let answer = conn.ask(request(Code::GET, path).option(ETAG, etag)).await?;
            if answer.code != Code::VALID || !answer.payload.is_empty() {
                Err(deviates(annotate::described(&answer)))?;
            }
        })),
];
