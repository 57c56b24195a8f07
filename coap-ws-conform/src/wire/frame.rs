//! WebSocket frames (RFC 6455 §5).

use super::number;

/// What a frame is. Numbers that mean nothing are kept, since they have to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Opcode(pub u8);

impl Opcode {
    pub const CONTINUATION: Opcode = Opcode(0);
    pub const TEXT: Opcode = Opcode(1);
    pub const BINARY: Opcode = Opcode(2);
    pub const CLOSE: Opcode = Opcode(8);
    pub const PING: Opcode = Opcode(9);
    pub const PONG: Opcode = Opcode(10);

    pub const fn is_control(self) -> bool {
        self.0 >= 8
    }

    pub const fn name(self) -> &'static str {
        match self.0 {
            0 => "continuation",
            1 => "text",
            2 => "binary",
            8 => "Close",
            9 => "WebSocket Ping",
            10 => "WebSocket Pong",
            _ => "reserved opcode",
        }
    }
}

/// How the length of a payload is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LengthForm {
    /// In as few bytes as it can be, which is the only right way.
    #[default]
    Minimal,
    /// 126 and two bytes.
    Two,
    /// 127 and eight bytes.
    Eight,
    /// 127, and these eight bytes whatever the payload is.
    Claimed(u64),
}

/// One frame, read or to be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    pub fin: bool,
    /// The three bits after FIN.
    pub rsv: u8,
    pub opcode: Opcode,
    pub mask: Option<[u8; 4]>,
    /// Not masked.
    pub payload: Vec<u8>,
    pub length: LengthForm,
}

impl Frame {
    pub fn new(opcode: Opcode, payload: impl AsRef<[u8]>) -> Frame {
        let payload = payload.as_ref().to_vec();
        Frame { fin: true, rsv: 0, opcode, mask: None, payload, length: LengthForm::Minimal }
    }

    pub fn binary(payload: impl AsRef<[u8]>) -> Frame {
        Frame::new(Opcode::BINARY, payload)
    }

    /// A Close with a code and a reason.
    pub fn close(code: u16, reason: &str) -> Frame {
        Frame::new(Opcode::CLOSE, [&code.to_be_bytes(), reason.as_bytes()].concat())
    }

    pub fn masked(mut self, key: [u8; 4]) -> Frame {
        self.mask = Some(key);
        self
    }

    /// More of the message follows.
    pub fn unfinished(mut self) -> Frame {
        self.fin = false;
        self
    }

    pub fn rsv(mut self, bits: u8) -> Frame {
        self.rsv = bits;
        self
    }

    pub fn length(mut self, form: LengthForm) -> Frame {
        self.length = form;
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mask_bit = if self.mask.is_some() { 0x80 } else { 0 };
        let mut out = vec![u8::from(self.fin) << 7 | self.rsv << 4 | self.opcode.0];
        let length = self.payload.len() as u64;
        match self.length {
            LengthForm::Minimal if length < 126 => out.push(mask_bit | length as u8),
            LengthForm::Minimal | LengthForm::Two if length < 65_536 => {
                out.push(mask_bit | 126);
                out.extend((length as u16).to_be_bytes());
            }
            LengthForm::Claimed(claimed) => {
                out.push(mask_bit | 127);
                out.extend(claimed.to_be_bytes());
            }
            _ => {
                out.push(mask_bit | 127);
                out.extend(length.to_be_bytes());
            }
        }
        let key = self.mask.unwrap_or_default();
        out.extend(self.mask.iter().flatten());
        out.extend(self.payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
        out
    }

    /// The code and reason of a Close; a code needs two bytes.
    pub fn close_code(&self) -> Option<u16> {
        self.payload.get(..2).map(|code| number(code) as u16)
    }
}

/// What no frame may be, whoever sends it (RFC 6455 §5.2, §5.5).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FrameError {
    /// More than the reader was told to take.
    TooLong(u64),
    /// The top bit of a 64-bit length.
    LengthBit,
}

/// Takes frames out of bytes.
#[derive(Debug)]
pub struct FrameReader {
    buffer: Vec<u8>,
    limit: u64,
}

impl FrameReader {
    /// Refuses frames with more than `limit` bytes of payload.
    pub fn new(limit: u64) -> FrameReader {
        FrameReader { buffer: Vec::new(), limit }
    }

    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend(bytes);
    }

    /// What has come and is no whole frame yet.
    pub fn rest(&self) -> &[u8] {
        &self.buffer
    }

    /// The next whole frame and its bytes as they came, if they are all there.
    pub fn take(&mut self) -> Result<Option<(Frame, Vec<u8>)>, FrameError> {
        let [first, second, rest @ ..] = self.buffer.as_slice() else { return Ok(None) };
        let extended = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask_bytes = if second & 0x80 != 0 { 4 } else { 0 };
        let Some(extension) = rest.get(..extended) else { return Ok(None) };
        let length = if extended == 0 { u64::from(second & 0x7f) } else { number(extension) };
        if length >> 63 == 1 {
            return Err(FrameError::LengthBit);
        }
        if length > self.limit {
            return Err(FrameError::TooLong(length));
        }
        let start = 2 + extended + mask_bytes;
        let end = start + length as usize;
        if self.buffer.len() < end {
            return Ok(None);
        }
        let form = match extended {
            2 if length < 126 => LengthForm::Two,
            8 if length < 65_536 => LengthForm::Eight,
            _ => LengthForm::Minimal,
        };
        let mask = (mask_bytes == 4).then(|| {
            let key = &self.buffer[start - 4..start];
            [key[0], key[1], key[2], key[3]]
        });
        let key = mask.unwrap_or_default();
        let masked = &self.buffer[start..end];
        let payload = masked.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        let frame = Frame {
            fin: first & 0x80 != 0,
            rsv: first >> 4 & 7,
            opcode: Opcode(first & 15),
            mask,
            payload,
            length: form,
        };
        let raw = self.buffer.drain(..end).collect();
        Ok(Some((frame, raw)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Frame, FrameError, FrameReader, LengthForm, Opcode};
    use crate::wire::hex;

    fn read(bytes: &[u8]) -> Result<Option<Frame>, FrameError> {
        let mut reader = FrameReader::new(1 << 20);
        reader.feed(bytes);
        reader.take().map(|read| read.map(|(frame, _)| frame))
    }

    #[test]
    fn the_examples_of_the_rfcs() {
        let csm = Frame::binary(hex("00e1")).masked([0x37, 0xfa, 0x21, 0x3d]);
        assert_eq!(csm.bytes(), hex("8282 37fa213d 371b"));
        assert_eq!(read(&csm.bytes()), Ok(Some(csm)));
        assert_eq!(Frame::close(1000, "").bytes(), hex("8802 03e8"));
    }

    #[test]
    fn lengths_at_their_borders() {
        for length in [0, 1, 125, 126, 127, 65_535, 65_536, 70_000] {
            let frame = Frame::binary(vec![7; length]).masked([1, 2, 3, 4]);
            let bytes = frame.bytes();
            assert_eq!(read(&bytes), Ok(Some(frame)));
            assert_eq!(read(&bytes[..bytes.len() - 1]), Ok(None));
        }
        let padded = Frame::binary(hex("00e1")).length(LengthForm::Two);
        assert_eq!(read(&padded.bytes()), Ok(Some(padded)));
        assert_eq!(read(&hex("827f 8000000000000000")), Err(FrameError::LengthBit));
        let claimed = Frame::new(Opcode::BINARY, []).length(LengthForm::Claimed(1 << 40));
        assert_eq!(read(&claimed.bytes()), Err(FrameError::TooLong(1 << 40)));
    }
}
