//! Methods and codes (RFC 7252 §5.8, §5.9), conditions and validation (§5.10.6, §5.10.8).

use crate::case::{Case, Outcome, deviates, lenient, run, skip};
use crate::conn::Conn;
use crate::context::{Cx, request};
use crate::wire::message::{Code, Message};
use crate::wire::names::*;

/// PUTs, and says whether the server takes it at all.
async fn put(conn: &mut Conn, path: &str, body: &str) -> Outcome<Message> {
    let answer = conn.ask(request(Code::PUT, path).uint(CONTENT_FORMAT, 0).payload(body)).await?;
    match answer.code {
        Code::CREATED | Code::CHANGED => Ok(answer),
        Code::METHOD_NOT_ALLOWED | Code::NOT_FOUND | Code::NOT_IMPLEMENTED => {
            Err(skip(format!("PUT {path} is answered {}", answer.code)))
        }
        other => Err(deviates(format!("PUT {path} is answered {other}"))),
    }
}

/// A method that nobody knows.
async fn unknown(cx: &Cx, code: u8) -> Outcome {
    let mut conn = cx.open().await?;
    let answer = conn.ask(request(Code(code), cx.target().get()?)).await?;
    match answer.code {
        Code::METHOD_NOT_ALLOWED => {}
        Code::NOT_IMPLEMENTED => return Err(lenient("5.01 Not Implemented")),
        other => return Err(deviates(other.to_string())),
    }
    conn.goes_on().await
}

/// A message of a class that is reserved.
async fn reserved(cx: &Cx, digits: &str) -> Outcome {
    let mut conn = cx.open().await?;
    conn.send(digits).await;
    let ending = conn.ending(true).await;
    if let Some(response) = ending.responses().next() {
        return Err(deviates(format!("it was answered {}", response.code)));
    }
    if ending.over() {
        return Err(lenient(format!("the connection has ended: {}", ending.text())));
    }
    if ending.alive { Ok(()) } else { Err(deviates(ending.text())) }
}

/// A path of this case alone with something in it, and the ETag of that.
async fn stored(cx: &Cx, conn: &mut Conn, path: &str) -> Outcome<Vec<u8>> {
    put(conn, path, "conform").await?;
    let answer = conn.ask_for(request(Code::GET, path), &[Code::CONTENT]).await?;
    let etag = answer.first(ETAG).map(<[u8]>::to_vec);
    let _ = cx;
    etag.ok_or_else(|| skip(format!("{path} has no ETag")))
}

/// Tidies up.
async fn delete(conn: &mut Conn, path: &str) -> Outcome {
    conn.ask(request(Code::DELETE, path)).await.map(|_| ())
}

const UNKNOWN: &str = "A request with an unrecognised or unsupported method MUST generate 4.05. \
                       (5.01 is seen too.)";
const RESERVED: &str = "Class 1, 3 and 6 are reserved: neither request nor response. Whether \
                        that is ignored or aborted is not said for reliable transports.";

