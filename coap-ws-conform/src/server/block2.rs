//! Block2: large responses (RFC 7959 §2.4, RFC 8323 §6).

use crate::case::{Case, Outcome, deviates, lenient, run, skip};
use crate::conn::Conn;
use crate::context::{CSM, Cx, LARGE_CSM, request};
use crate::wire::annotate;
use crate::wire::message::{Block, Code, Message};
use crate::wire::names::*;

/// A block of the large resource.
fn block(cx: &Cx, block: Block) -> Outcome<Message> {
    Ok(request(Code::GET, cx.target().large()?).option(BLOCK2, block.value()))
}

/// Asks for one, and gives the response with its own Block2 value; the case is skipped where
/// block-wise transfer is not there.
async fn asked(conn: &mut Conn, cx: &Cx, wanted: Block) -> Outcome<(Message, Block)> {
    let answer = conn.ask(block(cx, wanted)?).await?;
    match (answer.code, answer.first(BLOCK2)) {
        (Code::CONTENT, Some(value)) => {
            let got = Block::parse(value);
            Ok((answer, got))
        }
        (Code::BAD_OPTION, _) => Err(skip("no block-wise transfer: Block2 is answered 4.02")),
        (Code::CONTENT, None) => {
            Err(deviates("2.05 without Block2: a Block option has to be processed or refused"))
        }
        (other, _) => Err(deviates(format!("{wanted} is answered {other}"))),
    }
}

/// The whole body, in blocks of this size and whatever the server makes of it.
async fn whole(conn: &mut Conn, cx: &Cx, szx: u8) -> Outcome<Vec<u8>> {
    let mut body: Vec<u8> = Vec::new();
    let mut etag: Option<Vec<u8>> = None;
    let mut size = szx;
    loop {
        let unit = Block::new(0, false, size).unit();
        let wanted = Block::new((body.len() / unit) as u32, false, size);
        let (answer, got) = asked(conn, cx, wanted).await?;
        if got.offset() != body.len() {
            return Err(deviates(format!("asked for {wanted}, got {got}")));
        }
        if got.szx > size {
            return Err(deviates(format!("asked for {wanted}, got {got}, which is larger")));
        }
        check_length(&answer, got)?;
        if etag.is_none() {
            etag = answer.first(ETAG).map(<[u8]>::to_vec);
        } else if answer.first(ETAG) != etag.as_deref() {
            return Err(skip("the resource changes: its ETag does"));
        }
        body.extend(&answer.payload);
        if !got.more {
            return Ok(body);
        }
        if body.len() > 1 << 20 {
            return Err(skip("the resource has more than 1 MiB"));
        }
        size = got.szx;
    }
}

fn check_length(answer: &Message, got: Block) -> Outcome {
    let length = answer.payload.len();
    let right = match (got.more, got.szx) {
        (true, 7) => length > 0 && length.is_multiple_of(1024),
        (true, _) => length == got.unit(),
        (false, 7) => true,
        (false, _) => length <= got.unit(),
    };
    if right { Ok(()) } else { Err(deviates(format!("{got} with a payload of {length} bytes"))) }
}

/// The length of the body, by asking in blocks of 1024.
async fn length(cx: &Cx) -> Outcome<usize> {
    let mut conn = cx.open_with(LARGE_CSM).await?;
    Ok(whole(&mut conn, cx, 6).await?.len())
}

const EXACT: &str = "Where more blocks follow, the payload is exactly as long as the block size \
                     says.";
const SMALLER: &str = "The server uses the requested size or a smaller one; the position in bytes \
                       is what counts.";

