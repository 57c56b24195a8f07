//! Frames of a client (RFC 6455 §5): headers are read by edge-ws, the rules about them are here.

use coap_ws_core::Violation;
use edge_ws::{Error, FrameHeader, FrameType};

/// The most bytes of a control frame's payload (RFC 6455 §5.5; WS-24).
pub const MAX_CONTROL: usize = 125;

/// The longest header of a client's frame, in bytes.
const MAX_HEADER: usize = 14;

/// Reads frames as they come, and puts messages together in a buffer of the caller's.
#[derive(Debug, Default)]
pub struct Frames {
    header: heapless::Vec<u8, MAX_HEADER>,
    frame: Option<Frame>,
    /// How many bytes of a message are there, where one is begun.
    message: Option<usize>,
    control: heapless::Vec<u8, MAX_CONTROL>,
}

/// The frame that is being read.
#[derive(Debug)]
struct Frame {
    kind: FrameType,
    mask: Option<u32>,
    at: usize,
    len: usize,
}

/// What is complete.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whole {
    /// A binary message; so many bytes of the buffer are it.
    Message(usize),
    /// A Ping, whose bytes [`Frames::control`] has.
    Ping,
    /// A Pong.
    Pong,
    /// A Close with its status code, if it has one.
    Close(Option<u16>),
}

impl Frames {
    /// Takes bytes until something is complete; how many that took. After an error it must not be
    /// called again.
    ///
    /// # Errors
    ///
    /// The rule that the peer broke; what is too large is told from its header, and nothing is
    /// stored of it.
    pub fn read(
        &mut self,
        input: &[u8],
        buffer: &mut [u8],
    ) -> Result<(usize, Option<Whole>), Violation> {
        let mut taken = 0_usize;
        loop {
            let rest = input.get(taken..).unwrap_or_default();
            let Some(frame) = &mut self.frame else {
                let Some(&byte) = rest.first() else { return Ok((taken, None)) };
                taken = taken.saturating_add(1);
                self.frame = self.header(byte, buffer.len())?;
                continue;
            };
            let part = rest.len().min(frame.len.saturating_sub(frame.at));
            let part = rest.get(..part).unwrap_or_default();
            taken = taken.saturating_add(part.len());
            // That all of it fits was seen to when its header was read.
            let place = if frame.kind.is_control() {
                let at = self.control.len();
                let _ = self.control.extend_from_slice(part);
                self.control.get_mut(at..)
            } else {
                let at = self.message.unwrap_or(0);
                let end = at.saturating_add(part.len());
                self.message = Some(end);
                buffer.get_mut(at..end)
            };
            let place = place.unwrap_or_default();
            if place.len() == part.len() {
                place.copy_from_slice(part);
            }
            FrameHeader::mask_with(place, frame.mask, frame.at);
            frame.at = frame.at.saturating_add(part.len());
            if frame.at < frame.len {
                return Ok((taken, None));
            }
            let kind = frame.kind;
            self.frame = None;
            if let Some(whole) = self.end(kind)? {
                return Ok((taken, Some(whole)));
            }
        }
    }

    /// The payload of the control frame that came last.
    pub fn control(&self) -> &[u8] {
        &self.control
    }

    /// Whether the peer owes the rest of a frame or a message (T22).
    pub fn is_open(&self) -> bool {
        self.message.is_some() || self.frame.is_some() || !self.header.is_empty()
    }

    fn header(&mut self, byte: u8, room: usize) -> Result<Option<Frame>, Violation> {
        self.header.push(byte).map_err(|_| PROTOCOL)?;
        let &[first, second, ..] = self.header.as_slice() else { return Ok(None) };
        // Of a control frame edge-ws does not tell the FIN bit (WS-24), and what is wrong with
        // two bytes need not wait for twelve more.
        let control = first & 0x08 != 0;
        let short = usize::from(second & 0x7f) <= MAX_CONTROL;
        let unmasked = second & 0x80 == 0;
        if unmasked || control && (first & 0x80 == 0 || !short) {
            return Err(PROTOCOL);
        }
        let (header, size) = match FrameHeader::deserialize(&self.header) {
            Ok(header) => header,
            Err(Error::Incomplete(_)) => return Ok(None),
            Err(_) => return Err(PROTOCOL),
        };
        let kind = header.frame_type;
        // The shortest form of the length, and no sign bit (WS-27).
        if size != header.serialized_len() || header.payload_len >> 63 != 0 {
            return Err(PROTOCOL);
        }
        match (kind, self.message) {
            (FrameType::Text(_), None) => return Err(Violation::TextMessage),
            // One message within another, or the rest of none (WS-26).
            (FrameType::Text(_) | FrameType::Binary(_), Some(_))
            | (FrameType::Continue(_), None) => return Err(PROTOCOL),
            _ => {}
        }
        let len = usize::try_from(header.payload_len).map_err(|_| Violation::TooLarge)?;
        if !control && self.message.unwrap_or(0).saturating_add(len) > room {
            return Err(Violation::TooLarge);
        }
        self.header.clear();
        if control {
            self.control.clear();
        }
        Ok(Some(Frame { kind, mask: header.mask_key, at: 0, len }))
    }

    fn end(&mut self, kind: FrameType) -> Result<Option<Whole>, Violation> {
        Ok(match kind {
            FrameType::Ping => Some(Whole::Ping),
            FrameType::Pong => Some(Whole::Pong),
            FrameType::Close => Some(Whole::Close(close_code(&self.control)?)),
            _ if kind.is_final() => self.message.take().map(Whole::Message),
            _ => None,
        })
    }
}

const PROTOCOL: Violation = Violation::WebSocket { code: 1002 };

trait IsControl {
    fn is_control(&self) -> bool;
}

impl IsControl for FrameType {
    fn is_control(&self) -> bool {
        matches!(self, FrameType::Ping | FrameType::Pong | FrameType::Close)
    }
}

/// The status code of a Close, if it has one that may be on the wire (RFC 6455 §7.4; WS-42).
fn close_code(payload: &[u8]) -> Result<Option<u16>, Violation> {
    let (code, reason) = match payload {
        [] => return Ok(None),
        [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
        [_] => return Err(PROTOCOL),
    };
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(PROTOCOL);
    }
    match core::str::from_utf8(reason) {
        Ok(_) => Ok(Some(code)),
        Err(_) => Err(Violation::WebSocket { code: 1007 }),
    }
}

/// Writes a frame of a server, which masks nothing (WS-18); `None` where it does not fit.
pub fn write(kind: FrameType, payload: &[&[u8]], out: &mut [u8]) -> Option<usize> {
    let len: usize = payload.iter().map(|part| part.len()).sum();
    let header = FrameHeader { frame_type: kind, payload_len: len as u64, mask_key: None };
    let mut at = header.serialize(out).ok()?;
    for part in payload {
        let end = at.checked_add(part.len())?;
        out.get_mut(at..end)?.copy_from_slice(part);
        at = end;
    }
    Some(at)
}
