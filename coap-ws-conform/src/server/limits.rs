//! Limits, deadlines and robustness: what must not hurt, in doses that are polite.

use crate::case::{Case, Outcome, deviates, lenient, run};
use crate::conn::{Conn, Event};
use crate::context::{Cx, request};
use crate::wire::frame::LengthForm;
use crate::wire::message::{Code, Message};
use crate::wire::{Frame, Opcode, hex};
use tokio::time::Instant;

/// The server answers on a new connection.
async fn well(cx: &Cx) -> Outcome {
    let mut conn = cx.open().await?;
    conn.ask_for(cx.get()?, &[Code::CONTENT]).await.map(|_| ())
}

/// Sends this many of a message in one write, then asks whether the server still answers. One that
/// closes for a flood is right to.
async fn flood(cx: &Cx, bytes: &[u8], count: usize) -> Outcome {
    let mut conn = cx.open().await?;
    conn.send_flood(bytes, count).await;
    let ending = conn.ending(true).await;
    if !ending.alive && !ending.over() {
        return Err(deviates(format!("after {count}: {}", ending.text())));
    }
    well(cx).await
}

/// The peer gives up within the deadline.
async fn given_up(cx: &Cx, conn: &mut Conn) -> Outcome {
    let by = Instant::now() + cx.shared.deadline;
    loop {
        match conn.receive(by).await {
            Event::Close(_) | Event::End(_) => return Ok(()),
            Event::Nothing => {
                let seconds = cx.shared.deadline.as_secs();
                return Err(deviates(format!("nothing after {seconds} s")));
            }
            _ => {}
        }
    }
}

const OTHERS: &str = "What one peer does is its own connection's matter.";

pub(super) const LIMITS: &[Case] = &[
    Case::silent("lim-half-frame", &["T22"])
        .says("6455 §10.4", "Half a frame is not waited for for ever")
        .expects(
            "The end of the connection",
            "No time is written anywhere; without one, half \
             messages pile up.",
        )
        .slow()
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let frame = conn.frame(Frame::binary(hex("0101b161ff616263"))).bytes();
            conn.send_raw(&frame[..frame.len() - 2], "a frame without its last two bytes").await;
            given_up(&cx, &mut conn).await?;
        })),
    Case::silent("lim-half-message", &["T22"])
        .says("6455 §10.4", "Half a fragmented message is not waited for for ever")
        .expects("The end of the connection", "The same, between frames.")
        .slow()
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.send_frame(Frame::binary(hex("0101b1")).unfinished()).await;
            given_up(&cx, &mut conn).await?;
        })),
    Case::silent("lim-half-head", &["T02"])
        .says("6455 §10.4", "Half an opening handshake is not waited for for ever")
        .expects("An HTTP error or the end of the connection", "No time is written anywhere.")
        .slow()
        .run(run!(cx, {
            let mut conn = cx.raw().await?;
            conn.send_raw(b"GET /.well-known/coap HTTP/1.1\r\nHost: x", "half a head").await;
            let by = Instant::now() + cx.shared.deadline;
            match conn.head(by).await {
                Ok(_) | Err(Some(_)) => {}
                Err(None) => {
                    let seconds = cx.shared.deadline.as_secs();
                    Err(deviates(format!("nothing after {seconds} s")))?;
                }
            }
        })),
    Case::def("lim-connections", &["SEC-12"])
        .says("8323 §4.3", "Ten connections at once are all served")
        .expects("A response on each", "One with a smaller limit answers 503, or closes.")
        .run(run!(cx, {
            let mut all = Vec::new();
            for _ in 0..10 {
                all.push(cx.open().await?);
            }
            for conn in &mut all {
                conn.ask(cx.get()?).await?;
            }
        })),
    Case::must("lim-fragments", &["WS-30", "T21"])
        .says("6455 §10.4", "A message in fragments is limited like one in a frame")
        .expects(
            "The connection is failed, best with Close 1009",
            "The limit is on the total \
             message size after reassembly from multiple frames.",
        )
        .hostile()
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let limit = conn.peer.largest + 64 * 1024;
            cx.afford(limit)?;
            conn.send_frame(Frame::binary(hex("01e242ff")).unfinished()).await;
            for _ in 0..limit / 16_384 + 1 {
                let part = Frame::new(Opcode::CONTINUATION, vec![b'.'; 16_384]).unfinished();
                let bytes = conn.frame(part).bytes();
                conn.write(&bytes).await;
            }
            // No Ping asks: in the middle of a message it would be a mistake of ours.
            let ending = conn.ending(false).await;
            if !ending.over() {
                Err(deviates(ending.text()))?;
            }
        })),
    Case::silent("lim-fragment-count", &["T21"])
        .says("6455 §10.4", "A thousand empty fragments are not taken without limit")
        .expects(
            "The connection is failed",
            "Each costs the receiver something, and brings the \
             message no further.",
        )
        .hostile()
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.send_frame(Frame::binary(hex("01e2")).unfinished()).await;
            for _ in 0..1000 {
                let part = Frame::new(Opcode::CONTINUATION, []).unfinished();
                let bytes = conn.frame(part).bytes();
                conn.write(&bytes).await;
            }
            let ending = conn.ending(false).await;
            if !ending.over() {
                Err(deviates(ending.text()))?;
            }
        })),
    Case::def("lim-connections-100", &["SEC-12"])
        .says("8323 §4.3", "A hundred connections do no harm to one more")
        .expects("A response on that", "Whatever becomes of the hundred.")
        .hostile()
        .run(run!(cx, {
            let mut all = Vec::new();
            for _ in 0..100 {
                match cx.open().await {
                    Ok(conn) => all.push(conn),
                    Err(_) => break,
                }
            }
            drop(all);
            well(&cx).await?;
        })),
];

