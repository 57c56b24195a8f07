//! stub
use super::OptionNumber;
/// x
#[derive(Clone, Copy, Debug)]
pub struct Uri<'a>(&'a str);
impl<'a> Uri<'a> {
    /// x
    pub fn option_values(&self) -> impl Iterator<Item = (OptionNumber, Decoded<'a>)> + use<'a> {
        core::iter::once((OptionNumber::URI_PATH, Decoded(self.0)))
    }
}
/// x
#[derive(Clone, Copy, Debug)]
pub struct Decoded<'a>(&'a str);
impl<'a> Decoded<'a> {
    /// x
    pub fn len(&self) -> usize {
        self.0.len()
    }
    /// x
    pub fn bytes(&self) -> impl Iterator<Item = u8> + use<'a> {
        self.0.bytes()
    }
}
