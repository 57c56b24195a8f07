//! The cases against a server.

mod block1;
mod block2;
mod closing;
mod csm;
mod encoding;
mod format;
mod frames;
mod handshake;
mod limits;
mod methods;
mod noresponse;
mod observe;
mod opening;
mod options;
mod proxying;
mod release;
mod roles;
mod signaling;
mod tokens;
mod uris;

use crate::case::{Area, Case};
use crate::conn::rules;

/// All of them, in the order in which they are told.
pub fn cases() -> Vec<Case> {
    let areas: &[(Area, &[Case])] = &[
        (Area::Handshake, handshake::CASES),
        (Area::Frames, frames::CASES),
        (Area::Frames, closing::CASES),
        (Area::Format, format::CASES),
        (Area::Format, encoding::CASES),
        (Area::Options, options::CASES),
        (Area::Codes, methods::CASES),
        (Area::Tokens, tokens::CASES),
        (Area::Csm, csm::CASES),
        (Area::Signaling, signaling::SIGNALING),
        (Area::Ping, signaling::PING),
        (Area::Release, release::RELEASE),
        (Area::Abort, release::ABORT),
        (Area::Roles, roles::CASES),
        (Area::NoResponse, noresponse::CASES),
        (Area::Observe, observe::CASES),
        (Area::Blocks, block2::CASES),
        (Area::Blocks, block1::CASES),
        (Area::Uris, uris::CASES),
        (Area::Proxying, proxying::CASES),
        (Area::Limits, limits::LIMITS),
        (Area::Robustness, limits::ROBUSTNESS),
    ];
    let mut cases: Vec<Case> = areas
        .iter()
        .flat_map(|(area, cases)| cases.iter().map(|case| Case { area: *area, ..*case }))
        .collect();
    cases.extend(always());
    cases
}

/// The rules about everything that is sent, as cases.
pub fn always() -> impl Iterator<Item = Case> {
    rules::ALL.iter().map(|about| Case {
        id: about.id,
        level: about.level,
        requirements: about.requirements,
        section: about.section,
        title: about.title,
        expected: "No breach on any connection of this run",
        why: about.why,
        ..Case::always(about.rule)
    })
}
