//! Block-wise transfer: the steppers of both ends, together and each against a peer that says
//! anything.

use crate::tape::Tape;
use coap_ws_core::block::{
    Agreement, Bert, Block, BlockSize, MAX_RESTARTS, More, Part, Progress, Received,
    RequestAssembly, ResponseAssembly, Room, Serving, Slices, acknowledge,
};
use coap_ws_core::message::Code;

/// What a transfer takes at most: with the smallest blocks, and each of them refused once.
const MANY: usize = 4096;

/// Whatever the two ends and the room between them do: a body arrives whole or not at all, and
/// nobody is made to hold or to send what is no part of it.
pub fn blocks(input: &[u8]) {
    let mut tape = Tape::new(input);
    match tape.below(5) {
        0 => up(&mut tape),
        1 => down(&mut tape),
        2 => any_client(&mut tape),
        3 => any_server(&mut tape),
        _ => any_numbers(&mut tape),
    }
}

fn bert(tape: &mut Tape<'_>) -> Bert {
    tape.pick(&[Bert::Agreed, Bert::Offered, Bert::Accepted, Bert::Refused])
}

fn size(tape: &mut Tape<'_>) -> BlockSize {
    tape.pick(&BlockSize::ALL)
}

fn room(tape: &mut Tape<'_>) -> Room {
    let payload = tape.pick(&[1100_u32, 16, 15, 64, 1024, 3000, 20_000, 1023]);
    Room::new(payload + 50, 50)
}

fn length(tape: &mut Tape<'_>) -> u64 {
    let most = tape.pick(&[60, 1100, 20_000]);
    tape.below(most)
}

/// Bytes that say where they are.
fn body(len: u64) -> Vec<u8> {
    (0..len).map(|at| (at ^ (at >> 8)) as u8).collect()
}

fn store(held: &mut Vec<u8>, at: u64, payload: &[u8]) {
    assert!(at <= held.len() as u64, "a hole");
    held.truncate(at as usize);
    held.extend_from_slice(payload);
}

/// A request's body, by honest ends that change their minds.
fn up(tape: &mut Tape<'_>) {
    let bytes = body(length(tape));
    let mut slices = Slices::new(bytes.len() as u64, size(tape));
    let mut assembly = RequestAssembly::new(bytes.len() as u64);
    let mut held = Vec::new();
    for _ in 0..MANY {
        let (room, bert) = (room(tape), bert(tape));
        let Ok(Some(slice)) = slices.next(room, bert) else { return };
        let block = slice.block();
        let payload = slice.of(&bytes).expect("a part of it");
        assert!(room.takes(payload.len() as u64), "larger than the room");
        if tape.chance(10) {
            let smaller = Block::first(size(tape));
            let code = Code::REQUEST_ENTITY_TOO_LARGE;
            // The server keeps nothing of what it refuses.
            assembly = RequestAssembly::new(bytes.len() as u64);
            held.clear();
            match slices.handle_response(code, Some(smaller), bert) {
                Ok(Progress::Again) => continue,
                _ => return,
            }
        }
        let Ok(piece) = assembly.handle_block(block, payload.len(), bert) else { return };
        store(&mut held, piece.at, payload);
        let code = if piece.more.is_set() { Code::CONTINUE } else { Code::CHANGED };
        let answer = acknowledge(block, piece.more, size(tape), bert);
        match slices.handle_response(code, Some(answer), bert) {
            Ok(Progress::Continue) => assert_eq!(slices.arrived(), held.len() as u64),
            Ok(Progress::Final) => {
                assert_eq!(held, bytes, "it has arrived, and is another");
                return;
            }
            _ => return,
        }
    }
    panic!("a transfer without end");
}

/// A response's body, by honest ends that change their minds.
fn down(tape: &mut Tape<'_>) {
    let bytes = body(length(tape));
    let mut assembly = ResponseAssembly::new(bytes.len() as u64);
    let mut held = Vec::new();
    for _ in 0..MANY {
        let (room, bert) = (room(tape), bert(tape));
        if tape.chance(20) {
            assembly.limit_size(size(tape));
        }
        let Ok(asked) = assembly.request(bert) else { return };
        let body_len = bytes.len() as u64;
        let serving = Serving { body_len, largest: size(tape), room, bert };
        let Ok(slice) = serving.slice(asked) else { return };
        let payload = slice.of(&bytes).expect("a part of it");
        let block = Some(slice.block());
        let (etag, content_format) = (Agreement::Same, Agreement::Same);
        let part = Part { block, len: payload.len(), etag, content_format };
        let Ok(Received::Piece(piece)) = assembly.handle_block(part, bert) else { return };
        store(&mut held, piece.at, payload);
        if !piece.more.is_set() {
            assert_eq!(held, bytes, "it has arrived, and is another");
            return;
        }
    }
    panic!("a transfer without end");
}

