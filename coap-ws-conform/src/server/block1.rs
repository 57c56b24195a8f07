//! Block1: large requests (RFC 7959 §2.5, RFC 9175 §3, RFC 8323 §6).

use crate::case::{Case, Outcome, deviates, lenient, run, skip};
use crate::conn::Conn;
use crate::context::{Cx, LARGE_CSM, request};
use crate::wire::annotate;
use crate::wire::message::{Block, Code, Message};
use crate::wire::names::*;

/// A PUT of one block, which repeats this byte.
fn part(path: &str, block: Block, byte: u8, length: usize) -> Message {
    let put = request(Code::PUT, path).uint(CONTENT_FORMAT, 0).option(BLOCK1, block.value());
    put.payload(vec![byte; length])
}

/// Sends a first block; the case is skipped where there is no block-wise transfer.
async fn begins(conn: &mut Conn, message: Message) -> Outcome<Message> {
    let answer = conn.ask(message).await?;
    match answer.code {
        Code::CONTINUE => Ok(answer),
        Code::BAD_OPTION => Err(skip("no block-wise transfer: Block1 is answered 4.02")),
        Code::METHOD_NOT_ALLOWED | Code::NOT_FOUND => {
            Err(skip(format!("PUT is answered {}", answer.code)))
        }
        Code::CREATED | Code::CHANGED if !more(&answer) => {
            Err(skip("the server acts on each block by itself"))
        }
        other => Err(deviates(format!("a first block is answered {other}"))),
    }
}

fn more(answer: &Message) -> bool {
    answer.first(BLOCK1).is_some_and(|value| Block::parse(value).more)
}

/// What GET gives, over a connection with room.
async fn stored(cx: &Cx, path: &str) -> Outcome<Vec<u8>> {
    let mut conn = cx.open_with(LARGE_CSM).await?;
    let answer = conn.ask(request(Code::GET, path)).await?;
    conn.ask(request(Code::DELETE, path)).await?;
    if answer.code != Code::CONTENT {
        return Err(skip(format!("GET is answered {}", answer.code)));
    }
    Ok(answer.payload)
}

/// Demands a 2.xx that is not 2.31.
fn done(answer: &Message) -> Outcome {
    match answer.code {
        Code::CREATED | Code::CHANGED => Ok(()),
        other => Err(deviates(format!("the last block is answered {other}"))),
    }
}

fn bodies(parts: &[(u8, usize)]) -> Vec<u8> {
    parts.iter().flat_map(|(byte, length)| vec![*byte; *length]).collect()
}

fn compare(got: &[u8], wanted: &[u8]) -> Outcome {
    if got == wanted {
        return Ok(());
    }
    let shown = annotate::bytes(got);
    Err(deviates(format!("GET gives {} bytes, not the {}: {shown}", got.len(), wanted.len())))
}

const ECHOES: &str = "2.31 says that more is expected, and echoes the block with M 1; it has no \
                      payload.";

