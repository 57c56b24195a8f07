//! WebSocket frames (RFC 6455 §5, §7), as far as CoAP travels in them.

use crate::case::{Case, Outcome, deviates, lenient, run};
use crate::conn::{Conn, Event};
use crate::context::{CSM, Cx, request};
use crate::wire::frame::LengthForm;
use crate::wire::message::{Code, Message};
use crate::wire::{Frame, Opcode, hex};
use tokio::time::Instant;

const FAILS: &str = "The connection is failed: Close 1002, or the end of TCP";

/// Sends a frame that nobody may send, and demands that it is the end.
async fn fails(cx: &Cx, frame: Frame) -> Outcome {
    let mut conn = cx.open().await?;
    conn.send_frame(frame).await;
    conn.failed().await.map(|_| ())
}

/// A GET that `answer` will find under the token, as bytes.
fn get(cx: &Cx, token: &[u8]) -> Outcome<Vec<u8>> {
    Ok(cx.get()?.token(token).bytes())
}

/// Sends a message in fragments of these lengths, the rest in the last, and awaits the answer.
async fn fragmented(cx: &Cx, lengths: &[usize]) -> Outcome<Conn> {
    let mut conn = cx.open().await?;
    let bytes = get(cx, b"f")?;
    conn.asked(b"f");
    let mut rest = bytes.as_slice();
    for (at, length) in lengths.iter().enumerate() {
        let (part, left) = rest.split_at((*length).min(rest.len()));
        let opcode = if at == 0 { Opcode::BINARY } else { Opcode::CONTINUATION };
        conn.send_frame(Frame::new(opcode, part).unfinished()).await;
        rest = left;
    }
    conn.send_frame(Frame::new(Opcode::CONTINUATION, rest)).await;
    conn.answer(b"f").await?;
    Ok(conn)
}

/// A WebSocket Ping, and its Pong.
async fn pinged(conn: &mut Conn, data: &[u8]) -> Outcome {
    conn.send_frame(Frame::new(Opcode::PING, data)).await;
    let by = Instant::now() + conn.patience.answer;
    loop {
        match conn.event(by).await {
            Event::WsPong(echo) if echo == data => return Ok(()),
            Event::Message(message) => conn.keep(message),
            other => return conn.instead(&other, "no Pong with the data of the Ping"),
        }
    }
}

