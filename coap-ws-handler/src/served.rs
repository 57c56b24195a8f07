//! Such a handler as one of the driver's.

use crate::{internal, render};
use coap_ws_driver::core::block::Block;
use coap_ws_driver::core::message::{Encode as _, OptionNumber};
use coap_ws_driver::{Request, Response};
use std::fmt;
use std::future::{Ready, ready};
use std::sync::{Mutex, PoisonError};

/// Serves a [`coap_handler::Handler`].
///
/// It is asked for one request after the other, also by many connections: its `&mut self` is
/// behind a lock, held while it answers and never across an `await`. It must not wait for
/// anything.
///
/// Bodies of requests are put together before it sees them, so that it gets no Block1. Block2 it
/// gets as it came, since these handlers cut for themselves.
///
/// ```no_run
/// use coap_handler_implementations::{HandlerBuilder, SimpleRendered, new_dispatcher};
/// use coap_ws_handler::Served;
/// use coap_ws_tokio::Server;
/// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
/// let tree = || new_dispatcher().at(&["hello"], SimpleRendered("world"));
/// Server::bind("localhost:8683").await?.serve(Served::new(tree())).await?;
/// # Ok(())
/// # }
/// ```
pub struct Served<H>(Mutex<H>);

impl<H: coap_handler::Handler> Served<H> {
    /// Serves this one.
    pub const fn new(handler: H) -> Served<H> {
        Served(Mutex::new(handler))
    }

    /// The handler back.
    pub fn into_inner(self) -> H {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<H> fmt::Debug for Served<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Served").finish_non_exhaustive()
    }
}

/// The most bytes of a response that is written before it is known how long it is: a block of 1024
/// bytes and its options, or all that fits into a message of RFC 8323's base value.
const MOST: usize = 1152;

/// Room for the options of a response, beside what the handler estimates.
const OPTIONS: usize = 64;

impl<H: coap_handler::Handler> coap_ws_driver::Handler for Served<H> {
    type Future = Ready<Response>;

    fn call(&self, request: Request) -> Ready<Response> {
        let view = request.view();
        let peer = usize::try_from(request.remote().max_send()).unwrap_or(MOST);
        let most = peer.saturating_sub(view.token().len()).min(MOST);
        let mut buffer = Vec::new();
        // One that has panicked is asked again: the driver has answered 5.00 for it.
        let mut handler = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let response = render(&mut *handler, &view, |estimate| {
            buffer.resize(estimate.saturating_add(OPTIONS).min(most), 0);
            &mut buffer
        });
        drop(handler);
        ready(match response {
            Some(message) => {
                let response = Response::new(message.code()).payload(message.payload().to_vec());
                message.options().fold(response, |response, option| {
                    response.option(option.number, option.value.to_vec())
                })
            }
            None => Response::new(internal().code()),
        })
    }

    fn takes_blocks(&self, request: &Request) -> bool {
        let view = request.view();
        let of = |number| Block::of(&view, number).is_some();
        of(OptionNumber::BLOCK2) && !of(OptionNumber::BLOCK1)
    }
}
