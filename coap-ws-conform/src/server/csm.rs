//! Capabilities and settings (RFC 8323 §5.3).

use crate::case::{Case, Outcome, Stop, deviates, lenient, run, skip};
use crate::conn::{Conn, Event};
use crate::context::{Cx, request};
use crate::wire::message::{Code, Message};
use crate::wire::names::*;
use crate::wire::{annotate, hex, to_hex};
use tokio::time::Instant;

/// A CSM of which nothing has to come but that the connection works.
async fn works(cx: &Cx, csm: &str) -> Outcome {
    let mut conn = cx.open_with(csm).await?;
    conn.ask_for(cx.get()?, &[Code::CONTENT]).await.map(|_| ())
}

/// Something else than a CSM as the first message: an Abort, and nothing done.
async fn missing(cx: &Cx, first: &[u8]) -> Outcome {
    let mut conn = cx.upgraded().await?;
    conn.send_bytes(first).await;
    conn.aborted().await.map(|_| ())
}

/// A CSM that has to be aborted, with that option blamed.
async fn refused(cx: &Cx, csm: &str, option: u16) -> Outcome {
    let mut conn = cx.upgraded().await?;
    conn.send(csm).await;
    let abort = conn.aborted().await?;
    match abort.number(BAD_CSM_OPTION) {
        Some(blamed) if blamed == u64::from(option) => Ok(()),
        Some(blamed) => Err(deviates(format!("the Abort blames option {blamed}, not {option}"))),
        None => Err(lenient("the Abort has no Bad-CSM-Option")),
    }
}

/// Asks for what is large, or for an error text, and looks at how large the answer is.
async fn bounded(conn: &mut Conn, cx: &Cx, limit: usize) -> Outcome<Message> {
    let path = cx.target().large().or_else(|_| cx.target().get())?.to_owned();
    let answer = conn.ask(request(Code::GET, &path)).await?;
    let size = answer.bytes().len();
    if size > limit {
        return Err(deviates(format!("a response of {size} bytes, and {limit} is the limit")));
    }
    Ok(answer)
}

/// Goes on only with a server that keeps within the limit of a first CSM at all: that it does not
/// is told once, by another case.
async fn obeys(cx: &Cx, csm: &str, limit: usize) -> Outcome {
    cx.target().large()?;
    let mut conn = cx.open_with(csm).await?;
    match bounded(&mut conn, cx, limit).await {
        Err(Stop::Deviates(why)) => Err(skip(format!("it does not obey a first CSM: {why}"))),
        other => other.map(|_| ()),
    }
}

const MISSING: &str = "Endpoints MUST treat a missing CSM as a connection error and abort the \
                       connection (§5.6): that is an Abort message, not only the end.";
const CUMULATIVE: &str = "Options are cumulative; base values are initial values and not the \
                          defaults of each CSM.";
const LIMIT: &str = "The option says how large a message its sender can receive, so no message \
                     to it is larger.";

