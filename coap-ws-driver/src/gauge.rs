//! The gauge: a walker of RFC 6455 frame *headers* that stands in front of the framer.
//!
//! `tungstenite` unmasks, reassembles and answers; it also reserves memory for whatever a header
//! announces, accepts lengths in longer forms than needed and counts neither fragments nor control
//! frames. The gauge sees each header first. What it refuses never reaches the framer, and what it
//! lets through it lets through at most up to the end of the current frame, so that the bytes
//! behind it stay where they are until somebody wants them.
//!
//! It does no I/O, allocates nothing, and never looks at a payload byte. The same bytes give the
//! same verdict however they are cut.
//!
//! ```
//! use coap_ws_driver::gauge::{DataKind, FrameEnd, FrameLimits, Gauge, Receiver, Step};
//!
//! # fn main() -> Result<(), coap_ws_driver::gauge::FrameViolation> {
//! let mut gauge = Gauge::new(Receiver::Client, FrameLimits::default());
//! let waiting = [0x82, 0x02, 0x00, 0xe1, 0x89]; // a whole message, the start of a Ping
//!
//! // 1. Ask what may be passed on, 2. pass it on, 3. ask again with what is left.
//! let end = Some(FrameEnd::Message(DataKind::Binary));
//! assert_eq!(gauge.next(&waiting)?, Step::Pass { bytes: 4, frame_end: end });
//! assert_eq!(gauge.next(&waiting[4..])?, Step::NeedMore);
//! assert!(gauge.message_open()); // the Ping's header is incomplete
//! # Ok(())
//! # }
//! ```

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::fmt;

/// Walks the frame headers of one direction of one connection.
///
/// One method says what happened and what is to be done: [`next`](Gauge::next). One getter,
/// [`message_open`](Gauge::message_open), tells whether a deadline is due for the peer to finish
/// what it began.
#[derive(Debug, Clone)]
pub struct Gauge {
    receiver: Receiver,
    limits: FrameLimits,
    at: At,
    message: Option<Fragments>,
}

/// Who receives the frames: it decides whether they must be masked (RFC 6455 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Receiver {
    /// The acceptor of the connection: every frame must be masked.
    Server,
    /// The initiator of the connection: no frame may be masked.
    Client,
}

/// What a peer may send in one message.
///
/// Control frames have a limit of their own (125 bytes, RFC 6455 §5.5) and count towards neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FrameLimits {
    /// The largest whole message, in bytes of payload, in however many frames it comes.
    ///
    /// Default: 66,048 = 64 blocks of 1,024 bytes and 512 bytes for options, which is what RFC 8323
    /// §5.3.2 advises for BERT. It is what the Max-Message-Size of our CSM should say (T20).
    pub max_message_size: usize,
    /// The largest number of frames that one message may be made of; empty frames count, and 0 is
    /// taken as 1: a message in one frame.
    ///
    /// Default: 256. No known CoAP endpoint fragments at all, an intermediary that does cuts at
    /// kilobytes, and 256 times 1 KiB is four of the largest messages (T21).
    pub max_fragments: u32,
}

/// What may be done with the bytes that are waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Step {
    /// Nothing may be passed on: there are no bytes, or the header is not complete. Keep the bytes
    /// (at most 13), and offer them again together with the next ones.
    NeedMore,
    /// The first `bytes` bytes may be passed on, and are regarded as gone. At least one, never more
    /// than were offered, never beyond the end of the current frame.
    Pass {
        /// How many.
        bytes: usize,
        /// What ends with the last of them; `None` while payload of the frame is still to come.
        frame_end: Option<FrameEnd>,
    },
}

/// What a frame was that has just ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FrameEnd {
    /// A part of a message, not the last.
    Fragment(DataKind),
    /// The only or last part of a message: the framer has a whole message now.
    Message(DataKind),
    /// A Ping. Each control frame costs budget (T25).
    Ping,
    /// A Pong. Each control frame costs budget (T25).
    Pong,
    /// A Close. Nothing behind it is to be passed on (RFC 6455 §5.5.1).
    Close,
}

