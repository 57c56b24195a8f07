//! Signaling in general, Ping and Pong (RFC 8323 §5.1, §5.2, §5.4).

use crate::case::{Case, Outcome, deviates, lenient, run};
use crate::conn::Event;
use crate::context::{Cx, request};
use crate::wire::message::{Code, Message};
use crate::wire::names::*;
use crate::wire::{annotate, hex};
use std::time::Duration;
use tokio::time::Instant;

/// A signaling message with a critical option that nobody knows, other than a CSM: an Abort, and no
/// CSM option blamed.
async fn critical(cx: &Cx, digits: &str) -> Outcome {
    let mut conn = cx.open().await?;
    conn.send(digits).await;
    let abort = conn.aborted().await?;
    if abort.has(BAD_CSM_OPTION) {
        return Err(deviates("the Abort has a Bad-CSM-Option, and it was no CSM"));
    }
    Ok(())
}

/// A signaling message that has to go by.
async fn passes(cx: &Cx, digits: &str) -> Outcome {
    let mut conn = cx.open().await?;
    conn.send(digits).await;
    conn.ignored().await
}

/// The same where an Abort is allowed too.
async fn passes_best(cx: &Cx, digits: &str) -> Outcome {
    let mut conn = cx.open().await?;
    conn.send(digits).await;
    let ending = conn.ending(true).await;
    if ending.over() || !ending.before.is_empty() {
        return Err(lenient(ending.text()));
    }
    if ending.alive { Ok(()) } else { Err(deviates(ending.text())) }
}

/// A Ping, and the Pong with its token.
async fn ponged(cx: &Cx, digits: &str, token: &[u8]) -> Outcome<Message> {
    let mut conn = cx.open().await?;
    conn.send(digits).await;
    let pong = conn.pong(token).await?;
    conn.ignored().await?;
    Ok(pong)
}

const UNKNOWN: &str = "If a critical signaling option is not understood, the receiver MUST abort \
                       the connection: in every signaling message, not in CSMs only. \
                       Bad-CSM-Option is for options of CSMs.";
const ELECTIVE: &str = "The recipient MUST ignore elective options that it does not understand.";

pub(super) const SIGNALING: &[Case] = &[
    Case::must("sig-critical-ping", &["SIG-02", "ABT-05"])
        .says("8323 §5.2", "An unknown critical option in a Ping is aborted")
        .expects("Abort without Bad-CSM-Option, then the end", UNKNOWN)
        .run(run!(cx, {
            critical(&cx, "01e2 42 30").await?;
        })),
    Case::must("sig-critical-pong", &["SIG-02", "ABT-05"])
        .says("8323 §5.2", "So is one in a Pong")
        .expects("Abort without Bad-CSM-Option, then the end", UNKNOWN)
        .run(run!(cx, {
            critical(&cx, "01e3 42 30").await?;
        })),
    Case::must("sig-critical-release", &["SIG-02", "ABT-05"])
        .says("8323 §5.2", "So is one in a Release")
        .expects("Abort without Bad-CSM-Option, then the end", UNKNOWN)
        .run(run!(cx, {
            critical(&cx, "00e4 10").await?;
        })),
    Case::must("sig-critical-unassigned", &["SIG-02"])
        .says("8323 §5.2", "So is one in a signaling message whose code is not assigned")
        .expects("Abort without Bad-CSM-Option, then the end", UNKNOWN)
        .run(run!(cx, {
            critical(&cx, "00e6 10").await?;
        })),
    Case::must("sig-oscore-ping", &["SIG-04"])
        .says("8613 §13.3", "OSCORE in a Ping is aborted by who does not have it")
        .expects("Abort, then the end", "Option 9 is critical in all signaling messages.")
        .run(run!(cx, {
            critical(&cx, "01e2 42 90").await?;
        })),
    Case::must("sig-elective-ping", &["SIG-03"])
        .says("8323 §5.4", "An unknown elective option in a Ping is ignored")
        .expects("01e342", ELECTIVE)
        .run(run!(cx, {
            ponged(&cx, "01e2 42 40", b"B").await?;
        })),
    Case::must("sig-elective-pong", &["SIG-03"])
        .says("8323 §5.4", "An unknown elective option in a Pong is ignored")
        .expects("Nothing", ELECTIVE)
        .run(run!(cx, {
            passes(&cx, "01e3 42 40").await?;
        })),
    Case::silent("sig-unassigned", &["SIG-07"])
        .says("8323 §5.1", "A signaling message whose code is not assigned is ignored")
        .expects(
            "Nothing, and the connection goes on",
            "Nothing is said about 7.00 and 7.06-7.31; \
             ignoring them keeps the door open for what may be assigned.",
        )
        .run(run!(cx, {
            passes_best(&cx, "00e6 a12a").await?;
        })),
    Case::silent("sig-unassigned-7-00", &["SIG-07"])
        .says("8323 §5.1", "So is 7.00")
        .expects("Nothing, and the connection goes on", "Nothing is said about 7.00.")
        .run(run!(cx, {
            passes_best(&cx, "01e0 42").await?;
        })),
    Case::def("sig-pong", &["PING-08", "SIG-10"])
        .says("8323 §5.4", "A Pong nobody waits for is ignored")
        .expects("Nothing", "Nothing is ever sent in response to a Pong.")
        .run(run!(cx, {
            passes(&cx, "01e3 99").await?;
        })),
    Case::def("sig-pong-custody", &["PING-05", "PING-06"])
        .says("8323 §5.4.1", "So is one with Custody")
        .expects("Nothing", "The receiver of a Ping can include the option unasked.")
        .run(run!(cx, {
            passes(&cx, "01e3 99 20").await?;
        })),
];