fn more(tape: &mut Tape<'_>) -> More {
    tape.pick(&[More::Yes, More::No])
}

/// A block that mostly follows what is held.
fn follows(tape: &mut Tape<'_>, held: u64) -> Option<(Block, usize)> {
    let size = size(tape);
    let unit = u64::from(size.bytes());
    let num = if tape.chance(200) { held / unit } else { tape.below(1 << 21) };
    let block = Block::new(u32::try_from(num).ok()?, more(tape), size)?;
    let units = tape.below(3);
    let odd = if tape.chance(60) { tape.below(unit) } else { 0 };
    Some((block, (unit * units + odd) as usize))
}

/// A client that sends any blocks to a server.
fn any_client(tape: &mut Tape<'_>) {
    let limit = length(tape);
    let mut assembly = RequestAssembly::new(limit);
    let mut held = 0_u64;
    while !tape.is_over() {
        let bert = bert(tape);
        let Some((block, len)) = follows(tape, held) else { continue };
        match assembly.handle_block(block, len, bert) {
            Ok(piece) => {
                assert!(piece.at <= held, "a hole");
                assert_eq!(piece.is_first(), piece.at == 0);
                held = piece.at + len as u64;
                assert!(held <= limit, "more than the limit");
                if piece.more.is_set() {
                    assert_eq!(assembly.held(), held);
                    let answer = acknowledge(block, piece.more, size(tape), bert);
                    assert!(answer.num() == block.num() && answer.size() <= block.size());
                } else {
                    (assembly, held) = (RequestAssembly::new(limit), 0);
                }
            }
            Err(refusal) => {
                assert!(refusal.code().is_error());
                (assembly, held) = (RequestAssembly::new(limit), 0);
            }
        }
    }
}

/// A server that answers a client with any blocks.
fn any_server(tape: &mut Tape<'_>) {
    let limit = length(tape);
    let mut assembly = ResponseAssembly::new(limit);
    let (mut held, mut restarts) = (0_u64, 0);
    while !tape.is_over() {
        let bert = bert(tape);
        let Ok(asked) = assembly.request(bert) else { return };
        assert_eq!(asked.map_or(0, Block::offset), held, "what is asked for is what is missing");
        let Some((block, len)) = follows(tape, held) else { continue };
        let block = (!tape.chance(10)).then_some(block);
        let all = [Agreement::Same, Agreement::Same, Agreement::Same, Agreement::Different];
        let (etag, content_format) = (tape.pick(&all), tape.pick(&all));
        let part = Part { block, len, etag, content_format };
        match assembly.handle_block(part, bert) {
            Ok(Received::Piece(piece)) => {
                assert_eq!(piece.at, held, "only ever at the end");
                held += len as u64;
                assert!(held <= limit, "more than the limit");
                if !piece.more.is_set() {
                    return;
                }
            }
            Ok(Received::Restart) => {
                (held, restarts) = (0, restarts + 1);
                assert!(restarts <= MAX_RESTARTS, "anew for ever");
            }
            _ => return,
        }
        assert_eq!(assembly.held(), held);
    }
}

/// Any numbers at all, and any answers to what we send.
fn any_numbers(tape: &mut Tape<'_>) {
    let mut number = |bytes: usize| {
        let bytes = tape.bytes(bytes);
        bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
    };
    let (body_len, payload) = (number(8), number(4) as u32);
    let (fixed, asked) = (number(2) as usize, Block::from_uint(number(4) as u32));
    let room = Room::new(payload, fixed);
    let (largest, bert) = (size(tape), bert(tape));
    if let Ok(slice) = (Serving { body_len, largest, room, bert }).slice(asked) {
        let range = slice.range();
        assert_eq!(range.start, asked.map_or(0, Block::offset));
        assert!(range.end <= body_len && room.takes(range.end - range.start));
    }
    let mut slices = Slices::new(body_len, largest);
    for _ in 0..8 {
        let Ok(Some(slice)) = slices.next(room, bert) else { return };
        assert!(slice.range().end <= body_len);
        let code = Code::from_byte(tape.byte());
        let answer = Block::from_bytes(tape.bytes(3));
        if slices.handle_response(code, answer, bert).is_err() {
            return;
        }
        assert!(slices.arrived() <= body_len, "more has arrived than there is");
    }
}