pub(super) const CASES: &[Case] = &[
    Case::must("blk1-two", &["BLK-12", "BLK-24"])
        .says("7959 §2.5", "Two blocks make a body")
        .expects("2.31, 2.01 or 2.04, and GET gives both", ECHOES)
        .run(run!(cx, {
            let (path, _guard) = cx.writable().await?;
            let mut conn = cx.open_with(LARGE_CSM).await?;
            let first = begins(&mut conn, part(&path, Block::new(0, true, 2), b'a', 64)).await?;
            if first.first(BLOCK1).map(Block::parse) != Some(Block::new(0, true, 2)) {
                Err(deviates(annotate::described(&first)))?;
            }
            if !first.payload.is_empty() {
                Err(deviates("the 2.31 has a payload"))?;
            }
            done(&conn.ask(part(&path, Block::new(1, false, 2), b'b', 10)).await?)?;
            compare(&stored(&cx, &path).await?, &bodies(&[(b'a', 64), (b'b', 10)]))?;
        })),
    Case::silent("blk1-short", &["BLK-05"])
        .says("7959 §2.3", "A block with M 1 and too few bytes is answered 4.00")
        .expects(
            "4.00",
            "If M is 1, the payload length MUST be the block size; what a server does \
             otherwise is not said. Taking it leaves a hole, or a body nobody has sent.",
        )
        .run(run!(cx, {
            let (path, _guard) = cx.writable().await?;
            let mut conn = cx.open_with(LARGE_CSM).await?;
            let answer = conn.ask(part(&path, Block::new(0, true, 6), b'a', 1)).await?;
            match answer.code {
                Code::BAD_OPTION => Err(skip("no block-wise transfer"))?,
                code if code.class() == 4 => {}
                other => Err(deviates(other.to_string()))?,
            }
        })),
    Case::must("blk1-missing", &["BLK-13"])
        .says("7959 §2.5, §2.9.2", "A last block without the ones before it is answered 4.08")
        .expects("4.08", "If not all previous blocks are available, the server MUST return 4.08.")
        .run(run!(cx, {
            let (path, _guard) = cx.writable().await?;
            let mut conn = cx.open_with(LARGE_CSM).await?;
            let answer = conn.ask(part(&path, Block::new(3, false, 2), b'z', 10)).await?;
            match answer.code {
                Code::INCOMPLETE => {}
                Code::BAD_OPTION => Err(skip("no block-wise transfer"))?,
                other => Err(deviates(other.to_string()))?,
            }
        })),
    Case::must("blk1-gap", &["BLK-13"])
        .says("7959 §2.5", "A gap is answered 4.08, at once or at the end")
        .expects(
            "4.08",
            "An out-of-sequence block MAY be answered so, and the end of an \
             incomplete body MUST. Another error at once is allowed, and says less.",
        )
        .run(run!(cx, {
            let (path, _guard) = cx.writable().await?;
            let mut conn = cx.open_with(LARGE_CSM).await?;
            begins(&mut conn, part(&path, Block::new(0, true, 2), b'a', 64)).await?;
            let gap = conn.ask(part(&path, Block::new(2, true, 2), b'c', 64)).await?;
            match gap.code {
                Code::CONTINUE => {}
                Code::INCOMPLETE => return Ok(()),
                other if other.is_error() => return Err(lenient(other.to_string())),
                other => return Err(deviates(other.to_string())),
            }
            let last = conn.ask(part(&path, Block::new(3, false, 2), b'd', 5)).await?;
            if last.code != Code::INCOMPLETE {
                Err(deviates(last.code.to_string()))?;
            }
        })),
    Case::def("blk1-restart", &["BLK-17"])
        .says("7959 §2.5", "Block 0 begins anew")
        .expects(
            "The second body only",
            "A server that receives block 0 again MAY drop what it \
             has; keeping the old blocks would mix two bodies.",
        )
        .run(run!(cx, {
            let (path, _guard) = cx.writable().await?;
            let mut conn = cx.open_with(LARGE_CSM).await?;
            begins(&mut conn, part(&path, Block::new(0, true, 2), b'a', 64)).await?;
            begins(&mut conn, part(&path, Block::new(0, true, 2), b'b', 64)).await?;
            done(&conn.ask(part(&path, Block::new(1, false, 2), b'c', 3)).await?)?;
            compare(&stored(&cx, &path).await?, &bodies(&[(b'b', 64), (b'c', 3)]))?;
        })),
    Case::must("blk1-format", &["BLK-14"])
        .says("7959 §2.3", "Blocks of different Content-Formats are not put together")
        .expects("4.08", "They MUST NOT be reassembled into the same body; usually that is 4.08.")
        .run(run!(cx, {
            let (path, _guard) = cx.writable().await?;
            let mut conn = cx.open_with(LARGE_CSM).await?;
            begins(&mut conn, part(&path, Block::new(0, true, 2), b'a', 64)).await?;
            let block = Block::new(1, false, 2).value();
            let other = request(Code::PUT, &path).uint(CONTENT_FORMAT, 42).option(BLOCK1, block);
            let answer = conn.ask(other.payload("b")).await?;
            if answer.code.is_success() {
                Err(deviates(answer.code.to_string()))?;
            }
        })),
    Case::silent("blk1-if-none-match", &["BLK-20"])
        .says("9175 §1.1; 7959 §2.10", "If-None-Match on the first block only")
        .expects(
            "2.31, then 2.01",
            "RFC 7959 forbids the option on later blocks, so it cannot be part \
             of what makes them one body; RFC 9175 says that all options have to agree, and does \
             not except it. A client that obeys the first fails with a server that obeys the second.",
        )
        .run(run!(cx, {
            let (path, _guard) = cx.writable().await?;
            if !cx.target().creates() {
                Err(skip("PUT creates nothing here"))?;
            }
            let mut conn = cx.open_with(LARGE_CSM).await?;
            let first = part(&path, Block::new(0, true, 2), b'a', 64).option(IF_NONE_MATCH, []);
            begins(&mut conn, first).await?;
            let last = conn.ask(part(&path, Block::new(1, false, 2), b'b', 1)).await?;
            conn.ask(request(Code::DELETE, &path)).await?;
            done(&last)?;
        })),
    Case::def("blk1-tags", &["EXT-08"])
        .says("9175 §3.3", "Two bodies with different Request-Tags at once stay two")
        .expects(
            "The second body, whole",
            "Blocks are of one operation only if their Request-Tags \
             agree.",
        )
        .run(run!(cx, {
            let (path, _guard) = cx.writable().await?;
            let mut conn = cx.open_with(LARGE_CSM).await?;
            let tagged = |block, byte, length, tag: u8| {
                part(&path, block, byte, length).option(REQUEST_TAG, [tag])
            };
            begins(&mut conn, tagged(Block::new(0, true, 2), b'a', 64, 1)).await?;
            begins(&mut conn, tagged(Block::new(0, true, 2), b'b', 64, 2)).await?;
            let one = conn.ask(tagged(Block::new(1, false, 2), b'c', 3, 1)).await?;
            let two = conn.ask(tagged(Block::new(1, false, 2), b'd', 3, 2)).await?;
            let body = stored(&cx, &path).await?;
            if one.code == Code::INCOMPLETE {
                Err(lenient("only one body at a time: 4.08 for the first"))?;
            }
            done(&two)?;
            compare(&body, &bodies(&[(b'b', 64), (b'd', 3)]))?;
        })),
    Case::must("blk1-connections", &["SEC-18"])
        .says("7959 §7", "Blocks of two connections are not put together")
        .expects(
            "4.08 on the second",
            "Reassembly is for one endpoint; another one's blocks never \
             influence it.",
        )
        .run(run!(cx, {
            let (path, _guard) = cx.writable().await?;
            let mut one = cx.open_with(LARGE_CSM).await?;
            let mut two = cx.open_with(LARGE_CSM).await?;
            begins(&mut one, part(&path, Block::new(0, true, 2), b'a', 64)).await?;
            let answer = two.ask(part(&path, Block::new(1, false, 2), b'b', 3)).await?;
            if answer.code.is_success() {
                Err(deviates(answer.code.to_string()))?;
            }
        })),
    Case::def("blk1-size1", &["BLK-21"])
        .says("7959 §4", "Size1 with the first block does no harm")
        .expects("2.31", "It indicates the size of the body; what it says is not relied on.")
        .run(run!(cx, {
            let (path, _guard) = cx.writable().await?;
            let mut conn = cx.open_with(LARGE_CSM).await?;
            let first = part(&path, Block::new(0, true, 2), b'a', 64);
            begins(&mut conn, first.uint(SIZE1, 65)).await?;
            done(&conn.ask(part(&path, Block::new(1, false, 2), b'b', 1)).await?)?;
            compare(&stored(&cx, &path).await?, &bodies(&[(b'a', 64), (b'b', 1)]))?;
        })),
    Case::def("bert1-two", &["BERT-02", "BERT-08"])
        .says("8323 §6.2", "Two BERT blocks make a body, and 2.31 echoes the number")
        .expects(
            "2.31 with 0/1/BERT, then 2.01 or 2.04, and GET gives all",
            "A BERT block of 2048 \
             bytes is two of 1024; the next number is 2.",
        )
        .run(run!(cx, {
            let (path, _guard) = cx.writable().await?;
            let mut conn = cx.open_with(LARGE_CSM).await?;
            if !conn.peer.bert() || conn.peer.max_message_size < 2304 {
                Err(skip("its CSM does not indicate BERT with room for 2304 bytes"))?;
            }
            let first = begins(&mut conn, part(&path, Block::new(0, true, 7), b'a', 2048)).await?;
            let echo = first.first(BLOCK1).map(Block::parse);
            if echo.is_none_or(|echo| echo.num != 0 || !echo.more) {
                Err(deviates(annotate::described(&first)))?;
            }
            done(&conn.ask(part(&path, Block::new(2, false, 7), b'b', 100)).await?)?;
            compare(&stored(&cx, &path).await?, &bodies(&[(b'a', 2048), (b'b', 100)]))?;
        })),
    Case::silent("bert1-uneven", &["BERT-02"])
        .says("8323 §6", "A BERT block with M 1 and 1500 bytes is an error")
        .expects(
            "4.00",
            "For non-final BERT blocks the payload is always a multiple of 1024 bytes; \
             what a server does otherwise is not said. The next number would have no place.",
        )
        .run(run!(cx, {
            let (path, _guard) = cx.writable().await?;
            let mut conn = cx.open_with(LARGE_CSM).await?;
            if !conn.peer.bert() || conn.peer.max_message_size < 2304 {
                Err(skip("its CSM does not indicate BERT with room for 2304 bytes"))?;
            }
            let answer = conn.ask(part(&path, Block::new(0, true, 7), b'a', 1500)).await?;
            match answer.code {
                Code::BAD_OPTION => Err(skip("no block-wise transfer"))?,
                code if code.class() == 4 => {}
                other => Err(deviates(other.to_string()))?,
            }
        })),
    Case::silent("bert1-not-indicated", &["BERT-13"])
        .says("8323 §5.3.2, §6", "SZX 7 before the server has said that it takes it")
        .expects(
            "2.31 with SZX 7 or smaller; 4.02 where there are no blocks",
            "The client may not \
             have read the CSM yet; of 1024 bytes a BERT block is one of SZX 6.",
        )
        .run(run!(cx, {
            let (path, _guard) = cx.writable().await?;
            let mut conn = cx.open().await?;
            begins(&mut conn, part(&path, Block::new(0, true, 7), b'a', 1024)).await?;
        })),
];
