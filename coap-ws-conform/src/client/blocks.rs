//! What a client does with an answer in blocks (RFC 7959 §2.4, RFC 8323 §6).

use super::guest::content;
use super::{ClientCx, Guest};
use crate::case::{Case, Outcome, deviates, skip, visit};
use crate::wire::annotate;
use crate::wire::message::{Block, Message};
use crate::wire::names::*;

/// The first block of an answer, and the request for the next.
async fn begun(
    cx: &ClientCx,
    block: Block,
    payload: &str,
    etag: &[u8],
) -> Outcome<(Guest, Message, Message)> {
    let (mut guest, request) = cx.asked("/large").await?;
    let answer = content(&request, payload).option(BLOCK2, block.value()).option(ETAG, etag);
    guest.conn.say(&answer).await;
    let next = guest.conn.wait("it does not ask for the next block", |m| m.code.is_request()).await;
    match next {
        Ok(next) => Ok((guest, request, next)),
        Err(_) => Err(skip("the client does not ask for the next block")),
    }
}

/// The Block2 of a request.
fn asked(request: &Message) -> Option<Block> {
    request.first(BLOCK2).map(Block::parse)
}

fn without_blocks(message: &Message) -> Vec<(u16, Vec<u8>)> {
    let kept = message.options.iter().filter(|(n, _)| !matches!(*n, BLOCK2 | SIZE2));
    kept.cloned().collect()
}

const FOLLOWS: &str = "The client continues with the block size of the response; its next request \
                       has the same options and the next number.";

pub(super) const CASES: &[Case] = &[
    Case::must("cl-block2", &["BLK-07", "BLK-08"])
        .says("7959 §2.4", "An answer in blocks of 64 bytes is asked for to its end")
        .expects("Block2 1/0/64 with the same options; the client prints all", FOLLOWS)
        .visit(visit!(cx, {
            let start = "a".repeat(64);
            let first = Block::new(0, true, 2);
            let (mut guest, request, next) = begun(&cx, first, &start, b"1").await?;
            match asked(&next) {
                Some(block) if block.offset() == 64 && block.szx <= 2 => {}
                _ => Err(deviates(annotate::described(&next)))?,
            }
            if without_blocks(&request) != without_blocks(&next) {
                Err(deviates("the options are not the same"))?;
            }
            let last = content(&next, "the end").option(ETAG, b"1");
            guest.conn.say(&last.option(BLOCK2, Block::new(1, false, 2).value())).await;
            guest.succeeds("aaathe end").await?;
        })),
    Case::must("cl-block2-etag", &["BLK-09"])
        .says("7959 §2.4", "Blocks with different ETags are not put together")
        .expects(
            "The client starts anew, or reports a failure",
            "If the ETags differ, the blocks \
             are of different representations and MUST NOT be combined.",
        )
        .visit(visit!(cx, {
            let start = "a".repeat(64);
            let first = Block::new(0, true, 2);
            let (mut guest, _, next) = begun(&cx, first, &start, b"1").await?;
            let last = content(&next, "the end").option(ETAG, b"2");
            guest.conn.say(&last.option(BLOCK2, Block::new(1, false, 2).value())).await;
            guest.fails("aaathe end").await?;
        })),
    Case::def("cl-block2-number", &["BLK-08"])
        .says("7959 §2.4", "A block with another number than asked for is not put in its place")
        .expects("The client reports a failure, or asks again", "The number says where it belongs.")
        .visit(visit!(cx, {
            let start = "a".repeat(64);
            let first = Block::new(0, true, 2);
            let (mut guest, _, next) = begun(&cx, first, &start, b"1").await?;
            let last = content(&next, "the end").option(ETAG, b"1");
            guest.conn.say(&last.option(BLOCK2, Block::new(5, false, 2).value())).await;
            guest.fails("aaathe end").await?;
        })),
    Case::def("cl-bert2", &["BERT-03", "BERT-04"])
        .says("8323 §6", "After a BERT block of 2048 bytes block 2 is asked for")
        .expects(
            "Block2 2/0/BERT, or the same place in a smaller size",
            "The next number follows \
             from the blocks of 1024 in it.",
        )
        .visit(visit!(cx, {
            let (mut guest, request) = cx.asked("/large").await?;
            if !guest.conn.peer.bert() || guest.conn.peer.max_message_size < 2304 {
                Err(skip("its CSM does not indicate BERT with room for 2304 bytes"))?;
            }
            let answer = content(&request, &"b".repeat(2048)).option(ETAG, b"1");
            guest.conn.say(&answer.option(BLOCK2, Block::new(0, true, 7).value())).await;
            let next = guest.conn.wait("", |m| m.code.is_request()).await;
            let Ok(next) = next else {
                return Err(skip("the client does not ask for the next block"));
            };
            if asked(&next).is_none_or(|block| block.offset() != 2048) {
                Err(deviates(annotate::described(&next)))?;
            }
            let last = content(&next, "the end").option(ETAG, b"1");
            guest.conn.say(&last.option(BLOCK2, Block::new(2, false, 7).value())).await;
            guest.succeeds("bbbthe end").await?;
        })),
];
