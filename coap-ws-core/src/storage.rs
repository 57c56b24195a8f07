//! Where a connection keeps its tables and its output: growing on a heap, or fixed.
//!
//! The state machine sees two things: a table is a slice of slots that can be asked to grow,
//! the output is bytes that can be asked to grow. So one machine runs on both.

use crate::{Config, exchange, observe, served};
use core::ops::Deref;

/// A storage for a [`Connection`](crate::Connection): [`Heap`] or [`Fixed`].
///
/// Sealed: what the slots are is the core's own business.
pub trait Storage: sealed::Sealed {
    /// The longest token of the peer's that can be kept, in bytes (RFC 8974).
    const MAX_TOKEN_LENGTH: usize;
    #[doc(hidden)]
    type Exchanges: Table<exchange::Slot>;
    #[doc(hidden)]
    type Requests: Table<served::Slot>;
    #[doc(hidden)]
    type Observers: Table<observe::Slot>;
    #[doc(hidden)]
    type Output: Buffer;
    /// Where its configuration is.
    #[doc(hidden)]
    type Config: Deref<Target = Config> + From<Config>;
}

/// There is no room for more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

#[doc(hidden)]
pub trait Table<T> {
    /// The most slots there can be.
    const CAPACITY: usize;
    fn new() -> Self;
    fn slots(&self) -> &[T];
    fn slots_mut(&mut self) -> &mut [T];
    /// Adds at least one slot, never beyond `limit`.
    fn grow(&mut self, limit: usize) -> Result<(), Full>;
}

#[doc(hidden)]
pub trait Buffer {
    /// The most bytes there can be.
    const CAPACITY: usize;
    fn new() -> Self;
    fn bytes(&self) -> &[u8];
    fn bytes_mut(&mut self) -> &mut [u8];
    /// Makes it at least `size` bytes, never beyond `limit`.
    fn grow(&mut self, size: usize, limit: usize) -> Result<(), Full>;
    /// Gives everything back.
    fn release(&mut self);
}

/// Fixed storage, no heap: at most `EXCHANGES` requests of ours and `REQUESTS` of the peer's
/// in flight, and `OUTPUT` bytes waiting to be sent. `OBSERVERS` bounds the observations that
/// the peer may register (RFC 7641).
///
/// ```
/// use coap_ws_core::{Config, Connection, Fixed, Side};
/// type Node = Connection<Fixed<4, 4, 2, 1024>>;
/// let node = Node::new(Config::fixed(Side::Acceptor, 512))?;
/// assert!(core::mem::size_of_val(&node) < 2600);
/// # Ok::<(), coap_ws_core::ConfigError>(())
/// ```
#[derive(Debug)]
pub enum Fixed<
    const EXCHANGES: usize,
    const REQUESTS: usize,
    const OBSERVERS: usize,
    const OUTPUT: usize,
> {}

impl<const E: usize, const R: usize, const V: usize, const O: usize> sealed::Sealed
    for Fixed<E, R, V, O>
{
}

impl<const E: usize, const R: usize, const V: usize, const O: usize> Storage for Fixed<E, R, V, O> {
    const MAX_TOKEN_LENGTH: usize = 8;
    type Exchanges = heapless::Vec<exchange::Slot, E>;
    type Requests = heapless::Vec<served::Slot, R>;
    type Observers = heapless::Vec<observe::Slot, V>;
    type Output = FixedBuffer<O>;
    type Config = Inline;
}

/// A configuration within the connection.
#[doc(hidden)]
#[derive(Debug)]
pub struct Inline(Config);

impl From<Config> for Inline {
    fn from(config: Config) -> Inline {
        Inline(config)
    }
}

impl Deref for Inline {
    type Target = Config;

    fn deref(&self) -> &Config {
        &self.0
    }
}

impl<T: Default, const N: usize> Table<T> for heapless::Vec<T, N> {
    const CAPACITY: usize = N;

    fn new() -> Self {
        heapless::Vec::new()
    }

    fn slots(&self) -> &[T] {
        self
    }

    fn slots_mut(&mut self) -> &mut [T] {
        self
    }

    fn grow(&mut self, limit: usize) -> Result<(), Full> {
        if self.len() >= limit {
            return Err(Full);
        }
        self.push(T::default()).map_err(|_| Full)
    }
}

#[doc(hidden)]
#[derive(Debug)]
pub struct FixedBuffer<const N: usize>([u8; N]);

impl<const N: usize> Buffer for FixedBuffer<N> {
    const CAPACITY: usize = N;

    fn new() -> Self {
        FixedBuffer([0; N])
    }

    fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    fn grow(&mut self, size: usize, _limit: usize) -> Result<(), Full> {
        if size <= N { Ok(()) } else { Err(Full) }
    }

    fn release(&mut self) {}
}

/// Storage that grows with need and gives back what it does not need. Connections that are made
/// from one `Arc` share their configuration.
#[cfg(feature = "alloc")]
#[derive(Debug)]
pub enum Heap {}

#[cfg(feature = "alloc")]
mod heap {
    use super::{Buffer, Full, Heap, Storage, Table, sealed};
    use crate::{Config, exchange, observe, served};
    use alloc::sync::Arc;
    use alloc::vec::Vec;
    use smallvec::{Array, SmallVec};

    impl sealed::Sealed for Heap {}

    impl Storage for Heap {
        const MAX_TOKEN_LENGTH: usize = 65_804;
        type Exchanges = SmallVec<[exchange::Slot; 2]>;
        // One at a time is the rule: an answer that is ready goes before the next request is read.
        type Requests = SmallVec<[served::Slot; 1]>;
        type Observers = SmallVec<[observe::Slot; 1]>;
        type Output = Vec<u8>;
        type Config = Arc<Config>;
    }

    impl<A: Array> Table<A::Item> for SmallVec<A>
    where
        A::Item: Default,
    {
        const CAPACITY: usize = usize::MAX;

        fn new() -> Self {
            SmallVec::new()
        }

        fn slots(&self) -> &[A::Item] {
            self
        }

        fn slots_mut(&mut self) -> &mut [A::Item] {
            self
        }

        fn grow(&mut self, limit: usize) -> Result<(), Full> {
            let target = self.len().saturating_mul(2).max(self.inline_size()).min(limit);
            let more = target.saturating_sub(self.len());
            if more == 0 {
                return Err(Full);
            }
            // An allocator that says no is a table that is full, not an abort (T91).
            self.try_reserve_exact(more).map_err(|_| Full)?;
            self.resize_with(target, Default::default);
            Ok(())
        }
    }

    impl Buffer for Vec<u8> {
        const CAPACITY: usize = usize::MAX;

        fn new() -> Self {
            Vec::new()
        }

        fn bytes(&self) -> &[u8] {
            self
        }

        fn bytes_mut(&mut self) -> &mut [u8] {
            self
        }

        fn grow(&mut self, size: usize, limit: usize) -> Result<(), Full> {
            if size > limit {
                return Err(Full);
            }
            let target = self.len().saturating_mul(2).max(64).max(size).min(limit);
            // A step that would come near the limit goes all the way: one copy less, and the place
            // that is moved from is small beside the new one.
            let near = limit / 3;
            let target = if target >= near { limit } else { target };
            let more = target.saturating_sub(self.len());
            self.try_reserve_exact(more).map_err(|_| Full)?;
            self.resize(target.max(self.len()), 0);
            Ok(())
        }

        fn release(&mut self) {
            *self = Vec::new();
        }
    }
}

mod sealed {
    pub trait Sealed {}
}
