//! What a message means: pure functions over slices. Knows no connection.
//!
//! [`Message`] is a view of received bytes, [`Request`] and [`Response`] are what is sent,
//! [`Code`], [`OptionNumber`] and [`ContentFormat`] are the registries, [`uri`] turns
//! `coap+ws://` URIs into options and back.

mod check;
mod code;
mod condition;
mod decode;
mod draft;
mod encode;
mod option;
#[cfg(feature = "alloc")]
mod owned;
pub mod uri;

pub(crate) use check::{DISCLAIM_ALL, disclaims, no_response};
pub use check::{RequestFault, check_request, check_response};
pub use code::{Code, Kind};
pub use condition::{conditions_hold, knows_etag};
pub(crate) use decode::decode_uint;
pub use decode::{FormatError, FormatErrorKind, Message, OptionRef, Options};
pub use draft::{Draft, MAX_DRAFT_OPTIONS, Request, Response, kind};
pub use encode::{Encode, EncodeError, Encoder, encode_message};
pub(crate) use encode::{Observe, WithObserve};
pub use option::{ContentFormat, Direction, OptionFormat, OptionNumber, OptionSpec};
#[cfg(feature = "alloc")]
pub use owned::OwnedMessage;