/// The kind of a message. CoAP messages are binary (RFC 8323 §4.2); what becomes of a text message
/// is not decided here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DataKind {
    /// Opcode 2.
    Binary,
    /// Opcode 1.
    Text,
}

/// A rule of the framing layer that the peer broke. All are found in a frame's header, before any
/// of its payload has been passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FrameViolation {
    /// RSV1, RSV2 or RSV3 is set, and no extension was negotiated (WS-14).
    ReservedBits,
    /// An opcode without meaning: 3 to 7, 11 to 15 (WS-26).
    ReservedOpcode(u8),
    /// A control frame without FIN (WS-24).
    FragmentedControl,
    /// A control frame of more than 125 bytes (WS-24).
    LongControl,
    /// A Close frame with a body of one byte: too short for a code (WS-46).
    CloseBody,
    /// A continuation frame, and no message has been begun (WS-26).
    StrayContinuation,
    /// A text or binary frame inside a fragmented message (WS-26).
    Interleaved,
    /// A frame from a client that is not masked (WS-19).
    Unmasked,
    /// A frame from a server that is masked (WS-19).
    Masked,
    /// The payload length would have fitted a shorter form (WS-27).
    LengthNotMinimal,
    /// The most significant bit of a 64-bit length is set (WS-27).
    LengthTopBit,
    /// The message is, or with this frame becomes, larger than we said we accept (WS-30, T20).
    TooLarge {
        /// The size of the message as far as it has been announced, in bytes.
        announced: u64,
        /// [`FrameLimits::max_message_size`].
        max_message_size: usize,
    },
    /// The message is made of more frames than we accept (T21).
    TooManyFragments {
        /// [`FrameLimits::max_fragments`].
        max_fragments: u32,
    },
}

/// Where in the stream of frames we are.
#[derive(Debug, Clone, Copy)]
enum At {
    /// Between two frames.
    Boundary,
    /// Some bytes of a header have been seen, and not passed on.
    Header,
    /// `left` bytes of payload are still to come, then `end` is to be told.
    Payload { left: u64, end: FrameEnd },
    /// A rule was broken; nothing changes that (T34).
    Dead(FrameViolation),
}

/// A message of which some frames are known and the last is not.
#[derive(Debug, Clone, Copy)]
struct Fragments {
    kind: DataKind,
    frames: u32,
    bytes: u64,
}

/// A complete header that broke no rule.
struct Header<'i> {
    payload: u64,
    end: FrameEnd,
    message: Option<Fragments>,
    /// What was offered behind the header.
    rest: &'i [u8],
}

impl Gauge {
    /// A gauge at the first byte behind the opening handshake.
    #[must_use]
    pub const fn new(receiver: Receiver, limits: FrameLimits) -> Self {
        Self { receiver, limits, at: At::Boundary, message: None }
    }

    /// Says what may be done with `input`: all bytes that were received and not yet passed on.
    ///
    /// Call it until it says [`Step::NeedMore`], each time without the bytes that the call before
    /// let pass.
    ///
    /// # Errors
    ///
    /// The rule that the peer broke. What was let pass before is sound; of `input` nothing is, and
    /// every later call gives the same error.
    pub fn next(&mut self, input: &[u8]) -> Result<Step, FrameViolation> {
        match self.at {
            At::Dead(violation) => Err(violation),
            _ if input.is_empty() => Ok(Step::NeedMore),
            At::Payload { left, end } => Ok(self.pass(0, left, end, input)),
            At::Boundary | At::Header => match self.header(input) {
                Ok(Some(Header { payload, end, message, rest })) => {
                    self.message = message;
                    let header = input.len().saturating_sub(rest.len());
                    Ok(self.pass(header, payload, end, rest))
                }
                Ok(None) => {
                    self.at = At::Header;
                    Ok(Step::NeedMore)
                }
                Err(violation) => {
                    self.at = At::Dead(violation);
                    Err(violation)
                }
            },
        }
    }

