//! What a client does with frames, signaling and requests of a server.

use super::{ClientCx, Guest};
use crate::case::{Case, Outcome, deviates, lenient, skip, visit};
use crate::conn::Event;
use crate::wire::frame::LengthForm;
use crate::wire::message::{Code, Message};
use crate::wire::names::*;
use crate::wire::{Frame, Opcode, annotate, hex};
use tokio::time::Instant;

/// Sends this while the client waits for its answer; it has to say nothing to that, and then the
/// answer has to be taken all the same.
async fn unmoved(cx: &ClientCx, digits: &str) -> Outcome {
    let (mut guest, request) = cx.asked("/hello").await?;
    guest.conn.send(digits).await;
    guest.conn.ignored().await?;
    guest.answer(&request).await;
    guest.succeeds(super::guest::ANSWER).await
}

/// Sends a frame while the client waits; it has to give the connection up.
async fn fails(cx: &ClientCx, frame: Frame) -> Outcome {
    let (mut guest, _) = cx.asked("/hello").await?;
    guest.conn.send_raw_frame(&frame).await;
    guest.conn.failed().await.map(|_| ())
}

/// A Ping of ours, and its Pong.
async fn pinged(cx: &ClientCx, ping: &str, token: &[u8]) -> Outcome<Message> {
    let (mut guest, _) = cx.asked("/hello").await?;
    guest.conn.send(ping).await;
    guest.conn.pong(token).await
}

/// A request of ours, and the response.
async fn asks(cx: &ClientCx, request: Message) -> Outcome<(Guest, Message)> {
    let (mut guest, _) = cx.asked("/hello").await?;
    let answer = guest.conn.ask(request).await?;
    Ok((guest, answer))
}

const FAILS: &str = "The connection is failed: Close 1002, or the end of TCP";
const SERVERLESS: &str = "If one side does not implement a CoAP server, an error response MUST be \
                          returned for all requests from the other side.";

