//! What the tests share.

pub mod alloc;
pub mod bodies;
pub mod bodies_engine;
pub mod calls;
mod model;
pub mod node;
pub mod pair;
pub mod reference;
pub mod seen;
pub mod source;
pub mod stream;
pub mod tape;
pub mod told;
pub mod trace;
pub mod traceability;
pub mod transcript;
pub mod watched;
pub mod world;

/// The code in the documentation, which is run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../docs/integrating.md")]
mod integrating {}
