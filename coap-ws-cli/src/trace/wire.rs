//! One direction of a stream, taken apart as its bytes come: an HTTP head, then frames.

use crate::text;

/// What a stream has brought.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Part {
    /// A line of HTTP.
    Line(String),
    /// The header of a frame and what it says.
    Frame(Vec<u8>, String),
    /// A whole message, unmasked, from one frame or more.
    Message(Vec<u8>),
}

/// Reads one direction. It judges nothing: the engine does that.
#[derive(Debug, Default)]
pub(super) struct Wire {
    state: State,
    /// Not taken apart yet.
    kept: Vec<u8>,
    /// What has come of the present message.
    message: Vec<u8>,
    binary: bool,
}

#[derive(Debug, Default)]
enum State {
    /// Lines, up to an empty one. `switched` when the first was one of a handshake that goes on.
    #[default]
    Start,
    Head {
        switched: bool,
    },
    /// An answer that refuses, for people.
    Body,
    Header,
    Payload(Frame),
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    first: u8,
    length: usize,
    mask: Option<[u8; 4]>,
}

impl Wire {
    /// Takes what came and gives what is complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<Part> {
        self.kept.extend_from_slice(bytes);
        let mut parts = Vec::new();
        while self.step(&mut parts).is_some() {}
        parts
    }

    /// Takes one part; `None` where more bytes are needed.
    fn step(&mut self, parts: &mut Vec<Part>) -> Option<()> {
        match self.state {
            State::Start | State::Head { .. } => {
                let line = self.line()?;
                let switched = match self.state {
                    State::Head { switched } => switched,
                    // A request, or the one answer that is followed by frames.
                    _ => !line.starts_with("HTTP/") || line.contains(" 101"),
                };
                self.state = match (line.is_empty(), switched) {
                    (true, true) => State::Header,
                    (true, false) => State::Body,
                    (false, switched) => State::Head { switched },
                };
                if !line.is_empty() {
                    parts.push(Part::Line(line));
                }
            }
            State::Body => parts.push(Part::Line(self.line()?)),
            State::Header => {
                let (length, frame) = header(&self.kept)?;
                let bytes = self.kept.drain(..length).collect();
                parts.push(Part::Frame(bytes, meaning(frame)));
                self.state = State::Payload(frame);
            }
            State::Payload(frame) => {
                if self.kept.len() < frame.length {
                    return None;
                }
                let mut payload: Vec<u8> = self.kept.drain(..frame.length).collect();
                if let Some(mask) = frame.mask {
                    payload
                        .iter_mut()
                        .zip(mask.iter().cycle())
                        .for_each(|(byte, key)| *byte ^= key);
                }
                self.state = State::Header;
                self.payload(frame, &payload, parts);
            }
        }
        Some(())
    }

    fn payload(&mut self, frame: Frame, payload: &[u8], parts: &mut Vec<Part>) {
        match frame.first & 0x0f {
            opcode @ 0..=2 => {
                if opcode > 0 {
                    self.binary = opcode == 2;
                }
                self.message.extend_from_slice(payload);
                if frame.first & 0x80 != 0 {
                    let message = std::mem::take(&mut self.message);
                    parts.push(match self.binary {
                        true => Part::Message(message),
                        false => Part::Line(text::quoted(&String::from_utf8_lossy(&message))),
                    });
                }
            }
            8 => parts.push(Part::Line(closing(payload))),
            _ if payload.is_empty() => {}
            _ => parts.push(Part::Line(text::spaced_up_to(payload, 32))),
        }
    }

    /// The next line, without its end.
    fn line(&mut self) -> Option<String> {
        let end = self.kept.iter().position(|byte| *byte == b'\n')?;
        let line: Vec<u8> = self.kept.drain(..=end).collect();
        Some(String::from_utf8_lossy(&line).trim_end().to_owned())
    }
}

/// The header at the beginning of some bytes and its length (RFC 6455 §5.2).
fn header(bytes: &[u8]) -> Option<(usize, Frame)> {
    let &[first, second, ref rest @ ..] = bytes else { return None };
    let (extended, length) = match second & 0x7f {
        126 => (2, u64::from(u16::from_be_bytes(*rest.first_chunk()?))),
        127 => (8, u64::from_be_bytes(*rest.first_chunk()?)),
        short => (0, u64::from(short)),
    };
    let mask = match second & 0x80 {
        0 => None,
        _ => Some(*rest.get(extended..)?.first_chunk()?),
    };
    // What does not fit never comes: the engine refuses it from the header.
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let size = 2 + extended + mask.map_or(0, |mask: [u8; 4]| mask.len());
    Some((size, Frame { first, length, mask }))
}

