//! Well-formed messages at the borders of the format: each has to be read (RFC 7252 §3.1).

use crate::case::{Case, Outcome, deviates, run, skip};
use crate::context::Cx;
use crate::wire::message::{Code, Message};
use crate::wire::names;

/// A GET with an option that nobody knows, which is ignored if its number is even.
async fn passes_over(cx: &Cx, option: u16, length: usize) -> Outcome {
    let mut conn = cx.open().await?;
    conn.ask_for(cx.get()?.option(option, vec![b'x'; length]), &[Code::CONTENT]).await?;
    Ok(())
}

/// The same with a critical option: 4.02, and the connection goes on.
async fn bad_option(cx: &Cx, option: u16, value: &[u8]) -> Outcome {
    let mut conn = cx.open().await?;
    conn.ask_for(cx.get()?.option(option, value), &[Code::BAD_OPTION]).await?;
    conn.goes_on().await
}

/// A request with an extended token, where the peer takes it.
async fn extended(cx: &Cx, length: usize) -> Outcome {
    let mut conn = cx.open().await?;
    let most = conn.peer.extended_token_length;
    if (length as u64) > most {
        return Err(skip(format!("its Extended-Token-Length is {most}")));
    }
    let token: Vec<u8> = (0..length).map(|n| n as u8).collect();
    conn.ask(cx.get()?.token(&token)).await.map(|_| ())
}

const READ: &str = "2.05, as without the option";

