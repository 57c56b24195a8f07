//! The cases against a client: it comes to us, and we judge what it does.

mod answers;
mod blocks;
mod conduct;
mod guest;
mod hosts;
mod malformed;
mod opening;
mod uris;

pub use guest::{ClientCx, ClientShared, Ended, Guest, Guests, Visit};
pub use hosts::{ByCommand, ByHand};

use crate::case::{Area, Case};

/// All of them, in the order in which they are told.
pub fn cases() -> Vec<Case> {
    let groups: &[&[Case]] = &[
        opening::HEADS,
        opening::CASES,
        conduct::CASES,
        conduct::FRAMES,
        malformed::CASES,
        answers::CASES,
        blocks::CASES,
        uris::CASES,
        uris::HOST,
    ];
    let own = groups.iter().flat_map(|group| group.iter());
    let mut cases: Vec<Case> = own.map(|case| Case { area: Area::Client, ..*case }).collect();
    cases.extend(crate::server::always());
    cases
}
