//! The closing handshake (RFC 6455 §5.5.1, §7).

use crate::case::{Case, Outcome, deviates, lenient, run};
use crate::conn::{End, Ending};
use crate::context::Cx;
use crate::wire::{Frame, Opcode, annotate};

/// Sends a Close with this body, and looks at how it ends.
async fn closed(cx: &Cx, body: &[u8]) -> Outcome<Ending> {
    let mut conn = cx.open().await?;
    conn.send_frame(Frame::new(Opcode::CLOSE, body)).await;
    let ending = conn.ending(false).await;
    if ending.closed() {
        return Ok(ending);
    }
    Err(deviates(format!("the connection was not closed: {}", ending.text())))
}

/// A Close that has to be answered with 1002.
async fn refused(cx: &Cx, body: &[u8]) -> Outcome {
    let ending = closed(cx, body).await?;
    match ending.code() {
        Some(1002 | 1007) => Ok(()),
        None if ending.close.is_none() => Ok(()),
        _ => {
            let body = annotate::close(ending.close.as_deref().unwrap_or_default());
            Err(deviates(format!("it was answered with Close {body}")))
        }
    }
}

pub(super) const CASES: &[Case] = &[
    Case::must("ws-close", &["WS-31"])
        .says("6455 §5.5.1", "A Close is answered with a Close")
        .expects(
            "88 02 03e8, then the end of TCP",
            "If an endpoint receives a Close and did not \
             send one, it MUST send one in response; typically it echoes the code.",
        )
        .run(run!(cx, {
            let ending = closed(&cx, &1000u16.to_be_bytes()).await?;
            match ending.code() {
                Some(1000) => {}
                Some(other) => Err(lenient(format!("Close {other}")))?,
                None if ending.close.is_some() => Err(lenient("a Close without a code"))?,
                None => Err(deviates(format!("no Close frame: {}", ending.text())))?,
            }
        })),
    Case::must("ws-close-empty", &["WS-31"])
        .says("6455 §5.5.1", "A Close without a body is answered with a Close")
        .expects("A Close, then the end of TCP", "The body is optional.")
        .run(run!(cx, {
            let ending = closed(&cx, &[]).await?;
            if ending.close.is_none() {
                Err(deviates(format!("no Close frame: {}", ending.text())))?;
            }
        })),
    Case::must("ws-close-reason", &["WS-31"])
        .says("6455 §5.5.1", "A Close with a reason is answered with a Close")
        .expects("A Close, then the end of TCP", "A reason is optional and not for machines.")
        .run(run!(cx, {
            let body = [&1001u16.to_be_bytes()[..], "going, bye ✓".as_bytes()].concat();
            let ending = closed(&cx, &body).await?;
            if ending.close.is_none() {
                Err(deviates(format!("no Close frame: {}", ending.text())))?;
            }
        })),
    Case::must("ws-close-tcp", &["WS-32"])
        .says("6455 §7.1.1", "After both Closes the server closes TCP at once")
        .expects(
            "The end of TCP, in order",
            "After both sending and receiving a Close, the server \
             MUST close the underlying TCP connection immediately.",
        )
        .run(run!(cx, {
            let ending = closed(&cx, &1000u16.to_be_bytes()).await?;
            match ending.end {
                Some(End::Fin) => {}
                Some(End::Reset) => Err(lenient("TCP was reset, which can lose the Close"))?,
                None => Err(deviates("TCP stays open"))?,
            }
        })),
    Case::must("ws-close-4000", &["WS-46"])
        .says("6455 §7.4.2", "A Close with an application's code 4000 is taken")
        .expects("A Close, best with the same code", "4000-4999 are for private use.")
        .run(run!(cx, {
            let ending = closed(&cx, &4000u16.to_be_bytes()).await?;
            match ending.code() {
                Some(1002 | 1007) => Err(deviates("it is treated as a protocol error"))?,
                _ if ending.close.is_none() => Err(deviates("no Close frame"))?,
                _ => {}
            }
        })),
    Case::silent("ws-close-1-byte", &["WS-46"])
        .says("6455 §5.5.1", "A Close with a body of one byte is a protocol error")
        .expects("Close 1002", "If there is a body, its first two bytes MUST be a code.")
        .run(run!(cx, {
            refused(&cx, &[3]).await?;
        })),
    Case::silent("ws-close-999", &["WS-46"])
        .says("6455 §7.4.2", "Close code 999 is a protocol error")
        .expects("Close 1002", "Status codes in the range 0-999 are not used.")
        .run(run!(cx, {
            refused(&cx, &999u16.to_be_bytes()).await?;
        })),
    Case::silent("ws-close-5000", &["WS-46"])
        .says("6455 §7.4.2", "Close code 5000 is a protocol error")
        .expects("Close 1002", "The last range ends with 4999.")
        .run(run!(cx, {
            refused(&cx, &5000u16.to_be_bytes()).await?;
        })),
    Case::must("ws-close-1005", &["WS-33", "WS-46"])
        .says("6455 §7.4.1", "Close code 1005 is never sent back")
        .expects(
            "Close 1002",
            "1005 MUST NOT be set as a status code by an endpoint; echoing it \
             does that. Any other answer is a matter of taste.",
        )
        .run(run!(cx, {
            let ending = closed(&cx, &1005u16.to_be_bytes()).await?;
            match ending.code() {
                Some(1005) => Err(deviates("1005 was echoed"))?,
                None | Some(1002 | 1007) => {}
                Some(other) => Err(lenient(format!("Close {other}")))?,
            }
        })),
    Case::must("ws-close-1006", &["WS-33", "WS-46"])
        .says("6455 §7.4.1", "Close code 1006 is never sent back")
        .expects("Close 1002", "1006 MUST NOT be set as a status code by an endpoint.")
        .run(run!(cx, {
            let ending = closed(&cx, &1006u16.to_be_bytes()).await?;
            match ending.code() {
                Some(1006) => Err(deviates("1006 was echoed"))?,
                None | Some(1002 | 1007) => {}
                Some(other) => Err(lenient(format!("Close {other}")))?,
            }
        })),
    Case::must("ws-close-utf8", &["WS-41"])
        .says("6455 §8.1", "A reason that is no UTF-8 fails the connection")
        .expects(
            "Close 1007 or 1002, or the end of TCP",
            "The reason must be UTF-8. The connection \
             ends either way; only the code tells.",
        )
        .run(run!(cx, {
            let ending = closed(&cx, &[0x03, 0xe8, 0xff]).await?;
            match ending.code() {
                None | Some(1007 | 1002) => {}
                Some(other) => Err(lenient(format!("Close {other}")))?,
            }
        })),
    Case::must("ws-close-then-get", &["WS-31"])
        .says("6455 §5.5.1", "No message follows the Close that answers ours")
        .expects(
            "A Close, and nothing behind it",
            "The application MUST NOT send any more data \
             frames after sending a Close frame.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.asked(b"g");
            let get = conn.frame(Frame::binary(cx.get()?.token(b"g").bytes())).bytes();
            let close = conn.frame(Frame::close(1000, "")).bytes();
            conn.send_raw(&[close, get].concat(), "Close 1000, then a GET").await;
            let ending = conn.ending(false).await;
            if let Some(event) = ending.after_close.first() {
                Err(deviates(format!("after the Close: {}", event.text())))?;
            }
            if ending.responses().next().is_some() {
                Err(lenient("the GET behind the Close was answered before it"))?;
            }
            if !ending.closed() {
                Err(deviates(ending.text()))?;
            }
        })),
    Case::should("ws-close-at-once", &["REL-17"])
        .says("6455 §5.5.1", "A Close is answered at once, also while a request is pending")
        .expects(
            "The Close comes before the slow response would",
            "It SHOULD do so as soon as \
             practical: at most the message that is being sent may be finished.",
        )
        .run(run!(cx, {
            let slow = crate::context::request(crate::wire::Code::GET, cx.target().slow()?);
            let mut conn = cx.open().await?;
            conn.say(&slow.token(b"s")).await;
            conn.send_frame(Frame::close(1000, "")).await;
            let started = tokio::time::Instant::now();
            let ending = conn.ending(false).await;
            if !ending.closed() {
                Err(deviates(ending.text()))?;
            }
            if ending.responses().next().is_some() {
                let ms = started.elapsed().as_millis();
                Err(deviates(format!("the response came first, the end after {ms} ms")))?;
            }
        })),
    Case::must("ws-close-twice", &["WS-31"])
        .says("6455 §5.5.1", "Only one Close comes back")
        .expects("One Close", "The closing handshake has one Close from each end.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let close = conn.frame(Frame::close(1000, "")).bytes();
            conn.send_raw(&[close.clone(), close].concat(), "Close 1000, twice").await;
            let ending = conn.ending(false).await;
            if !ending.after_close.is_empty() {
                Err(deviates("something came after the Close"))?;
            }
            if !ending.closed() {
                Err(deviates(ending.text()))?;
            }
        })),
];