pub(super) const CASES: &[Case] = &[
    Case::def("cl-answer", &["CODE-15"])
        .says("8323 §4.3", "The client asks, and takes the answer")
        .expects("A request; the client reports success", "The plainest exchange there is.")
        .visit(visit!(cx, {
            let (mut guest, request) = cx.asked("/hello").await?;
            guest.answer(&request).await;
            guest.succeeds(super::guest::ANSWER).await?;
        })),
    Case::must("cl-ping", &["PING-01"])
        .says("8323 §5.4", "Our Ping is answered by a Pong with its token")
        .expects("01e342", "The receiver MUST return a Pong with an identical token.")
        .visit(visit!(cx, {
            pinged(&cx, "01e2 42", b"B").await?;
        })),
    Case::must("cl-ping-8", &["PING-01"])
        .says("8323 §5.4", "So is one with a token of eight bytes")
        .expects(
            "08e3 with the same bytes",
            "The receiver MUST return a Pong with an identical \
             token.",
        )
        .visit(visit!(cx, {
            pinged(&cx, "08e2 0001020304050607", &[0, 1, 2, 3, 4, 5, 6, 7]).await?;
        })),
    Case::must("cl-ping-0", &["PING-01"])
        .says("8323 §5.4", "So is one without a token")
        .expects("00e3", "An empty token is a token.")
        .visit(visit!(cx, {
            pinged(&cx, "00e2", b"").await?;
        })),
    Case::must("cl-ping-elective", &["SIG-03"])
        .says("8323 §5.4", "So is one with an unknown elective option")
        .expects("01e342", "Elective options that are not understood MUST be ignored.")
        .visit(visit!(cx, {
            pinged(&cx, "01e2 42 40", b"B").await?;
        })),
    Case::must("cl-asked", &["TOK-26", "SIG-09"])
        .says("8323 §3.3", "Our request is answered, with its token")
        .expects("A response; 5.01 if there is no server", SERVERLESS)
        .visit(visit!(cx, {
            let get = Message::new(Code::GET).path("/conform-asks").token(&[7, 0xff]);
            asks(&cx, get).await?;
        })),
    Case::def("cl-asked-same-token", &["TOK-03"])
        .says("8323 §3.3", "Our request may have the token of the client's")
        .expects(
            "A response to ours; then our answer to theirs is taken",
            "Token spaces are one \
             for each direction.",
        )
        .visit(visit!(cx, {
            let (mut guest, request) = cx.asked("/hello").await?;
            let get = Message::new(Code::GET).path("/conform-asks").token(&request.token);
            guest.conn.say(&get).await;
            guest.conn.answer(&request.token).await?;
            guest.answer(&request).await;
            guest.succeeds(super::guest::ANSWER).await?;
        })),
    Case::must("cl-asked-critical", &["OPT-02"])
        .says("7252 §5.4.1", "A request of ours with an unknown critical option is an error")
        .expects(
            "4.02, or another error of who serves nothing",
            "Whatever is there, it must not be \
             answered as a success.",
        )
        .visit(visit!(cx, {
            let get = Message::new(Code::GET).option(65_001, []);
            let (_, answer) = asks(&cx, get).await?;
            if !answer.code.is_error() {
                Err(deviates(answer.code.to_string()))?;
            }
        })),
    Case::must("cl-asked-method", &["CODE-01"])
        .says("7252 §5.8", "So is one with an unknown method")
        .expects("4.05, or another error of who serves nothing", SERVERLESS)
        .visit(visit!(cx, {
            let (_, answer) = asks(&cx, Message::new(Code(0x1f))).await?;
            if !answer.code.is_error() {
                Err(deviates(answer.code.to_string()))?;
            }
        })),
    Case::must("cl-empty", &["FMT-10"])
        .says("8323 §3.4", "An Empty message of ours is ignored")
        .expects(
            "The answer behind it is taken",
            "Empty messages can always be sent and MUST be \
             ignored.",
        )
        .visit(visit!(cx, {
            unmoved(&cx, "0000").await?;
        })),
    Case::def("cl-pong", &["PING-08"])
        .says("8323 §5.4", "A Pong it has not asked for is ignored")
        .expects("The answer behind it is taken", "libcoap 4.3.5 sends Pongs without the token.")
        .visit(visit!(cx, {
            unmoved(&cx, "00e3 20").await?;
        })),
    Case::def("cl-csm-again", &["CSM-11"])
        .says("8323 §5.3", "Further CSMs of ours are taken")
        .expects("The answer behind it is taken", "They MAY be sent at any time.")
        .visit(visit!(cx, {
            unmoved(&cx, "00e1 220800 40").await?;
        })),
    Case::must("cl-csm-elective", &["SIG-03"])
        .says("8323 §5.2", "An unknown elective option in our CSM is ignored")
        .expects(
            "The answer behind it is taken",
            "Elective options that are not understood MUST be \
             ignored.",
        )
        .visit(visit!(cx, {
            unmoved(&cx, "00e1 a12a").await?;
        })),
    Case::silent("cl-unassigned", &["SIG-07"])
        .says("8323 §5.1", "A signaling message whose code is not assigned is ignored")
        .expects("The answer behind it is taken", "Nothing is said about 7.06.")
        .visit(visit!(cx, {
            unmoved(&cx, "00e6 a12a").await?;
        })),
    Case::must("cl-csm-missing", &["CSM-06"])
        .says("8323 §3.3", "A response in place of our CSM is a missing CSM")
        .expects(
            "Abort, then the end",
            "Endpoints MUST treat a missing CSM as a connection error \
             and abort the connection.",
        )
        .visit(visit!(cx, {
            let mut guest = cx.open_with("/hello", "").await?;
            guest.conn.settle().await;
            guest.conn.refuses = false;
            // A client may ask before it has our CSM, and may wait for it.
            let by = Instant::now() + cx.shared.patience.quiet;
            let token = match guest.conn.receive(by).await {
                Event::Message(m) if m.code.is_request() => m.token,
                _ => vec![0xee],
            };
            guest.conn.say(&Message::new(Code::CONTENT).token(&token).payload("early")).await;
            guest.conn.aborted().await?;
        })),
    Case::must("cl-csm-critical", &["SIG-02", "CSM-23"])
        .says("8323 §5.2, §5.6", "An unknown critical option in our CSM is aborted")
        .expects("00e5 2101 ff…, then the end", "Bad-CSM-Option identifies the option.")
        .visit(visit!(cx, {
            let mut guest = cx.open_with("/hello", "00e1 10").await?;
            let abort = guest.conn.aborted().await?;
            if abort.number(BAD_CSM_OPTION) != Some(1) {
                Err(lenient("the Abort has no Bad-CSM-Option 1"))?;
            }
        })),
    Case::must("cl-ping-critical", &["SIG-02"])
        .says("8323 §5.2", "An unknown critical option in our Ping is aborted")
        .expects("Abort, then the end", "In every signaling message, not in CSMs only.")
        .visit(visit!(cx, {
            let (mut guest, _) = cx.asked("/hello").await?;
            guest.conn.send("01e2 42 30").await;
            guest.conn.aborted().await?;
        })),
    Case::silent("cl-csm-never", &["CSM-08"])
        .says("8323 §3.3", "A CSM of ours that never comes is not waited for for ever")
        .expects("Abort, then the end", "There is no time in the RFC.")
        .slow()
        .visit(visit!(cx, {
            let mut guest = cx.open_with("/hello", "").await?;
            guest.conn.settle().await;
            guest.conn.patience.quiet = cx.shared.deadline;
            guest.conn.patience.answer /= 4;
            let ending = guest.conn.ending(false).await;
            if !ending.over() {
                Err(deviates(format!("nothing after {} s", cx.shared.deadline.as_secs())))?;
            }
            if ending.abort.is_none() {
                Err(lenient(format!("no Abort: {}", ending.text())))?;
            }
        })),
    Case::def("cl-release", &["REL-02"])
        .says("8323 §5.5", "Our Release is answered by closing, without an Abort")
        .expects(
            "A Close frame, after the answer or before",
            "A peer will normally respond by \
             closing; it MAY wait for the responses to its own requests.",
        )
        .visit(visit!(cx, {
            let (mut guest, request) = cx.asked("/hello").await?;
            guest.conn.send("00e4 ff627965").await;
            guest.answer(&request).await;
            let ending = guest.conn.ending(false).await;
            if ending.abort.is_some() || !ending.closed() {
                Err(deviates(ending.text()))?;
            }
        })),
    Case::silent("cl-release-answer", &["REL-04", "REL-15"])
        .says("8323 §5.5", "An answer behind our Release is taken")
        .expects(
            "The client reports success",
            "It MAY wait for the responses to its own requests; \
             the Release is no error.",
        )
        .visit(visit!(cx, {
            let (mut guest, request) = cx.asked("/hello").await?;
            let answer = super::guest::content(&request, super::guest::ANSWER);
            guest.conn.send_together(&[hex("00e4 ff627965"), answer.bytes()]).await;
            guest.succeeds(super::guest::ANSWER).await?;
        })),
    Case::def("cl-release-hold-off", &["REL-12"])
        .says("8323 §5.5", "A Release with Hold-Off is one")
        .expects("A Close frame", "It asks not to come back for so long.")
        .visit(visit!(cx, {
            let (mut guest, request) = cx.asked("/hello").await?;
            guest.conn.send("00e4 411e").await;
            guest.answer(&request).await;
            let ending = guest.conn.ending(false).await;
            if ending.abort.is_some() || !ending.closed() {
                Err(deviates(ending.text()))?;
            }
        })),
    Case::def("cl-abort", &["ABT-04"])
        .says("8323 §5.6", "Our Abort ends the connection, without an Abort back")
        .expects("The end, and no Abort", "Whoever receives an Abort has nobody to talk to.")
        .visit(visit!(cx, {
            let (mut guest, _) = cx.asked("/hello").await?;
            guest.conn.send("00e5 ff6e6f7065").await;
            let ending = guest.conn.ending(false).await;
            if ending.abort.is_some() || !ending.closed() {
                Err(deviates(ending.text()))?;
            }
        })),
    Case::def("cl-abort-fails", &["ABT-04"])
        .says("8323 §5.6", "A request that was pending then has failed")
        .expects("The client reports a failure", "In-flight messages will not be processed.")
        .visit(visit!(cx, {
            let (mut guest, request) = cx.asked("/hello").await?;
            let late = super::guest::content(&request, "behind the Abort");
            guest.conn.send_together(&[hex("00e5 ff6e6f7065"), late.bytes()]).await;
            guest.fails("behind the Abort").await?;
        })),
    Case::must("cl-close", &["WS-31"])
        .says("6455 §5.5.1", "Our Close is answered with a Close")
        .expects("88 82…", "If an endpoint did not send a Close, it MUST send one in response.")
        .visit(visit!(cx, {
            let (mut guest, _) = cx.asked("/hello").await?;
            guest.conn.send_frame(Frame::close(1000, "")).await;
            let ending = guest.conn.ending(false).await;
            if ending.close.is_none() {
                Err(deviates(ending.text()))?;
            }
        })),
];

