//! Tokens, matching and pipelining (RFC 7252 §5.3, RFC 8323 §3.3, RFC 8974).

use crate::case::{Case, Outcome, deviates, lenient, run, skip};
use crate::context::{Cx, request};
use crate::wire::annotate;
use crate::wire::message::{Code, Message};

/// A response to nothing of ours, which has to go by.
async fn unasked(cx: &Cx, digits: &str) -> Outcome {
    let mut conn = cx.open().await?;
    conn.send(digits).await;
    let ending = conn.ending(true).await;
    if let Some(said) = ending.before.first() {
        return Err(deviates(format!("it was answered: {}", annotate::described(said))));
    }
    if ending.over() {
        return Err(lenient(ending.text()));
    }
    if !ending.alive {
        return Err(deviates(ending.text()));
    }
    conn.ask(cx.get()?).await.map(|_| ())
}

/// Sends this many GETs in one write, and takes the responses in any order.
async fn pipelined(cx: &Cx, count: u8) -> Outcome {
    let mut conn = cx.open().await?;
    let mut all = Vec::new();
    for n in 0..count {
        all.push(cx.get()?.token(&[n, b'p']).bytes());
    }
    conn.send_together(&all).await;
    for n in 0..count {
        let answer = conn.answer(&[n, b'p']).await?;
        if answer.code != Code::CONTENT {
            return Err(deviates(format!("number {n} is answered {}", answer.code)));
        }
    }
    conn.ignored().await
}

const UNKNOWN: &str = "Late responses are normal, after a cancelled request as after one with \
                       No-Response. RFC 7252 §5.3.2 says reject; RFC 8323 §7.2 allows an Abort \
                       for notifications. Dropping it costs nobody anything.";

