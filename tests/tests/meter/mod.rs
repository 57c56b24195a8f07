//! Brings the counting allocator into this binary, see `coap_ws_tests::alloc`.

use coap_ws_tests::alloc::Usage;

/// Counts what a closure does to the heap of this thread.
pub(crate) fn counted(call: &mut dyn FnMut()) -> Usage {
    let info = allocation_counter::measure(call);
    Usage { allocations: info.count_total, bytes: info.bytes_current, peak: info.bytes_max }
}
