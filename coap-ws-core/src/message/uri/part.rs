//! A piece of the text that remembers where it was, so that errors can point there.

use super::{UriError, UriErrorKind};

#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) text: &'a str,
    pub(super) offset: usize,
}

impl<'a> Part<'a> {
    pub(super) const fn whole(text: &'a str) -> Self {
        Self { text, offset: 0 }
    }

    /// What is before the first of `stops`, which are ASCII, and the rest beginning with it.
    #[inline]
    pub(super) fn until(self, stops: &[u8]) -> (Self, Self) {
        let at = self.text.bytes().position(|byte| stops.contains(&byte));
        let at = at.unwrap_or(self.text.len());
        let (before, after) = self.text.split_at_checked(at).unwrap_or((self.text, ""));
        (Self { text: before, offset: self.offset }, Self { text: after, offset: self.at(at) })
    }

    pub(super) fn strip(self, prefix: &str) -> Option<Self> {
        let text = self.text.strip_prefix(prefix)?;
        Some(Self { text, offset: self.at(prefix.len()) })
    }

    /// The pieces between ASCII delimiters.
    pub(super) fn split(self, delimiter: char) -> impl Iterator<Item = Self> {
        self.text.split(delimiter).scan(self.offset, |next, text| {
            let offset = *next;
            *next = offset.saturating_add(text.len()).saturating_add(1);
            Some(Self { text, offset })
        })
    }

    /// An offset into this part as an offset into the whole text.
    pub(super) const fn at(self, index: usize) -> usize {
        self.offset.saturating_add(index)
    }

    pub(super) const fn error(self, kind: UriErrorKind) -> UriError {
        UriError::new(kind, self.offset)
    }
}
