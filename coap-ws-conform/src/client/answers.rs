//! What a client takes for the answer to its request.

use super::ClientCx;
use super::guest::{ANSWER, content};
use crate::case::{Case, Outcome, deviates, lenient, skip, visit};
use crate::wire::message::{Code, Message};
use crate::wire::names::*;

/// Sends this in answer; the client must not take it for one that worked.
async fn rejects(cx: &ClientCx, change: impl FnOnce(Message) -> Message) -> Outcome {
    let (mut guest, request) = cx.asked("/hello").await?;
    let answer = change(content(&request, "wrong answer"));
    guest.conn.say(&answer).await;
    guest.fails("wrong answer").await
}

/// Sends this first, and the right answer behind it; only that may be taken.
async fn passes_over(cx: &ClientCx, first: impl FnOnce(&Message) -> Message) -> Outcome {
    let (mut guest, request) = cx.asked("/hello").await?;
    let wrong = first(&content(&request, "wrong answer"));
    guest.conn.send_together(&[wrong.bytes(), content(&request, ANSWER).bytes()]).await;
    guest.succeeds(ANSWER).await
}

/// Sends this in answer; the client has to take it.
async fn takes(cx: &ClientCx, change: impl FnOnce(Message) -> Message) -> Outcome {
    let (mut guest, request) = cx.asked("/hello").await?;
    let answer = change(content(&request, ANSWER));
    guest.conn.say(&answer).await;
    guest.succeeds(ANSWER).await
}

pub(super) const CASES: &[Case] = &[
    Case::must("cl-critical", &["OPT-04"])
        .says("7252 §5.4.1", "A response with an unknown critical option is rejected")
        .expects(
            "The client reports a failure",
            "Unrecognised critical options in a response MUST \
             cause it to be rejected.",
        )
        .visit(visit!(cx, {
            rejects(&cx, |m| m.option(65_001, [])).await?;
        })),
    Case::must("cl-request-option", &["OPT-08", "OPT-04"])
        .says("7252 §5.4", "A response with Uri-Path is rejected")
        .expects(
            "The client reports a failure",
            "An option that is not defined for a response MUST \
             be treated like an unrecognised one, and this one is critical.",
        )
        .visit(visit!(cx, {
            rejects(&cx, |m| m.option(URI_PATH, "a")).await?;
        })),
    Case::must("cl-elective", &["OPT-01"])
        .says("7252 §5.4.1", "A response with an unknown elective option is taken")
        .expects("The client reports success", "Unrecognised elective options are ignored.")
        .visit(visit!(cx, {
            takes(&cx, |m| m.option(2048, b"x")).await?;
        })),
    Case::def("cl-unknown-2", &["CODE-02"])
        .says("7252 §5.2", "An unknown 2.xx is a success")
        .expects(
            "The client reports success",
            "Unknown codes are treated like the generic one of \
             their class.",
        )
        .visit(visit!(cx, {
            takes(&cx, |m| Message { code: Code(0x5e), ..m }).await?;
        })),
    Case::def("cl-unknown-4", &["CODE-02"])
        .says("7252 §5.2", "An unknown 4.xx is an error")
        .expects("The client reports a failure", "It is treated as 4.00.")
        .visit(visit!(cx, {
            rejects(&cx, |m| Message { code: Code(0x9e), ..m }).await?;
        })),
    Case::def("cl-unknown-5", &["CODE-02"])
        .says("7252 §5.2", "An unknown 5.xx is an error")
        .expects("The client reports a failure", "It is treated as 5.00.")
        .visit(visit!(cx, {
            rejects(&cx, |m| Message { code: Code(0xbe), ..m }).await?;
        })),
    Case::must("cl-class-3", &["CODE-04"])
        .says("7252 §12.1", "A message of class 3 is no answer")
        .expects("The client reports a failure", "Class 3 is reserved.")
        .visit(visit!(cx, {
            rejects(&cx, |m| Message { code: Code(0x65), ..m }).await?;
        })),
    Case::def("cl-other-token", &["TOK-04", "TOK-13"])
        .says("7252 §5.3.2", "A response with a longer token is not the answer")
        .expects(
            "The right answer behind it is taken",
            "The exact token has to match; what is not \
             matched is dropped.",
        )
        .visit(visit!(cx, {
            passes_over(&cx, |m| {
                let mut token = m.token.clone();
                token.push(0);
                // No longer than eight bytes, which every client reads.
                if token.len() > 8 {
                    token.remove(0);
                }
                Message { token, ..m.clone() }
            })
            .await?;
        })),
    Case::silent("cl-unknown-token", &["TOK-13"])
        .says("7252 §5.3.2; 8323 §7.2", "A response nobody waits for is dropped")
        .expects("The right answer behind it is taken", "Late responses are normal.")
        .visit(visit!(cx, {
            passes_over(&cx, |m| m.clone().token(&[0xee, 0xee])).await?;
        })),
    Case::def("cl-second-answer", &["TOK-13"])
        .says("7252 §5.3.2", "Of two answers the first counts")
        .expects("The first is taken", "With its response a request is done.")
        .visit(visit!(cx, {
            let (mut guest, request) = cx.asked("/hello").await?;
            let both = [content(&request, ANSWER), content(&request, "second answer")];
            guest.conn.send_together(&both.map(|m| m.bytes())).await;
            guest.succeeds(ANSWER).await?;
        })),
    Case::should("cl-echo", &["EXT-02"])
        .says("9175 §2.3", "4.01 with Echo is asked again, with that Echo")
        .expects(
            "The same request with Echo, under another token",
            "Upon receiving 4.01 with Echo, \
             a client SHOULD resend the request with the Echo option.",
        )
        .visit(visit!(cx, {
            let (mut guest, request) = cx.asked("/hello").await?;
            let echo = b"conform!";
            let again = Message::new(Code(0x81)).token(&request.token).option(ECHO, echo);
            guest.conn.say(&again).await;
            let wanted = "it does not ask again";
            let second = guest.conn.wait(wanted, |m| m.code.is_request()).await?;
            if second.first(ECHO) != Some(echo) {
                Err(deviates("it asks again without the Echo"))?;
            }
            if second.token == request.token {
                Err(lenient("it asks again under the same token"))?;
            }
            guest.answer(&second).await;
            guest.succeeds(ANSWER).await?;
        })),
    Case::must("cl-observe-order", &["OBS-05"])
        .says("8323 §7.1", "The Observe value of a notification is ignored")
        .expects(
            "Each notification is taken in the order of its coming",
            "The value MUST be \
             ignored on reception: TCP keeps the order.",
        )
        .visit(visit!(cx, {
            let (mut guest, request) = cx.asked("/hello").await?;
            if request.number(OBSERVE) != Some(0) {
                Err(skip("the client registers no observation"))?;
            }
            for (value, text) in [(5u64, "first"), (1, "second"), (5, ANSWER)] {
                guest.conn.say(&content(&request, text).uint(OBSERVE, value)).await;
            }
            guest.succeeds(ANSWER).await?;
        })),
];
