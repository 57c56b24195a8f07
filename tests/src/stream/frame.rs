//! Frames of RFC 6455 §5.2, written and read by the tester without tungstenite.

use super::to_hex;
use std::fmt;

/// The masking key of the vectors.
pub const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// One frame.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// FIN, the reserved bits and the opcode.
    pub first: u8,
    /// Where it is masked, by what.
    pub key: Option<[u8; 4]>,
    /// The payload, not masked.
    pub payload: Vec<u8>,
}

impl Frame {
    /// A frame that is not masked: as a server sends it.
    pub fn new(first: u8, payload: impl Into<Vec<u8>>) -> Frame {
        Frame { first, key: None, payload: payload.into() }
    }

    /// A whole binary message.
    pub fn binary(payload: impl Into<Vec<u8>>) -> Frame {
        Frame::new(0x82, payload)
    }

    /// A Close with a status code.
    pub fn close(code: u16) -> Frame {
        Frame::new(0x88, code.to_be_bytes())
    }

    /// The same frame, masked: as a client sends it.
    #[must_use]
    pub fn masked(self) -> Frame {
        Frame { key: Some(KEY), ..self }
    }

    /// The bytes on the wire.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = header(self.first, self.key, self.payload.len() as u64);
        bytes.extend(apply(self.key, &self.payload));
        bytes
    }

    /// Reads the first frame of `bytes`, and how long it was; `None` where it is not complete.
    ///
    /// # Panics
    ///
    /// Where a header is not as we are to write it: in its shortest form, without reserved bits,
    /// control frames short and whole (RFC 6455 §5.2, §5.5).
    pub fn read(bytes: &[u8]) -> Option<(Frame, usize)> {
        let (&first, rest) = bytes.split_first()?;
        let (&second, rest) = rest.split_first()?;
        assert_eq!(first & 0x70, 0, "reserved bits are set");
        let (length, rest) = match second & 0x7f {
            126 => {
                let (length, rest) = rest.split_first_chunk::<2>()?;
                let length = u64::from(u16::from_be_bytes(*length));
                assert!(length > 125, "a length that is not minimal");
                (length, rest)
            }
            127 => {
                let (length, rest) = rest.split_first_chunk::<8>()?;
                let length = u64::from_be_bytes(*length);
                assert!(length > 0xffff, "a length that is not minimal");
                (length, rest)
            }
            short => (u64::from(short), rest),
        };
        if first & 0x08 != 0 {
            assert!(length <= 125, "a control frame of {length} bytes");
            assert_ne!(first & 0x80, 0, "a control frame in pieces");
        }
        let (key, rest) = if second & 0x80 == 0 {
            (None, rest)
        } else {
            let (key, rest) = rest.split_first_chunk::<4>()?;
            (Some(*key), rest)
        };
        let payload = rest.get(..usize::try_from(length).ok()?)?;
        let read = bytes.len() - rest.len() + payload.len();
        Some((Frame { first, key, payload: apply(key, payload) }, read))
    }

    /// The opcode.
    pub const fn opcode(&self) -> u8 {
        self.first & 0x0f
    }

    /// The status code of a Close, where it has one.
    pub fn close_code(&self) -> Option<u16> {
        let code = self.payload.first_chunk::<2>().filter(|_| self.opcode() == 8)?;
        Some(u16::from_be_bytes(*code))
    }

    /// What the frame says, in few words: `csm`, `abort`, `close 1002`, `pong 6869`, or the
    /// message in hexadecimal digits.
    pub fn words(&self) -> String {
        let hex = to_hex(&self.payload);
        match (self.opcode(), self.payload.get(1)) {
            (2, Some(0xe1)) => "csm".into(),
            (2, Some(0xe4)) => "release".into(),
            (2, Some(0xe5)) => "abort".into(),
            (2, _) => hex,
            (8, _) => self.close_code().map_or("close".into(), |code| format!("close {code}")),
            (9, _) => format!("ping {hex}"),
            (10, _) => format!("pong {hex}"),
            (opcode, _) => format!("opcode {opcode} {hex}"),
        }
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words())
    }
}

/// A header with the length in its shortest form.
pub fn header(first: u8, key: Option<[u8; 4]>, length: u64) -> Vec<u8> {
    let masked = if key.is_some() { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match length {
        0..=125 => bytes.push(masked | length as u8),
        126..=0xffff => {
            bytes.push(masked | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        _ => {
            bytes.push(masked | 127);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes.extend(key.into_iter().flatten());
    bytes
}

/// Every frame of `bytes`, and what is left of them.
pub fn read_all(mut bytes: &[u8]) -> (Vec<Frame>, &[u8]) {
    let mut frames = Vec::new();
    while let Some((frame, read)) = Frame::read(bytes) {
        frames.push(frame);
        bytes = &bytes[read..];
    }
    (frames, bytes)
}

fn apply(key: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let Some(key) = key else { return payload.to_vec() };
    payload.iter().zip(key.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect()
}

#[cfg(test)]
mod tests {
    use super::super::hex;
    use super::*;

    #[test]
    fn frames_are_those_of_the_rfc() {
        // RFC 6455 §5.7.
        let hello = Frame { first: 0x81, key: Some(KEY), payload: b"Hello".to_vec() };
        assert_eq!(hello.bytes(), hex("818537fa213d7f9f4d5158"));
        assert_eq!(Frame::read(&hello.bytes()), Some((hello, 11)));
        assert_eq!(header(0x82, None, 256), hex("827e0100"));
        assert_eq!(header(0x82, None, 65536), hex("827f0000000000010000"));
    }

    #[test]
    fn reading_stops_at_the_first_frame_that_is_not_complete() {
        let bytes = [Frame::binary(*b"\x00\xe1").bytes(), vec![0x82, 3, 0]].concat();
        let (frames, rest) = read_all(&bytes);
        assert_eq!(frames, [Frame::binary(*b"\x00\xe1")]);
        assert_eq!(rest, [0x82, 3, 0]);
    }
}
