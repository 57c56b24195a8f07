//! x
pub mod gauge;
pub mod handshake;
pub mod policy;
