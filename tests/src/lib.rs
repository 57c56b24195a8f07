//! What the tests share.

pub mod transcript;
pub mod alloc;
mod model;
pub mod node;
pub mod seen;
pub mod tape;
pub mod told;
pub mod trace;
pub mod watched;
pub mod world;
