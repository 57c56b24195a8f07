//! Both ends are client and server (RFC 8323 §3.3): the server asks us, when it is asked to.

use crate::case::{Case, Outcome, deviates, lenient, run};
use crate::conn::Conn;
use crate::context::{Cx, request};
use crate::wire::annotate;
use crate::wire::message::{Code, Message};
use crate::wire::names::*;

/// What we say when we are asked.
const OURS: &[u8] = b"said by the conformance suite";

/// Asks for what makes the server ask us, and waits for its question.
async fn asked(cx: &Cx, token: &[u8]) -> Outcome<(Conn, Message)> {
    let path = cx.target().reverse()?;
    let mut conn = cx.open().await?;
    conn.refuses = false;
    conn.say(&request(Code::GET, path).token(token)).await;
    let question = conn.wait("it asks nothing", |m| m.code.is_request()).await?;
    Ok((conn, question))
}

fn answer(question: &Message) -> Message {
    let answer = Message::new(Code::CONTENT).token(&question.token);
    answer.uint(CONTENT_FORMAT, 0).payload(OURS)
}

/// Demands that what we said is what comes back.
async fn comes_back(conn: &mut Conn, token: &[u8]) -> Outcome {
    let back = conn.answer(token).await?;
    if back.code.is_success() && back.payload == OURS {
        return Ok(());
    }
    Err(deviates(format!("what came of our answer: {}", annotate::described(&back))))
}

/// Answers the question like this, and demands that it is no success.
async fn fails(cx: &Cx, answer: impl FnOnce(&Message) -> Message) -> Outcome {
    let (mut conn, question) = asked(cx, b"outer").await?;
    conn.say(&answer(&question)).await;
    conn.patience.answer *= 4;
    let back = conn.answer(b"outer").await?;
    if back.code.is_success() && back.payload == OURS {
        return Err(deviates("it was taken as a success"));
    }
    conn.goes_on().await
}

pub(super) const CASES: &[Case] = &[
    Case::def("role-asks", &["TOK-03"])
        .says("8323 §3.3", "The server asks us on our connection, and takes our answer")
        .expects(
            "A request, and what we answer in the response to our own",
            "The connection is \
             bidirectional: requests can be sent by both ends.",
        )
        .run(run!(cx, {
            let (mut conn, question) = asked(&cx, b"outer").await?;
            conn.say(&answer(&question)).await;
            comes_back(&mut conn, b"outer").await?;
        })),
    Case::def("role-same-token", &["TOK-03"])
        .says("8323 §3.3", "Our request may have the token of the server's")
        .expects(
            "A response to ours; then ours is taken for theirs",
            "Token spaces are one for \
             each direction.",
        )
        .run(run!(cx, {
            let (mut conn, question) = asked(&cx, b"outer").await?;
            if question.token == b"outer" {
                Err(lenient("it asks with our own token"))?;
            }
            conn.ask(cx.get()?.token(&question.token)).await?;
            conn.say(&answer(&question)).await;
            comes_back(&mut conn, b"outer").await?;
        })),
    Case::def("role-while-asked", &["TOK-12"])
        .says("8323 §3.3", "While it waits for us, it answers others")
        .expects(
            "The response to a GET, then the one we held up",
            "Exchanges do not wait for each \
             other; otherwise two ends that ask each other lock up.",
        )
        .run(run!(cx, {
            let (mut conn, question) = asked(&cx, b"outer").await?;
            conn.ask(cx.get()?).await?;
            conn.say(&answer(&question)).await;
            comes_back(&mut conn, b"outer").await?;
        })),
    Case::def("role-error", &["CODE-02"])
        .says("7252 §5.2", "An error of ours, of a code nobody knows, is an error")
        .expects("No success, and the connection goes on", "An unknown 4.xx is treated as 4.00.")
        .run(run!(cx, {
            fails(&cx, |q| Message::new(Code(0x9e)).token(&q.token).payload(OURS)).await?;
        })),
    Case::must("role-critical", &["OPT-04", "OPT-05"])
        .says("7252 §5.4.1", "A response of ours with an unknown critical option is rejected")
        .expects(
            "No success, and the connection goes on",
            "Unrecognised critical options in a \
             response MUST cause it to be rejected.",
        )
        .run(run!(cx, {
            fails(&cx, |q| answer(q).option(65_001, [])).await?;
        })),
    Case::def("role-reserved", &["CODE-05"])
        .says("7252 §12.1", "A message of class 3 is no response")
        .expects("No success, and the connection goes on", "Class 3 is reserved.")
        .run(run!(cx, {
            let (mut conn, question) = asked(&cx, b"outer").await?;
            conn.say(&Message { code: Code(0x60), ..answer(&question) }).await;
            let said = conn.quiet().await?;
            let taken = said.iter().any(|m| m.code.is_success() && m.payload == OURS);
            if taken {
                Err(deviates("it was taken as a success"))?;
            }
        })),
    Case::def("role-wrong-token", &["TOK-03", "TOK-04"])
        .says("7252 §5.3.2", "A response with another token is not the one it waits for")
        .expects("The one with the right token is", "The exact token has to match.")
        .run(run!(cx, {
            let (mut conn, question) = asked(&cx, b"outer").await?;
            let wrong = [&question.token[..], &[0][..]].concat();
            let wrong = Message { token: wrong, payload: b"wrong".to_vec(), ..answer(&question) };
            conn.say(&wrong).await;
            conn.say(&answer(&question)).await;
            comes_back(&mut conn, b"outer").await?;
        })),
    Case::def("role-twice", &["TOK-13"])
        .says("7252 §5.3.2", "A second response of ours is dropped")
        .expects(
            "The first is taken, and the connection goes on",
            "After its response a request \
             is done with.",
        )
        .run(run!(cx, {
            let (mut conn, question) = asked(&cx, b"outer").await?;
            let second = Message { payload: b"second".to_vec(), ..answer(&question) };
            conn.send_together(&[answer(&question).bytes(), second.bytes()]).await;
            comes_back(&mut conn, b"outer").await?;
            conn.goes_on().await?;
        })),
    Case::def("role-unknown-success", &["CODE-02"])
        .says("7252 §5.2", "A 2.xx nobody knows is a success")
        .expects("A success", "An unknown 2.xx says that it worked, and no more.")
        .run(run!(cx, {
            let (mut conn, question) = asked(&cx, b"outer").await?;
            conn.say(&Message { code: Code(0x5e), ..answer(&question) }).await;
            let back = conn.answer(b"outer").await?;
            if !back.code.is_success() {
                Err(lenient(annotate::described(&back)))?;
            }
        })),
    Case::def("role-5-01", &["TOK-26"])
        .says("8323 §3.3", "Our 5.01 is a response")
        .expects(
            "An error in the response to our own request",
            "One side may have no server: then \
             an error response MUST be returned, simplest 5.01.",
        )
        .run(run!(cx, {
            let refusal = Message::new(Code::NOT_IMPLEMENTED).payload(OURS);
            fails(&cx, |question| refusal.token(&question.token)).await?;
        })),
];
