//! An end that knows the grammar and does not keep to it: a message that would be right with
//! one field changed, bytes off the tape, floods, silence.

use super::{End, What, World};
use crate::tape::Tape;
use crate::told::Wire;
use coap_ws_core::message::{Code, Message};
use std::collections::VecDeque;

/// A hostile end.
pub(crate) struct Hostile {
    /// Tokens of requests and Pings that came, with the code that answers them.
    heard: VecDeque<(u8, Vec<u8>)>,
    /// Whether it reads at all.
    pub(crate) reads: bool,
    /// Whether it begins with a CSM, as it should.
    polite: bool,
    begun: bool,
    /// How often it changes something, out of 256.
    malice: u32,
    pub(crate) sent: u64,
}

impl Hostile {
    pub(crate) fn draw(tape: &mut Tape<'_>) -> Hostile {
        Hostile {
            heard: VecDeque::new(),
            reads: !tape.chance(20),
            polite: !tape.chance(20),
            begun: false,
            malice: tape.pick(&[2, 0, 8, 64, 255]),
            sent: 0,
        }
    }

    /// Hears what the other end says.
    pub(crate) fn hear(&mut self, wire: &Wire) {
        let Wire::Message(bytes) = wire else { return };
        let Ok(message) = Message::parse(bytes) else { return };
        let answer = match message.code() {
            Code::PING => Code::PONG,
            code if code.is_request() => Code::CONTENT,
            _ => return,
        };
        self.heard.push_back((answer.to_byte(), message.token().to_vec()));
        if self.heard.len() > 16 {
            self.heard.pop_front();
        }
    }

    /// What it sends next.
    pub(crate) fn act(&mut self, tape: &mut Tape<'_>) -> Vec<Wire> {
        if self.polite && !self.begun {
            self.begun = true;
            return vec![Wire::Message(csm(tape))];
        }
        let mut wires = match tape.below(40) {
            0..=13 => self.answer(tape).into_iter().collect(),
            14..=23 => vec![request(tape)],
            24 | 25 => vec![csm(tape)],
            26..=28 => vec![signal(tape, 0xe2)],
            29 => vec![signal(tape, 0xe3)],
            30 => vec![signal(tape, 0xe4)],
            31 if self.malice > 4 => vec![signal(tape, 0xe5)],
            32 => vec![vec![0, 0]],
            33 => vec![bytes(tape, 0x40, 5)],
            34 => vec![signal(tape, 0xe6)],
            35 if self.malice > 4 => {
                let count = tape.index(24);
                vec![tape.bytes(count).to_vec()]
            }
            36 if self.malice > 4 => return vec![ending(tape)],
            _ => Vec::new(),
        };
        if tape.chance(self.malice)
            && let Some(message) = wires.last_mut()
        {
            mutate(message, tape);
        }
        if let Some(message) = wires.last()
            && tape.chance(16)
        {
            let again = message.clone();
            wires.resize(1 + tape.index(120), again);
        }
        self.sent += wires.len() as u64;
        wires.into_iter().map(Wire::Message).collect()
    }

    /// An answer to something that was asked, mostly the one it should be.
    fn answer(&mut self, tape: &mut Tape<'_>) -> Option<Vec<u8>> {
        let index = tape.index(self.heard.len());
        let (mut code, token) = match tape.chance(40) {
            true => self.heard.get(index).cloned()?,
            false => self.heard.remove(index)?,
        };
        if code != Code::PONG.to_byte() && tape.chance(60) {
            code = tape.pick(&[0x84, 0xa0, 0x44, 0x20, 0x60, 0x5f]);
        }
        let mut message = vec![token.len() as u8, code];
        message.extend(token);
        message.extend(tape.pick(&[&[][..], b"\xc0\xff!", b"\x10", b"\x60", b"\xd1\xf5\x1a"]));
        Some(message)
    }
}

impl World<'_> {
    /// The other end's output is read, or not.
    pub(super) fn pump_hostile(&mut self, end: usize) {
        let mut closed = false;
        loop {
            let End::Hostile(hostile) = &mut self.ends[end] else { return };
            let link = &mut self.links[1 - end];
            let Some(wire) = link.arrived(self.now).filter(|_| hostile.reads) else { break };
            hostile.hear(wire);
            closed |= matches!(wire, Wire::Close(_) | Wire::End);
            link.take();
            self.plan(0, What::Pump(1 - end));
        }
        if closed && (self.fair || self.tape.chance(200)) {
            self.transfer(end, Wire::End);
        }
    }
}

fn csm(tape: &mut Tape<'_>) -> Vec<u8> {
    let size: u32 = tape.pick(&[1152, 70_000, 64, 65, 200, 1153, 63, 0, u32::MAX]);
    // The ones that cannot be accepted are rare.
    let size = if size < 64 && !tape.chance(40) { 512 } else { size };
    let bytes = size.to_be_bytes();
    let skip = size.leading_zeros() as usize / 8;
    let mut message = vec![0, 0xe1, 0x20 | (4 - skip) as u8];
    message.extend(&bytes[skip..]);
    if tape.chance(128) {
        message.push(0x20);
    }
    message
}

fn request(tape: &mut Tape<'_>) -> Vec<u8> {
    let mut message = bytes(tape, 0, 5);
    message[1] = tape.pick(&[1, 1, 2, 3, 4, 5, 6, 7, 8, 31]);
    let tails: [&[u8]; 12] = [
        b"\xb1a",
        b"",
        b"\xb1a\xff\x01",
        b"\xd1\xf5\x1a",
        b"\xd1\xf5\x02",
        b"\xd1\xf5\x18",
        b"\xd2\xf5\x00\x1a",
        b"\x90",
        b"\xb1a\x01b\x01c\x01d\x01e",
        b"\xd1\x16x",
        b"\xb1\xff",
        b"\xd1\x03\x00",
    ];
    message.extend(tape.pick(&tails));
    message
}

fn signal(tape: &mut Tape<'_>, code: u8) -> Vec<u8> {
    let mut message = bytes(tape, 0, 3);
    message[1] = code;
    let tails: [&[u8]; 6] = [b"", b"\x20", b"\x20", b"\xffbye", b"\x21\x05", b"\x41\x1e"];
    message.extend(tape.pick(&tails));
    message
}

/// A header with a token of up to `most` bytes, which are few, so that tokens meet.
fn bytes(tape: &mut Tape<'_>, code: u8, most: u64) -> Vec<u8> {
    let len = tape.below(most);
    let mut message = vec![len as u8, code];
    message.extend((0..len).map(|_| tape.byte() % 4));
    message
}

fn ending(tape: &mut Tape<'_>) -> Wire {
    tape.pick(&[
        Wire::Text,
        Wire::Oversized,
        Wire::Close(None),
        Wire::Close(Some(1000)),
        Wire::Close(Some(1001)),
        Wire::Close(Some(1011)),
        Wire::End,
        Wire::Broken,
    ])
}

/// Changes one field.
fn mutate(message: &mut Vec<u8>, tape: &mut Tape<'_>) {
    let index = tape.index(message.len());
    if message.len() < 2 {
        return message.push(tape.byte());
    }
    match tape.below(8) {
        0 => message.truncate(index),
        1 => message[index] ^= 1 << tape.below(8),
        2 => message[index] = tape.byte(),
        3 => message.insert(index, tape.byte()),
        4 => message[0] = tape.byte(),
        5 => message[1] = tape.byte(),
        6 => message.extend([0xff; 3]),
        _ => message.resize(message.len() + tape.index(3000), b'y'),
    }
}
