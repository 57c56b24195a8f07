//! Handlers of the embedded Rust CoAP family ([`coap_handler::Handler`] 0.2) over CoAP over
//! WebSockets. A handler that was written for CoAP over UDP runs unchanged: behind header and
//! token, both have the same bytes.
//!
//! - Without a heap, [`answer`] is what to do with an
//!   [`Incoming::Request`](coap_ws_core::Incoming::Request) of a connection.
//! - With `std`, [`Served`] is a [`coap_ws_driver::Handler`]: for a server, or for a client that is
//!   asked.
//!
//! Such handlers cut their responses into blocks themselves. Neither they nor their messages know
//! of notifications, so what they serve cannot be observed: a registration gets a plain answer,
//! as RFC 7641 §4.1 has it.
//!
//! ```
//! use coap_handler_implementations::{HandlerBuilder, SimpleRendered, new_dispatcher};
//! use coap_ws_core::message::Request;
//! use coap_ws_core::{Config, Connection, Fixed, Incoming, Instant, Side, Transmit};
//! use coap_ws_handler::{UNDERSTOOD, answer};
//!
//! type Node = Connection<Fixed<1, 1, 1, 512>>;
//! let now = Instant::ZERO;
//! let mut handler = new_dispatcher().at(&["hello"], SimpleRendered("world"));
//! let understanding = |side| {
//!     let mut config = Config::fixed(side, 256);
//!     config.understood = UNDERSTOOD;
//!     config
//! };
//! let mut server = Node::new(understanding(Side::Acceptor))?;
//! let mut client = Node::new(understanding(Side::Initiator))?;
//!
//! client.request(now, &Request::get().segment("hello"), Default::default())?;
//! let mut buffer = [0; 256];
//! while let Some(Transmit::Message(bytes)) = client.poll_transmit() {
//!     if let Some(Incoming::Request { responder, message }) = server.handle_message(now, bytes)? {
//!         answer(&mut handler, now, &mut server, responder, &message, &mut buffer)?;
//!     }
//! }
//! let mut answered = false;
//! while let Some(Transmit::Message(bytes)) = server.poll_transmit() {
//!     if let Some(Incoming::Response { message, .. }) = client.handle_message(now, bytes)? {
//!         answered = message.payload() == b"world";
//!     }
//! }
//! assert!(answered);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::arithmetic_side_effects
    )
)]

#[cfg(feature = "std")]
mod served;

#[cfg(feature = "std")]
pub use served::Served;

use coap_handler::Handler;
use coap_message::MinimalWritableMessage;
use coap_message::error::RenderableOnMinimal;
use coap_message_implementations::inmemory::{Message as Read, MessageMut, SliceBufferMut};
use coap_ws_core::message::{Code, Message, OptionNumber};
use coap_ws_core::{Connection, Instant, Refused, Responder, Storage};

/// The critical options that these handlers process themselves, beyond those of RFC 7252: for
/// [`Config::understood`](coap_ws_core::Config::understood). A handler that does not know them
/// answers 4.02. Those of `coap-handler-implementations` put Block2 into every response, so that a
/// client of the core needs it too.
pub const UNDERSTOOD: &[OptionNumber] = &[OptionNumber::BLOCK2, OptionNumber::BLOCK1];

/// Header of a message with an empty token.
const HEADER: usize = 2;

/// Lets `handler` answer a request at once. `buffer` is where the response is written first; what
/// is larger than it, or than the peer takes, the handler cuts into blocks, or fails to answer.
///
/// # Errors
///
/// As [`Connection::respond`], with the responder back. The handler has run: a request that
/// changes something has changed it.
pub fn answer<S: Storage, H: Handler>(
    handler: &mut H,
    now: Instant,
    connection: &mut Connection<S>,
    responder: Responder,
    request: &Message<'_>,
    buffer: &mut [u8],
) -> Result<(), Refused> {
    let most = connection.max_send().saturating_sub(request.token().len());
    let most = most.min(buffer.len());
    let buffer = buffer.get_mut(..most).unwrap_or_default();
    match render(handler, request, |_| buffer) {
        Some(response) => connection.respond(now, responder, &response),
        // Nothing that could be said: not even an error fits into the buffer.
        None => connection.respond(now, responder, &internal()),
    }
}

fn internal() -> coap_ws_core::message::Response<'static> {
    coap_ws_core::message::Response::new(Code::INTERNAL_SERVER_ERROR)
}

/// The response as a message without a token, in the buffer that `place` gives for an estimated
/// length of options and payload.
fn render<'b, H: Handler>(
    handler: &mut H,
    request: &Message<'_>,
    place: impl FnOnce(usize) -> &'b mut [u8],
) -> Option<Message<'b>> {
    let read = Read::new_from_slice(request.code().to_byte(), request.tail());
    let asked = handler.extract_request_data(&read);
    let estimate = asked.as_ref().map_or(ERROR_LENGTH, |data| handler.estimate_length(data));
    let buffer = place(estimate);
    let (head, tail) = buffer.split_at_mut_checked(HEADER)?;
    let [first, code] = head else { return None };
    (*first, *code) = (0, 0);
    let mut message = MessageMut::new_in_slice(code, tail);
    match asked {
        Ok(data) => {
            if let Err(error) = handler.build_response(&mut message, data) {
                fail(error, &mut message);
            }
        }
        Err(error) => fail(error, &mut message),
    }
    let len = message.finish().0.saturating_add(HEADER);
    let response = Message::parse(buffer.get(..len)?).ok()?;
    // A code that is none of a response's is a mistake of the handler's.
    response.code().is_response().then_some(response)
}

/// Room for an error: a code, a few options, a line of text.
const ERROR_LENGTH: usize = 64;

/// Begins anew with what an error says. An error that cannot be said is said more shortly.
fn fail(error: impl RenderableOnMinimal, message: &mut MessageMut<SliceBufferMut<'_>>) {
    message.reset();
    if error.render(message).is_err() {
        message.reset();
        message.set_code(Code::INTERNAL_SERVER_ERROR.to_byte());
    }
}