pub(super) const ROBUSTNESS: &[Case] = &[
    Case::def("rob-vanish", &["PING-13", "T32"])
        .says("8323 §3.4", "A connection that vanishes behind a request does no harm")
        .expects("A response on the next connection", OTHERS)
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.say(&cx.get()?.token(b"v")).await;
            drop(conn);
            well(&cx).await?;
        })),
    Case::def("rob-vanish-slow", &["PING-13", "TOK-11"])
        .says("8323 §3.4", "So does one behind a slow request; the response goes nowhere else")
        .expects(
            "Only our own response on the next connection",
            "Responses MUST be returned over \
             the connection of the request.",
        )
        .run(run!(cx, {
            let slow = request(Code::GET, cx.target().slow()?);
            let mut conn = cx.open().await?;
            conn.say(&slow.token(b"v")).await;
            drop(conn);
            let mut next = cx.open().await?;
            next.ask(cx.get()?).await?;
            next.ignored().await?;
        })),
    Case::def("rob-half-frame", &["PING-13", "T32"])
        .says("6455 §7.1", "A connection that vanishes in the middle of a frame does no harm")
        .expects("A response on the next connection", OTHERS)
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let frame = conn.frame(Frame::binary(hex("0101b161ff616263"))).bytes();
            conn.send_raw(&frame[..5], "the start of a frame").await;
            drop(conn);
            well(&cx).await?;
        })),
    Case::def("rob-half-head", &["T32"])
        .says("6455 §4.2", "One that vanishes in the middle of its handshake does no harm")
        .expects("A response on the next connection", OTHERS)
        .run(run!(cx, {
            let mut conn = cx.raw().await?;
            conn.send_raw(b"GET /.well-known/coap HTTP/1.1\r\nHost", "half a head").await;
            drop(conn);
            well(&cx).await?;
        })),
    Case::def("rob-others", &["ABT-01"])
        .says("8323 §5.6", "Errors on twenty connections do no harm to one that is open")
        .expects("Its response", OTHERS)
        .run(run!(cx, {
            let mut steady = cx.open().await?;
            for digits in ["0f01", "00", "", "00e110", "0101ff"].repeat(4) {
                let mut conn = cx.open().await?;
                conn.send(digits).await;
            }
            steady.ask(cx.get()?).await?;
        })),
    Case::def("rob-again", &["CSM-26"])
        .says("8323 §3.4", "Twenty connections one after the other are all served")
        .expects("A response on each", "No state moves from one to the next.")
        .run(run!(cx, {
            for _ in 0..20 {
                well(&cx).await?;
            }
        })),
    Case::must("rob-empty-64", &["FMT-10", "T24"])
        .says("8323 §3.4", "Sixty-four Empty messages at once are ignored")
        .expects("The Pong after them", "They can always be sent.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.send_flood(&hex("0000"), 64).await;
            conn.ignored().await?;
        })),
    Case::must("rob-ws-pings", &["WS-29", "T25"])
        .says("6455 §5.5.3", "Sixteen WebSocket Pings have a Pong, for the last at least")
        .expects(
            "A Pong with the last data",
            "If several Pings come, an endpoint MAY answer the \
             most recent one only.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            for n in 0..16 {
                conn.send_frame(Frame::new(Opcode::PING, [n])).await;
            }
            let by = Instant::now() + cx.patience().answer;
            loop {
                match conn.event(by).await {
                    Event::WsPong(data) if data == [15] => break,
                    Event::WsPong(_) | Event::Message(_) => {}
                    other => conn.instead(&other, "no Pong for the last")?,
                }
            }
        })),
    Case::def("rob-csms", &["CSM-11", "T51"])
        .says("8323 §5.3", "Sixteen CSMs at once are taken")
        .expects("The Pong after them", "They may be sent at any time.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.send_flood(&hex("00e1 220480"), 16).await;
            conn.ignored().await?;
        })),
    Case::def("rob-large-token-claim", &["FMT-09"])
        .says(
            "8974 §2.1",
            "A token that claims 65,804 bytes and has none is a message format error",
        )
        .expects("Abort, then the end", "The token is cut short.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.send("0e01 ffff").await;
            conn.aborted().await?;
        })),
    Case::def("rob-large-option-claim", &["FMT-19"])
        .says(
            "7252 §3.1",
            "A value that claims 65,804 bytes and has none is a message format error",
        )
        .expects("Abort, then the end", "The value is cut short.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.send("0101 42 be ffff").await;
            conn.aborted().await?;
        })),
    Case::silent("rob-half-close", &["T32"])
        .says("6455 §7.1", "A request, and then the end of our sending half")
        .expects("The response, then the end", "TCP can be half closed; the request had come.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.say(&cx.get()?.token(b"h")).await;
            conn.shutdown().await;
            let ending = conn.ending(false).await;
            if !ending.responses().any(|m| m.token == b"h") {
                Err(deviates(ending.text()))?;
            }
        })),
    Case::silent("rob-huge-frame-then-end", &["WS-30", "T20"])
        .says("6455 §10.4", "A claim of 2^40 bytes leaves nothing behind")
        .expects(
            "A response on the next connection",
            "Nothing may be reserved for what is only \
             claimed.",
        )
        .run(run!(cx, {
            for _ in 0..4 {
                let mut conn = cx.open().await?;
                let frame = Frame::binary([]).length(LengthForm::Claimed(1 << 40));
                conn.send_frame(frame).await;
            }
            well(&cx).await?;
        })),
    Case::silent("rob-pings-1000", &["T53"])
        .says("8323 §5.4", "A thousand Pings are answered, or the connection is given up")
        .expects("Pongs, or the end; and a response on the next connection", OTHERS)
        .hostile()
        .run(run!(cx, {
            flood(&cx, &Message::new(Code::PING).token(b"x").bytes(), 1000).await?;
        })),
    Case::silent("rob-empty-5000", &["T24"])
        .says("8323 §3.4", "Five thousand Empty messages are ignored, or the connection given up")
        .expects("A Pong, or the end; and a response on the next connection", OTHERS)
        .hostile()
        .run(run!(cx, {
            flood(&cx, &hex("0000"), 5000).await?;
        })),
    Case::silent("rob-responses-1000", &["T65"])
        .says("7252 §5.3.2", "A thousand responses nobody waits for are dropped")
        .expects("A Pong, or the end; and a response on the next connection", OTHERS)
        .hostile()
        .run(run!(cx, {
            flood(&cx, &hex("0145ee"), 1000).await?;
        })),
    Case::silent("rob-requests-2000", &["T61"])
        .says("8323 §4.3", "Two thousand requests, and nobody reads meanwhile")
        .expects("Responses, 5.03, or the end; and a response on the next connection", OTHERS)
        .hostile()
        .run(run!(cx, {
            flood(&cx, &cx.get()?.token(b"q").bytes(), 2000).await?;
        })),
    Case::silent("rob-random", &["SEC-15", "T39"])
        .says("8323 §5.6", "Two hundred messages of random bytes are each answered or aborted")
        .expects("No hang, and a response on the next connection", "A parser is total.")
        .hostile()
        .run(run!(cx, {
            for n in 0..200usize {
                let mut bytes = vec![0; n % 40];
                let _ = getrandom::fill(&mut bytes);
                let mut conn = cx.open().await?;
                conn.send_bytes(&bytes).await;
                let ending = conn.ending(true).await;
                if !ending.over() && !ending.alive {
                    let shown = crate::wire::to_hex(&bytes);
                    Err(lenient(format!("after {shown}: {}", ending.text())))?;
                }
            }
            well(&cx).await?;
        })),
];
