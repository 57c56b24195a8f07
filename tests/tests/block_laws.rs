//! Laws of block-wise transfer, against models that hold the bytes.

use coap_ws_core::block::{
    Agreement, Bert, Block, BlockError, BlockSize, MAX_RESTARTS, More, Part, Progress, Received,
    Refusal, RequestAssembly, ResponseAssembly, Room, Serving, Slices, acknowledge, operation_key,
    same_operation,
};
use coap_ws_core::message::{
    Code, Encode, EncodeError, Encoder, Message, OptionNumber, encode_message,
};
use coap_ws_tests::reference::Parts;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

fn size() -> impl Strategy<Value = BlockSize> {
    select(&BlockSize::ALL[..])
}

/// What two ends that have BERT may make of it.
fn bert() -> impl Strategy<Value = Bert> {
    prop_oneof![
        3 => Just(Bert::Agreed),
        1 => Just(Bert::Offered),
        1 => Just(Bert::Accepted),
    ]
}

fn payload_room() -> impl Strategy<Value = u32> {
    prop_oneof![2 => 16..1200_u32, 3 => 1020..20_000_u32]
}

fn room(payload: u32) -> Room {
    Room::new(payload + 100, 100)
}

/// Bytes of which each says where it is.
fn body(len: usize) -> Vec<u8> {
    (0..len).map(|index| (index ^ (index >> 8)) as u8).collect()
}

/// How one message of a transfer differs from the next.
#[derive(Clone, Copy, Debug)]
struct Step {
    room: u32,
    bert: Bert,
    /// What the receiver of the body wants from now on.
    wish: BlockSize,
    /// What the sender of the body wants from now on.
    largest: BlockSize,
    /// The server acts on this block at once.
    stateless: bool,
    /// The server refuses this block with a hint.
    hint: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let wish = || prop_oneof![3 => Just(BlockSize::Bert), 1 => size()];
    (payload_room(), bert(), wish(), wish(), any::<bool>(), prop::bool::weighted(0.05)).prop_map(
        |(room, bert, wish, largest, stateless, hint)| Step {
            room,
            bert,
            wish,
            largest,
            stateless,
            hint,
        },
    )
}

/// Steps that are taken over and over.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 1..12)
}

fn store(held: &mut Vec<u8>, at: u64, payload: &[u8]) -> Result<(), TestCaseError> {
    held.truncate(usize::try_from(at).unwrap());
    prop_assert_eq!(held.len() as u64, at, "a hole");
    held.extend_from_slice(payload);
    Ok(())
}

/// What an atomic server has when it has got all: the blocks, put together.
fn send_request_body(
    body: &[u8],
    first: BlockSize,
    steps: &[Step],
) -> Result<Vec<u8>, TestCaseError> {
    let mut slices = Slices::new(body.len() as u64, first);
    let mut assembly = RequestAssembly::new(body.len() as u64);
    let mut held = Vec::new();
    let mut last_size = first;
    for step in steps.iter().cycle().take(10_000) {
        let slice = slices.next(room(step.room), step.bert).unwrap().expect("not over");
        let block = slice.block();
        let payload = slice.of(body).unwrap();
        prop_assert!(payload.len() <= step.room as usize);
        // Invariant 39; BERT-06.
        prop_assert!(block.size() <= last_size);
        prop_assert!(!block.size().is_bert() || step.bert == Bert::Agreed);
        last_size = block.size();

        if step.hint && block.size() > BlockSize::B16 {
            let smaller = Block::first(BlockSize::from_szx(block.size().szx() - 1).unwrap());
            let code = Code::REQUEST_ENTITY_TOO_LARGE;
            let progress = slices.handle_response(code, Some(smaller), step.bert).unwrap();
            prop_assert_eq!(progress, Progress::Again);
            continue;
        }
        let piece = assembly.handle_block(block, payload.len(), step.bert).unwrap();
        store(&mut held, piece.at, payload)?;
        prop_assert_eq!(piece.more, block.more());
        let (code, more) = match (piece.more, step.stateless) {
            (More::Yes, false) => (Code::CONTINUE, More::Yes),
            _ => (Code::CHANGED, More::No),
        };
        let ack = acknowledge(block, more, step.wish, step.bert);
        prop_assert_eq!(ack.num(), block.num());
        prop_assert!(ack.size() <= block.size() && ack.size() <= step.wish.max(BlockSize::B16));
        match slices.handle_response(code, Some(ack), step.bert).unwrap() {
            Progress::Continue => prop_assert_eq!(slices.arrived(), held.len() as u64),
            Progress::Final => return Ok(held),
            other => prop_assert!(false, "{:?}", other),
        }
    }
    panic!("a transfer without end")
}

