//! Options of requests (RFC 7252 §5.4, §5.10).

use crate::case::{Case, Outcome, deviates, lenient, run, skip};
use crate::conn::Event;
use crate::context::{Cx, request};
use crate::wire::message::{Code, Message};
use crate::wire::names::*;
use tokio::time::Instant;

/// A GET with this option is answered as one without.
async fn ignored(cx: &Cx, option: u16, values: &[&[u8]]) -> Outcome {
    let mut conn = cx.open().await?;
    let get = values.iter().fold(cx.get()?, |get, value| get.option(option, value));
    conn.ask_for(get, &[Code::CONTENT]).await.map(|_| ())
}

/// A GET with this option is answered 4.02, and the connection goes on.
async fn bad(cx: &Cx, option: u16, values: &[&[u8]]) -> Outcome {
    let mut conn = cx.open().await?;
    let get = values.iter().fold(cx.get()?, |get, value| get.option(option, value));
    conn.ask_for(get, &[Code::BAD_OPTION]).await?;
    conn.goes_on().await
}

const LENGTH: &str = "If the length of a value in a request is outside the defined range, the \
                      option MUST be treated like an unrecognised one: critical 4.02, elective \
                      ignored.";
const TWICE: &str = "Each supernumerary occurrence of an option that is not repeatable MUST be \
                     treated like an unrecognised option: critical 4.02, elective ignored.";
const AS_WITHOUT: &str = "2.05, as without the option";
const GOES_ON: &str = "4.02, and the connection goes on";

