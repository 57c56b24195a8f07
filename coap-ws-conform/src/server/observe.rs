//! Observing (RFC 7641 over reliable transports, RFC 8323 §7).

use crate::case::{Case, Outcome, deviates, lenient, run, skip};
use crate::conn::Conn;
use crate::context::{Cx, LARGE_CSM, request};
use crate::wire::annotate;
use crate::wire::message::{Block, Code, Message};
use crate::wire::names::*;
use std::time::Duration;

/// How long a resource may take to change by itself.
const CHANGES: Duration = Duration::from_secs(8);

/// The registration of a resource with observers.
fn registration(cx: &Cx) -> Outcome<Message> {
    Ok(request(Code::GET, cx.target().observable()?).option(OBSERVE, []))
}

/// A connection on which it is registered, if the server does that.
async fn observing(cx: &Cx, token: &[u8]) -> Outcome<(Conn, Message)> {
    let registration = registration(cx)?;
    let mut conn = cx.open_with(LARGE_CSM).await?;
    let answer = conn.ask(registration.token(token)).await?;
    if !answer.has(OBSERVE) {
        return Err(skip(format!(
            "the resource is not observable: {} without Observe",
            answer.code
        )));
    }
    Ok((conn, answer))
}

/// Changes the resource, or hopes that it changes itself.
async fn changed(cx: &Cx) -> Outcome {
    let path = cx.target().observable()?;
    let mut other = cx.open().await?;
    let serial = cx.shared.serial.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let put = request(Code::PUT, path).uint(CONTENT_FORMAT, 0);
    other.ask(put.payload(format!("changed by conform, {serial}"))).await.map(|_| ())
}

/// The next notification.
async fn notified(conn: &mut Conn, token: &[u8]) -> Outcome<Message> {
    let before = conn.patience.answer;
    conn.patience.answer = before.max(CHANGES);
    let notification = conn.answer(token).await;
    conn.patience.answer = before;
    match notification {
        Err(crate::case::Stop::Deviates(why)) if why.contains("nothing came") => {
            Err(skip("the resource did not change in time"))
        }
        other => other,
    }
}

/// The token of the next notification, which is under one of these two.
async fn either(conn: &mut Conn, one: &[u8], two: &[u8]) -> Outcome<Vec<u8>> {
    let before = conn.patience.answer;
    conn.patience.answer = before.max(CHANGES);
    let fits = |m: &Message| m.code.is_response() && (m.token == one || m.token == two);
    let notification = conn.wait("no notification", fits).await;
    conn.patience.answer = before;
    match notification {
        Ok(message) => Ok(message.token),
        Err(_) => Err(skip("the resource did not change in time")),
    }
}

/// Deregisters, and gives the final response; notifications that crossed are swallowed.
async fn deregistered(conn: &mut Conn, cx: &Cx, token: &[u8]) -> Outcome<Message> {
    let get = request(Code::GET, cx.target().observable()?).option(OBSERVE, [1]).token(token);
    conn.say(&get).await;
    let wanted = "no response without Observe to the deregistration";
    conn.wait(wanted, |m| m.code.is_response() && m.token == token && !m.has(OBSERVE)).await
}

const EXPLICIT: &str = "A client MUST explicitly deregister by a GET with the token of the \
                        observation and Observe 1.";

