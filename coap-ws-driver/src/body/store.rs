//! Bodies that are under way: requests of the peer that are incomplete, and answers whose next
//! blocks it may ask for. Of one connection (SEC-18).

use super::asked::Key;
use super::memory::{BlockMemory, Ledger};
use super::upload::Upload;
use crate::engine::BlockWise;
use crate::response::Response;
use coap_ws_core::Instant;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// What an entry costs besides its bytes: itself and its place in the table.
const ENTRY: usize = 512;

/// The entries, the one that was used longest ago in front: all wait equally long.
pub(super) struct Store {
    entries: VecDeque<Entry>,
    ledger: Ledger,
    max_uploads: usize,
    idle: Duration,
}

struct Entry {
    key: Key,
    until: Instant,
    cost: usize,
    what: What,
}

enum What {
    Upload(Upload),
    Answer(Response),
}

/// There is no room, whatever is dropped.
#[derive(Debug)]
pub(super) struct Full;

impl Store {
    pub(super) fn new(config: &BlockWise) -> Store {
        Store {
            entries: VecDeque::new(),
            ledger: Ledger::new(config.memory),
            max_uploads: config.max_uploads.max(1),
            idle: config.idle,
        }
    }

    pub(super) fn share(&mut self, memory: Arc<BlockMemory>) {
        self.ledger.share(memory);
    }

    /// Takes the upload with this key out.
    pub(super) fn take_upload(&mut self, key: &[u8]) -> Option<Upload> {
        match self.take(|entry| entry.is_upload() && *entry.key == *key)? {
            What::Upload(upload) => Some(upload),
            What::Answer(_) => None,
        }
    }

    /// Puts an upload in; the oldest of too many is dropped, its next block will be 4.08 (T72).
    pub(super) fn put_upload(
        &mut self,
        now: Instant,
        key: Key,
        upload: Upload,
    ) -> Result<(), Full> {
        while self.entries.iter().filter(|entry| entry.is_upload()).count() >= self.max_uploads {
            self.take(Entry::is_upload);
        }
        let cost = upload.cost();
        self.put(now, key, cost, What::Upload(upload))
    }

    /// Takes the answer with this key out.
    pub(super) fn take_answer(&mut self, key: &[u8]) -> Option<Response> {
        match self.take(|entry| !entry.is_upload() && *entry.key == *key)? {
            What::Answer(response) => Some(response),
            What::Upload(_) => None,
        }
    }

    /// Keeps an answer, instead of an older one, if there is room.
    pub(super) fn put_answer(&mut self, now: Instant, key: Key, response: Response) {
        self.take_answer(&key);
        let cost = response.body().len();
        // Without room the handler runs again, or the client hears 4.08.
        let _ = self.put(now, key, cost, What::Answer(response));
    }

    /// When something has waited too long.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.entries.front().map(|entry| entry.until)
    }

    /// Drops what has waited too long.
    pub(super) fn expire(&mut self, now: Instant) {
        while self.deadline().is_some_and(|until| until <= now) {
            self.drop_oldest();
        }
        if self.entries.is_empty() {
            self.entries = VecDeque::new();
        }
    }

    pub(super) fn clear(&mut self) {
        while self.drop_oldest() {}
    }

    fn put(&mut self, now: Instant, key: Key, cost: usize, what: What) -> Result<(), Full> {
        let cost = cost.saturating_add(key.len()).saturating_add(ENTRY);
        while !self.ledger.take(cost) {
            if !self.drop_oldest() {
                return Err(Full);
            }
        }
        let until = now.saturating_add(self.idle);
        self.entries.push_back(Entry { key, until, cost, what });
        Ok(())
    }

    fn take(&mut self, which: impl Fn(&Entry) -> bool) -> Option<What> {
        let index = self.entries.iter().position(which)?;
        let entry = self.entries.remove(index)?;
        self.ledger.give(entry.cost);
        Some(entry.what)
    }

    fn drop_oldest(&mut self) -> bool {
        self.take(|_| true).is_some()
    }
}

impl Entry {
    fn is_upload(&self) -> bool {
        matches!(self.what, What::Upload(_))
    }
}