pub(super) const CASES: &[Case] = &[
    Case::must("opt-elective", &["OPT-01"])
        .says("7252 §5.4.1", "An unknown elective option is ignored")
        .expects(AS_WITHOUT, "Unrecognised options of class elective MUST be silently ignored.")
        .run(run!(cx, {
            ignored(&cx, 10, &[b""]).await?;
        })),
    Case::must("opt-elective-high", &["OPT-01"])
        .says("7252 §5.4.1", "The same of number 2048, with a value")
        .expects(AS_WITHOUT, "Unrecognised options of class elective MUST be silently ignored.")
        .run(run!(cx, {
            ignored(&cx, 2048, &[b"value"]).await?;
        })),
    Case::must("opt-critical", &["OPT-02"])
        .says("7252 §5.4.1", "An unknown critical option is answered 4.02")
        .expects(
            GOES_ON,
            "Unrecognised critical options in a request MUST cause the return of \
             4.02. Answering as if the option were not there does what the client has forbidden.",
        )
        .run(run!(cx, {
            bad(&cx, 65_001, &[b""]).await?;
        })),
    Case::must("opt-critical-low", &["OPT-02"])
        .says("7252 §5.4.1", "The same of number 2049, with a value")
        .expects(
            GOES_ON,
            "Unrecognised critical options in a request MUST cause the return of \
             4.02.",
        )
        .run(run!(cx, {
            bad(&cx, 2049, &[b"value"]).await?;
        })),
    Case::must("opt-oscore", &["OPT-02"])
        .says("7252 §5.4.1", "OSCORE towards who does not have it is answered 4.02")
        .expects("4.02, or another error of who has it", "Option 9 is critical.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let answer = conn.ask(cx.get()?.option(OSCORE, [])).await?;
            if !answer.code.is_error() {
                Err(deviates(answer.code.to_string()))?;
            }
            conn.goes_on().await?;
        })),
    Case::should("opt-critical-says", &["OPT-03"])
        .says("7252 §5.4.1", "The 4.02 has a diagnostic payload")
        .expects(
            "A text that names the option",
            "The response SHOULD include a diagnostic payload \
             describing the unrecognised option(s).",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let answer = conn.ask(cx.get()?.option(65_001, [])).await?;
            if answer.code != Code::BAD_OPTION {
                Err(skip(format!("no 4.02 but {}", answer.code)))?;
            }
            if answer.payload.is_empty() || answer.has(CONTENT_FORMAT) {
                Err(deviates("there is none"))?;
            }
        })),
    Case::must("opt-len-uri-port", &["OPT-06", "OPT-13"])
        .says("7252 §5.4.3", "Uri-Port of three bytes is answered 4.02")
        .expects(GOES_ON, LENGTH)
        .run(run!(cx, {
            bad(&cx, URI_PORT, &[&[0, 0x1f, 0x90]]).await?;
        })),
    Case::must("opt-len-uri-host", &["OPT-06", "OPT-13"])
        .says("7252 §5.4.3", "An empty Uri-Host is answered 4.02")
        .expects(GOES_ON, LENGTH)
        .run(run!(cx, {
            bad(&cx, URI_HOST, &[b""]).await?;
        })),
    Case::must("opt-len-accept", &["OPT-06", "OPT-13"])
        .says("7252 §5.4.3", "Accept of three bytes is answered 4.02")
        .expects(GOES_ON, LENGTH)
        .run(run!(cx, {
            bad(&cx, ACCEPT, &[&[0, 0, 0]]).await?;
        })),
    Case::must("opt-len-if-none-match", &["OPT-20"])
        .says("7252 §5.10.8.2", "If-None-Match with a value is answered 4.02")
        .expects(GOES_ON, "The option carries no value. It is critical.")
        .run(run!(cx, {
            bad(&cx, IF_NONE_MATCH, &[&[1]]).await?;
        })),
    Case::must("opt-len-if-match", &["OPT-06", "OPT-13"])
        .says("7252 §5.4.3", "If-Match of nine bytes is answered 4.02")
        .expects(GOES_ON, LENGTH)
        .run(run!(cx, {
            bad(&cx, IF_MATCH, &[b"123456789"]).await?;
        })),
    Case::must("opt-len-block2", &["OPT-06", "OPT-13"])
        .says("7252 §5.4.3", "Block2 of four bytes is answered 4.02")
        .expects(GOES_ON, LENGTH)
        .run(run!(cx, {
            bad(&cx, BLOCK2, &[&[0, 0, 0, 6]]).await?;
        })),
    Case::must("opt-len-uri-query", &["OPT-06", "OPT-13"])
        .says("7252 §5.4.3", "A Uri-Query of 256 bytes is answered 4.02")
        .expects(GOES_ON, LENGTH)
        .run(run!(cx, {
            bad(&cx, URI_QUERY, &[&[b'q'; 256]]).await?;
        })),
    Case::must("opt-len-proxy-uri", &["OPT-06", "OPT-13"])
        .says("7252 §5.4.3", "An empty Proxy-Uri is an error")
        .expects(
            "4.02, or 5.05",
            "The range is 1-1034 bytes; an endpoint that is no proxy may \
             answer so before it looks at the value.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let get = Message::new(Code::GET).option(PROXY_URI, []);
            conn.ask_for(get, &[Code::BAD_OPTION, Code::PROXYING]).await?;
        })),
    Case::must("opt-len-observe", &["OPT-06", "OPT-13"])
        .says("7252 §5.4.3", "Observe of four bytes is ignored: a plain GET")
        .expects("2.05 without Observe", LENGTH)
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let path = cx.target().observable().or_else(|_| cx.target().get())?;
            let get = request(Code::GET, path).option(OBSERVE, [0; 4]);
            let answer = conn.ask_for(get, &[Code::CONTENT]).await?;
            if answer.has(OBSERVE) {
                Err(deviates("it has registered"))?;
            }
        })),
    Case::must("opt-len-etag-0", &["OPT-06", "OPT-13"])
        .says("7252 §5.4.3", "An empty ETag is ignored")
        .expects(AS_WITHOUT, LENGTH)
        .run(run!(cx, {
            ignored(&cx, ETAG, &[b""]).await?;
        })),
    Case::must("opt-len-etag-9", &["OPT-06", "OPT-13"])
        .says("7252 §5.4.3", "An ETag of nine bytes is ignored")
        .expects(AS_WITHOUT, LENGTH)
        .run(run!(cx, {
            ignored(&cx, ETAG, &[b"123456789"]).await?;
        })),
    Case::must("opt-len-content-format", &["OPT-06", "OPT-13"])
        .says("7252 §5.4.3", "Content-Format of three bytes is ignored")
        .expects(AS_WITHOUT, LENGTH)
        .run(run!(cx, {
            ignored(&cx, CONTENT_FORMAT, &[&[0; 3]]).await?;
        })),
    Case::must("opt-len-size2", &["OPT-06", "OPT-13"])
        .says("7252 §5.4.3", "Size2 of five bytes is ignored")
        .expects(AS_WITHOUT, LENGTH)
        .run(run!(cx, {
            ignored(&cx, SIZE2, &[&[0; 5]]).await?;
        })),
    Case::must("opt-len-echo-0", &["OPT-06", "EXT-01"])
        .says("9175 §2.2.1", "An empty Echo is ignored")
        .expects(AS_WITHOUT, LENGTH)
        .run(run!(cx, {
            ignored(&cx, ECHO, &[b""]).await?;
        })),
    Case::must("opt-len-echo-41", &["OPT-06", "EXT-01"])
        .says("9175 §2.2.1", "An Echo of 41 bytes is ignored")
        .expects(AS_WITHOUT, LENGTH)
        .run(run!(cx, {
            ignored(&cx, ECHO, &[&[0; 41]]).await?;
        })),
    Case::must("opt-len-request-tag", &["OPT-06", "EXT-07"])
        .says("9175 §3.2.1", "A Request-Tag of nine bytes is ignored")
        .expects(AS_WITHOUT, LENGTH)
        .run(run!(cx, {
            ignored(&cx, REQUEST_TAG, &[b"123456789"]).await?;
        })),
    Case::must("opt-twice-uri-host", &["OPT-07", "OPT-14"])
        .says("7252 §5.4.5", "Uri-Host twice is answered 4.02")
        .expects(GOES_ON, TWICE)
        .run(run!(cx, {
            bad(&cx, URI_HOST, &[b"a", b"b"]).await?;
        })),
    Case::must("opt-twice-uri-port", &["OPT-07", "OPT-14"])
        .says("7252 §5.4.5", "Uri-Port twice is answered 4.02")
        .expects(GOES_ON, TWICE)
        .run(run!(cx, {
            bad(&cx, URI_PORT, &[&[80], &[81]]).await?;
        })),
    Case::must("opt-twice-accept", &["OPT-07", "OPT-14"])
        .says("7252 §5.4.5", "Accept twice is answered 4.02")
        .expects(GOES_ON, TWICE)
        .run(run!(cx, {
            bad(&cx, ACCEPT, &[b"", b"("]).await?;
        })),
    Case::must("opt-twice-if-none-match", &["OPT-07", "OPT-14"])
        .says("7252 §5.4.5", "If-None-Match twice is answered 4.02")
        .expects(GOES_ON, TWICE)
        .run(run!(cx, {
            bad(&cx, IF_NONE_MATCH, &[b"", b""]).await?;
        })),
    Case::must("opt-twice-block2", &["BLK-01"])
        .says("7959 §2.1", "Block2 twice is answered 4.02")
        .expects(GOES_ON, "Either Block Option may be present at most once; it is critical.")
        .run(run!(cx, {
            bad(&cx, BLOCK2, &[&[6], &[5]]).await?;
        })),
    Case::must("opt-twice-content-format", &["OPT-07", "OPT-14"])
        .says("7252 §5.4.5", "Content-Format twice is not an error")
        .expects(AS_WITHOUT, TWICE)
        .run(run!(cx, {
            ignored(&cx, CONTENT_FORMAT, &[b"", b"("]).await?;
        })),
    Case::must("opt-twice-hop-limit", &["PRX-11"])
        .says("8768 §3", "Hop-Limit twice is not an error")
        .expects(AS_WITHOUT, TWICE)
        .run(run!(cx, {
            ignored(&cx, HOP_LIMIT, &[&[16], &[0]]).await?;
        })),
    Case::must("opt-repeat-etag", &["OPT-14"])
        .says("7252 §5.10.6.2", "ETag may be repeated in a request")
        .expects(AS_WITHOUT, "The option is repeatable there.")
        .run(run!(cx, {
            ignored(&cx, ETAG, &[b"nope", b"nope2"]).await?;
        })),
    Case::must("opt-repeat-request-tag", &["EXT-07"])
        .says("9175 §3.2.1", "Request-Tag may be repeated")
        .expects(AS_WITHOUT, "The option is repeatable and elective.")
        .run(run!(cx, {
            ignored(&cx, REQUEST_TAG, &[b"1", b"2"]).await?;
        })),
    Case::must("opt-repeat-uri-query", &["OPT-14"])
        .says("7252 §5.10.1", "Uri-Query may be repeated")
        .expects("A response other than 4.02", "The option is repeatable.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let get = cx.get()?.option(URI_QUERY, "conform=1").option(URI_QUERY, "x=2");
            let answer = conn.ask(get).await?;
            if answer.code == Code::BAD_OPTION {
                Err(deviates("4.02 Bad Option"))?;
            }
        })),
    Case::must("opt-not-for-method", &["OPT-08"])
        .says("7252 §5.4", "An elective option that a method does not have is ignored")
        .expects(
            AS_WITHOUT,
            "It MUST be treated like an unrecognised option; Location-Path is of \
             responses, Content-Format and Max-Age of messages with a payload.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let get = cx.get()?.option(LOCATION_PATH, "a").option(CONTENT_FORMAT, [40]);
            conn.ask_for(get.option(MAX_AGE, [10]), &[Code::CONTENT]).await?;
        })),
    Case::must("opt-payload-of-get", &["OPT-11"])
        .says("7252 §5.5", "The payload of a GET is ignored")
        .expects(
            "2.05, as without it",
            "A payload where the method defines none MUST be ignored \
             by the recipient.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.ask_for(cx.get()?.payload("payload"), &[Code::CONTENT]).await?;
        })),
    Case::def("opt-dot-dot", &["OPT-15"])
        .says("7252 §5.10.1", "Uri-Path `..` names nothing")
        .expects(
            "4.02, 4.00 or 4.04",
            "The value MUST NOT be `.` or `..`: such a request comes \
             from nobody's URI, and resolving it would be path traversal.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let segments = Message::new(Code::GET).option(URI_PATH, "a").option(URI_PATH, "..");
            let below: Vec<_> = cx.get()?.all(URI_PATH).map(<[u8]>::to_vec).collect();
            let get = below.iter().fold(segments, |get, value| get.option(URI_PATH, value));
            let answer = conn.ask(get).await?;
            if answer.code.class() != 4 {
                Err(deviates(answer.code.to_string()))?;
            }
        })),
    Case::def("opt-dot", &["OPT-15"])
        .says("7252 §5.10.1", "Uri-Path `.` names nothing")
        .expects("4.02, 4.00 or 4.04", "The value MUST NOT be `.` or `..`.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let dot = Message::new(Code::GET).option(URI_PATH, ".");
            let below: Vec<_> = cx.get()?.all(URI_PATH).map(<[u8]>::to_vec).collect();
            let get = below.iter().fold(dot, |get, value| get.option(URI_PATH, value));
            let answer = conn.ask(get).await?;
            if answer.code.class() != 4 {
                Err(deviates(answer.code.to_string()))?;
            }
        })),
    Case::def("opt-utf8-path", &["OPT-16", "FMT-27"])
        .says("7252 §3.2, §5.9.2.3", "A Uri-Path that is no UTF-8 is an error of the request")
        .expects(
            "4.02, 4.00 or 4.04",
            "The option is malformed, for which there is 4.02. Whoever \
             takes it for a syntax violation aborts; closing without either leaves both ends in \
             the dark.",
        )
        .run(run!(cx, {
            not_utf8(&cx, URI_PATH).await?;
        })),
    Case::def("opt-utf8-query", &["OPT-16", "FMT-27"])
        .says("7252 §3.2, §5.9.2.3", "A Uri-Query that is no UTF-8 is an error of the request")
        .expects(
            "4.02 or 4.00; a resource that does not look at it may answer",
            "The option is \
             malformed, for which there is 4.02.",
        )
        .run(run!(cx, {
            not_utf8(&cx, URI_QUERY).await?;
        })),
    Case::def("opt-slash-in-segment", &["OPT-17"])
        .says("7252 §5.10.1", "A slash inside a Uri-Path is data")
        .expects(
            "4.04",
            "Each option is one segment and holds any characters: `.well-known/core` \
             as a single one is another resource.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let get = Message::new(Code::GET).option(URI_PATH, ".well-known/core");
            let answer = conn.ask(get).await?;
            if answer.code.is_success() {
                Err(deviates(answer.code.to_string()))?;
            }
        })),
    Case::must("opt-accept-other", &["OPT-23"])
        .says("7252 §5.10.4", "Accept that cannot be met is answered 4.06")
        .expects(
            "4.06",
            "If the preferred Content-Format cannot be returned, 4.06 MUST be sent, \
             unless another error takes precedence. Accept is critical: who does not know it \
             answers 4.02.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let get = cx.get()?.uint(ACCEPT, 65_432);
            conn.ask_for(get, &[Code::NOT_ACCEPTABLE, Code::BAD_OPTION]).await?;
        })),
    Case::must("opt-accept-same", &["OPT-23"])
        .says("7252 §5.10.4", "Accept of what there is is met")
        .expects(
            "2.05 in that Content-Format",
            "The server returns the preferred format if it is \
             available.",
        )
        .run(run!(cx, {
            let format = cx.target().representation().and_then(|m| m.number(CONTENT_FORMAT));
            let Some(format) = format else {
                return Err(skip("the resource has no Content-Format"));
            };
            let mut conn = cx.open().await?;
            let answer = conn.ask_for(cx.get()?.uint(ACCEPT, format), &[Code::CONTENT]).await?;
            if answer.number(CONTENT_FORMAT) != Some(format) {
                Err(deviates("2.05 in another format"))?;
            }
        })),
    Case::silent("opt-many", &["T38"])
        .says("7252 §3.1", "A message of 500 options is answered or refused")
        .expects(
            "A response, or an Abort",
            "Nothing limits their number but the size of the \
             message. Falling silent is not an answer.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let many = (0..500).fold(cx.get()?.token(b"m"), |m, _| m.option(2048, []));
            conn.say(&many).await;
            let by = Instant::now() + cx.patience().answer;
            match conn.receive(by).await {
                Event::Message(_) => {}
                other => conn.instead(&other, "no response")?,
            }
        })),
];

/// A request with a string that is none.
async fn not_utf8(cx: &Cx, option: u16) -> Outcome {
    let mut conn = cx.open().await?;
    let get = if option == URI_PATH { Message::new(Code::GET) } else { cx.get()? };
    conn.say(&get.token(b"u").option(option, [0xc3, 0x28])).await;
    match conn.answer(b"u").await {
        Ok(answer) if answer.code.class() == 4 => conn.goes_on().await,
        Ok(answer) if option == URI_QUERY && answer.code.is_success() => conn.goes_on().await,
        Ok(answer) => Err(lenient(format!("{}", answer.code))),
        Err(crate::case::Stop::Deviates(why)) if why.contains("Abort") => Err(lenient(why)),
        Err(other) => Err(other),
    }
}
