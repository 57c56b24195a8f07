//! Blocks as the tests write and read them: `NUM/M/SIZE`, as in RFC 8323 §6.

use super::config;
use coap_ws_core::Side;
use coap_ws_core::block::{Block, BlockSize, More};
use coap_ws_core::message::{OptionNumber, OwnedMessage};
use coap_ws_driver::Response;
use coap_ws_driver::engine::EngineConfig;
use std::cell::RefCell;
use std::rc::Rc;

/// The options that the far end's test processes itself.
const BLOCKS: &[OptionNumber] = &[OptionNumber::BLOCK2, OptionNumber::BLOCK1];

/// A far end that takes Block options, and messages of at most `max_message_size` bytes.
pub(crate) fn far(side: Side, max_message_size: u32) -> EngineConfig {
    let mut config = config(side);
    config.connection.understood = BLOCKS;
    config.connection.limits.max_message_size = max_message_size;
    config
}

/// A block by its notation.
pub(crate) fn block(text: &str) -> Block {
    let mut parts = text.split('/');
    let mut part = || parts.next().expect("NUM/M/SIZE");
    let num = part().parse().unwrap();
    let more = if part() == "1" { More::Yes } else { More::No };
    let size = match part() {
        "BERT" => BlockSize::Bert,
        bytes => BlockSize::at_most(bytes.parse().unwrap()).unwrap(),
    };
    Block::new(num, more, size).unwrap()
}

pub(crate) fn uint(value: u32) -> Vec<u8> {
    value.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect()
}

/// A response with a block option.
pub(crate) fn with(response: Response, number: OptionNumber, text: &str) -> Response {
    response.option(number, uint(block(text).to_uint()))
}

/// What a message says of a block.
pub(crate) fn said(message: &OwnedMessage, number: OptionNumber) -> String {
    match Block::of(&message.view(), number) {
        Some(block) => block.to_string(),
        None => "-".into(),
    }
}

/// Bytes that tell where they are.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8 ^ (i / 251) as u8).collect()
}

/// What a far end has seen.
pub(crate) type Seen = Rc<RefCell<Vec<OwnedMessage>>>;

pub(crate) fn seen() -> Seen {
    Rc::default()
}

/// The block options of all that was seen.
pub(crate) fn blocks(seen: &Seen, number: OptionNumber) -> Vec<String> {
    seen.borrow().iter().map(|message| said(message, number)).collect()
}