/// A slow request first, the Ping behind it, and which answer came first.
async fn behind_slow(cx: &Cx, ping: &str) -> Outcome<(Message, Message)> {
    let slow = request(Code::GET, cx.target().slow()?);
    let mut conn = cx.open().await?;
    conn.patience.answer *= 4;
    conn.send_together(&[slow.token(b"slow").bytes(), hex(ping)]).await;
    let any = |m: &Message| m.code == Code::PONG || m.code.is_response();
    let first = conn.wait("neither Pong nor response", any).await?;
    let second = conn.wait("only one of Pong and response", any).await?;
    Ok((first, second))
}

pub(super) const PING: &[Case] = &[
    Case::must("ping-token", &["PING-01"])
        .says("8323 §5.4", "A Ping is answered by a Pong with its token")
        .expects(
            "01e342",
            "The receiver MUST return a Pong with an identical token. (libcoap \
             4.3.5 leaves it out.)",
        )
        .run(run!(cx, {
            ponged(&cx, "01e2 42", b"B").await?;
        })),
    Case::must("ping-token-8", &["PING-01"])
        .says("8323 §5.4", "So is one with a token of eight bytes")
        .expects(
            "08e3 with the same bytes",
            "The receiver MUST return a Pong with an identical \
             token.",
        )
        .run(run!(cx, {
            ponged(&cx, "08e2 0001020304050607", &[0, 1, 2, 3, 4, 5, 6, 7]).await?;
        })),
    Case::must("ping-token-0", &["PING-01"])
        .says("8323 §5.4", "So is one without a token")
        .expects(
            "00e3, with a payload or without",
            "An empty token is a token. libcoap 4.3.5 drops \
             this Ping, and a bare Pong, both being of two bytes.",
        )
        .run(run!(cx, {
            ponged(&cx, "00e2", b"").await?;
        })),
    Case::must("ping-token-extended", &["PING-01"])
        .says("8974 §2.2.1", "So is one with an extended token, where that is advertised")
        .expects("0de3 with the same bytes", "What is advertised is accepted.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let most = conn.peer.extended_token_length;
            if most < 20 {
                Err(crate::case::skip(format!("its Extended-Token-Length is {most}")))?;
            }
            conn.say(&Message::new(Code::PING).token(&[0xa5; 20])).await;
            conn.pong(&[0xa5; 20]).await?;
        })),
    Case::must("ping-payload", &["PING-01", "SIG-05"])
        .says("8323 §5.1", "So is one with a diagnostic payload")
        .expects("01e342", "A payload of a signaling message is diagnostic.")
        .run(run!(cx, {
            ponged(&cx, "01e2 42 ff 6869", b"B").await?;
        })),
    Case::must("ping-many", &["PING-01"])
        .says("8323 §5.4", "Sixteen Pings in one write have sixteen Pongs")
        .expects("One Pong for each token, and none besides", "Each Ping is answered.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let pings: Vec<Vec<u8>> =
                (0..16).map(|n| Message::new(Code::PING).token(&[n]).bytes()).collect();
            conn.send_together(&pings).await;
            for n in 0..16 {
                conn.pong(&[n]).await?;
            }
            conn.ignored().await?;
        })),
    Case::must("ping-same-token", &["PING-01"])
        .says("8323 §5.4", "Two Pings with one token have two Pongs")
        .expects("Two Pongs", "Nothing keeps Pings apart but their number.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.send_together(&[hex("01e242"), hex("01e242")]).await;
            conn.pong(b"B").await?;
            conn.pong(b"B").await?;
        })),
    Case::def("ping-token-of-request", &["TOK-03"])
        .says("8323 §5.4", "A Ping may have the token of a pending request")
        .expects(
            "A Pong and a response, both with the token",
            "Ping and Pong match among \
             themselves.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.send_together(&[cx.get()?.token(b"B").bytes(), hex("01e242")]).await;
            conn.pong(b"B").await?;
            conn.answer(b"B").await?;
        })),
    Case::should("ping-at-once", &["PING-02"])
        .says("8323 §5.4", "A Ping is answered while a slow request is pending")
        .expects(
            "The Pong before the response",
            "Without an option with delaying semantics it \
             SHOULD respond as soon as practical.",
        )
        .run(run!(cx, {
            let (first, _) = behind_slow(&cx, "01e242").await?;
            if first.code != Code::PONG {
                Err(deviates("the response came first"))?;
            }
        })),
    Case::def("ping-no-custody", &["PING-04"])
        .says("8323 §5.4.1", "That Pong has no Custody: the request is not processed yet")
        .expects(
            "01e342",
            "Custody says that all earlier messages have been processed; while one \
             is pending that is not true.",
        )
        .run(run!(cx, {
            let (first, second) = behind_slow(&cx, "01e242").await?;
            if first.code != Code::PONG {
                Err(crate::case::skip(format!("the Pong came second: {}", second.code)))?;
            }
            if first.has(CUSTODY) {
                Err(deviates(annotate::described(&first)))?;
            }
        })),
    Case::should("ping-custody-waits", &["PING-03"])
        .says("8323 §5.4.1", "A Ping with Custody is answered behind the pending response")
        .expects(
            "The response, then 01e34220",
            "The receiver SHOULD delay its Pong until it \
             finishes processing all messages received before.",
        )
        .run(run!(cx, {
            let (first, _) = behind_slow(&cx, "01e2 42 20").await?;
            if first.code == Code::PONG {
                Err(deviates(format!("the Pong came first: {}", annotate::described(&first))))?;
            }
        })),
    Case::def("ping-custody-true", &["PING-04"])
        .says("8323 §5.4.1", "A Pong that comes before the response has no Custody, asked or not")
        .expects(
            "Custody only behind the response",
            "Custody says that all earlier messages have \
             been processed.",
        )
        .run(run!(cx, {
            let (first, _) = behind_slow(&cx, "01e2 42 20").await?;
            if first.code == Code::PONG && first.has(CUSTODY) {
                Err(deviates(annotate::described(&first)))?;
            }
        })),
    Case::should("ping-custody-idle", &["PING-03"])
        .says("8323 §5.4.1", "With nothing pending, a Ping with Custody has it in its Pong")
        .expects("01e34220", "The option in a Ping requests its inclusion in the Pong.")
        .run(run!(cx, {
            let pong = ponged(&cx, "01e2 42 20", b"B").await?;
            if !pong.has(CUSTODY) {
                Err(deviates(annotate::described(&pong)))?;
            }
        })),
    Case::def("ping-custody-value", &["PING-06"])
        .says("8323 §5.4.1; 7252 §5.4.3", "Custody with a value is ignored as unrecognised")
        .expects("01e342", "The option is empty, and elective.")
        .run(run!(cx, {
            ponged(&cx, "01e2 42 2101", b"B").await?;
        })),
    Case::def("ping-idle", &["PING-15"])
        .says("8323 §3.4", "A connection that is quiet for two seconds is still there")
        .expects("The Pong", "Connections are kept while they are of use; nothing has to be sent.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let by = Instant::now() + Duration::from_secs(2);
            loop {
                match conn.receive(by).await {
                    Event::Message(_) | Event::Text(_) if Instant::now() < by => {}
                    _ => break,
                }
            }
            conn.goes_on().await?;
        })),
];
