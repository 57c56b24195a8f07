//! CoAP over WebSockets (RFC 8323) in a browser.
//!
//! A [`Session`] is all there is to decide: it is told what happened to a WebSocket and what the
//! page wants, and says what is to be sent, when to wake it up and what came of it. It connects
//! again after a loss, cuts bodies into blocks and puts them together, and answers what the server
//! asks. It knows no socket, clock or promise, so it is tested without a browser.
//!
//! The JavaScript module (`npm/index.js`) carries bytes, timers and promises, and decides nothing.
//! In between is [`WebSession`], made for `wasm-bindgen`.

#![forbid(unsafe_code)]

mod answer;
mod boundary;
mod call;
mod closing;
mod link;
mod options;
mod serving;
mod session;
mod settings;

pub use answer::{Answer, Failure, Outcome, Output};
pub use boundary::{WebAsk, WebOutcome, WebOutput, WebSession};
pub use call::Ask;
pub use closing::browser_code;
pub use options::Options;
pub use session::Session;
pub use settings::{Refused, Settings};