fn meaning(frame: Frame) -> String {
    let kind = match frame.first & 0x0f {
        0 => "continuation".to_owned(),
        1 => "text".to_owned(),
        2 => "binary".to_owned(),
        8 => "Close".to_owned(),
        9 => "WebSocket Ping".to_owned(),
        10 => "WebSocket Pong".to_owned(),
        other => format!("reserved opcode {other}"),
    };
    let last = if frame.first & 0x80 != 0 { "" } else { ", to be continued" };
    let reserved = if frame.first & 0x70 != 0 { ", reserved bits set" } else { "" };
    let masked = if frame.mask.is_some() { ", masked" } else { "" };
    let length = text::count(frame.length, "byte");
    format!("frame: {kind}{last}{reserved}{masked}, {length}")
}

/// The body of a Close (RFC 6455 §5.5.1).
fn closing(payload: &[u8]) -> String {
    match payload {
        [high, low, reason @ ..] => {
            let status = u16::from_be_bytes([*high, *low]);
            match String::from_utf8_lossy(reason) {
                reason if reason.is_empty() => format!("status {status}"),
                reason => format!("status {status} {}", text::quoted(&reason)),
            }
        }
        _ => "no status".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Part, Wire};

    const HEAD: &[u8] = b"GET /.well-known/coap HTTP/1.1\r\nHost: h\r\n\r\n";
    /// RFC 6455 §5.7: masked; and two pieces of one message.
    const FRAMES: &[u8] = &[
        0x82, 0x82, 0x37, 0xfa, 0x21, 0x3d, 0x37, 0x1b, 0x02, 0x01, 0xaa, 0x80, 0x02, 0xbb, 0xcc,
        0x88, 0x04, 0x03, 0xe8, b'o', b'k',
    ];

    fn expected() -> Vec<Part> {
        let line = |text: &str| Part::Line(text.to_owned());
        let frame = |bytes: &[u8], text: &str| Part::Frame(bytes.to_vec(), text.to_owned());
        vec![
            line("GET /.well-known/coap HTTP/1.1"),
            line("Host: h"),
            frame(&FRAMES[..6], "frame: binary, masked, 2 bytes"),
            Part::Message(vec![0x00, 0xe1]),
            frame(&[0x02, 0x01], "frame: binary, to be continued, 1 byte"),
            frame(&[0x80, 0x02], "frame: continuation, 2 bytes"),
            Part::Message(vec![0xaa, 0xbb, 0xcc]),
            frame(&[0x88, 0x04], "frame: Close, 4 bytes"),
            line("status 1000 \"ok\""),
        ]
    }

    #[test]
    fn whole_and_byte_by_byte() {
        let all = [HEAD, FRAMES].concat();
        assert_eq!(Wire::default().push(&all), expected());
        let mut wire = Wire::default();
        let parts: Vec<Part> = all.iter().flat_map(|byte| wire.push(&[*byte])).collect();
        assert_eq!(parts, expected());
    }

    #[test]
    fn a_refusal_is_lines() {
        let parts = Wire::default().push(b"HTTP/1.1 404 Not Found\r\nA: b\r\n\r\nnothing\n\x82\n");
        let line = |text: &str| Part::Line(text.to_owned());
        assert_eq!(
            parts,
            [line("HTTP/1.1 404 Not Found"), line("A: b"), line("nothing"), line("\u{fffd}")]
        );
    }

    #[test]
    fn long_lengths() {
        let mut wire = Wire::default();
        assert_eq!(wire.push(b"GET / HTTP/1.1\r\n\r\n").len(), 1);
        let parts = wire.push(&[0x82, 126, 0x01, 0x00]);
        assert_eq!(parts, [Part::Frame(vec![0x82, 126, 1, 0], "frame: binary, 256 bytes".into())]);
        assert_eq!(wire.push(&[7; 256]), [Part::Message(vec![7; 256])]);
        let huge = wire.push(&[0x82, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(huge.len(), 1);
        assert_eq!(wire.push(&[0; 64]), []);
    }
}
