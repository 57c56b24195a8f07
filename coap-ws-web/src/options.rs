//! Options and messages that own their bytes, so that they can wait and be cut.

use bytes::Bytes;
use coap_ws_core::message::{Code, Encode, EncodeError, Encoder, Message, OptionNumber};

/// Options in the order of the wire.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Options(Vec<(OptionNumber, Bytes)>);

impl Options {
    /// Those of a message.
    pub(crate) fn of(message: &Message<'_>) -> Options {
        let owned = |value| Bytes::copy_from_slice(value);
        Options(message.options().map(|option| (option.number, owned(option.value))).collect())
    }

    /// Adds one behind those of its number.
    pub fn add(&mut self, number: OptionNumber, value: impl Into<Bytes>) {
        let place = self.0.partition_point(|(other, _)| *other <= number);
        self.0.insert(place, (number, value.into()));
    }

    /// Has this value only.
    pub(crate) fn set(&mut self, number: OptionNumber, value: impl Into<Bytes>) {
        self.remove(number);
        self.add(number, value);
    }

    /// Has this number only, in as few bytes as it needs (RFC 7252 §3.2).
    pub(crate) fn set_uint(&mut self, number: OptionNumber, value: u32) {
        let bytes = value.to_be_bytes();
        let zeros = value.leading_zeros() as usize / 8;
        self.set(number, Bytes::copy_from_slice(bytes.get(zeros..).unwrap_or(&[])));
    }

    pub(crate) fn remove(&mut self, number: OptionNumber) {
        self.0.retain(|(other, _)| *other != number);
    }

    /// The first value of this number.
    pub fn get(&self, number: OptionNumber) -> Option<&Bytes> {
        self.values(number).next()
    }

    /// The first value of this number as a number.
    pub fn uint(&self, number: OptionNumber) -> Option<u32> {
        let value = self.get(number).filter(|value| value.len() <= 4)?;
        Some(value.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
    }

    /// All values of this number.
    pub fn values(&self, number: OptionNumber) -> impl Iterator<Item = &Bytes> {
        self.0.iter().filter(move |(other, _)| *other == number).map(|(_, value)| value)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (OptionNumber, &Bytes)> {
        self.0.iter().map(|(number, value)| (*number, value))
    }
}

/// A message to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) code: Code,
    pub(crate) options: Options,
    pub(crate) payload: Bytes,
}

impl Draft {
    /// An error with a text for people.
    pub(crate) fn error(code: Code, text: &str) -> Draft {
        let payload = Bytes::copy_from_slice(text.as_bytes());
        Draft { code, options: Options::default(), payload }
    }

    /// What the message costs without its payload, a payload marker included. For the token
    /// and Observe as much is counted as they may have.
    pub(crate) fn cost(&self) -> usize {
        let bare = Draft { payload: Bytes::new(), ..self.clone() };
        let size = coap_ws_core::message::encode_message(&mut [], &[], &bare);
        size.unwrap_or(usize::MAX).saturating_add(TOKEN_AND_OBSERVE + 1)
    }
}

/// Eight bytes of token; a header of two and three bytes of Observe.
const TOKEN_AND_OBSERVE: usize = 8 + 5;

impl Encode for Draft {
    fn code(&self) -> Code {
        self.code
    }

    fn encode(&self, out: &mut Encoder<'_>) -> Result<(), EncodeError> {
        for (number, value) in self.options.iter() {
            out.option(number, value)?;
        }
        out.payload(&self.payload)
    }
}