pub(super) const CASES: &[Case] = &[
    Case::must("tok-opaque", &["TOK-10"])
        .says("7252 §5.3.1", "A token is opaque: any bytes come back")
        .expects("The same bytes", "The content of a token is not interpreted.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            for token in [&[0u8][..], &[0xff], &[0, 0], &[0xff, 0x00, 0xb1], b"\r\n\0\x1b"] {
                conn.ask(cx.get()?.token(token)).await?;
            }
        })),
    Case::def("tok-zero-length", &["TOK-04"])
        .says("7252 §5.3.1", "Tokens of zero, one and two zero bytes are three tokens")
        .expects(
            "Three responses, one for each",
            "The zero-length token is a token, and tokens \
             are compared with their length.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let get = |token: &[u8]| cx.get().map(|get| get.token(token).bytes());
            conn.send_together(&[get(b"")?, get(&[0])?, get(&[0, 0])?]).await;
            for token in [&[][..], &[0], &[0, 0]] {
                conn.answer(token).await?;
            }
        })),
    Case::def("tok-two-connections", &["TOK-02", "TOK-11"])
        .says("8323 §4.3", "The same token on two connections is two tokens")
        .expects(
            "Each response on the connection of its request",
            "Tokens are scoped to the \
             connection, and responses MUST be returned over the one of the request.",
        )
        .run(run!(cx, {
            let (mut one, mut two) = (cx.open().await?, cx.open().await?);
            let found = cx.get()?.token(b"same");
            let missing = request(Code::GET, cx.target().missing()).token(b"same");
            one.say(&found).await;
            two.say(&missing).await;
            let second = two.answer(b"same").await?.code;
            let first = one.answer(b"same").await?.code;
            if first != Code::CONTENT || second == Code::CONTENT {
                Err(deviates(format!("{first} for what is there, {second} for what is not")))?;
            }
        })),
    Case::silent("tok-twice", &["TOK-27"])
        .says("8323 §3.3", "Two requests at once with one token are both answered")
        .expects(
            "Two responses",
            "Keeping tokens apart is the client's duty; nothing tells the \
             server to refuse. Re-registering an observation depends on it.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let get = cx.get()?.token(b"tt").bytes();
            conn.send_together(&[get.clone(), get]).await;
            conn.answer(b"tt").await?;
            conn.answer(b"tt").await?;
        })),
    Case::def("tok-again", &["TOK-27"])
        .says("7252 §5.3.1", "A token may be used again once its response is there")
        .expects("Two responses", "Tokens have to be unique among concurrent requests only.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.ask(cx.get()?.token(b"again")).await?;
            conn.ask(cx.get()?.token(b"again")).await?;
        })),
    Case::silent("tok-unknown-response", &["TOK-13", "TOK-03"])
        .says("7252 §5.3.2", "A response nobody waits for is dropped")
        .expects("Nothing, and the next GET is answered", UNKNOWN)
        .run(run!(cx, {
            unasked(&cx, "0145 ee ff6869").await?;
        })),
    Case::silent("tok-unknown-error", &["TOK-13"])
        .says("7252 §5.3.2", "An error response nobody waits for is dropped")
        .expects("Nothing, and the next GET is answered", UNKNOWN)
        .run(run!(cx, {
            unasked(&cx, "0184 ee").await?;
        })),
    Case::silent("tok-unknown-notification", &["TOK-13"])
        .says("8323 §7.2", "A notification nobody has registered for is dropped")
        .expects("Nothing, and the next GET is answered", UNKNOWN)
        .run(run!(cx, {
            unasked(&cx, "0145 ee 6101 ff6869").await?;
        })),
    Case::def("tok-long-response", &["FMT-08", "TOK-20"])
        .says(
            "8974 §2.2.1",
            "A response with a token of nine bytes is no message format error for \
             who knows RFC 8974",
        )
        .expects(
            "Nothing; who does not know RFC 8974 aborts",
            "The advertised length is one of \
             requests. Under RFC 7252 alone length 9 is reserved.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.send("0945 010203040506070809 ff6869").await;
            let ending = conn.ending(true).await;
            if ending.abort.is_some() && conn.peer.extended_token_length > 8 {
                Err(deviates(ending.text()))?;
            }
            if ending.abort.is_none() && !ending.alive {
                Err(lenient(ending.text()))?;
            }
        })),
    Case::def("tok-own-token", &["TOK-03"])
        .says("8323 §3.3", "A response with the token of our own request is nobody's response")
        .expects(
            "The response to our request, and nothing else",
            "Token spaces are one for each \
             direction: a peer matches responses against its own requests only.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            // One that is still waited for when the other message comes, if there is such a thing.
            let get = match cx.target().slow() {
                Ok(path) => request(Code::GET, path).token(b"own").bytes(),
                Err(_) => cx.get()?.token(b"own").bytes(),
            };
            conn.send_together(&[get, Message::new(Code::CONTENT).token(b"own").bytes()]).await;
            conn.patience.answer *= 4;
            conn.answer(b"own").await?;
            conn.ignored().await?;
        })),
    Case::def("pipe-csm-and-get", &["CSM-04"])
        .says("8323 §3.3", "A request in one write with the CSM is answered")
        .expects(
            "The response",
            "The initiator MAY send messages after its CSM without waiting \
             for the peer's.",
        )
        .run(run!(cx, {
            let mut conn = cx.upgraded().await?;
            let csm = crate::wire::hex(crate::context::CSM);
            conn.send_together(&[csm, cx.get()?.token(b"now").bytes()]).await;
            conn.answer(b"now").await?;
        })),
    Case::def("pipe-16", &["TOK-12"])
        .says("8323 §4.3", "Sixteen requests in one write are all answered")
        .expects(
            "Sixteen responses, in any order",
            "A client can send multiple requests without \
             waiting for a response.",
        )
        .run(run!(cx, {
            pipelined(&cx, 16).await?;
        })),
    Case::def("pipe-64", &["TOK-12"])
        .says("8323 §4.3", "So are sixty-four")
        .expects("Sixty-four responses", "A server with less room answers 5.03 or 4.29.")
        .run(run!(cx, {
            pipelined(&cx, 64).await?;
        })),
    Case::silent("pipe-order", &["TOK-12"])
        .says("8323 §4.3", "A slow request does not hold up the one behind it")
        .expects(
            "The second response first",
            "The server can return responses in any order, and \
             need not. Without that one slow resource blocks the connection.",
        )
        .run(run!(cx, {
            let slow = request(Code::GET, cx.target().slow()?);
            let mut conn = cx.open().await?;
            conn.patience.answer *= 4;
            let both = [slow.token(b"slow").bytes(), cx.get()?.token(b"fast").bytes()];
            conn.send_together(&both).await;
            let first = conn.wait("no response", |m| m.code.is_response()).await?;
            let other: &[u8] = if first.token == b"slow" { b"fast" } else { b"slow" };
            conn.answer(other).await?;
            if first.token == b"slow" {
                Err(deviates("the slow response came first"))?;
            }
        })),
    Case::def("pipe-two-slow", &["TOK-12"])
        .says("8323 §4.3", "Several requests wait at the same time")
        .expects(
            "All responses, each under its token",
            "Each concurrent request is differentiated \
             by its token.",
        )
        .run(run!(cx, {
            let slow = request(Code::GET, cx.target().slow()?);
            let mut conn = cx.open().await?;
            conn.patience.answer *= 4;
            for token in [b"1", b"2", b"3"] {
                conn.say(&slow.clone().token(token)).await;
            }
            for token in [b"3", b"1", b"2"] {
                conn.answer(token).await?;
            }
        })),
    Case::must("tok-etl-low", &["TOK-16"])
        .says("8974 §2.2.1", "An Extended-Token-Length below 8 is ignored")
        .expects(
            "A token of eight bytes is echoed",
            "If the value is less than 8, the option MUST \
             be ignored.",
        )
        .run(run!(cx, {
            let mut conn = cx.open_with("00e1 220480 20 2104").await?;
            conn.ask(cx.get()?.token(b"12345678")).await?;
        })),
    Case::must("tok-etl-high", &["TOK-16"])
        .says("8974 §2.2.1", "An Extended-Token-Length above 65804 is taken as that")
        .expects("The connection goes on", "If the value is greater, 65804 MUST be used.")
        .run(run!(cx, {
            let mut conn = cx.open_with("00e1 220480 20 23ffffff").await?;
            conn.ask(cx.get()?).await?;
        })),
    Case::def("tok-etl-changes", &["TOK-17"])
        .says("8974 §2.2.1", "A later Extended-Token-Length replaces the former")
        .expects("The connection goes on", "The option can be sent again with another value.")
        .run(run!(cx, {
            let mut conn = cx.open_with("00e1 220480 20 2140").await?;
            conn.send("00e1 6110").await;
            conn.ask(cx.get()?).await?;
        })),
    Case::silent("tok-etl-over-mms", &["TOK-29"])
        .says(
            "8974 §2.2.1",
            "A token that is longer than we take back is not echoed over our limit",
        )
        .expects(
            "Abort, or nothing above 64 bytes",
            "A client does not send tokens that it would \
             not accept; nothing says what the server does then. Max-Message-Size binds it.",
        )
        .run(run!(cx, {
            let mut conn = cx.open_with("00e1 2140 20").await?;
            if conn.peer.extended_token_length < 100 {
                Err(skip("its Extended-Token-Length is below 100"))?;
            }
            conn.say(&cx.get()?.token(&[7; 100])).await;
            let ending = conn.ending(true).await;
            if ending.before.iter().any(|m| m.bytes().len() > 64) {
                Err(deviates(ending.text()))?;
            }
        })),
];