    /// Whether a message or a frame has been begun and not ended: the first bytes of a header, a
    /// part of a payload, or some fragments of a message. The peer owes us the rest (T22), and the
    /// framer behind holds state.
    #[must_use]
    pub const fn message_open(&self) -> bool {
        self.message.is_some() || matches!(self.at, At::Header | At::Payload { .. })
    }

    /// Lets `header` bytes pass, and what `rest` has of the `left` bytes of payload.
    fn pass(&mut self, header: usize, left: u64, end: FrameEnd, rest: &[u8]) -> Step {
        let payload = usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
        let left = left.saturating_sub(payload as u64);
        let bytes = header.saturating_add(payload);
        if left == 0 {
            self.at = At::Boundary;
            Step::Pass { bytes, frame_end: Some(end) }
        } else {
            self.at = At::Payload { left, end };
            Step::Pass { bytes, frame_end: None }
        }
    }

    /// Reads a header. The rules are checked in the order of the bytes that can break them, each
    /// as soon as its bytes are there, so that the verdict does not depend on the cut.
    fn header<'i>(&self, input: &'i [u8]) -> Result<Option<Header<'i>>, FrameViolation> {
        let [first, rest @ ..] = input else { return Ok(None) };
        let (end, message) = self.opcode(*first)?;
        let [second, rest @ ..] = rest else { return Ok(None) };
        let masked = second & 0x80 != 0;
        match self.receiver {
            Receiver::Server if !masked => return Err(FrameViolation::Unmasked),
            Receiver::Client if masked => return Err(FrameViolation::Masked),
            Receiver::Server | Receiver::Client => {}
        }
        let length = second & 0x7f;
        if end.is_control() && length > 125 {
            return Err(FrameViolation::LongControl);
        }
        let Some((payload, rest)) = payload_length(length, rest)? else { return Ok(None) };
        let message = match (end, message) {
            (FrameEnd::Close, _) if payload == 1 => return Err(FrameViolation::CloseBody),
            (FrameEnd::Fragment(_) | FrameEnd::Message(_), message) => {
                let before = message.map_or(0, |fragments| fragments.bytes);
                let bytes = self.message_size(before, payload)?;
                match end {
                    FrameEnd::Fragment(_) => message.map(|m| Fragments { bytes, ..m }),
                    _ => None,
                }
            }
            (_, message) => message,
        };
        // §5.3: four bytes of masking key end the header; their value is the framer's matter.
        let rest = match rest.split_first_chunk::<4>() {
            _ if !masked => rest,
            Some((_key, rest)) => rest,
            None => return Ok(None),
        };
        Ok(Some(Header { payload, end, message, rest }))
    }

    /// §5.2, §5.4: what the first byte says the frame is, and the message it is within.
    fn opcode(&self, first: u8) -> Result<(FrameEnd, Option<Fragments>), FrameViolation> {
        if first & 0x70 != 0 {
            return Err(FrameViolation::ReservedBits);
        }
        let last = first & 0x80 != 0;
        let begin = |kind| match self.message {
            None => Ok(Fragments { kind, frames: 0, bytes: 0 }),
            Some(_) => Err(FrameViolation::Interleaved),
        };
        let message = match first & 0x0f {
            0 => self.message.ok_or(FrameViolation::StrayContinuation)?,
            1 => begin(DataKind::Text)?,
            2 => begin(DataKind::Binary)?,
            8..=10 if !last => return Err(FrameViolation::FragmentedControl),
            8 => return Ok((FrameEnd::Close, self.message)),
            9 => return Ok((FrameEnd::Ping, self.message)),
            10 => return Ok((FrameEnd::Pong, self.message)),
            reserved => return Err(FrameViolation::ReservedOpcode(reserved)),
        };
        let max_fragments = self.limits.max_fragments.max(1);
        if message.frames >= max_fragments {
            return Err(FrameViolation::TooManyFragments { max_fragments });
        }
        let end = if last { FrameEnd::Message } else { FrameEnd::Fragment };
        let frames = message.frames.saturating_add(1);
        Ok((end(message.kind), Some(Fragments { frames, ..message })))
    }

    /// §10.4: the size of a message that had `before` bytes and gets `more`.
    fn message_size(&self, before: u64, more: u64) -> Result<u64, FrameViolation> {
        let max_message_size = self.limits.max_message_size;
        let announced = before.saturating_add(more);
        if announced > max_message_size as u64 {
            return Err(FrameViolation::TooLarge { announced, max_message_size });
        }
        Ok(announced)
    }
}