pub(super) const CASES: &[Case] = &[
    Case::must("blk2-first", &["BLK-01", "BLK-05"])
        .says("7959 §2.3, §2.4", "The first block of 1024 bytes")
        .expects("2.05 with Block2 0/1/1024 or smaller, and as many bytes", EXACT)
        .run(run!(cx, {
            let mut conn = cx.open_with(LARGE_CSM).await?;
            let (answer, got) = asked(&mut conn, &cx, Block::new(0, false, 6)).await?;
            check_length(&answer, got)?;
            if got.num != 0 || !got.more || got.szx > 6 {
                Err(deviates(format!("Block2 {got}")))?;
            }
        })),
    Case::must("blk2-16", &["BLK-03", "BLK-05", "BLK-07"])
        .says("7959 §2.2, §2.4", "Blocks of 16 bytes, one after the other")
        .expects("2.05 with Block2 0/1/16 to 3/1/16, and 16 bytes each", SMALLER)
        .run(run!(cx, {
            let mut conn = cx.open_with(LARGE_CSM).await?;
            for num in 0..4 {
                let (answer, got) = asked(&mut conn, &cx, Block::new(num, false, 0)).await?;
                check_length(&answer, got)?;
                if got != Block::new(num, true, 0) {
                    Err(deviates(format!("Block2 {got}")))?;
                }
            }
        })),
    Case::silent("blk2-random", &["BLK-03"])
        .says("7959 §1, §2.3", "A block can be asked for without the ones before it")
        .expects(
            "2.05 with Block2 3/1/64",
            "The options can be used for random access, if needed: \
             a request with a number asks for that block. A server that keeps the representation \
             for one transfer only may not be able to.",
        )
        .run(run!(cx, {
            let mut conn = cx.open_with(LARGE_CSM).await?;
            let answer = conn.ask(block(&cx, Block::new(3, false, 2))?).await?;
            if answer.code == Code::BAD_OPTION {
                Err(skip("no block-wise transfer: Block2 is answered 4.02"))?;
            }
            if answer.code != Code::CONTENT {
                Err(deviates(answer.code.to_string()))?;
            }
        })),
    Case::def("blk2-empty-value", &["BLK-02"])
        .says("7959 §2.2", "An empty Block2 value is block 0 of 16 bytes")
        .expects(
            "2.05 with Block2 0/1/16 and 16 bytes",
            "A value of zero length is 0/0/16, and \
             something else than no option.",
        )
        .run(run!(cx, {
            let mut conn = cx.open_with(LARGE_CSM).await?;
            let (answer, got) = asked(&mut conn, &cx, Block::new(0, false, 0)).await?;
            if got != Block::new(0, true, 0) || answer.payload.len() != 16 {
                Err(deviates(format!("Block2 {got}, {} bytes", answer.payload.len())))?;
            }
        })),
    Case::must("blk2-m-ignored", &["BLK-06"])
        .says("7959 §2.3", "The M bit of a request's Block2 is ignored")
        .expects(
            "As without it",
            "In control usage M MUST be set as zero and ignored on reception.",
        )
        .run(run!(cx, {
            let mut conn = cx.open_with(LARGE_CSM).await?;
            let (first, _) = asked(&mut conn, &cx, Block::new(0, false, 2)).await?;
            let (second, got) = asked(&mut conn, &cx, Block::new(1, true, 2)).await?;
            if got.num != 1 || second.payload == first.payload {
                Err(deviates(format!("Block2 {got}")))?;
            }
        })),
    Case::must("blk2-whole-1024", &["BLK-07", "BLK-08"])
        .says("7959 §2.4", "The whole body in blocks of 1024 bytes")
        .expects("Blocks in order, the last with M 0", SMALLER)
        .run(run!(cx, {
            let mut conn = cx.open_with(LARGE_CSM).await?;
            whole(&mut conn, &cx, 6).await?;
        })),
    Case::must("blk2-sizes-agree", &["BLK-03", "BLK-07"])
        .says("7959 §2.2", "The same bytes come in blocks of 64 as in blocks of 1024")
        .expects("The same first 4096 bytes", "Position is number times size.")
        .run(run!(cx, {
            let mut conn = cx.open_with(LARGE_CSM).await?;
            let (large, _) = asked(&mut conn, &cx, Block::new(0, false, 6)).await?;
            let mut small = Vec::new();
            for num in 0..(large.payload.len() / 64) as u32 {
                small.extend(asked(&mut conn, &cx, Block::new(num, false, 2)).await?.0.payload);
            }
            if !large.payload.starts_with(&small) {
                Err(deviates("other bytes"))?;
            }
        })),
    Case::def("blk2-size-switch", &["BERT-09", "BLK-03"])
        .says("7959 §2.4; 8323 §6", "Changing the size keeps the position")
        .expects("Block 32 of 16 is where block 1 of 512 is", "Position is number times size.")
        .run(run!(cx, {
            let mut conn = cx.open_with(LARGE_CSM).await?;
            asked(&mut conn, &cx, Block::new(0, false, 5)).await?;
            let (small, _) = asked(&mut conn, &cx, Block::new(32, false, 0)).await?;
            let mut again = cx.open_with(LARGE_CSM).await?;
            asked(&mut again, &cx, Block::new(0, false, 5)).await?;
            let (large, _) = asked(&mut again, &cx, Block::new(1, false, 5)).await?;
            if !large.payload.starts_with(&small.payload) {
                Err(deviates("other bytes"))?;
            }
        })),
    Case::silent("blk2-beyond", &["BLK-25"])
        .says("7959 §2.4", "A block beyond the end is an error")
        .expects(
            "4.00",
            "Nothing is written about it; an empty 2.05 looks like an end that is not \
             there. 4.02 is seen too.",
        )
        .run(run!(cx, {
            let length = length(&cx).await?;
            let mut conn = cx.open_with(LARGE_CSM).await?;
            let beyond = Block::new((length / 1024 + 7) as u32, false, 6);
            let answer = conn.ask(block(&cx, beyond)?).await?;
            if answer.code.class() != 4 {
                Err(deviates(annotate::described(&answer)))?;
            }
        })),
    Case::def("blk2-largest-number", &["BLK-25"])
        .says("7959 §2.2", "Block 1048575 is an error, or there")
        .expects(
            "An error of class 4, or that block",
            "The number has 20 bits; its position does \
             not fit 32 bits times anything careless.",
        )
        .run(run!(cx, {
            let mut conn = cx.open_with(LARGE_CSM).await?;
            let answer = conn.ask(block(&cx, Block::new(1_048_575, false, 6))?).await?;
            if answer.code.is_success() && answer.payload.is_empty() {
                Err(lenient("2.05 with nothing"))?;
            }
            if answer.code.class() == 5 {
                Err(deviates(answer.code.to_string()))?;
            }
            conn.goes_on().await?;
        })),
    Case::must("blk2-etag", &["BLK-09", "BLK-10"])
        .says("7959 §2.4; 9175 §3.8", "Blocks have an ETag, the same for all of one body")
        .expects(
            "One ETag",
            "The server SHOULD include an ETag so that the client can tell blocks \
             of different representations apart.",
        )
        .run(run!(cx, {
            let mut conn = cx.open_with(LARGE_CSM).await?;
            let (a, got) = asked(&mut conn, &cx, Block::new(0, false, 6)).await?;
            let (b, _) = asked(&mut conn, &cx, Block::new(1, false, got.szx)).await?;
            match (a.first(ETAG), b.first(ETAG)) {
                (Some(a), Some(b)) if a == b => {}
                (None, None) => Err(lenient("there is none"))?,
                _ => Err(deviates("two different ones, or one and none"))?,
            }
        })),
    Case::must("blk2-size2", &["BLK-21"])
        .says("7959 §4", "Size2 0 in a request asks for the size, and does no harm")
        .expects("The first block, best with Size2", "Size2 is elective; a server may give it.")
        .run(run!(cx, {
            let length = length(&cx).await?;
            let mut conn = cx.open_with(LARGE_CSM).await?;
            let get = block(&cx, Block::new(0, false, 6))?.option(SIZE2, []);
            let answer = conn.ask_for(get, &[Code::CONTENT]).await?;
            if answer.number(SIZE2).is_some_and(|size| size != length as u64) {
                Err(deviates(format!("Size2 is not the {length} bytes that it has")))?;
            }
        })),
    Case::def("blk2-unasked", &["CSM-18", "CSM-16"])
        .says("7959 §2.4; 8323 §5.3.1", "What does not fit our limit comes in blocks")
        .expects(
            "2.05 with Block2, in at most 1152 bytes; 5.00 if there are no blocks",
            "A server \
             may use Block2 unasked, and must not exceed our Max-Message-Size.",
        )
        .run(run!(cx, {
            let mut conn = cx.open_with(CSM).await?;
            let answer = conn.ask(request(Code::GET, cx.target().large()?)).await?;
            let size = answer.bytes().len();
            if size > 1152 {
                Err(deviates(format!("a response of {size} bytes")))?;
            }
            if answer.code.is_error() {
                Err(lenient(format!("{} in place of blocks", answer.code)))?;
            }
            if answer.code == Code::CONTENT && !answer.has(BLOCK2) {
                Err(skip("the resource fits"))?;
            }
        })),
    Case::def("blk2-small-limit", &["CSM-18", "CSM-19", "CSM-16"])
        .says("7959 §2.4; 8323 §5.3.1", "The size of blocks fits a limit of 128 bytes")
        .expects(
            "Blocks of at most 64 bytes",
            "Header, token, options and payload together are \
             limited, whatever size was asked for.",
        )
        .run(run!(cx, {
            let mut conn = cx.open_with("00e1 2180 20").await?;
            let (answer, got) = asked(&mut conn, &cx, Block::new(0, false, 6)).await?;
            check_length(&answer, got)?;
            let size = answer.bytes().len();
            if size > 128 {
                Err(deviates(format!("{size} bytes")))?;
            }
        })),
    Case::def("bert2-request", &["BERT-05"])
        .says("8323 §6", "SZX 7 in a request is taken like 1024, or as BERT")
        .expects(
            "2.05 with Block2 0/1/BERT or smaller",
            "A BERT option in control usage is \
             interpreted as SZX 6, and says that its sender can process BERT.",
        )
        .run(run!(cx, {
            let mut conn = cx.open_with(LARGE_CSM).await?;
            if !conn.peer.bert() {
                Err(skip("its CSM does not indicate BERT"))?;
            }
            let (answer, got) = asked(&mut conn, &cx, Block::new(0, false, 7)).await?;
            check_length(&answer, got)?;
        })),
    Case::def("bert2-whole", &["BERT-01", "BERT-02", "BERT-03", "BERT-04"])
        .says("8323 §6", "The whole body with BERT is the one in blocks of 1024")
        .expects(
            "The same bytes; numbers count in 1024",
            "A BERT block stands for that many blocks \
             of 1024 bytes, and the next number follows from it.",
        )
        .run(run!(cx, {
            let mut conn = cx.open_with(LARGE_CSM).await?;
            if !conn.peer.bert() {
                Err(skip("its CSM does not indicate BERT"))?;
            }
            let bert = whole(&mut conn, &cx, 7).await?;
            if bert != whole(&mut conn, &cx, 6).await? {
                Err(deviates("other bytes"))?;
            }
        })),
    Case::def("bert2-limit", &["BERT-07", "CSM-16"])
        .says("8323 §5.3.1, §6", "A BERT block fits our Max-Message-Size of 2304")
        .expects("At most 2304 bytes: two blocks of 1024", "The whole message is limited.")
        .run(run!(cx, {
            let mut conn = cx.open_with("00e1 220900 20").await?;
            if !conn.peer.bert() {
                Err(skip("its CSM does not indicate BERT"))?;
            }
            let (answer, got) = asked(&mut conn, &cx, Block::new(0, false, 7)).await?;
            check_length(&answer, got)?;
            let size = answer.bytes().len();
            if size > 2304 {
                Err(deviates(format!("{size} bytes")))?;
            }
        })),
    Case::def("bert2-not-indicated", &["BERT-06", "CSM-22"])
        .says("8323 §5.3.2", "Towards 1152 bytes there is no BERT")
        .expects(
            "SZX 6 or smaller",
            "BERT is indicated by Block-Wise-Transfer and a \
             Max-Message-Size above 1152, and withdrawn by a smaller one.",
        )
        .run(run!(cx, {
            let mut conn = cx.open_with("00e1 220900 20").await?;
            conn.send("00e1 220480").await;
            let (answer, got) = asked(&mut conn, &cx, Block::new(0, false, 6)).await?;
            check_length(&answer, got)?;
            if got.szx > 6 || answer.bytes().len() > 1152 {
                Err(deviates(format!("Block2 {got}")))?;
            }
        })),
    Case::must("blk-q-block", &["BERT-12"])
        .says("9177 §3; 7252 §5.4.1", "Q-Block2 towards who does not have it is answered 4.02")
        .expects("4.02, or the block of who has it", "The option is critical.")
        .run(run!(cx, {
            let mut conn = cx.open().await?;
            let answer = conn.ask(cx.get()?.option(Q_BLOCK2, [6])).await?;
            if answer.code != Code::BAD_OPTION && !answer.has(Q_BLOCK2) {
                Err(deviates(answer.code.to_string()))?;
            }
        })),
];
