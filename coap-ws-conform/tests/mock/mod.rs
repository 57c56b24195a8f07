//! Peers that are right, and peers that are wrong in one thing. Written with the suite's own
//! reader and writer, over memory, so that time can be virtual.

#[macro_use]
pub(crate) mod mutation;
mod blocks;
pub(crate) mod client;
mod client_talk;
mod frames;
mod http;
mod messages;
pub(crate) mod mutation_client;
mod observe;
mod options;
mod requests;
mod resources;
mod server;
mod signaling;
mod world;

pub(crate) use world::{Memory, World};