pub(super) const FRAMES: &[Case] = &[
    Case::must("cl-masked", &["WS-19"])
        .says("6455 §5.1", "A masked frame of ours closes the connection")
        .expects(FAILS, "A client MUST close a connection if it detects a masked frame.")
        .visit(visit!(cx, {
            fails(&cx, Frame::binary(hex("01e242")).masked([1, 2, 3, 4])).await?;
        })),
    Case::must("cl-rsv1", &["WS-14"])
        .says("6455 §5.2", "RSV2 without an extension fails the connection")
        .expects(
            FAILS,
            "The receiver MUST fail the connection. (RSV1 may be permessage-deflate's.)",
        )
        .visit(visit!(cx, {
            fails(&cx, Frame::binary(hex("01e242")).rsv(2)).await?;
        })),
    Case::must("cl-opcode-3", &["WS-26"])
        .says("6455 §5.2", "The reserved opcode 3 fails the connection")
        .expects(FAILS, "The receiving endpoint MUST fail the connection.")
        .visit(visit!(cx, {
            fails(&cx, Frame::new(Opcode(3), hex("01e242"))).await?;
        })),
    Case::must("cl-stray-continuation", &["WS-26"])
        .says("6455 §5.4", "A stray continuation frame fails the connection")
        .expects(FAILS, "Fragments begin with a frame whose opcode is not 0.")
        .visit(visit!(cx, {
            fails(&cx, Frame::new(Opcode::CONTINUATION, hex("42"))).await?;
        })),
    Case::must("cl-control-126", &["WS-24"])
        .says("6455 §5.5", "A control frame of 126 bytes fails the connection")
        .expects(FAILS, "All control frames MUST have a payload of 125 bytes or less.")
        .visit(visit!(cx, {
            fails(&cx, Frame::new(Opcode::PING, [7; 126])).await?;
        })),
    Case::silent("cl-length-16", &["WS-27"])
        .says("6455 §5.2", "A length of 3 in two bytes fails the connection")
        .expects(FAILS, "The minimal number of bytes MUST be used; many receivers accept more.")
        .visit(visit!(cx, {
            fails(&cx, Frame::binary(hex("01e242")).length(LengthForm::Two)).await?;
        })),
    Case::silent("cl-length-huge", &["WS-30"])
        .says("6455 §10.4", "A frame that claims 2^60 bytes is refused by its header")
        .expects("The connection is failed", "Nobody can take as much.")
        .visit(visit!(cx, {
            fails(&cx, Frame::binary([]).length(LengthForm::Claimed(1 << 60))).await?;
        })),
    Case::silent("cl-text", &["WS-21"])
        .says("8323 §4.2", "A text message ends the connection")
        .expects("Abort, Close 1003", "It is no CoAP.")
        .visit(visit!(cx, {
            fails(&cx, Frame::new(Opcode::TEXT, "hi")).await?;
        })),
    Case::must("cl-text-utf8", &["WS-41"])
        .says("6455 §8.1", "A text message that is no UTF-8 fails the connection")
        .expects(FAILS, "The endpoint MUST fail the connection.")
        .visit(visit!(cx, {
            fails(&cx, Frame::new(Opcode::TEXT, [0xc3, 0x28])).await?;
        })),
    Case::must("cl-ws-ping", &["WS-29"])
        .says("6455 §5.5.2", "Our WebSocket Ping is answered with its data")
        .expects("8a 82… with the same data", "An endpoint MUST send a Pong in response.")
        .visit(visit!(cx, {
            let (mut guest, _) = cx.asked("/hello").await?;
            guest.conn.send_frame(Frame::new(Opcode::PING, "hi")).await;
            let by = Instant::now() + cx.shared.patience.answer;
            match guest.conn.event(by).await {
                Event::WsPong(data) if data == b"hi" => {}
                other => guest.conn.instead(&other, "no Pong with the data of the Ping")?,
            }
        })),
    Case::must("cl-fragments", &["WS-23", "WS-24"])
        .says("6455 §5.4", "An answer in fragments, with a Ping between, is taken")
        .expects(
            "A Pong; the client reports success",
            "An endpoint MUST be capable of receiving \
             fragmented messages.",
        )
        .visit(visit!(cx, {
            let (mut guest, request) = cx.asked("/hello").await?;
            let bytes = super::guest::content(&request, super::guest::ANSWER).bytes();
            guest.conn.send_frame(Frame::binary(&bytes[..3]).unfinished()).await;
            guest.conn.send_frame(Frame::new(Opcode::PING, "")).await;
            let by = Instant::now() + cx.shared.patience.answer;
            match guest.conn.event(by).await {
                Event::WsPong(_) => {}
                other => guest.conn.instead(&other, "no Pong between the fragments")?,
            }
            guest.conn.send_frame(Frame::new(Opcode::CONTINUATION, &bytes[3..])).await;
            guest.succeeds(super::guest::ANSWER).await?;
        })),
    Case::silent("cl-over-limit", &["CSM-17"])
        .says("8323 §5.3.1", "A message above the client's Max-Message-Size is refused")
        .expects("Abort, or Close 1009", "What happens is not said; taking it is not wrong.")
        .visit(visit!(cx, {
            let (mut guest, request) = cx.asked("/hello").await?;
            let size = guest.conn.peer.largest;
            if size > 256 * 1024 {
                Err(skip(format!("its Max-Message-Size is {size}")))?;
            }
            let payload = "x".repeat(size as usize + 1);
            // For nobody: who has its answer would go, and that would look like a refusal.
            let mut large = super::guest::content(&request, &payload);
            large.token = vec![0xee; 5];
            guest.conn.say(&large).await;
            let ending = guest.conn.ending(true).await;
            if ending.alive {
                let before = ending.before.iter().map(annotate::described).collect::<Vec<_>>();
                Err(deviates(format!("it goes on: {}", before.join(", "))))?;
            }
        })),
];
