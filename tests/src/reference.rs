//! The message format once more, written for reading and not for use: whole copies, plain
//! arithmetic, no shared line with the core. What the two disagree on is a bug in one.

/// What a message consists of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parts {
    /// The code as a byte.
    pub code: u8,
    /// The token.
    pub token: Vec<u8>,
    /// Numbers and values, in order.
    pub options: Vec<(u32, Vec<u8>)>,
    /// The payload, empty where there is none.
    pub payload: Vec<u8>,
}

/// Reads one WebSocket message (RFC 8323 §4.2, RFC 7252 §3.1, RFC 8974 §2.1), `None` where it is
/// malformed.
pub fn parse(bytes: &[u8]) -> Option<Parts> {
    let mut input = Input(bytes);
    let first = input.byte()?;
    let code = input.byte()?;
    if first >= 16 {
        return None;
    }
    let length = input.extended(first)?;
    let token = input.take(length)?;
    let mut parts = Parts { code, token, options: Vec::new(), payload: Vec::new() };
    let mut number = 0;
    while let Some(head) = input.byte() {
        if head == 0xff {
            parts.payload = input.0.to_vec();
            if parts.payload.is_empty() {
                return None;
            }
            break;
        }
        number += input.extended(head / 16)?;
        if number > 65_535 {
            return None;
        }
        let length = input.extended(head % 16)?;
        parts.options.push((number, input.take(length)?));
    }
    let empty = code != 0 || bytes == [0, 0];
    empty.then_some(parts)
}

/// Writes the bytes that [`parse`] reads back.
pub fn write(parts: &Parts) -> Vec<u8> {
    let mut out = Vec::new();
    let mut extension = Vec::new();
    let nibble = nibble(parts.token.len() as u32, &mut extension);
    out.extend([nibble, parts.code]);
    out.extend(extension);
    out.extend(&parts.token);
    let mut last = 0;
    for (number, value) in &parts.options {
        let mut extension = Vec::new();
        let delta = self::nibble(number - last, &mut extension);
        let length = self::nibble(value.len() as u32, &mut extension);
        out.push(delta * 16 + length);
        out.extend(extension);
        out.extend(value);
        last = *number;
    }
    if !parts.payload.is_empty() {
        out.push(0xff);
        out.extend(&parts.payload);
    }
    out
}

fn nibble(number: u32, extension: &mut Vec<u8>) -> u8 {
    if number < 13 {
        number as u8
    } else if number < 269 {
        extension.push((number - 13) as u8);
        13
    } else {
        extension.extend(((number - 269) as u16).to_be_bytes());
        14
    }
}

struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn take(&mut self, length: u32) -> Option<Vec<u8>> {
        if self.0.len() < length as usize {
            return None;
        }
        let (taken, rest) = self.0.split_at(length as usize);
        self.0 = rest;
        Some(taken.to_vec())
    }

    /// The number that a nibble and what may follow it mean.
    fn extended(&mut self, nibble: u8) -> Option<u32> {
        match nibble {
            15 => None,
            14 => Some(269 + 256 * u32::from(self.byte()?) + u32::from(self.byte()?)),
            13 => Some(13 + u32::from(self.byte()?)),
            small => Some(u32::from(small)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_what_it_writes() {
        let options = vec![(11, vec![0x61; 13]), (11, vec![]), (300, vec![0x62; 300])];
        let parts = Parts { code: 1, token: vec![7; 20], options, payload: vec![0xff] };
        assert_eq!(parse(&write(&parts)), Some(parts));
        assert_eq!(parse(&[0, 0]).map(|parts| parts.code), Some(0));
        assert_eq!(
            (parse(&[0, 0, 0x10]), parse(&[0x0f, 1]), parse(&[0, 1, 0xff])),
            (None, None, None)
        );
    }
}