pub(super) const CASES: &[Case] = &[
    Case::must("enc-delta-13", &["FMT-16", "OPT-02"])
        .says("7252 §3.1", "A delta of 13, the first with a byte more, leads from option 12 to 25")
        .expects("4.02, since nobody has option 25", "Delta nibble 13 stands for one byte plus 13.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let get = cx.get()?.uint(names::CONTENT_FORMAT, 0).option(25, []);
            conn.ask_for(get, &[Code::BAD_OPTION]).await?;
            conn.goes_on().await?;
        })),
    Case::must("enc-number-268", &["FMT-16", "OPT-01"])
        .says("7252 §3.1", "Option 268, the last number of the 8-bit delta from 0, is read")
        .expects(READ, "Unrecognised options that are elective MUST be silently ignored.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.asked(b"e");
            conn.send("0101 65 d0ff").await;
            let answer = conn.answer(b"e").await?;
            if answer.code == Code::BAD_OPTION {
                Err(deviates("4.02 Bad Option"))?;
            }
        })),
    Case::must("enc-number-269", &["FMT-16", "OPT-02"])
        .says("7252 §3.1", "Option 269, the first number of the 16-bit delta, is read as critical")
        .expects("4.02", "Delta nibble 14 stands for two bytes plus 269.")
        .run(run!(cx, {
            bad_option(&cx, 269, b"").await?;
        })),
    Case::must("enc-number-65000", &["FMT-16", "OPT-01"])
        .says("7252 §12.2", "Option 65000 is read as elective")
        .expects(READ, "Even numbers are elective, up to the last.")
        .run(run!(cx, {
            passes_over(&cx, 65_000, 0).await?;
        })),
    Case::must("enc-number-65535", &["FMT-16", "OPT-02"])
        .says("7252 §12.2", "Option 65535 is read as critical")
        .expects("4.02", "Odd numbers are critical, up to the last.")
        .run(run!(cx, {
            bad_option(&cx, 65_535, b"").await?;
        })),
    Case::must("enc-number-0", &["FMT-21"])
        .says("7252 §12.2", "Option 0 is elective and ignored")
        .expects("A response other than 4.02", "It is reserved, and its number is even.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.ask_for(cx.get()?.option(0, []), &[Code::CONTENT]).await?;
        })),
    Case::must("enc-length-12", &["FMT-16"])
        .says("7252 §3.1", "A value of 12 bytes, the last that fits the nibble, is read")
        .expects(READ, "The length nibble is the length itself up to 12.")
        .run(run!(cx, {
            passes_over(&cx, 2050, 12).await?;
        })),
    Case::must("enc-length-13", &["FMT-16"])
        .says("7252 §3.1", "A value of 13 bytes, the first with an extended length, is read")
        .expects(READ, "Length nibble 13 stands for one byte plus 13.")
        .run(run!(cx, {
            passes_over(&cx, 2050, 13).await?;
        })),
    Case::must("enc-length-268", &["FMT-16"])
        .says("7252 §3.1", "A value of 268 bytes, the last with one byte of length, is read")
        .expects(READ, "Length nibble 13 stands for one byte plus 13.")
        .run(run!(cx, {
            passes_over(&cx, 2050, 268).await?;
        })),
    Case::must("enc-length-269", &["FMT-16"])
        .says("7252 §3.1", "A value of 269 bytes, the first with two bytes of length, is read")
        .expects(READ, "Length nibble 14 stands for two bytes plus 269.")
        .run(run!(cx, {
            passes_over(&cx, 2050, 269).await?;
        })),
    Case::must("enc-both-16", &["FMT-16"])
        .says("7252 §3.1", "Delta and length may both have two bytes more")
        .expects(READ, "The extension of the delta comes first.")
        .run(run!(cx, {
            passes_over(&cx, 60_000, 300).await?;
        })),
    Case::must("enc-path-255", &["OPT-13"])
        .says("7252 §5.10", "A Uri-Path of 255 bytes, the longest there is, is no bad option")
        .expects("A response other than 4.02", "Uri-Path is 0-255 bytes long.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let get = Message::new(Code::GET).option(names::URI_PATH, vec![b'a'; 255]);
            let answer = conn.ask(get).await?;
            if answer.code == Code::BAD_OPTION {
                Err(deviates("4.02 Bad Option"))?;
            }
        })),
    Case::must("enc-path-256", &["OPT-06", "OPT-13"])
        .says(
            "7252 §5.4.3",
            "A Uri-Path of 256 bytes is treated as an unrecognised critical option",
        )
        .expects(
            "4.02",
            "If the length of a value in a request is outside the defined range, the \
             option MUST be treated like an unrecognised one.",
        )
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let get = Message::new(Code::GET).option(names::URI_PATH, vec![b'a'; 256]);
            conn.ask_for(get, &[Code::BAD_OPTION]).await?;
            conn.goes_on().await?;
        })),
    Case::must("enc-token-0", &["TOK-01", "TOK-04"])
        .says("7252 §5.3.1", "An empty token comes back empty")
        .expects("A response without a token", "A token may be of zero length, and is echoed.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.say(&cx.get()?).await;
            conn.answer(b"").await?;
        })),
    Case::must("enc-token-8", &["TOK-01", "FMT-05"])
        .says("7252 §5.3.1", "A token of eight bytes comes back as it is")
        .expects("The same eight bytes", "The token MUST be echoed without modification.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            conn.ask(cx.get()?.token(&[0, 0xff, 0, 1, 2, 0x80, 0, 0])).await?;
        })),
    Case::must("enc-token-12", &["FMT-05"])
        .says("8974 §2.1", "A token of 12 bytes, where that is advertised, comes back")
        .expects("The same bytes", "Token lengths 0-12 are written as they are.")
        .run(run!(cx, {
            extended(&cx, 12).await?;
        })),
    Case::must("enc-token-13", &["FMT-05", "FMT-06"])
        .says("8974 §2.1", "A token of 13 bytes, where that is advertised, comes back")
        .expects("The same bytes", "13 stands for one byte plus 13, which follows the code.")
        .run(run!(cx, {
            extended(&cx, 13).await?;
        })),
    Case::must("enc-token-268", &["FMT-05", "FMT-06"])
        .says("8974 §2.1", "A token of 268 bytes, where that is advertised, comes back")
        .expects("The same bytes", "13 stands for one byte plus 13.")
        .run(run!(cx, {
            extended(&cx, 268).await?;
        })),
    Case::must("enc-token-269", &["FMT-05", "FMT-06"])
        .says("8974 §2.1", "A token of 269 bytes, where that is advertised, comes back")
        .expects("The same bytes", "14 stands for two bytes plus 269.")
        .run(run!(cx, {
            extended(&cx, 269).await?;
        })),
    Case::must("enc-token-most", &["TOK-18", "TOK-20"])
        .says("8974 §2.2.1", "A token as long as is advertised comes back")
        .expects(
            "The same bytes",
            "What is advertised is accepted in requests; a response is not \
             limited by what we advertise.",
        )
        .run(run!(cx, {
            let mut conn = cx.open_with("00e1 2401000000 20").await?;
            let most = conn.peer.extended_token_length as usize;
            if most <= 8 {
                Err(skip("its Extended-Token-Length is 8"))?;
            }
            conn.ask(cx.get()?.token(&vec![0x5a; most])).await?;
        })),
];