pub(super) const CASES: &[Case] = &[
    Case::must("obs-register", &["OBS-01", "OBS-03"])
        .says("7641 §4.1", "A registration is answered 2.05 with Observe")
        .expects(
            "2.05 with Observe, under the token",
            "The server adds the entry and includes an \
             Observe option; its value may be empty (RFC 8323 §7.1).",
        )
        .run(run!(cx, {
            let (_, answer) = observing(&cx, b"obs").await?;
            if !answer.code.is_success() {
                Err(deviates(annotate::described(&answer)))?;
            }
        })),
    Case::must("obs-notifies", &["OBS-03", "OBS-18"])
        .says("7641 §4.2", "A change is notified, with Observe and the token")
        .expects(
            "A 2.xx with Observe",
            "Each notification includes an Observe option and echoes \
             the token.",
        )
        .run(run!(cx, {
            let (mut conn, _) = observing(&cx, b"obs").await?;
            changed(&cx).await?;
            let notification = notified(&mut conn, b"obs").await?;
            if notification.code.is_success() && !notification.has(OBSERVE) {
                Err(deviates(annotate::described(&notification)))?;
            }
        })),
    Case::must("obs-format", &["OBS-15"])
        .says("7641 §4.2", "A notification has the Content-Format of the first response")
        .expects("The same Content-Format", "It MUST be the same as in the initial response.")
        .run(run!(cx, {
            let (mut conn, first) = observing(&cx, b"obs").await?;
            changed(&cx).await?;
            let next = notified(&mut conn, b"obs").await?;
            let same = next.number(CONTENT_FORMAT) == first.number(CONTENT_FORMAT);
            if next.code.is_success() && !same {
                Err(deviates(annotate::described(&next)))?;
            }
        })),
    Case::must("obs-deregister", &["OBS-09"])
        .says("7641 §4.1; 8323 §7.4", "A deregistration is answered without Observe, and ends it")
        .expects("2.05 without Observe, and no notification after a change", EXPLICIT)
        .run(run!(cx, {
            let (mut conn, _) = observing(&cx, b"obs").await?;
            deregistered(&mut conn, &cx, b"obs").await?;
            changed(&cx).await?;
            let said = conn.quiet().await?;
            if let Some(late) = said.first() {
                Err(deviates(format!("then came {}", annotate::described(late))))?;
            }
        })),
    Case::must("obs-deregister-twice", &["OBS-09"])
        .says("7641 §4.1", "A second deregistration is answered like a GET")
        .expects(
            "2.05 without Observe, twice",
            "If there is no entry, nothing is removed, and the \
             GET is processed as usual.",
        )
        .run(run!(cx, {
            let (mut conn, _) = observing(&cx, b"obs").await?;
            deregistered(&mut conn, &cx, b"obs").await?;
            let second = deregistered(&mut conn, &cx, b"obs").await?;
            if second.code != Code::CONTENT {
                Err(deviates(second.code.to_string()))?;
            }
        })),
    Case::must("obs-again", &["OBS-12"])
        .says("7641 §4.1", "Registering again with the same token makes no second entry")
        .expects(
            "One notification for a change",
            "The server MUST NOT add a new entry but MUST \
             replace or update the existing one.",
        )
        .run(run!(cx, {
            let (mut conn, _) = observing(&cx, b"obs").await?;
            conn.ask(registration(&cx)?.token(b"obs")).await?;
            changed(&cx).await?;
            let first = notified(&mut conn, b"obs").await?;
            let rest = conn.quiet().await?;
            if rest.iter().any(|m| m.payload == first.payload && m.token == b"obs") {
                Err(deviates("the same notification came twice"))?;
            }
        })),
    Case::def("obs-two-tokens", &["OBS-25"])
        .says("7641 §4.1", "Two tokens are two observations")
        .expects("A notification under each", "The entry is found by endpoint and token.")
        .run(run!(cx, {
            let (mut conn, _) = observing(&cx, b"one").await?;
            conn.ask(registration(&cx)?.token(b"two")).await?;
            changed(&cx).await?;
            // The first shows that the resource has changed; the other is owed then.
            let first = either(&mut conn, b"one", b"two").await?;
            let other = if first == b"one" { b"two" } else { b"one" };
            conn.answer(other).await?;
        })),
    Case::def("obs-two-connections", &["OBS-25"])
        .says("8323 §3.3", "The same token on two connections is two observations")
        .expects("A notification on each", "Tokens are scoped to the connection.")
        .run(run!(cx, {
            let (mut one, _) = observing(&cx, b"same").await?;
            let (mut two, _) = observing(&cx, b"same").await?;
            let (mut witness, _) = observing(&cx, b"witness").await?;
            deregistered(&mut one, &cx, b"same").await?;
            changed(&cx).await?;
            notified(&mut witness, b"witness").await?;
            two.answer(b"same").await?;
        })),
    Case::must("obs-gone", &["OBS-11"])
        .says("8323 §7.4", "With its connection an observation is gone")
        .expects(
            "Nothing of it on a new connection, and the server goes on",
            "The server MUST \
             remove all entries of the client when the connection is closed.",
        )
        .run(run!(cx, {
            let (conn, _) = observing(&cx, b"gone").await?;
            drop(conn);
            let mut next = cx.open_with(LARGE_CSM).await?;
            changed(&cx).await?;
            if let Some(late) = next.quiet().await?.first() {
                Err(deviates(annotate::described(late)))?;
            }
        })),
    Case::def("obs-value-2", &["OBS-01"])
        .says("7641 §2", "Observe 2 in a request registers nothing")
        .expects(
            "2.05 without Observe",
            "0 registers, 1 deregisters; other values have no meaning.",
        )
        .run(run!(cx, {
            let path = cx.target().observable().or_else(|_| cx.target().get())?;
            let mut conn = cx.open_with(LARGE_CSM).await?;
            let answer = conn.ask(request(Code::GET, path).option(OBSERVE, [2])).await?;
            if answer.has(OBSERVE) || answer.code != Code::CONTENT {
                Err(deviates(annotate::described(&answer)))?;
            }
        })),
    Case::must("obs-missing", &["OBS-03"])
        .says("7641 §4.1", "Registering with what is not there is answered 4.04 without Observe")
        .expects("4.04 without Observe", "A response that is not 2.xx MUST NOT include Observe.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let get = request(Code::GET, cx.target().missing()).option(OBSERVE, []);
            let answer = conn.ask(get).await?;
            if answer.code.is_success() || answer.has(OBSERVE) {
                Err(deviates(annotate::described(&answer)))?;
            }
        })),
    Case::def("obs-not-observable", &["OBS-02"])
        .says("7641 §4.1", "Where nobody can observe, the answer is that of a GET")
        .expects(
            "2.05, without Observe if there are no observers",
            "A server that is unwilling or \
             unable to add the entry answers as to a plain GET: Observe is elective.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.ask_for(cx.get()?.option(OBSERVE, []), &[Code::CONTENT]).await?;
        })),
    Case::must("obs-deregister-unknown", &["OBS-09"])
        .says("7641 §4.1", "Observe 1 without an observation is a GET")
        .expects("2.05 without Observe", "If there is no entry, the GET is processed as usual.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let answer = conn.ask_for(cx.get()?.option(OBSERVE, [1]), &[Code::CONTENT]).await?;
            if answer.has(OBSERVE) {
                Err(deviates(annotate::described(&answer)))?;
            }
        })),
    Case::should("obs-block-size", &["BLK-23"])
        .says("7959 §2.6", "Notifications keep the block size of the registration")
        .expects(
            "Payloads of at most 64 bytes",
            "The server SHOULD use the size that the client \
             has asked for in its registration.",
        )
        .run(run!(cx, {
            let mut conn = cx.open_with(LARGE_CSM).await?;
            let get = registration(&cx)?.uint(BLOCK2, 2).token(b"obs");
            let answer = conn.ask(get).await?;
            if !answer.has(OBSERVE) || answer.code == Code::BAD_OPTION {
                Err(skip(format!("not observable in blocks: {}", answer.code)))?;
            }
            changed(&cx).await?;
            let next = notified(&mut conn, b"obs").await?;
            if next.code.is_success() && next.payload.len() > 64 {
                Err(deviates(format!("{} bytes", next.payload.len())))?;
            }
            if next.first(BLOCK2).is_some_and(|value| Block::parse(value).szx > 2) {
                Err(deviates(annotate::described(&next)))?;
            }
        })),
    Case::def("obs-no-response", &["NR-14"])
        .says("7967 §2.2", "A deregistration with No-Response 26 ends it all the same")
        .expects(
            "Silence or the final response, and no notification after a change",
            "The \
             deregistering GET may carry the option.",
        )
        .run(run!(cx, {
            let (mut conn, _) = observing(&cx, b"obs").await?;
            let get = request(Code::GET, cx.target().observable()?).option(OBSERVE, [1]);
            conn.say(&get.option(NO_RESPONSE, [26]).token(b"obs")).await;
            conn.quiet().await?;
            changed(&cx).await?;
            if let Some(late) = conn.quiet().await?.first() {
                Err(deviates(annotate::described(late)))?;
            }
        })),
    Case::must("obs-latest", &["OBS-18"])
        .says("7641 §4.5", "After several changes the last state arrives")
        .expects(
            "The last of ten, sooner or later",
            "Intermediate states may be skipped, the \
             latest may not.",
        )
        .run(run!(cx, {
            let (mut conn, _) = observing(&cx, b"obs").await?;
            let path = cx.target().observable()?;
            let mut other = cx.open().await?;
            for n in 0..10 {
                let put = request(Code::PUT, path).uint(CONTENT_FORMAT, 0);
                let answer = other.ask(put.payload(format!("state {n}"))).await?;
                if !answer.code.is_success() {
                    Err(skip(format!("PUT {path} is answered {}", answer.code)))?;
                }
            }
            let arrives = |m: &Message| m.token == b"obs" && m.payload == b"state 9";
            conn.wait("the last state does not arrive", arrives).await?;
        })),
    Case::def("obs-value-ignored", &["OBS-04"])
        .says("8323 §7.1", "The Observe value of notifications is short")
        .expects(
            "0 to 3 bytes, with or without a meaning",
            "The value MAY be empty: TCP keeps the \
             order.",
        )
        .run(run!(cx, {
            let (mut conn, first) = observing(&cx, b"obs").await?;
            changed(&cx).await?;
            let next = notified(&mut conn, b"obs").await?;
            let long = |m: &Message| m.first(OBSERVE).is_some_and(|value| value.len() > 3);
            if long(&first) || long(&next) {
                Err(deviates(annotate::described(&next)))?;
            }
            if !next.code.is_success() {
                Err(lenient(annotate::described(&next)))?;
            }
        })),
];
