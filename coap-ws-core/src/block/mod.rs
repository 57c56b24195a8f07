//! Which bytes next: block-wise transfer (RFC 7959) and BERT (RFC 8323 §6) as pure values.
//!
//! Nothing here holds a body, a message or a connection: what is sent is told as a range of the
//! body, what has come is told where it goes. One value for each of the four roles:
//!
//! | | of a request (Block1) | of a response (Block2) |
//! |---|---|---|
//! | who sends the body | client: [`Slices`] | server: [`Serving`] |
//! | who receives it | server: [`RequestAssembly`], [`acknowledge`] | client: [`ResponseAssembly`] |
//!
//! [`Room`] says which block fits into a message, [`Bert`] whether SZX 7 may be used,
//! [`same_operation`] which requests belong together. A client is told a [`BlockError`], a
//! server the [`Refusal`] to answer.
//!
//! Two rules hold throughout (invariants 36, 39): the *offset* in the body tells where a block
//! belongs, so that its number may change with its size; and within one transfer the size that
//! we use never grows.
//!
//! ```
//! use coap_ws_core::block::{Bert, Block, BlockSize, Progress, Room, Slices};
//! use coap_ws_core::message::Code;
//!
//! let body = [0; 300];
//! let room = Room::new(1152, 40);
//! let mut slices = Slices::new(300, BlockSize::B128);
//! let slice = slices.next(room, Bert::Accepted)?.unwrap();
//! assert_eq!(slice.block().to_string(), "0/1/128");
//! assert_eq!(slice.of(&body).unwrap().len(), 128);
//!
//! // The server would rather have 64 bytes: the offset stays, the number is scaled.
//! let answer = Block::from_uint(0x0a);
//! let progress = slices.handle_response(Code::CONTINUE, answer, Bert::Accepted)?;
//! assert_eq!(progress, Progress::Continue);
//! let slice = slices.next(room, Bert::Accepted)?.unwrap();
//! assert_eq!(slice.block().to_string(), "2/1/64");
//! # Ok::<(), coap_ws_core::block::BlockError>(())
//! ```

mod fault;
mod fit;
mod operation;
mod option;
mod request;
mod response;
mod serving;
mod slices;

pub use fault::{BlockError, Refusal};
pub use fit::{Bert, Fit, Room};
pub use operation::{operation_key, operation_options, representation_key, same_operation};
pub use option::{Block, BlockSize, More};
pub use request::{Piece, RequestAssembly, acknowledge};
pub use response::{Agreement, MAX_RESTARTS, Part, Received, ResponseAssembly};
pub use serving::Serving;
pub use slices::{Progress, Slice, Slices};
