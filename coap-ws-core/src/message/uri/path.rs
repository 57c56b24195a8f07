//! A path in borrowed pieces, and its segments with the dot segments resolved.

use core::array::IntoIter;
use core::iter::{Enumerate, FlatMap, Flatten};
use core::str::Split;

use super::component::Component;
use super::{Decoded, MAX_URI_LENGTH};

/// How many texts a path can be made of: that of a URI and three relative references joined
/// to it one after the other.
const MAX_PIECES: usize = 4;

/// An absolute path: the segments of all pieces one after the other, a piece being segments
/// with slashes between them.
///
/// A base without its last segment and a relative reference meet at a slash, so no segment
/// lies across two pieces.
#[derive(Clone, Copy)]
pub(super) struct Path<'a> {
    /// `None` only after the last piece. `Some("")` is one empty segment.
    pieces: [Option<&'a str>; MAX_PIECES],
}

impl<'a> Path<'a> {
    pub(super) const fn root() -> Self {
        Self::absolute("")
    }

    /// A path given without the slash it begins with.
    pub(super) const fn absolute(segments: &'a str) -> Self {
        Self { pieces: [Some(segments), None, None, None] }
    }

    /// Merges a relative path with this one (RFC 3986 §5.2.3); `None` if it has too many pieces.
    pub(super) fn join(mut self, relative: &'a str) -> Option<Self> {
        if let Some(last) = self.pieces.iter_mut().rev().find(|piece| piece.is_some()) {
            *last = last.and_then(directory);
        }
        *self.pieces.iter_mut().find(|piece| piece.is_none())? = Some(relative);
        Some(self)
    }

    /// The length with its slashes.
    pub(super) fn len(&self) -> usize {
        let lengths = self.pieces.iter().flatten().map(|piece| piece.len().saturating_add(1));
        lengths.fold(0, usize::saturating_add)
    }

    fn raw(self) -> RawSegments<'a> {
        self.pieces.into_iter().flatten().flat_map(|piece| piece.split('/'))
    }
}

/// All but the last segment. A dot segment at the end is a directory itself: it stays, so that
/// the base counts as in its normal form.
fn directory(piece: &str) -> Option<&str> {
    let (before, last) = match piece.rsplit_once('/') {
        Some((before, last)) => (Some(before), last),
        None => (None, piece),
    };
    if dots(last) == Dots::None { before } else { Some(piece) }
}

type RawSegments<'a> = FlatMap<
    Flatten<IntoIter<Option<&'a str>, MAX_PIECES>>,
    Split<'a, char>,
    fn(&'a str) -> Split<'a, char>,
>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Dots {
    None,
    /// `.`
    Here,
    /// `..`
    Up,
}

/// A percent-encoded dot is a dot (`URI-27`): otherwise a Uri-Path of `..` could be sent, which
/// RFC 7252 §5.10.1 forbids.
fn dots(segment: &str) -> Dots {
    let decoded = Decoded::new(segment, Component::Segment);
    match segment.len() {
        1..=6 if decoded.eq_bytes(b".") => Dots::Here,
        2..=6 if decoded.eq_bytes(b"..") => Dots::Up,
        _ => Dots::None,
    }
}

/// The segments that are left after dot segments are removed (RFC 3986 §5.2.4), in time linear
/// in the length of the path.
#[derive(Clone)]
pub(super) struct PathSegments<'a> {
    raw: Enumerate<RawSegments<'a>>,
    kept: Bits,
    /// How many are still to come.
    left: usize,
}

impl<'a> PathSegments<'a> {
    pub(super) fn new(path: Path<'a>) -> Self {
        // From the end each `..` takes the next segment that is still there, so one pass tells
        // which ones stay. The first ones need to be known first, hence the table.
        let mut kept = Bits::default();
        let mut left = 0_usize;
        let mut up = 0_usize;
        let mut index = path.raw().count();
        for segment in path.raw().rev() {
            index = index.saturating_sub(1);
            match dots(segment) {
                Dots::Here => {}
                Dots::Up => up = up.saturating_add(1),
                Dots::None if up > 0 => up = up.saturating_sub(1),
                Dots::None => {
                    kept.set(index);
                    left = left.saturating_add(1);
                }
            }
        }
        // A dot segment at the end leaves a trailing slash; a path of `/` has no segments
        // (URI-11).
        let last = path.raw().next_back().unwrap_or_default();
        let trailing = dots(last) != Dots::None;
        left = left.saturating_add(usize::from(trailing));
        if left == 1 && (trailing || last.is_empty()) {
            left = 0;
        }
        Self { raw: path.raw().enumerate(), kept, left }
    }
}

impl<'a> Iterator for PathSegments<'a> {
    type Item = Decoded<'a>;

    fn next(&mut self) -> Option<Decoded<'a>> {
        self.left = self.left.checked_sub(1)?;
        let segment = self.raw.find(|(index, _)| self.kept.get(*index)).map(|(_, segment)| segment);
        Some(Decoded::new(segment.unwrap_or_default(), Component::Segment))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

/// One bit for each segment: there are at most as many as bytes in a path of the longest URI.
#[derive(Clone)]
struct Bits([u32; MAX_URI_LENGTH / 32]);

impl Default for Bits {
    fn default() -> Self {
        Self([0; MAX_URI_LENGTH / 32])
    }
}

impl Bits {
    fn set(&mut self, index: usize) {
        if let Some(word) = self.0.get_mut(index / 32) {
            *word |= 1 << (index % 32);
        }
    }

    fn get(&self, index: usize) -> bool {
        self.0.get(index / 32).is_some_and(|word| word & (1 << (index % 32)) != 0)
    }
}