pub(super) const CASES: &[Case] = &[
    Case::must("csm-comes", &["CSM-01", "CSM-03"])
        .says("8323 §3.3, §4.3", "The server sends a CSM before anything else")
        .expects(
            "00e1…",
            "Each endpoint MUST send a CSM as its first message. The acceptor MAY \
             wait for ours.",
        )
        .run(run!(cx, {
            let mut conn = cx.upgraded().await?;
            conn.send(crate::context::CSM).await;
            conn.settle().await;
            if !conn.peer.csm {
                let first = conn.kept.first().map(annotate::described);
                Err(deviates(first.unwrap_or_else(|| "none came".to_owned())))?;
            }
        })),
    Case::def("csm-block-wise", &["CSM-21"])
        .says("8323 §5.3.2", "Block-Wise-Transfer is said where block-wise transfer works")
        .expects(
            "If a request with Block2 is processed, the option in the CSM; if it is answered \
             4.02, no such option",
            "The option indicates that its sender supports RFC 7959; whoever \
             wants to offer that has to say so.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let answer = conn.ask(cx.get()?.uint(BLOCK2, 6)).await?;
            let works = answer.code != Code::BAD_OPTION;
            if conn.peer.block_wise && !works {
                Err(deviates("the CSM has Block-Wise-Transfer, and Block2 is answered 4.02"))?;
            }
            if !conn.peer.block_wise && works && answer.has(BLOCK2) {
                Err(lenient("Block2 works, and the CSM does not say so"))?;
            }
        })),
    Case::must("csm-missing-get", &["CSM-06"])
        .says("8323 §3.3", "A GET as the first message is a missing CSM")
        .expects("Abort, the end, and no response", MISSING)
        .run(run!(cx, {
            missing(&cx, &cx.get()?.token(b"early").bytes()).await?;
        })),
    Case::must("csm-missing-response", &["CSM-06"])
        .says("8323 §3.3", "A response as the first message is a missing CSM")
        .expects("Abort, then the end", MISSING)
        .run(run!(cx, {
            missing(&cx, &hex("0145 ee ff6869")).await?;
        })),
    Case::must("csm-missing-ping", &["CSM-06", "CSM-10"])
        .says("8323 §3.3", "A Ping as the first message is a missing CSM")
        .expects("Abort, then the end", MISSING)
        .run(run!(cx, {
            missing(&cx, &hex("01e242")).await?;
        })),
    Case::must("csm-missing-pong", &["CSM-06", "CSM-10"])
        .says("8323 §3.3", "A Pong as the first message is a missing CSM")
        .expects("Abort, then the end", MISSING)
        .run(run!(cx, {
            missing(&cx, &hex("01e342")).await?;
        })),
    Case::def("csm-own-first", &["CSM-06"])
        .says("8323 §3.3", "Before it aborts for that, the server sends its own CSM")
        .expects("00e1…, then Abort", "Its first message is a CSM whatever it has to say next.")
        .run(run!(cx, {
            let mut conn = cx.upgraded().await?;
            conn.send("01e242").await;
            let first = conn.event(Instant::now() + cx.patience().answer).await;
            if matches!(&first, Event::Message(m) if m.code == Code::ABORT) {
                Err(deviates("an Abort as the first message"))?;
            }
            let ending = conn.ending(true).await;
            if ending.abort.is_none() {
                Err(skip(format!("no Abort: {}, {}", first.text(), ending.text())))?;
            }
        })),
    Case::silent("csm-release-first", &["CSM-10"])
        .says("8323 §3.3", "A Release as the first message ends the connection")
        .expects(
            "The end, with an Abort or without",
            "It is no CSM; it also says that the \
             connection is to end.",
        )
        .run(run!(cx, {
            let mut conn = cx.upgraded().await?;
            conn.send("00e4 ff627965").await;
            // A Ping would be a missing CSM of its own.
            let ending = conn.ending(false).await;
            if !ending.over() {
                Err(deviates(ending.text()))?;
            }
        })),
    Case::silent("csm-abort-first", &["CSM-10"])
        .says("8323 §5.6", "An Abort as the first message ends the connection")
        .expects("The end, without an Abort back", "Whoever aborts does not read on.")
        .run(run!(cx, {
            let mut conn = cx.upgraded().await?;
            conn.send("00e5 ff627965").await;
            let ending = conn.ending(true).await;
            if !ending.closed() || ending.abort.is_some() {
                Err(deviates(ending.text()))?;
            }
        })),
    Case::silent("csm-empty-first", &["CSM-09"])
        .says("8323 §3.4", "An Empty message before the CSM is ignored")
        .expects(
            "The response to a GET after the CSM",
            "Empty messages can always be sent and MUST \
             be ignored (§3.4); the first message MUST be a CSM (§3.3). Ignoring it hurts nobody.",
        )
        .run(run!(cx, {
            let mut conn = cx.upgraded().await?;
            conn.send_together(&[hex("0000"), hex(crate::context::CSM)]).await;
            conn.ask(cx.get()?).await?;
        })),
    Case::must("csm-invalid", &["CSM-07"])
        .says("8323 §3.3", "A CSM that is cut short is an invalid CSM")
        .expects(
            "Abort, then the end",
            "Endpoints MUST treat an invalid CSM as a connection error.",
        )
        .run(run!(cx, {
            let mut conn = cx.upgraded().await?;
            conn.send("00e1 2204").await;
            conn.aborted().await?;
        })),
    Case::must("csm-critical-1", &["SIG-02", "CSM-23"])
        .says(
            "8323 §5.2, §5.6",
            "Unknown critical option 1 in a CSM is aborted with Bad-CSM-Option 1",
        )
        .expects(
            "00e5 2101 ff…, then the end",
            "If a critical signaling option is not understood, \
             the receiver MUST abort; Bad-CSM-Option identifies the option.",
        )
        .run(run!(cx, {
            refused(&cx, "00e1 10", 1).await?;
        })),
    Case::must("csm-critical-65001", &["SIG-02", "CSM-23"])
        .says("8323 §5.2, §5.6", "So is option 65001")
        .expects("00e5 22fde9 ff…, then the end", "The value is an option number of two bytes.")
        .run(run!(cx, {
            refused(&cx, "00e1 e0fcdc", 65_001).await?;
        })),
    Case::def("csm-critical-later", &["SIG-02", "CSM-23"])
        .says("8323 §5.3", "So is one in a later CSM")
        .expects("00e5 2101 ff…, then the end", "Additional CSMs are CSMs.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.send("00e1 10").await;
            let abort = conn.aborted().await?;
            if abort.number(BAD_CSM_OPTION) != Some(1) {
                Err(lenient("the Abort has no Bad-CSM-Option 1"))?;
            }
        })),
    Case::should("csm-critical-says", &["ABT-06"])
        .says("8323 §5.6", "An Abort with Bad-CSM-Option has a diagnostic payload")
        .expects("A text", "More detailed information SHOULD be included as a diagnostic payload.")
        .run(run!(cx, {
            let mut conn = cx.upgraded().await?;
            conn.send("00e1 10").await;
            if conn.aborted().await?.payload.is_empty() {
                Err(deviates("there is none"))?;
            }
        })),
    Case::must("csm-oscore", &["SIG-04"])
        .says("8613 §13.3", "OSCORE in a CSM is aborted by who does not have it")
        .expects("00e5 2109 ff…, then the end", "Option 9 is critical in all signaling messages.")
        .run(run!(cx, {
            refused(&cx, "00e1 90", 9).await?;
        })),
    Case::must("csm-elective", &["SIG-03"])
        .says("8323 §5.2", "An unknown elective option in a CSM is ignored")
        .expects(
            "The connection works",
            "The recipient MUST ignore elective options that it does \
             not understand.",
        )
        .run(run!(cx, {
            works(&cx, "00e1 a12a").await?;
        })),
    Case::def("csm-empty", &["CSM-05"])
        .says("8323 §5.3", "A CSM without options is a CSM")
        .expects(
            "The connection works, with base values",
            "The absence of options indicates that \
             base values are assumed. libcoap 4.3.5 drops it, being of two bytes.",
        )
        .run(run!(cx, {
            works(&cx, "00e1").await?;
        })),
    Case::def("csm-token-payload", &["SIG-05", "SIG-06"])
        .says("8323 §5.1", "A CSM may have a token and a diagnostic payload")
        .expects(
            "The connection works",
            "Signaling messages have a token, options and an optional \
             payload; only Ping and Pong give the token a meaning.",
        )
        .run(run!(cx, {
            works(&cx, "02e1 4243 220480 20 ff6869").await?;
        })),
    Case::def("csm-again", &["CSM-11", "SIG-10"])
        .says("8323 §5.3", "Further CSMs may come at any time, and are not answered")
        .expects(
            "Nothing, and the connection works",
            "Additional CSMs MAY be sent by either \
             endpoint over the lifetime of the connection.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.send_together(&[hex("00e1 220800"), hex("00e1"), hex("00e1 40")]).await;
            conn.ignored().await?;
            conn.ask(cx.get()?).await?;
        })),
    Case::def("csm-cumulative", &["CSM-12", "CSM-13", "CSM-16"])
        .says("8323 §5.3", "A CSM without Max-Message-Size does not bring the base value back")
        .expects("No message above 256 bytes", CUMULATIVE)
        .run(run!(cx, {
            obeys(&cx, "00e1 220100 20", 256).await?;
            let mut conn = cx.open_with("00e1 220100 20").await?;
            conn.send_together(&[hex("00e1"), hex("00e1 40")]).await;
            bounded(&mut conn, &cx, 256).await?;
        })),
    Case::def("csm-shrinks", &["CSM-15", "CSM-16"])
        .says("8323 §5.3.1", "A later, smaller Max-Message-Size replaces the former")
        .expects(
            "No message above 128 bytes",
            "The active value is replaced each time the option \
             is sent with a modified value.",
        )
        .run(run!(cx, {
            obeys(&cx, "00e1 2180 20", 128).await?;
            let mut conn = cx.open_with("00e1 220480 20").await?;
            conn.send("00e1 2180").await;
            bounded(&mut conn, &cx, 128).await?;
        })),
    Case::silent("csm-grows", &["CSM-15"])
        .says("8323 §5.3.1", "A later, larger Max-Message-Size makes room")
        .expects(
            "A larger response than before",
            "The active value is replaced; making use of it \
             is up to the server.",
        )
        .run(run!(cx, {
            let mut conn = cx.open_with("00e1 2180 20").await?;
            let path = cx.target().large()?;
            let before = conn.ask(request(Code::GET, path)).await?.bytes().len();
            conn.send("00e1 2401000000").await;
            let after = conn.ask(request(Code::GET, path)).await?.bytes().len();
            if after <= before {
                Err(deviates(format!("{before} bytes before, {after} after")))?;
            }
        })),
    Case::def("csm-base-value", &["CSM-05", "CSM-16"])
        .says("8323 §5.3.1", "Without Max-Message-Size nothing above 1152 bytes is sent")
        .expects("A response of at most 1152 bytes", "1152 is the base value.")
        .run(run!(cx, {
            let mut conn = cx.open_with("00e1 40").await?;
            cx.target().large()?;
            bounded(&mut conn, &cx, 1152).await?;
        })),
    Case::def("csm-mms-64", &["CSM-16"])
        .says("8323 §5.3.1", "A Max-Message-Size of 64 holds, in errors too")
        .expects("Responses of at most 64 bytes", LIMIT)
        .run(run!(cx, {
            let mut conn = cx.open_with("00e1 2140 20").await?;
            let missing = format!("/{}", "conform-no-such-resource/".repeat(4));
            let answer = conn.ask(request(Code::GET, &missing)).await?;
            let size = answer.bytes().len();
            if size > 64 {
                Err(deviates(format!("a response of {size} bytes")))?;
            }
            bounded(&mut conn, &cx, 64).await?;
        })),
    Case::def("csm-mms-zeros", &["CSM-14"])
        .says("8323 §5.3.1; 7252 §3.2", "A Max-Message-Size may have leading zeros")
        .expects(
            "The connection works",
            "It is a uint of up to four bytes; recipients MUST be \
             prepared for leading zeros.",
        )
        .run(run!(cx, {
            works(&cx, "00e1 2400000480").await?;
        })),
    Case::def("csm-mms-most", &["CSM-14"])
        .says("8323 §5.3.1", "A Max-Message-Size of 2^32-1 is taken")
        .expects("The connection works", "It is a uint of up to four bytes.")
        .run(run!(cx, {
            works(&cx, "00e1 24ffffffff 20").await?;
        })),
    Case::silent("csm-mms-5-bytes", &["SIG-08"])
        .says("8323 §5.2; 7252 §5.4.3", "A Max-Message-Size of five bytes is ignored")
        .expects(
            "The connection works, or Abort with Bad-CSM-Option 2",
            "A wrong length makes an \
             elective option unrecognised; §5.6 also allows an Abort for a parameter problem.",
        )
        .run(run!(cx, {
            tolerated(&cx, "00e1 250000000480").await?;
        })),
    Case::silent("csm-mms-twice", &["SIG-08"])
        .says("8323 §5.2; 7252 §5.4.5", "A second Max-Message-Size in one CSM is ignored")
        .expects(
            "The connection works, or Abort with Bad-CSM-Option 2",
            "Supernumerary occurrences \
             are treated as unrecognised.",
        )
        .run(run!(cx, {
            tolerated(&cx, "00e1 220480 022000").await?;
        })),
    Case::silent("csm-bwt-value", &["SIG-08"])
        .says("8323 §5.3.2", "A Block-Wise-Transfer with a value is ignored")
        .expects("The connection works, or Abort with Bad-CSM-Option 4", "The option is empty.")
        .run(run!(cx, {
            tolerated(&cx, "00e1 220480 2100").await?;
        })),
    Case::silent("csm-mms-0", &["CSM-19"])
        .says("8323 §5.3.1", "A Max-Message-Size of 0 is refused")
        .expects(
            "Abort with Bad-CSM-Option 2",
            "Below 1152 is explicitly possible, and no minimum \
             is defined; with 0 nothing at all can be sent, not even the Abort. Going on means to \
             exceed it.",
        )
        .run(run!(cx, {
            let mut conn = cx.upgraded().await?;
            conn.send("00e1 20").await;
            let abort = conn.aborted().await?;
            if abort.number(BAD_CSM_OPTION) != Some(2) {
                Err(lenient("the Abort has no Bad-CSM-Option 2"))?;
            }
        })),
    Case::def("csm-own-limit", &["CSM-14", "FMT-28"])
        .says("8323 §5.3.1", "A message of exactly the server's Max-Message-Size is taken")
        .expects(
            "The Pong",
            "The size counts from the first header byte to the last of the \
             payload: no frame, no more.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let size = conn.peer.max_message_size;
            cx.afford(size)?;
            let ping = Message::new(Code::PING).token(b"M");
            conn.say(&ping.payload(vec![b'.'; size as usize - 4])).await;
            conn.pong(b"M").await?;
        })),
    Case::silent("csm-over-limit", &["CSM-17"])
        .says("8323 §5.3.1", "A message one byte above that is refused")
        .expects(
            "Abort, Close 1009, or 4.13",
            "What happens is not said; taking it is not wrong, \
             but then the option does not say what can be received.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let size = conn.peer.largest;
            cx.afford(size)?;
            let request = cx.get()?.token(b"M");
            let header = request.bytes().len() + 1;
            conn.say(&request.payload(vec![b'.'; size as usize + 1 - header])).await;
            let ending = conn.ending(true).await;
            let refused = ending.responses().any(|m| m.code == Code::TOO_LARGE);
            if !ending.over() && !refused {
                Err(deviates(ending.text()))?;
            }
        })),
    Case::def("csm-per-connection", &["CSM-26"])
        .says("8323 §3.4", "Settings are those of one connection")
        .expects(
            "A small limit on one connection does not hold on another",
            "When the connection \
             is closed, its signaling state is removed.",
        )
        .run(run!(cx, {
            obeys(&cx, "00e1 2180 20", 128).await?;
            let path = cx.target().large()?;
            let mut small = cx.open_with("00e1 2180 20").await?;
            let mut large = cx.open_with("00e1 2401000000 20").await?;
            let first = small.ask(request(Code::GET, path)).await?.bytes().len();
            let second = large.ask(request(Code::GET, path)).await?.bytes().len();
            if first > 128 || second <= first {
                Err(deviates(format!("{first} bytes on one, {second} on the other")))?;
            }
        })),
    Case::silent("csm-deadline", &["CSM-08", "T46"])
        .says("8323 §3.3", "A CSM that never comes is not waited for for ever")
        .expects(
            "Abort, then the end",
            "There is no time in the RFC; without one, connections \
             that say nothing pile up.",
        )
        .slow()
        .run(run!(cx, {
            let mut conn = cx.upgraded().await?;
            conn.patience.quiet = cx.shared.deadline;
            conn.patience.answer = conn.patience.quiet / 8;
            let ending = conn.ending(false).await;
            if !ending.over() {
                Err(deviates(format!("nothing after {} s", cx.shared.deadline.as_secs())))?;
            }
            if ending.abort.is_none() {
                Err(lenient(format!("no Abort: {}", ending.text())))?;
            }
        })),
];

/// A CSM with something wrong in an elective option: it works, or the Abort blames an option.
async fn tolerated(cx: &Cx, csm: &str) -> Outcome {
    let mut conn = cx.upgraded().await?;
    conn.send(csm).await;
    conn.settle().await;
    let get = cx.get()?.token(b"T");
    conn.say(&get).await;
    let ending = conn.ending(true).await;
    if ending.responses().any(|m| m.token == b"T" && m.code == Code::CONTENT) {
        return Ok(());
    }
    match &ending.abort {
        Some(abort) if abort.has(BAD_CSM_OPTION) => Ok(()),
        _ => Err(deviates(format!("after {}: {}", to_hex(&hex(csm)), ending.text()))),
    }
}
