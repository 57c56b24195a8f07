//! Options of an owned message.

use bytes::Bytes;
use coap_ws_core::message::{ContentFormat, EncodeError, Encoder, OptionNumber, OwnedMessage};
use smallvec::SmallVec;
use std::fmt;

/// Options in ascending order, repeated ones in the order they were added.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Options(SmallVec<[(OptionNumber, Bytes); 2]>);

impl Options {
    /// All options of a message, sharing its bytes.
    pub(crate) fn of(message: &OwnedMessage) -> Options {
        let values =
            message.view().options().map(|option| (option.number, message.share(option.value)));
        Options(values.collect())
    }

    pub(crate) fn add(&mut self, number: OptionNumber, value: Bytes) {
        let place = self.0.partition_point(|(other, _)| *other <= number);
        self.0.insert(place, (number, value));
    }

    pub(crate) fn set(&mut self, number: OptionNumber, value: Bytes) {
        self.remove(number);
        self.add(number, value);
    }

    pub(crate) fn set_uint(&mut self, number: OptionNumber, value: u32) {
        let bytes = value.to_be_bytes();
        let skip = (value.leading_zeros() / 8) as usize;
        self.set(number, Bytes::copy_from_slice(bytes.get(skip..).unwrap_or_default()));
    }

    pub(crate) fn remove(&mut self, number: OptionNumber) {
        self.0.retain(|(other, _)| *other != number);
    }

    /// Values of an option, without those of a length that it may not have (OPT-06).
    pub(crate) fn values(&self, number: OptionNumber) -> impl Iterator<Item = &Bytes> {
        let allowed = move |len| number.spec().is_none_or(|spec| spec.allows(len));
        self.0
            .iter()
            .filter(move |(other, value)| *other == number && allowed(value.len()))
            .map(|(_, value)| value)
    }

    pub(crate) fn uint(&self, number: OptionNumber) -> Option<u32> {
        let value = self.values(number).next().filter(|value| value.len() <= 4)?;
        Some(value.iter().fold(0, |n, byte| (n << 8) | u32::from(*byte)))
    }

    pub(crate) fn content_format(&self) -> Option<ContentFormat> {
        let number = self.uint(OptionNumber::CONTENT_FORMAT)?;
        u16::try_from(number).ok().map(ContentFormat::new)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (OptionNumber, &Bytes)> {
        self.0.iter().map(|(number, value)| (*number, value))
    }

    pub(crate) fn encode(&self, out: &mut Encoder<'_>) -> Result<(), EncodeError> {
        self.0.iter().try_for_each(|(number, value)| out.option(*number, value))
    }
}

/// Numbers and lengths, never a value (T92).
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, value) in &self.0 {
            write!(f, " {}:{}B", number.get(), value.len())?;
        }
        Ok(())
    }
}
