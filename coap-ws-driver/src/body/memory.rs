//! What bodies in blocks may take of the heap: of one connection, and of all of a server's.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What all connections of a server share (T72).
#[derive(Debug)]
pub(crate) struct BlockMemory {
    limit: usize,
    used: AtomicUsize,
}

impl BlockMemory {
    pub(crate) fn new(limit: usize) -> Arc<BlockMemory> {
        Arc::new(BlockMemory { limit, used: AtomicUsize::new(0) })
    }

    fn take(&self, bytes: usize) -> bool {
        let more = |used: usize| used.checked_add(bytes).filter(|used| *used <= self.limit);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    fn give(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// One connection's part. What it has is given back when it is dropped.
#[derive(Debug)]
pub(super) struct Ledger {
    limit: usize,
    used: usize,
    shared: Option<Arc<BlockMemory>>,
}

impl Ledger {
    pub(super) const fn new(limit: usize) -> Ledger {
        Ledger { limit, used: 0, shared: None }
    }

    /// Counts with others from now on; nothing may be taken yet.
    pub(super) fn share(&mut self, shared: Arc<BlockMemory>) {
        self.shared = Some(shared);
    }

    /// Takes so many bytes, or none.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        let Some(used) = self.used.checked_add(bytes).filter(|used| *used <= self.limit) else {
            return false;
        };
        if self.shared.as_ref().is_some_and(|shared| !shared.take(bytes)) {
            return false;
        }
        self.used = used;
        true
    }

    /// Gives back what was taken.
    pub(super) fn give(&mut self, bytes: usize) {
        self.used = self.used.saturating_sub(bytes);
        if let Some(shared) = &self.shared {
            shared.give(bytes);
        }
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.give(self.used);
    }
}

#[cfg(test)]
mod tests {
    use super::{BlockMemory, Ledger};
    use std::sync::atomic::Ordering;

    // T72
    #[test]
    fn the_limit_of_one_and_of_all_and_one_more() {
        let all = BlockMemory::new(15);
        let (mut first, mut second) = (Ledger::new(10), Ledger::new(10));
        first.share(all.clone());
        second.share(all.clone());
        assert!(first.take(10));
        assert!(!first.take(1), "its own limit");
        assert!(second.take(5));
        assert!(!second.take(1), "everybody's limit");
        first.give(4);
        assert!(second.take(4));
        drop((first, second));
        assert_eq!(all.used.load(Ordering::Relaxed), 0);
    }
}