/// §5.2: the payload length in its three forms, and what follows it.
fn payload_length(first: u8, rest: &[u8]) -> Result<Option<(u64, &[u8])>, FrameViolation> {
    let (length, least, rest) = match first {
        126 => {
            let Some((bytes, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (u64::from(u16::from_be_bytes(*bytes)), 126, rest)
        }
        127 => {
            let Some((bytes, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (u64::from_be_bytes(*bytes), 1 << 16, rest)
        }
        short => (u64::from(short), 0, rest),
    };
    if length < least {
        return Err(FrameViolation::LengthNotMinimal);
    }
    if length > u64::MAX >> 1 {
        return Err(FrameViolation::LengthTopBit);
    }
    Ok(Some((length, rest)))
}

impl Default for FrameLimits {
    fn default() -> Self {
        Self { max_message_size: 66_048, max_fragments: 256 }
    }
}

impl FrameEnd {
    /// Whether it was a Ping, a Pong or a Close: what a control frame budget counts.
    #[must_use]
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Ping | Self::Pong | Self::Close)
    }
}

impl FrameViolation {
    /// The status code for our Close frame (RFC 6455 §7.4.1, WS-34).
    ///
    /// Too many fragments are 1008, not 1009: the message may well be small. What is used up is a
    /// quota of ours, and that is what 1008 tells for every other quota too.
    #[must_use]
    pub const fn close_code(self) -> u16 {
        match self {
            Self::TooLarge { .. } => 1009,
            Self::TooManyFragments { .. } => 1008,
            _ => 1002,
        }
    }

    /// Where the rule is written.
    #[must_use]
    pub const fn section(self) -> &'static str {
        match self {
            Self::ReservedBits
            | Self::ReservedOpcode(_)
            | Self::LengthNotMinimal
            | Self::LengthTopBit => "RFC 6455 §5.2",
            Self::Unmasked | Self::Masked => "RFC 6455 §5.1",
            Self::StrayContinuation | Self::Interleaved => "RFC 6455 §5.4",
            Self::FragmentedControl | Self::LongControl => "RFC 6455 §5.5",
            Self::CloseBody => "RFC 6455 §5.5.1",
            Self::TooLarge { .. } | Self::TooManyFragments { .. } => "RFC 6455 §10.4",
        }
    }
}

impl fmt::Display for FrameViolation {
    /// One line that fits the reason of a Close frame (123 bytes).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReservedBits => f.write_str("reserved bits set without an extension"),
            Self::ReservedOpcode(opcode) => write!(f, "reserved opcode {opcode}"),
            Self::FragmentedControl => f.write_str("control frame is fragmented"),
            Self::LongControl => f.write_str("control frame of more than 125 bytes"),
            Self::CloseBody => f.write_str("Close frame with a body of one byte"),
            Self::StrayContinuation => f.write_str("continuation frame without a message"),
            Self::Interleaved => f.write_str("new data frame inside a fragmented message"),
            Self::Unmasked => f.write_str("frame from a client is not masked"),
            Self::Masked => f.write_str("frame from a server is masked"),
            Self::LengthNotMinimal => f.write_str("payload length is not in its shortest form"),
            Self::LengthTopBit => f.write_str("top bit of a 64-bit payload length is set"),
            Self::TooLarge { announced, max_message_size } => {
                write!(f, "message of {announced} bytes, at most {max_message_size} are accepted")
            }
            Self::TooManyFragments { max_fragments } => {
                write!(f, "message in more than {max_fragments} frames")
            }
        }
    }
}

impl std::error::Error for FrameViolation {}