/// What a client has when it has got all.
fn fetch_response_body(body: &[u8], steps: &[Step]) -> Result<Vec<u8>, TestCaseError> {
    let mut assembly = ResponseAssembly::new(body.len() as u64);
    let mut held = Vec::new();
    let mut last_asked = BlockSize::Bert;
    for step in steps.iter().cycle().take(10_000) {
        if step.hint {
            assembly.limit_size(step.wish);
        }
        let asked = assembly.request(step.bert).unwrap();
        let serving = Serving {
            body_len: body.len() as u64,
            largest: step.largest,
            room: room(step.room),
            bert: step.bert,
        };
        let slice = serving.slice(asked).unwrap();
        let block = slice.block();
        if let Some(asked) = asked {
            prop_assert!(!asked.more().is_set());
            prop_assert!(asked.size() <= last_asked && block.size() <= asked.size());
            prop_assert!(!asked.size().is_bert() || step.bert == Bert::Agreed);
            last_asked = asked.size();
        }
        prop_assert!(!block.size().is_bert() || step.bert == Bert::Agreed);
        let payload = slice.of(body).unwrap();
        prop_assert!(payload.len() <= step.room as usize);
        let part = Part {
            block: Some(block),
            len: payload.len(),
            etag: Agreement::Same,
            content_format: Agreement::Same,
        };
        let received = assembly.handle_block(part, step.bert).unwrap();
        let Received::Piece(piece) = received else { panic!("{received:?}") };
        store(&mut held, piece.at, payload)?;
        if !piece.more.is_set() {
            return Ok(held);
        }
    }
    panic!("a transfer without end")
}

proptest! {
    // Invariants 36, 37, 39; BLK-03, BLK-05, BLK-07, BLK-11, BERT-02, BERT-04, BERT-08 to BERT-11
    #[test]
    fn a_request_body_arrives_whole(len in 0..30_000_usize, first in size(), steps in steps()) {
        let body = body(len);
        prop_assert_eq!(send_request_body(&body, first, &steps)?, body);
    }

    // Invariants 36, 37, 39; BLK-07, BLK-25, BERT-03, BERT-06, BERT-07, BERT-09, BERT-11
    #[test]
    fn a_response_body_arrives_whole(len in 0..30_000_usize, steps in steps()) {
        let body = body(len);
        prop_assert_eq!(fetch_response_body(&body, &steps)?, body);
    }
}

/// A server as RFC 7959 describes it, with the bytes: a BERT block is taken apart into blocks of
/// 1024 bytes (RFC 8323 §6), each of which must follow the one before.
#[derive(Default)]
struct Model {
    blocks: Option<Vec<u8>>,
    /// Bodies that are complete.
    delivered: Vec<Vec<u8>>,
}

impl Model {
    fn handle(&mut self, num: u32, more: bool, szx: u8, payload: &[u8], limit: usize) -> Code {
        let unit = 1_usize << (szx.min(6) + 4);
        let before = self.blocks.take();
        let whole = payload.len().is_multiple_of(unit) && !payload.is_empty();
        let right = if szx == 7 { whole } else { payload.len() == unit };
        if more && !right {
            return Code::BAD_REQUEST;
        }
        let mut body = match (num, before) {
            (0, _) => Vec::new(),
            (_, Some(body)) if body.len() == num as usize * unit => body,
            _ => return Code::REQUEST_ENTITY_INCOMPLETE,
        };
        for (index, chunk) in payload.chunks(unit).enumerate() {
            assert_eq!(body.len(), (num as usize + index) * unit);
            body.extend_from_slice(chunk);
        }
        if body.len() > limit {
            return Code::REQUEST_ENTITY_TOO_LARGE;
        }
        if more {
            self.blocks = Some(body);
            return Code::CONTINUE;
        }
        self.delivered.push(body);
        Code::CHANGED
    }
}

/// A block that may follow, repeat, skip, restart or lie, and its payload's length.
#[derive(Clone, Copy, Debug)]
enum Move {
    /// What comes next, in this size; so many units for BERT.
    Next(u8, bool, usize),
    /// The last one again.
    Repeat,
    /// Anything.
    Any(u32, bool, u8, usize),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let len = prop_oneof![select(&[0, 15, 16, 17, 32, 64, 1024, 1500, 2048][..]), 0..3000_usize];
    let one = prop_oneof![
        8 => (0..=7_u8, prop::bool::weighted(0.8), 1..3_usize)
            .prop_map(|(szx, more, units)| Move::Next(szx, more, units)),
        1 => Just(Move::Repeat),
        2 => (prop_oneof![0..4_u32, Just(Block::MAX_NUM)], any::<bool>(), 0..=7_u8, len)
            .prop_map(|(num, more, szx, len)| Move::Any(num, more, szx, len)),
    ];
    vec(one, 1..40)
}