pub(super) const CASES: &[Case] = &[
    Case::must("code-method-8", &["CODE-01"])
        .says("7252 §5.8", "Method 0.08 is answered 4.05")
        .expects("4.05", UNKNOWN)
        .run(run!(cx, {
            unknown(&cx, 0x08).await?;
        })),
    Case::must("code-method-31", &["CODE-01"])
        .says("7252 §5.8", "Method 0.31 is answered 4.05")
        .expects("4.05", UNKNOWN)
        .run(run!(cx, {
            unknown(&cx, 0x1f).await?;
        })),
    Case::must("code-ipatch", &["CODE-01"])
        .says("7252 §5.8; 8132", "iPATCH of a resource that has only GET is an error")
        .expects("4.05, or another error", UNKNOWN)
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let ipatch = request(Code::IPATCH, "/.well-known/core").uint(CONTENT_FORMAT, 50);
            let answer = conn.ask(ipatch.payload("{}")).await?;
            if !answer.code.is_error() {
                Err(deviates(answer.code.to_string()))?;
            }
        })),
    Case::must("code-class-1", &["CODE-04", "CODE-05"])
        .says("7252 §12.1", "Code 1.00 is no request")
        .expects("Nothing, and the connection goes on", RESERVED)
        .run(run!(cx, {
            reserved(&cx, "0120 56").await?;
        })),
    Case::must("code-class-3", &["CODE-04", "CODE-05"])
        .says("7252 §12.1", "Code 3.00 is no request")
        .expects("Nothing, and the connection goes on", RESERVED)
        .run(run!(cx, {
            reserved(&cx, "0160 57").await?;
        })),
    Case::must("code-class-6", &["CODE-04", "CODE-05"])
        .says("7252 §12.1", "Code 6.00 is no request")
        .expects("Nothing, and the connection goes on", RESERVED)
        .run(run!(cx, {
            reserved(&cx, "01c0 58").await?;
        })),
    Case::must("code-once", &["CODE-15"])
        .says("7252 §5.2", "A request has one response")
        .expects(
            "One response, and no other behind it",
            "A response is matched to its request, \
             whose token is free again afterwards.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.ask(cx.get()?).await?;
            conn.ignored().await?;
        })),
    Case::def("code-not-found", &["TOK-01"])
        .says("7252 §5.9.2.5", "A resource that is not there is answered 4.04, with the token")
        .expects("4.04 under the token of the request", "The token is echoed in errors too.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let get = request(Code::GET, cx.target().missing()).token(&[0, 0x84]);
            conn.ask_for(get, &[Code::NOT_FOUND]).await?;
        })),
    Case::should("code-put-create", &["CODE-07"])
        .says("7252 §5.8.3", "PUT that creates is answered 2.01, PUT that changes 2.04")
        .expects(
            "2.01, then 2.04",
            "If a resource exists it is modified and 2.04 SHOULD be \
             returned; if none exists it MAY be created, resulting in 2.01.",
        )
        .run(run!(cx, {
            let (path, _guard) = cx.writable().await?;
            if !cx.target().creates() {
                Err(skip("PUT creates nothing here"))?;
            }
            let mut conn = cx.open().await?;
            let first = put(&mut conn, &path, "one").await?.code;
            let second = put(&mut conn, &path, "two").await?.code;
            delete(&mut conn, &path).await?;
            if (first, second) != (Code::CREATED, Code::CHANGED) {
                Err(deviates(format!("{first}, then {second}")))?;
            }
        })),
    Case::def("code-put-get", &["CODE-07"])
        .says("7252 §5.8.3", "GET gives what PUT has put")
        .expects(
            "2.05 with the payload of the PUT",
            "PUT asks that the resource be updated or \
             created with the enclosed representation.",
        )
        .run(run!(cx, {
            let (path, _guard) = cx.writable().await?;
            let mut conn = cx.open().await?;
            put(&mut conn, &path, "what was put").await?;
            let answer = conn.ask(request(Code::GET, &path)).await?;
            delete(&mut conn, &path).await?;
            if answer.code != Code::CONTENT {
                Err(skip(format!("GET is answered {}", answer.code)))?;
            }
            if answer.payload != b"what was put" {
                let shown = crate::wire::annotate::text(&answer.payload);
                Err(deviates(format!("GET gives {shown}")))?;
            }
        })),
    Case::should("code-delete", &["CODE-08"])
        .says("7252 §5.8.4", "DELETE is answered 2.02, twice")
        .expects(
            "2.02, then 2.02",
            "2.02 SHOULD be used on success, or if the resource did not \
             exist before the request.",
        )
        .run(run!(cx, {
            let (path, _guard) = cx.writable().await?;
            let mut conn = cx.open().await?;
            put(&mut conn, &path, "gone soon").await?;
            let first = conn.ask(request(Code::DELETE, &path)).await?.code;
            let second = conn.ask(request(Code::DELETE, &path)).await?.code;
            if first == Code::METHOD_NOT_ALLOWED {
                Err(skip("DELETE is not allowed"))?;
            }
            if (first, second) != (Code::DELETED, Code::DELETED) {
                Err(deviates(format!("{first}, then {second}")))?;
            }
        })),
    Case::should("code-post", &["CODE-06"])
        .says("7252 §5.8.2", "POST is answered 2.01, 2.04 or 2.02")
        .expects(
            "2.01, 2.04 or 2.02",
            "2.01 if it has created a resource, 2.04 if not, 2.02 if it \
             has deleted one; 2.05 belongs to GET.",
        )
        .run(run!(cx, {
            let (path, _guard) = cx.writable().await?;
            let mut conn = cx.open().await?;
            let answer = conn.ask(request(Code::POST, &path).payload("posted")).await?;
            if answer.code.is_success() {
                delete(&mut conn, &path).await?;
            }
            match answer.code {
                Code::CREATED | Code::CHANGED | Code::DELETED => {}
                other if other.is_error() => Err(skip(format!("POST is answered {other}")))?,
                other => Err(deviates(other.to_string()))?,
            }
        })),
    Case::must("cond-if-none-match", &["OPT-18"])
        .says("7252 §5.10.8.2", "PUT with If-None-Match on what exists is not performed")
        .expects(
            "4.12, and GET gives the old value",
            "If the condition is not fulfilled, the \
             server MUST NOT perform the method and MUST respond with 4.12.",
        )
        .run(run!(cx, {
            let (path, _guard) = cx.writable().await?;
            let mut conn = cx.open().await?;
            put(&mut conn, &path, "old").await?;
            let new = request(Code::PUT, &path).option(IF_NONE_MATCH, []).payload("new");
            let answer = conn.ask(new).await?;
            let now = conn.ask(request(Code::GET, &path)).await?;
            delete(&mut conn, &path).await?;
            if answer.code == Code::BAD_OPTION {
                Err(skip("If-None-Match is not supported: 4.02"))?;
            }
            if answer.code != Code::PRECONDITION_FAILED || now.payload != b"old" {
                let shown = crate::wire::annotate::text(&now.payload);
                Err(deviates(format!("{}, and GET gives {shown}", answer.code)))?;
            }
        })),
    Case::def("cond-if-match-missing", &["OPT-19"])
        .says(
            "7252 §5.10.8.1",
            "PUT with an empty If-Match on what does not exist is not performed",
        )
        .expects("4.12", "An empty value matches any existing representation, and there is none.")
        .run(run!(cx, {
            let (path, _guard) = cx.writable().await?;
            if !cx.target().creates() {
                Err(skip("PUT creates nothing here"))?;
            }
            let mut conn = cx.open().await?;
            delete(&mut conn, &path).await?;
            let new = request(Code::PUT, &path).option(IF_MATCH, []).payload("new");
            let answer = conn.ask(new).await?;
            if answer.code == Code::BAD_OPTION {
                Err(skip("If-Match is not supported: 4.02"))?;
            }
            if answer.code != Code::PRECONDITION_FAILED {
                delete(&mut conn, &path).await?;
                Err(deviates(answer.code.to_string()))?;
            }
        })),
    Case::must("cond-if-match", &["OPT-18", "OPT-19"])
        .says("7252 §5.10.8.1", "PUT with If-Match is performed for the ETag, and not for another")
        .expects("4.12, then 2.04", "The condition is fulfilled if any of the values matches.")
        .run(run!(cx, {
            let (path, _guard) = cx.writable().await?;
            let mut conn = cx.open().await?;
            let etag = stored(&cx, &mut conn, &path).await?;
            let wrong = request(Code::PUT, &path).option(IF_MATCH, b"wrong-1").payload("1");
            let wrong = conn.ask(wrong).await?.code;
            let right = request(Code::PUT, &path).option(IF_MATCH, b"wrong-2");
            let right = conn.ask(right.option(IF_MATCH, &etag).payload("2")).await?.code;
            delete(&mut conn, &path).await?;
            if wrong == Code::BAD_OPTION {
                Err(skip("If-Match is not supported: 4.02"))?;
            }
            if wrong != Code::PRECONDITION_FAILED || !right.is_success() {
                Err(deviates(format!("{wrong} for another ETag, {right} for the right one")))?;
            }
        })),
    Case::must("valid-203", &["OPT-22"])
        .says("7252 §5.10.6.2", "A 2.03 has the ETag that matches, and no payload")
        .expects(
            "2.03 with that ETag and nothing else, or a 2.05",
            "A 2.03 MUST include an ETag \
             and MUST NOT include a payload. A server may also send the representation.",
        )
        .run(run!(cx, {
            let (path, _guard) = cx.writable().await?;
            let mut conn = cx.open().await?;
            let etag = stored(&cx, &mut conn, &path).await?;
            let get = request(Code::GET, &path).option(ETAG, b"other").option(ETAG, &etag);
            let answer = conn.ask(get).await?;
            delete(&mut conn, &path).await?;
            match answer.code {
                Code::VALID => {
                    if answer.first(ETAG) != Some(&etag) || !answer.payload.is_empty() {
                        Err(deviates("2.03 without the ETag, or with a payload"))?;
                    }
                }
                Code::CONTENT => Err(lenient("2.05: what the client has is sent again"))?,
                other => Err(deviates(other.to_string()))?,
            }
        })),
    Case::must("valid-changed", &["OPT-22"])
        .says("7252 §5.10.6.2", "After a change the old ETag is not valid any more")
        .expects("2.05 with another ETag", "An ETag differentiates representations of a resource.")
        .run(run!(cx, {
            let (path, _guard) = cx.writable().await?;
            let mut conn = cx.open().await?;
            let etag = stored(&cx, &mut conn, &path).await?;
            put(&mut conn, &path, "something else").await?;
            let answer = conn.ask(request(Code::GET, &path).option(ETAG, &etag)).await?;
            delete(&mut conn, &path).await?;
            if answer.code != Code::CONTENT || answer.first(ETAG) == Some(&etag) {
                Err(deviates(crate::wire::annotate::described(&answer)))?;
            }
        })),
];
