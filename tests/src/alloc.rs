//! What a connection holds of the heap.
//!
//! A counting allocator needs `unsafe`, which this workspace forbids, and a library must not
//! choose the allocator of the binaries that use it. So those tests that count bring the crate
//! `allocation-counter` and hand its `measure` in as a [`Meter`]; the others, and the fuzz
//! targets, run the same code uncounted.

/// What one call did to the heap of its thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// How many allocations there were; a reallocation is one.
    pub allocations: u64,
    /// Bytes held afterwards, less those held before.
    pub bytes: i64,
    /// The most bytes held meanwhile, less those held before.
    pub peak: u64,
}

/// Runs a closure once and says what it did.
pub type Meter = fn(&mut dyn FnMut()) -> Usage;

/// Runs it and counts nothing.
pub fn uncounted(call: &mut dyn FnMut()) -> Usage {
    call();
    Usage::default()
}

/// Runs a closure under a meter and hands its result back.
pub fn metered<T>(meter: Meter, call: impl FnOnce() -> T) -> (T, Usage) {
    let (mut call, mut result) = (Some(call), None);
    let usage = meter(&mut || {
        if let Some(call) = call.take() {
            result = Some(call());
        }
    });
    (result.expect("a meter runs its closure"), usage)
}

/// The heap of one connection, summed up over its calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct Held {
    /// Bytes held now.
    pub bytes: i64,
    /// The most that were ever held.
    pub peak: i64,
    /// Allocations so far.
    pub allocations: u64,
}

impl Held {
    /// Adds one call.
    pub fn add(&mut self, usage: Usage) {
        self.peak = self.peak.max(self.bytes + usage.peak as i64);
        self.bytes += usage.bytes;
        self.allocations += usage.allocations;
    }
}