/// The moves as number, more, size and payload length, given how much is held now.
fn play(
    moves: &[Move],
    held: usize,
    index: usize,
    last: (u32, bool, u8, usize),
) -> (u32, bool, u8, usize) {
    match moves[index] {
        Move::Next(szx, more, units) => {
            // The largest size from which on the offset has a number.
            let szx =
                (0..=szx).rev().find(|szx| held.is_multiple_of(16 << (*szx).min(6))).unwrap_or(0);
            let unit = 16_usize << szx.min(6);
            let len = if szx == 7 { unit * units } else { unit };
            let len = if more { len } else { len - units };
            ((held / unit) as u32, more, szx, len)
        }
        Move::Repeat => last,
        Move::Any(num, more, szx, len) => (num, more, szx, len),
    }
}

proptest! {
    // Invariants 36, 37, 38; BLK-05, BLK-13, BLK-15, BLK-17, BERT-02, BERT-04, T73, T77
    #[test]
    fn any_blocks_get_the_verdict_of_the_model(moves in moves(), limit in 0..9000_usize) {
        let mut assembly = RequestAssembly::new(limit as u64);
        let (mut held, mut delivered) = (Vec::new(), Vec::new());
        let mut model = Model::default();
        let mut last = (0, true, 0, 16);
        for index in 0..moves.len() {
            let count = model.blocks.as_ref().map_or(0, Vec::len);
            last = play(&moves, count, index, last);
            let (num, more, szx, len) = last;
            let payload = vec![index as u8; len];
            let expected = model.handle(num, more, szx, &payload, limit);

            let flag = if more { More::Yes } else { More::No };
            let block = Block::new(num, flag, BlockSize::from_szx(szx).unwrap()).unwrap();
            let code = match assembly.handle_block(block, len, Bert::Accepted) {
                Ok(piece) => {
                    store(&mut held, piece.at, &payload)?;
                    prop_assert_eq!(piece.is_first(), num == 0);
                    if piece.more.is_set() {
                        Code::CONTINUE
                    } else {
                        delivered.push(std::mem::take(&mut held));
                        Code::CHANGED
                    }
                }
                Err(refusal) => {
                    held.clear();
                    refusal.code()
                }
            };
            prop_assert_eq!(code, expected, "{} with {} bytes", block, len);
            prop_assert!(held.len() <= limit);
            prop_assert_eq!(assembly.held(), held.len() as u64);
            prop_assert_eq!(&held, &model.blocks.clone().unwrap_or_default());
        }
        prop_assert_eq!(delivered, model.delivered);
    }

    // Invariants 4, 36, 37; BLK-09, BLK-25, T75, T76
    #[test]
    fn no_server_gets_a_client_to_store_what_is_no_body(
        answers in vec((any::<bool>(), 0..5_u32, any::<bool>(), 0..=7_u8, 0..4_usize,
            prop::bool::weighted(0.1), any::<bool>()), 1..60),
        limit in 0..9000_u64,
    ) {
        let mut assembly = ResponseAssembly::new(limit);
        let (mut held, mut restarts) = (0_u64, 0);
        for (follows, num, more, szx, units, changed, with_block) in answers {
            let size = BlockSize::from_szx(szx).unwrap();
            let unit = u64::from(size.bytes());
            let num = if follows { u32::try_from(held / unit).unwrap() } else { num };
            let more = if more { More::Yes } else { More::No };
            let block = with_block.then(|| Block::new(num, more, size).unwrap());
            let len = unit * units as u64;
            let etag = if changed { Agreement::Different } else { Agreement::Same };
            let part = Part { block, len: len as usize, etag, content_format: Agreement::Same };
            match assembly.handle_block(part, Bert::Agreed) {
                Ok(Received::Piece(piece)) => {
                    prop_assert_eq!(piece.at, held, "only ever at the end");
                    prop_assert_eq!(piece.at, block.map_or(0, Block::offset));
                    prop_assert!(piece.at == 0 || !changed, "of two representations");
                    held += len;
                    prop_assert!(held <= limit);
                    if !piece.more.is_set() {
                        break;
                    }
                    prop_assert!(len > 0, "no progress");
                }
                Ok(Received::Restart) => {
                    prop_assert!(changed && held > 0);
                    held = 0;
                    restarts += 1;
                    prop_assert!(restarts <= MAX_RESTARTS);
                }
                Ok(other) => prop_assert!(false, "{:?}", other),
                Err(error) => {
                    let too_large = matches!(error, BlockError::TooLarge { .. });
                    prop_assert!(!too_large || held + len > limit);
                    break;
                }
            }
            prop_assert_eq!(assembly.held(), held);
        }
    }

    // Invariant 4; T75: no numbers whatever make it panic, and what is given is what there is.
    #[test]
    fn any_numbers_are_served_or_refused(
        value in any::<u32>(),
        (body_len, payload) in (any::<u64>(), any::<u32>()),
        (largest, code, bert) in (size(), any::<u8>(), bert()),
    ) {
        let room = Room::new(payload, 33);
        let block = Block::from_uint(value);
        prop_assert_eq!(block.is_some(), value < 1 << 24);
        for body_len in [body_len, body_len >> 32, body_len >> 50] {
            let asked = block;
            let served = Serving { body_len, largest, room, bert }.slice(asked);
            if let Ok(slice) = served {
                let range = slice.range();
                prop_assert_eq!(range.start, asked.map_or(0, Block::offset));
                prop_assert!(range.end <= body_len && room.takes(range.end - range.start));
                prop_assert_eq!(slice.block().more().is_set(), range.end < body_len);
            } else if served == Err(Refusal::BeyondEnd) {
                prop_assert!(asked.unwrap().offset() >= body_len);
            }
            let mut slices = Slices::new(body_len, largest);
            if let Ok(Some(slice)) = slices.next(room, bert) {
                prop_assert!(slice.range().end <= body_len);
                prop_assert!(body_len <= 1 << 30);
            }
            let _ = slices.handle_response(Code::from_byte(code), block, bert);
            let _ = slices.next(room, bert);
        }
    }
}