pub(super) const CASES: &[Case] = &[
    Case::must("ws-unmasked", &["WS-19"])
        .says("6455 §5.1", "A frame that is not masked closes the connection")
        .expects(
            FAILS,
            "The server MUST close the connection upon receiving a frame that is not \
             masked; it MAY send Close 1002.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.send_raw_frame(&Frame::binary(hex("01e242"))).await;
            conn.failed().await?;
        })),
    Case::def("ws-mask-zero", &["WS-19"])
        .says("6455 §5.3", "A mask of four zero bytes is a mask")
        .expects("The Pong", "The key is a random 32-bit value, and 0 is one of them.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.send_raw_frame(&Frame::binary(hex("01e242")).masked([0; 4])).await;
            conn.pong(b"B").await?;
        })),
    Case::must("ws-rsv1", &["WS-14"])
        .says("6455 §5.2", "RSV1 without an extension fails the connection")
        .expects(
            FAILS,
            "If no negotiated extension defines the meaning of the bit, the receiver \
             MUST fail the connection.",
        )
        .run(run!(cx, {
            fails(&cx, Frame::binary(hex("01e242")).rsv(4)).await?;
        })),
    Case::must("ws-rsv2", &["WS-14"])
        .says("6455 §5.2", "RSV2 without an extension fails the connection")
        .expects(FAILS, "The same for the second bit.")
        .run(run!(cx, {
            fails(&cx, Frame::binary(hex("01e242")).rsv(2)).await?;
        })),
    Case::must("ws-rsv3-control", &["WS-14"])
        .says("6455 §5.2", "RSV3 in a control frame fails the connection")
        .expects(FAILS, "The rule is about all frames.")
        .run(run!(cx, {
            fails(&cx, Frame::new(Opcode::PING, "hi").rsv(1)).await?;
        })),
    Case::must("ws-opcode-3", &["WS-26"])
        .says("6455 §5.2", "The reserved data opcode 3 fails the connection")
        .expects(FAILS, "If an unknown opcode is received, the endpoint MUST fail the connection.")
        .run(run!(cx, {
            fails(&cx, Frame::new(Opcode(3), hex("01e242"))).await?;
        })),
    Case::must("ws-opcode-7", &["WS-26"])
        .says("6455 §5.2", "The reserved data opcode 7 fails the connection")
        .expects(FAILS, "If an unknown opcode is received, the endpoint MUST fail the connection.")
        .run(run!(cx, {
            fails(&cx, Frame::new(Opcode(7), [])).await?;
        })),
    Case::must("ws-opcode-b", &["WS-26"])
        .says("6455 §5.2", "The reserved control opcode b fails the connection")
        .expects(FAILS, "If an unknown opcode is received, the endpoint MUST fail the connection.")
        .run(run!(cx, {
            fails(&cx, Frame::new(Opcode(11), [])).await?;
        })),
    Case::must("ws-opcode-f", &["WS-26"])
        .says("6455 §5.2", "The reserved control opcode f fails the connection")
        .expects(FAILS, "If an unknown opcode is received, the endpoint MUST fail the connection.")
        .run(run!(cx, {
            fails(&cx, Frame::new(Opcode(15), [])).await?;
        })),
    Case::must("ws-stray-continuation", &["WS-26"])
        .says("6455 §5.4", "A continuation frame with nothing to continue fails the connection")
        .expects(FAILS, "Fragments begin with a frame whose opcode is not 0.")
        .run(run!(cx, {
            fails(&cx, Frame::new(Opcode::CONTINUATION, hex("01e242"))).await?;
        })),
    Case::must("ws-interleaved", &["WS-26"])
        .says("6455 §5.4", "A new message inside a fragmented one fails the connection")
        .expects(
            FAILS,
            "The fragments of one message MUST NOT be interleaved with those of \
             another.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.send_frame(Frame::binary(hex("0101")).unfinished()).await;
            conn.send_frame(Frame::binary(hex("01e242"))).await;
            conn.failed().await?;
        })),
    Case::must("ws-control-fragmented", &["WS-24"])
        .says("6455 §5.5", "A control frame without FIN fails the connection")
        .expects(FAILS, "All control frames MUST NOT be fragmented.")
        .run(run!(cx, {
            fails(&cx, Frame::new(Opcode::PING, "hi").unfinished()).await?;
        })),
    Case::must("ws-control-126", &["WS-24"])
        .says("6455 §5.5", "A control frame of 126 bytes fails the connection")
        .expects(FAILS, "All control frames MUST have a payload of 125 bytes or less.")
        .run(run!(cx, {
            fails(&cx, Frame::new(Opcode::PING, [7; 126])).await?;
        })),
    Case::silent("ws-length-16", &["WS-27"])
        .says("6455 §5.2", "A length of 3 in two bytes fails the connection")
        .expects(
            FAILS,
            "The minimal number of bytes MUST be used; what a receiver does otherwise \
             is not said, and many accept it.",
        )
        .run(run!(cx, {
            fails(&cx, Frame::binary(hex("01e242")).length(LengthForm::Two)).await?;
        })),
    Case::silent("ws-length-64", &["WS-27"])
        .says("6455 §5.2", "A length of 3 in eight bytes fails the connection")
        .expects(FAILS, "The same in the longest form.")
        .run(run!(cx, {
            fails(&cx, Frame::binary(hex("01e242")).length(LengthForm::Eight)).await?;
        })),
    Case::silent("ws-length-bit", &["WS-27"])
        .says("6455 §5.2", "A 64-bit length with its top bit set fails the connection")
        .expects(
            FAILS,
            "The most significant bit MUST be 0. A receiver that waits for 2^63 bytes \
             waits for ever.",
        )
        .run(run!(cx, {
            let frame = Frame::binary([]).length(LengthForm::Claimed(1 << 63));
            fails(&cx, frame).await?;
        })),
    Case::silent("ws-length-huge", &["WS-30", "T20"])
        .says("6455 §10.4", "A frame that claims 2^60 bytes is refused by its header")
        .expects(
            "The connection is failed, best with Close 1009",
            "Implementations MUST protect \
             themselves against exceeding their limits. Waiting for the bytes is legal and of no \
             use: nobody can take them.",
        )
        .run(run!(cx, {
            let frame = Frame::binary([]).length(LengthForm::Claimed(1 << 60));
            fails(&cx, frame).await?;
        })),
    Case::must("ws-fragments-2", &["WS-23"])
        .says("6455 §5.4", "A request in two fragments is answered")
        .expects("The response", "An endpoint MUST be capable of receiving fragmented messages.")
        .run(run!(cx, {
            fragmented(&cx, &[2]).await?;
        })),
    Case::must("ws-fragments-empty", &["WS-23"])
        .says("6455 §5.4", "A first fragment may be empty")
        .expects("The response", "Frame borders carry no meaning.")
        .run(run!(cx, {
            fragmented(&cx, &[0]).await?;
        })),
    Case::must("ws-fragments-many", &["WS-23"])
        .says("6455 §5.4", "A request in fragments of one byte is answered")
        .expects("The response", "Frame borders carry no meaning, also inside token and options.")
        .run(run!(cx, {
            fragmented(&cx, &[1; 5]).await?;
        })),
    Case::must("ws-fragments-ping", &["WS-24"])
        .says("6455 §5.4", "A WebSocket Ping between two fragments is answered at once")
        .expects(
            "The Pong, then the response",
            "Control frames MAY be injected in the middle of \
             a fragmented message, and all endpoints MUST support that.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let bytes = get(&cx, b"p")?;
            conn.asked(b"p");
            conn.send_frame(Frame::binary(&bytes[..3]).unfinished()).await;
            pinged(&mut conn, b"").await?;
            conn.send_frame(Frame::new(Opcode::CONTINUATION, &bytes[3..])).await;
            conn.answer(b"p").await?;
        })),
    Case::must("ws-ping", &["WS-29"])
        .says("6455 §5.5.2", "A WebSocket Ping is answered with its data")
        .expects(
            "8a 02 6869",
            "An endpoint MUST send a Pong in response, unless it has received \
             a Close; RFC 8323 §4.4 only says that nobody should send Pings.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            pinged(&mut conn, b"hi").await?;
            conn.goes_on().await?;
        })),
    Case::must("ws-ping-125", &["WS-29"])
        .says("6455 §5.5.3", "A WebSocket Ping with 125 bytes is answered with all of them")
        .expects("A Pong with the same 125 bytes", "A Pong must have identical application data.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            pinged(&mut conn, &[0xa5; 125]).await?;
        })),
    Case::def("ws-pong", &["WS-24"])
        .says("6455 §5.5.3", "An unsolicited WebSocket Pong is ignored")
        .expects("Nothing", "A response to an unsolicited Pong is not expected.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.send_frame(Frame::new(Opcode::PONG, "hi")).await;
            conn.ignored().await?;
        })),
    Case::silent("ws-text", &["WS-21"])
        .says("8323 §4.2", "A text message ends the connection")
        .expects(
            "Abort, Close 1003",
            "Messages are binary; what to do with text is not said. It \
             is no CoAP, so its sender does not mean us.",
        )
        .run(run!(cx, {
            fails(&cx, Frame::new(Opcode::TEXT, "hi")).await?;
        })),
    Case::def("ws-text-coap", &["WS-20"])
        .says("8323 §4.2", "A text message with the bytes of a Ping is not taken for one")
        .expects("No Pong", "CoAP messages are transmitted in binary data frames.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            // A GET, since the code of a Ping is no UTF-8.
            conn.send_frame(Frame::new(Opcode::TEXT, get(&cx, b"t")?)).await;
            let ending = conn.ending(true).await;
            if ending.responses().next().is_some() {
                Err(deviates(format!("it was processed: {}", ending.text())))?;
            }
        })),
    Case::must("ws-text-utf8", &["WS-41"])
        .says("6455 §8.1", "A text message that is no UTF-8 fails the connection")
        .expects(
            FAILS,
            "An endpoint that finds that text is not valid UTF-8 MUST fail the \
             connection.",
        )
        .run(run!(cx, {
            fails(&cx, Frame::new(Opcode::TEXT, [0xc3, 0x28])).await?;
        })),
    Case::def("ws-two-in-one-write", &["WS-22"])
        .says("8323 §4.2", "Two messages in one TCP segment are two messages")
        .expects("Two Pongs, in two frames", "One WebSocket message carries one CoAP message.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.send_together(&[hex("01e241"), hex("01e242")]).await;
            conn.pong(b"A").await?;
            conn.pong(b"B").await?;
        })),
    Case::def("ws-segments", &["WS-22"])
        .says("6455 §5", "A frame that comes byte by byte is one frame")
        .expects("The response", "TCP has no message borders.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.asked(b"s");
            let bytes = conn.frame(Frame::binary(get(&cx, b"s")?)).bytes();
            for byte in bytes {
                conn.send_raw(&[byte], "one byte of a frame").await;
                tokio::task::yield_now().await;
            }
            conn.answer(b"s").await?;
        })),
    Case::def("ws-length-125", &["WS-27"])
        .says("6455 §5.2", "Messages of 125, 126 and 127 bytes are read: the 16-bit length begins")
        .expects("Three Pongs", "0-125 is the length itself, 126 stands for two bytes of it.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            for size in [125, 126, 127] {
                let token = [size as u8];
                let ping = Message::new(Code::PING).token(&token).payload(vec![b'.'; size - 4]);
                conn.say(&ping).await;
                conn.pong(&token).await?;
            }
        })),
    Case::def("ws-length-65536", &["WS-27"])
        .says("6455 §5.2", "A message of 65,536 bytes is read: the 64-bit length begins")
        .expects(
            "A Pong, where Max-Message-Size allows it",
            "127 stands for eight bytes of length.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            if conn.peer.max_message_size < 65_536 {
                let size = conn.peer.max_message_size;
                Err(crate::case::skip(format!("its Max-Message-Size is {size}")))?;
            }
            let ping = Message::new(Code::PING).token(b"L").payload(vec![b'.'; 65_532]);
            conn.say(&ping).await;
            conn.pong(b"L").await?;
        })),
    Case::must("ws-fail-then-get", &["WS-35"])
        .says("6455 §7.1.7", "After a failure nothing further is processed")
        .expects(
            "No response to the GET behind the bad frame",
            "An endpoint MUST NOT continue to \
             attempt to process data after being instructed to fail the connection.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let bad = conn.frame(Frame::new(Opcode(3), [])).bytes();
            conn.asked(b"g");
            let get = conn.frame(Frame::binary(get(&cx, b"g")?)).bytes();
            conn.send_raw(&[bad, get].concat(), "a frame with opcode 3, then a GET").await;
            let ending = conn.ending(false).await;
            let late = ending.after_close.iter().find_map(|event| match event {
                crate::conn::Event::Message(m) if m.code.is_response() => Some(m),
                _ => None,
            });
            if let Some(response) = ending.responses().next().or(late) {
                Err(deviates(format!("the GET was answered {}", response.code)))?;
            }
            if !ending.over() {
                Err(lenient(format!("it was not failed: {}", ending.text())))?;
            }
        })),
    Case::def("ws-csm-in-fragments", &["WS-23"])
        .says("6455 §5.4", "A CSM in fragments is a CSM")
        .expects("The response to a request after it", "Frame borders carry no meaning.")
        .run(run!(cx, {
            let mut conn = cx.upgraded().await?;
            let csm = hex(CSM);
            conn.send_frame(Frame::binary(&csm[..1]).unfinished()).await;
            conn.send_frame(Frame::new(Opcode::CONTINUATION, &csm[1..])).await;
            conn.ask(request(Code::GET, cx.target().get()?)).await?;
        })),
];
