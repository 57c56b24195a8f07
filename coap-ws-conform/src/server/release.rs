//! Release and Abort (RFC 8323 §5.5, §5.6).

use crate::case::{Case, Outcome, deviates, lenient, run};
use crate::conn::{Conn, End, Ending};
use crate::context::{Cx, request};
use crate::wire::message::{Code, Message};
use crate::wire::{annotate, hex};
use std::time::Duration;

/// Sends this, and demands that the peer closes, without an Abort.
async fn released(cx: &Cx, release: &str) -> Outcome<Ending> {
    let mut conn = cx.open().await?;
    conn.send(release).await;
    let ending = conn.ending(false).await;
    if ending.abort.is_some() {
        return Err(deviates(format!("it was aborted: {}", ending.text())));
    }
    if !ending.closed() {
        return Err(deviates(format!("it was not closed: {}", ending.text())));
    }
    Ok(ending)
}

/// Waits long enough for what is slow.
async fn patient_ending(conn: &mut Conn) -> Ending {
    conn.patience.answer = Duration::from_secs(8).max(conn.patience.answer);
    conn.patience.quiet = conn.patience.answer;
    conn.ending(false).await
}

const CLOSES: &str = "A peer will normally respond to a Release by closing the connection. \
                      Who does not, hangs releasers that wait for it.";

pub(super) const RELEASE: &[Case] = &[
    Case::def("rel-close", &["REL-02"])
        .says("8323 §5.5", "A Release is answered by closing")
        .expects("A Close frame, then the end of TCP", CLOSES)
        .run(run!(cx, {
            released(&cx, "00e4 ff627965").await?;
        })),
    Case::silent("rel-close-code", &["WS-34"])
        .says("6455 §7.4.1", "That Close has code 1000")
        .expects("88 02 03e8", "A Release is an orderly end.")
        .run(run!(cx, {
            let ending = released(&cx, "00e4 ff627965").await?;
            if ending.code() != Some(1000) {
                Err(deviates(ending.text()))?;
            }
        })),
    Case::def("rel-short", &["REL-02", "REL-08"])
        .says("8323 §5.5", "A Release without a payload is one")
        .expects(
            "A Close frame, then the end of TCP",
            "The diagnostic payload is optional. libcoap \
             4.3.5 drops this message of two bytes.",
        )
        .run(run!(cx, {
            released(&cx, "00e4").await?;
        })),
    Case::should("rel-answers-slow", &["REL-03", "REL-15"])
        .says("8323 §5.5", "Requests before a Release are answered before the end")
        .expects(
            "The response, then a Close",
            "The peer SHOULD delay the closing until it has \
             responded to all requests received before the Release.",
        )
        .run(run!(cx, {
            let slow = request(Code::GET, cx.target().slow()?);
            let mut conn = cx.open().await?;
            conn.send_together(&[slow.token(b"slow").bytes(), hex("00e4 ff627965")]).await;
            let ending = patient_ending(&mut conn).await;
            if !ending.responses().any(|m| m.token == b"slow") {
                Err(deviates(format!("the answer is lost: {}", ending.text())))?;
            }
            if !ending.closed() {
                Err(deviates(format!("it was not closed: {}", ending.text())))?;
            }
        })),
    Case::should("rel-answers", &["REL-03", "REL-15"])
        .says("8323 §5.5", "So is one in the same write as the Release")
        .expects(
            "The response, then a Close",
            "The peer SHOULD delay the closing until it has \
             responded to all requests received before the Release.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.send_together(&[cx.get()?.token(b"last").bytes(), hex("00e4 ff627965")]).await;
            let ending = patient_ending(&mut conn).await;
            if !ending.responses().any(|m| m.token == b"last") {
                Err(deviates(format!("the answer is lost: {}", ending.text())))?;
            }
            if !ending.closed() {
                Err(deviates(format!("it was not closed: {}", ending.text())))?;
            }
        })),
    Case::should("rel-answers-many", &["REL-03"])
        .says("8323 §5.5", "So are sixteen of them")
        .expects("Sixteen responses, then a Close", "All requests received before the Release.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let mut all = Vec::new();
            for n in 0..16 {
                all.push(cx.get()?.token(&[n, b'r']).bytes());
            }
            all.push(hex("00e4 ff627965"));
            conn.send_together(&all).await;
            let ending = patient_ending(&mut conn).await;
            let answered = ending.responses().count();
            if answered != 16 {
                Err(deviates(format!("{answered} of 16 are answered: {}", ending.text())))?;
            }
        })),
    Case::def("rel-request-after", &["REL-06"])
        .says("8323 §5.5", "A request behind a Release is answered or lost, and no error")
        .expects(
            "No Abort",
            "It is NOT RECOMMENDED to send one; the peer is not obligated to check.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.send_together(&[hex("00e4 ff627965"), cx.get()?.token(b"late").bytes()]).await;
            let ending = conn.ending(false).await;
            if ending.abort.is_some() || !ending.closed() {
                Err(deviates(ending.text()))?;
            }
        })),
    Case::def("rel-hold-off", &["REL-12"])
        .says("8323 §5.5", "A Release with Hold-Off is one")
        .expects("A Close frame, then the end of TCP", CLOSES)
        .run(run!(cx, {
            released(&cx, "00e4 411e").await?;
        })),
    Case::def("rel-alternative", &["REL-09"])
        .says("8323 §5.5", "A Release with two Alternative-Addresses and Hold-Off is one")
        .expects("A Close frame, then the end of TCP", "The option is repeatable.")
        .run(run!(cx, {
            released(&cx, "00e4 24613a3830 04623a3830 210a").await?;
        })),
    Case::silent("rel-alternative-empty", &["SIG-08", "REL-14"])
        .says("8323 §5.5; 7252 §5.4.3", "An empty Alternative-Address is passed over")
        .expects(
            "A Close frame, then the end of TCP",
            "It is 1-255 bytes long, and elective: the \
             Release still stands.",
        )
        .run(run!(cx, {
            released(&cx, "00e4 20").await?;
        })),
    Case::silent("rel-hold-off-4", &["SIG-08"])
        .says("8323 §5.5; 7252 §5.4.3", "A Hold-Off of four bytes is passed over")
        .expects("A Close frame, then the end of TCP", "It is 0-3 bytes long, and elective.")
        .run(run!(cx, {
            released(&cx, "00e4 4400000001").await?;
        })),
    Case::must("rel-elective", &["SIG-03"])
        .says("8323 §5.2", "An unknown elective option in a Release is ignored")
        .expects(
            "A Close frame, then the end of TCP",
            "Elective options that are not understood \
             are ignored.",
        )
        .run(run!(cx, {
            released(&cx, "00e4 a12a").await?;
        })),
    Case::silent("rel-custody", &["REL-15"])
        .says("8323 §5.5", "A Ping before a Release is answered before the end")
        .expects(
            "The Pong, then a Close",
            "Every Ping MUST be answered; a Release behind it is \
             no reason not to.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.send_together(&[hex("01e242"), hex("00e4 ff627965")]).await;
            let ending = conn.ending(false).await;
            if !ending.before.iter().any(|m| m.code == Code::PONG && m.token == b"B") {
                Err(deviates(ending.text()))?;
            }
        })),
];

