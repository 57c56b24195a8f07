//! The message format (RFC 8323 §4.2, RFC 7252 §3): what is none has to be aborted.

use crate::case::{Case, deviates, lenient, run, skip};
use crate::context::request;
use crate::wire::message::{Code, Message};
use crate::wire::{annotate, hex};

const REJECTS: &str = "For reliable transports the recipient rejects a message with syntax \
                       violations by sending an Abort and otherwise not processing it (RFC 8323 \
                       §5.6).";

/// A case that is all in its bytes.
const fn aborts(case: Case, why: &'static str, digits: &'static str) -> Case {
    case.expects("", why).aborts(digits)
}

pub(super) const CASES: &[Case] = &[
    aborts(
        Case::silent("fmt-len-1", &["FMT-02"])
            .says("8323 §4.2", "A Len nibble of 1 is a message format error"),
        "Senders MUST set Len to zero; receivers are not told what else to do. Aborting finds \
         peers that frame for TCP or UDP, passing over it hides them.",
        "1001",
    ),
    aborts(
        Case::silent("fmt-tcp-get", &["FMT-02"])
            .says("8323 §4.2", "A GET framed as for CoAP over TCP is a message format error"),
        "Its first byte has the length of the options in the Len nibble.",
        "2001 b161",
    ),
    aborts(
        Case::silent("fmt-tcp-csm", &["FMT-02"])
            .says("8323 §4.2", "A CSM framed as for CoAP over TCP is a message format error"),
        "Its first byte has the length of the options in the Len nibble.",
        "30e1 220480",
    ),
    aborts(
        Case::silent("fmt-udp-get", &["FMT-02", "FMT-03"])
            .says("8323 §4.2", "A GET with the header of CoAP over UDP is a message format error"),
        "Version 1 and type Confirmable make the nibble 4; version and message ID are gone from \
         the format.",
        "4001b0c0",
    ),
    aborts(
        Case::def("fmt-0-bytes", &["WS-37"])
            .says("8323 §4.2", "A WebSocket message without a byte is no CoAP message"),
        "A header has two bytes; a message without it cannot be read, which is a syntax violation. \
         Closing without an Abort leaves the other end to guess.",
        "",
    ),
    aborts(
        Case::def("fmt-1-byte", &["WS-37"])
            .says("8323 §4.2", "A WebSocket message of one byte is no CoAP message"),
        "A header has two bytes; half of it cannot be read, which is a syntax violation.",
        "00",
    ),
    aborts(
        Case::must("fmt-tkl-15", &["FMT-07"])
            .says("8974 §2.1", "Token length 15 is a message format error"),
        "15 is reserved: it MUST NOT be sent and MUST be processed as a message format error.",
        "0f01 000102030405060708090a0b0c0d0e",
    ),
    aborts(
        Case::must("fmt-tkl-15-signaling", &["FMT-07"])
            .says("8974 §2.1", "Token length 15 is that in a Ping too"),
        "15 is reserved: it MUST NOT be sent and MUST be processed as a message format error.",
        "0fe2 000102030405060708090a0b0c0d0e",
    ),
    Case::must("fmt-tkl-9", &["FMT-08", "TOK-18"])
        .says(
            "8974 §2.2.1",
            "A request whose token is longer than the peer's CSM allows is a \
             message format error",
        )
        .expects(
            "Abort, then the end",
            "Base value is 8. A longer token than advertised is a \
             message format error, with RFC 8974 or without it (RFC 7252 §3: lengths 9-15 are \
             reserved and MUST be processed as one).",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let length = conn.peer.extended_token_length + 1;
            if length > 4096 {
                Err(skip(format!("its Extended-Token-Length is {}", length - 1)))?;
            }
            conn.say(&cx.get()?.token(&vec![9; length as usize])).await;
            conn.aborted().await?;
        })),
    Case::must("fmt-tkl-12-ping", &["FMT-08"])
        .says(
            "8974 §2.2.1",
            "A Ping whose token is longer than the peer's CSM allows is a \
             message format error",
        )
        .expects(
            "Abort, then the end",
            "Lengths above the one that was advertised are reserved, in \
             every kind of message.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            if conn.peer.extended_token_length >= 12 {
                Err(skip("its Extended-Token-Length is 12 or more"))?;
            }
            conn.say(&Message::new(Code::PING).token(&[9; 12])).await;
            conn.aborted().await?;
        })),
    aborts(
        Case::def("fmt-token-cut", &["FMT-09"])
            .says("7252 §3", "A message that ends inside its token is a message format error"),
        "The token is TKL bytes long. Taking what is there as a shorter token gives a response \
         that nobody can match.",
        "0401 abcd",
    ),
    aborts(
        Case::def("fmt-token-missing", &["FMT-09"])
            .says("7252 §3", "A message that ends before its token is a message format error"),
        "The token is TKL bytes long.",
        "0801",
    ),
    aborts(
        Case::def("fmt-token-ext-missing", &["FMT-09"])
            .says("8974 §2.1", "Token length 13 without its extension is a message format error"),
        "13 has one more byte of length after the code. Without RFC 8974 it is reserved.",
        "0d01",
    ),
    aborts(
        Case::def("fmt-token-ext-short", &["FMT-09"]).says(
            "8974 §2.1",
            "Token length 14 with one byte of extension is a message format error",
        ),
        "14 has two more bytes of length after the code. Without RFC 8974 it is reserved.",
        "0e0100",
    ),
    aborts(
        Case::def("fmt-token-ext-cut", &["FMT-09"]).says(
            "8974 §2.1",
            "A message that ends inside an extended token is a message format \
                 error",
        ),
        "12 of 13 bytes are there.",
        "0d0100 111111111111111111111111",
    ),
    aborts(
        Case::must("fmt-marker-get", &["FMT-12"])
            .says("7252 §3", "A payload marker without a payload is a message format error"),
        "The presence of a marker followed by a zero-length payload MUST be processed as a \
         message format error.",
        "0101 42 ff",
    ),
    aborts(
        Case::must("fmt-marker-option", &["FMT-12"]).says("7252 §3", "The same behind an option"),
        "The presence of a marker followed by a zero-length payload MUST be processed as a \
         message format error.",
        "0101 42 b161 ff",
    ),
    aborts(
        Case::must("fmt-marker-response", &["FMT-12"]).says("7252 §3", "The same in a response"),
        "The rule is about messages of all kinds.",
        "0145 42 ff",
    ),
    aborts(
        Case::must("fmt-marker-ping", &["FMT-12"]).says("7252 §3", "The same in a Ping"),
        "The rule is about messages of all kinds.",
        "00e2 ff",
    ),
    aborts(
        Case::must("fmt-delta-15", &["FMT-17"])
            .says("7252 §3.1", "Option delta 15 is a message format error"),
        "15 is reserved for the payload marker; with another byte it MUST be processed as a \
         message format error.",
        "0101 42 f0",
    ),
    aborts(
        Case::must("fmt-delta-15-1", &["FMT-17"])
            .says("7252 §3.1", "Option delta 15 with length 1 is a message format error"),
        "15 is reserved for the payload marker.",
        "0101 42 f161",
    ),
    aborts(
        Case::must("fmt-delta-15-14", &["FMT-17"])
            .says("7252 §3.1", "Option delta 15 with length 14 is a message format error"),
        "15 is reserved for the payload marker; only the byte ff is one.",
        "0101 42 fe0000",
    ),
    aborts(
        Case::must("fmt-length-15", &["FMT-18"])
            .says("7252 §3.1", "Option length 15 is a message format error"),
        "15 is reserved for future use and MUST be processed as a message format error.",
        "0101 42 bf61",
    ),
    aborts(
        Case::must("fmt-length-15-delta-0", &["FMT-18"])
            .says("7252 §3.1", "Option length 15 with delta 0 is a message format error"),
        "15 is reserved for future use and MUST be processed as a message format error.",
        "0101 42 0f",
    ),
    aborts(
        Case::def("fmt-delta-ext-missing", &["FMT-19"])
            .says("7252 §3.1", "Option delta 13 at the end of a message is a message format error"),
        "13 has one more byte of delta.",
        "0101 42 d0",
    ),
    aborts(
        Case::def("fmt-delta-ext-short", &["FMT-19"])
            .says("7252 §3.1", "Option delta 14 with one byte of it is a message format error"),
        "14 has two more bytes of delta.",
        "0101 42 e000",
    ),
    aborts(
        Case::def("fmt-length-ext-missing", &["FMT-19"]).says(
            "7252 §3.1",
            "Option length 13 at the end of a message is a message format error",
        ),
        "13 has one more byte of length.",
        "0101 42 bd",
    ),
    aborts(
        Case::def("fmt-length-ext-short", &["FMT-19"])
            .says("7252 §3.1", "Option length 14 with one byte of it is a message format error"),
        "14 has two more bytes of length.",
        "0101 42 be00",
    ),
    aborts(
        Case::def("fmt-both-ext-short", &["FMT-19"])
            .says("7252 §3.1", "A delta in full and its length cut is a message format error"),
        "The extension of the delta comes before the one of the length.",
        "0101 42 dd00",
    ),
    aborts(
        Case::def("fmt-value-cut", &["FMT-19"])
            .says("7252 §3.1", "An option value that is cut short is a message format error"),
        "Two of five bytes are there.",
        "0101 42 b56162",
    ),
    aborts(
        Case::def("fmt-value-cut-2", &["FMT-19"]).says("7252 §3.1", "The same of a second option"),
        "Two of three bytes are there.",
        "0101 42 b161 43783d",
    ),
    aborts(
        Case::silent("fmt-number-65536", &["FMT-20"])
            .says("7252 §12.2", "An option number above 65535 is a message format error"),
        "Option numbers are from 0 to 65535, and the format can say more. What then is not \
         written; no such option can exist, so nothing that the message says can be relied on.",
        "0101 42 e0fef2 10",
    ),
    aborts(
        Case::silent("fmt-number-65804", &["FMT-20"])
            .says("7252 §12.2", "A single delta above 65535 is a message format error"),
        "Option numbers are from 0 to 65535, and the format can say more.",
        "0101 42 e0ffff",
    ),
    aborts(
        Case::must("fmt-empty-token", &["FMT-11"])
            .says("7252 §4.1", "Code 0.00 with a token is a message format error"),
        "An Empty message has token length 0 and no bytes after the header; if there are any, they \
         MUST be processed as a message format error.",
        "0100 42",
    ),
    aborts(
        Case::must("fmt-empty-payload", &["FMT-11"])
            .says("7252 §4.1", "Code 0.00 with a payload is a message format error"),
        "Bytes after the header of an Empty message MUST be processed as a message format error.",
        "0000 ff61",
    ),
    aborts(
        Case::must("fmt-empty-option", &["FMT-11"])
            .says("7252 §4.1", "Code 0.00 with an option is a message format error"),
        "Bytes after the header of an Empty message MUST be processed as a message format error.",
        "0000 10",
    ),
    Case::must("fmt-empty", &["FMT-10"])
        .says("8323 §3.4", "An Empty message is ignored")
        .expects(
            "Nothing, then the Pong of the Ping after it",
            "Empty messages can always be sent \
             and MUST be ignored by the recipient. A response to it has no request.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.send("0000").await;
            conn.ignored().await?;
        })),
    Case::must("fmt-empty-between", &["FMT-10"])
        .says("8323 §3.4", "Empty messages between requests change nothing")
        .expects("Two responses", "They refresh NAT bindings, and can always be sent.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let get = |token: &[u8]| cx.get().map(|get| get.token(token).bytes());
            let empty = hex("0000");
            conn.send_together(&[get(b"1")?, empty.clone(), get(b"2")?, empty]).await;
            conn.answer(b"1").await?;
            conn.answer(b"2").await?;
            conn.ignored().await?;
        })),
    Case::must("fmt-not-processed", &["FMT-25"])
        .says("8323 §5.6", "Nothing of a malformed message is processed")
        .expects("Abort, and no response", REJECTS)
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.asked(b"B");
            let mut bytes = cx.get()?.token(b"B").bytes();
            bytes.extend([0xd0]);
            conn.send_bytes(&bytes).await;
            conn.aborted().await?;
        })),
    Case::should("fmt-diagnostic", &["FMT-26", "ABT-02"])
        .says("8323 §5.6", "The Abort for a malformed message says why, and carries no option")
        .expects(
            "A diagnostic payload in UTF-8; no Bad-CSM-Option",
            "No option has been defined \
             for this case, as the details are best left to a diagnostic payload.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.send("0f01").await;
            let abort = conn.aborted().await?;
            if abort.payload.is_empty() {
                Err(deviates("it is empty"))?;
            }
            if !abort.options.is_empty() {
                Err(deviates(annotate::described(&abort)))?;
            }
        })),
    Case::def("fmt-short-get", &["FMT-03", "TOK-28"])
        .says("8323 §4.2", "A request of two bytes, `0001`, is answered")
        .expects(
            "A response with an empty token",
            "There is no version, type or message ID: the \
             header has two bytes, and a GET for the root needs no more. libcoap 4.3.5 drops it.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.send("0001").await;
            conn.answer(b"").await?;
        })),
    Case::def("fmt-marker-in-value", &["FMT-14"])
        .says("7252 §3", "ff inside an option value is no payload marker")
        .expects(
            "A response, as without the option",
            "The marker is where an option could begin. \
             The option here is an ETag of one byte, ff.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let get = cx.get()?.option(crate::wire::names::ETAG, [0xff]);
            conn.ask_for(get, &[Code::CONTENT]).await?;
        })),
    Case::def("fmt-payload-ff", &["FMT-13"])
        .says("7252 §3", "A payload may begin with ff")
        .expects(
            "The response to a request with it",
            "The payload runs to the end of the message, \
             whatever is in it.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.ask(cx.get()?.payload([0xff, 0xff])).await?;
        })),
    Case::def("fmt-code-ff", &["FMT-04", "SIG-07"])
        .says("7252 §3", "Code 7.31 is the byte ff, and no payload marker")
        .expects(
            "Nothing: an unassigned signaling message",
            "The second byte is the code. What an \
             unassigned signaling code does is not said; ignoring it keeps the door open.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.send("00ff").await;
            let ending = conn.ending(true).await;
            if ending.over() {
                Err(lenient(ending.text()))?;
            }
            if !ending.alive {
                Err(deviates(ending.text()))?;
            }
        })),
    Case::must("fmt-leading-zeros", &["FMT-23"])
        .says("7252 §3.2", "Numbers with leading zeros are read")
        .expects(
            "The response of `Accept` without them",
            "A recipient MUST be prepared to process \
             values with leading zeros.",
        )
        .run(run!(cx, {
            let format = cx.target().representation().and_then(|answer| answer.number(12));
            let Some(format) = format.and_then(|format| u16::try_from(format).ok()) else {
                return Err(skip("the resource has no Content-Format"));
            };
            if format > 255 {
                Err(skip("its Content-Format needs both bytes"))?;
            }
            let mut conn = cx.open().await?;
            let get = cx.get()?.option(17, format.to_be_bytes());
            conn.ask_for(get, &[Code::CONTENT]).await?;
        })),
    Case::def("fmt-not-fatal", &["FMT-27"])
        .says("7252 §5.4, §5.8", "What is wrong in a well-formed message costs no connection")
        .expects(
            "Each request is answered, and the connection goes on",
            "Unknown options, wrong \
             lengths of values and unknown methods have responses of their own.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let path = cx.target().get()?;
            for (at, request) in [
                request(Code::GET, path).option(65_001, []),
                request(Code::GET, path).option(7, [1, 2, 3]),
                request(Code(0x1f), path),
                request(Code::GET, path).option(17, [1, 2, 3]),
                request(Code::GET, path).option(3, []),
            ]
            .into_iter()
            .enumerate()
            {
                conn.ask(request.token(&[at as u8])).await?;
            }
            conn.goes_on().await?;
        })),
];
