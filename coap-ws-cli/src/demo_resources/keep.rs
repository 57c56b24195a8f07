//! What `/store` keeps, in bounds: names, payloads, conditions. Knows no request.

use bytes::Bytes;
use coap_ws_tokio::core::message::ContentFormat;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The most entries.
pub(super) const MOST_ENTRIES: usize = 64;

/// The most bytes of all names and payloads together: 1 MiB.
pub(super) const MOST_BYTES: usize = 1024 * 1024;

/// A representation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    pub(super) payload: Bytes,
    pub(super) format: Option<ContentFormat>,
    pub(super) etag: Bytes,
}

impl Entry {
    pub(super) fn new(payload: &[u8], format: Option<ContentFormat>) -> Entry {
        let mut hasher = DefaultHasher::new();
        (payload, format).hash(&mut hasher);
        // Copied: the payload of a request keeps all of its message alive.
        let payload = Bytes::copy_from_slice(payload);
        Entry { payload, format, etag: hasher.finish().to_be_bytes().to_vec().into() }
    }
}

/// Entries by name.
#[derive(Debug, Default)]
pub(super) struct Keep {
    entries: BTreeMap<String, Entry>,
}

/// What became of a payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kept {
    Created,
    Changed,
    /// It alone is more than fits.
    TooLarge,
    /// The others leave no room.
    Full,
}

impl Keep {
    pub(super) fn put(&mut self, name: &str, entry: Entry) -> Kept {
        let size = name.len() + entry.payload.len();
        if size > MOST_BYTES {
            return Kept::TooLarge;
        }
        let others = self.entries.iter().filter(|(other, _)| *other != name);
        let (count, bytes) = others.fold((0, 0), |(count, bytes), (name, entry)| {
            (count + 1, bytes + name.len() + entry.payload.len())
        });
        if count >= MOST_ENTRIES || bytes + size > MOST_BYTES {
            return Kept::Full;
        }
        match self.entries.insert(name.to_owned(), entry) {
            Some(_) => Kept::Changed,
            None => Kept::Created,
        }
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.entries.remove(name);
    }

    pub(super) fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(name, entry)| (name.as_str(), entry))
    }
}

#[cfg(test)]
mod tests {
    use super::{Entry, Keep, Kept, MOST_BYTES, MOST_ENTRIES};

    fn of(size: usize) -> Entry {
        Entry::new(&vec![0; size], None)
    }

    #[test]
    fn at_most_so_many_entries() {
        let mut keep = Keep::default();
        for n in 0..MOST_ENTRIES {
            assert_eq!(keep.put(&n.to_string(), of(1)), Kept::Created);
        }
        assert_eq!(keep.put("more", of(1)), Kept::Full);
        assert_eq!(keep.put("0", of(2)), Kept::Changed);
        keep.remove("1");
        assert_eq!(keep.put("more", of(1)), Kept::Created);
    }

    #[test]
    fn at_most_so_many_bytes() {
        let mut keep = Keep::default();
        assert_eq!(keep.put("a", of(MOST_BYTES)), Kept::TooLarge);
        assert_eq!(keep.put("a", of(MOST_BYTES - 1)), Kept::Created);
        assert_eq!(keep.put("b", of(0)), Kept::Full);
        // What is replaced leaves its room.
        assert_eq!(keep.put("a", of(MOST_BYTES - 2)), Kept::Changed);
        assert_eq!(keep.put("b", of(0)), Kept::Created);
    }

    #[test]
    fn etags_tell_payload_and_format_apart() {
        use coap_ws_tokio::core::message::ContentFormat;
        let etag = |payload: &[u8], format| Entry::new(payload, format).etag;
        assert_eq!(etag(b"a", None), etag(b"a", None));
        assert_ne!(etag(b"a", None), etag(b"b", None));
        assert_ne!(etag(b"a", None), etag(b"a", Some(ContentFormat::TEXT)));
    }
}