/// What two requests have in common, by the letter of RFC 9175 §3.3.
fn counted(parts: &Parts) -> (u8, Vec<(u32, Vec<u8>)>) {
    let options = parts
        .options
        .iter()
        .filter(|(number, _)| ![5, 23, 27].contains(number) && number & 0x1f != 0x1c);
    (parts.code, options.cloned().collect())
}

fn parts() -> impl Strategy<Value = Parts> {
    let number = select(&[1, 4, 5, 11, 12, 15, 17, 23, 27, 28, 29, 30, 60, 252, 258, 292][..]);
    let option = (number, vec(0..2_u8, 0..3));
    (1..3_u8, vec(any::<u8>(), 0..3), vec(option, 0..4), vec(any::<u8>(), 0..3)).prop_map(
        |(code, token, mut options, payload)| {
            options.sort_by_key(|(number, _)| *number);
            Parts { code, token, options, payload }
        },
    )
}

fn encode(parts: &Parts) -> Vec<u8> {
    let mut bytes = vec![0; 200];
    let len = encode_message(&mut bytes, &parts.token, &Raw(parts)).unwrap();
    bytes.truncate(len);
    bytes
}

/// Parts, written with the core's encoder.
struct Raw<'a>(&'a Parts);

impl Encode for Raw<'_> {
    fn code(&self) -> Code {
        Code::from_byte(self.0.code)
    }

    fn encode(&self, out: &mut Encoder<'_>) -> Result<(), EncodeError> {
        for (number, value) in &self.0.options {
            out.option(OptionNumber::new(u16::try_from(*number).unwrap()), value)?;
        }
        out.payload(&self.0.payload)
    }
}

proptest! {
    // EXT-07, EXT-08, BLK-20, T74
    #[test]
    fn two_requests_are_the_same_operation_if_all_that_counts_is_the_same(
        a in parts(),
        b in parts(),
        noise in vec(select(&[5, 23, 27, 28, 60, 252][..]), 0..4),
    ) {
        // `a`, with some of what does not count.
        let mut noisy = a.clone();
        noisy.options.extend(noise.into_iter().map(|number| (number, vec![1])));
        noisy.options.sort_by_key(|(number, _)| *number);
        for b in [&b, &noisy] {
            let (x, y) = (encode(&a), encode(b));
            let (x, y) = (Message::parse(&x).unwrap(), Message::parse(&y).unwrap());
            let key = |message: &Message<'_>| {
                let mut key = Vec::new();
                operation_key(message, |bytes| key.extend_from_slice(bytes));
                key
            };
            let same = counted(&a) == counted(b);
            prop_assert_eq!(same_operation(&x, &y), same);
            prop_assert_eq!(key(&x) == key(&y), same);
        }
        prop_assert_eq!(counted(&a), counted(&noisy));
    }
}