/// A malformed message, and the ending that it brings.
async fn malformed(cx: &Cx, before: &[Vec<u8>], after: &[u8]) -> Outcome<Ending> {
    let mut conn = cx.open().await?;
    let mut all = before.to_vec();
    all.push(hex("0f01"));
    conn.send_together(&all).await;
    if !after.is_empty() {
        conn.send_raw(after, "more behind it").await;
    }
    Ok(conn.ending(true).await)
}

pub(super) const ABORT: &[Case] = &[
    Case::def("abt-closes", &["ABT-04"])
        .says("8323 §5.6", "A connection that we abort is closed, without an Abort back")
        .expects(
            "The end, and no Abort",
            "The sender of an Abort shuts down; whoever receives it \
             has nobody to talk to.",
        )
        .run(run!(cx, {
            aborted_by_us(&cx, "00e5 ff627965").await?;
        })),
    Case::def("abt-short", &["ABT-04"])
        .says("8323 §5.6", "So it is by an Abort without a payload")
        .expects("The end, and no Abort", "The diagnostic payload SHOULD be there, and need not.")
        .run(run!(cx, {
            aborted_by_us(&cx, "00e5").await?;
        })),
    Case::def("abt-bad-csm", &["ABT-04", "ABT-05"])
        .says("8323 §5.6", "So it is by one with Bad-CSM-Option")
        .expects("The end, and no Abort", "The option says which CSM option was the reason.")
        .run(run!(cx, {
            aborted_by_us(&cx, "00e5 2102 ff6e6f").await?;
        })),
    Case::silent("abt-critical", &["ABT-10"])
        .says("8323 §5.2, §5.6", "So it is by one with an unknown critical option")
        .expects("The end, and no Abort", "§5.2 says abort, and the connection is ending anyway.")
        .run(run!(cx, {
            aborted_by_us(&cx, "00e5 10").await?;
        })),
    Case::silent("abt-drops", &["ABT-03"])
        .says("8323 §5.6", "What is pending when we abort is not answered any more")
        .expects(
            "The end, and no response",
            "The general expectation is that messages in flight \
             will not be processed.",
        )
        .run(run!(cx, {
            let slow = request(Code::GET, cx.target().slow()?);
            let mut conn = cx.open().await?;
            conn.send_together(&[slow.token(b"slow").bytes(), hex("00e5 ff627965")]).await;
            let ending = patient_ending(&mut conn).await;
            if ending.responses().next().is_some() || !ending.closed() {
                Err(deviates(ending.text()))?;
            }
        })),
    Case::def("abt-own-drops", &["ABT-01", "ABT-03"])
        .says("8323 §5.6", "Nothing is sent behind an Abort, also if a request is pending")
        .expects(
            "Abort, then the end: no response behind it",
            "The sender shuts down the \
             connection immediately after the Abort message.",
        )
        .run(run!(cx, {
            let slow = request(Code::GET, cx.target().slow()?).token(b"slow");
            let ending = malformed(&cx, &[slow.bytes()], &[]).await?;
            if ending.abort.is_none() {
                Err(crate::case::skip(format!("no Abort: {}", ending.text())))?;
            }
            if ending.responses().next().is_some() || !ending.closed() {
                Err(deviates(ending.text()))?;
            }
        })),
    Case::silent("abt-close-code", &["ABT-08", "WS-34"])
        .says("6455 §7.4.1", "An Abort for a format error is followed by Close 1002")
        .expects(
            "00e5…, then 88 02 03ea…",
            "The Abort is CoAP's, and the WebSocket connection has \
             to be closed too; 1002 is a protocol error.",
        )
        .run(run!(cx, {
            let ending = malformed(&cx, &[], &[]).await?;
            if ending.code() != Some(1002) {
                Err(deviates(ending.text()))?;
            }
        })),
    Case::should("abt-survives", &["WS-45", "ABT-01"])
        .says("6455 §7.1.1", "The Abort arrives also if much more has been sent behind the error")
        .expects(
            "The Abort and the end in order, no reset",
            "Closing a socket with unread input \
             resets the connection, which can destroy the Abort on its way.",
        )
        .run(run!(cx, {
            let mut junk = Vec::new();
            for n in 0..64u8 {
                let ping = Message::new(Code::PING).token(&[n]).payload([b'.'; 500]);
                junk.extend(crate::wire::Frame::binary(ping.bytes()).masked([n, 1, 2, 3]).bytes());
            }
            let ending = malformed(&cx, &[], &junk).await?;
            if ending.abort.is_none() {
                Err(deviates(format!("no Abort: {}", ending.text())))?;
            }
            if ending.end == Some(End::Reset) {
                Err(deviates("the Abort came, and then a reset"))?;
            }
        })),
    Case::def("abt-others", &["ABT-01"])
        .says("8323 §5.6", "Another connection does not notice")
        .expects("The response on the other connection", "An Abort ends one connection.")
        .run(run!(cx, {
            let mut other = cx.open().await?;
            malformed(&cx, &[], &[]).await?;
            other.ask(cx.get()?).await?;
        })),
    Case::def("abt-executes-before", &["ABT-01"])
        .says("8323 §5.6", "What was answered before the error stays answered")
        .expects("A response, then Abort", "Messages are processed in the order of their coming.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.ask(cx.get()?).await?;
            conn.send("0f01").await;
            let ending = conn.ending(true).await;
            if !ending.closed() {
                Err(deviates(ending.text()))?;
            }
            if ending.abort.is_none() {
                Err(lenient(format!("no Abort: {}", ending.text())))?;
            }
        })),
];

async fn aborted_by_us(cx: &Cx, abort: &str) -> Outcome {
    let mut conn = cx.open().await?;
    conn.send(abort).await;
    let ending = conn.ending(false).await;
    if let Some(back) = &ending.abort {
        return Err(deviates(format!("it aborts back: {}", annotate::described(back))));
    }
    if !ending.closed() {
        return Err(deviates(ending.text()));
    }
    Ok(())
}
