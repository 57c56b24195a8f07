//! Who answers the peer's requests.

use crate::notifier::Notifier;
use crate::remote::Remote;
use crate::request::Request;
use crate::response::Response;
use std::future::Future;
use std::future::{Ready, ready};
use std::sync::Arc;

/// Answers requests. A [`Router`](crate::Router) is the usual one.
///
/// The future runs inside its connection's task and is polled at once: an answer that is
/// ready leaves in the same write as its neighbours. One that blocks its thread blocks its
/// connections; move such work to a thread of its own. A panic is answered 5.00. A future
/// that is not ready within `answer_timeout` is dropped and answered 5.03.
pub trait Handler {
    /// The answer on its way.
    type Future: Future<Output = Response>;

    /// Starts to answer a request.
    fn call(&self, request: Request) -> Self::Future;

    /// Who tells of changes of what a request asks for; `None` where it cannot be observed
    /// (RFC 7641 §4). Asked of GET and FETCH that register an observer, before
    /// [`call`](Handler::call); where that succeeds there is one more observer, for whom `call`
    /// is made again, with the same request, whenever the notifier says so.
    fn notifier(&self, request: &Request) -> Option<Notifier> {
        let _ = request;
        None
    }

    /// A connection is open. The place to keep the remote of a client that connects, in order
    /// to ask it later.
    fn connected(&self, remote: &Remote) {
        let _ = remote;
    }

    /// Whether requests like this one, and their answers, go through in the blocks that they
    /// come in: for bodies that are not to be held whole. `coap_ws_core::block` has what is
    /// needed then. Asked only of requests with a Block option.
    fn takes_blocks(&self, request: &Request) -> bool {
        let _ = request;
        false
    }

    /// Whether there is anything to ask here. Where not, the core answers 5.01 by itself
    /// (RFC 8323 §3.3; TOK-26).
    fn serves(&self) -> bool {
        true
    }
}

impl<H: Handler + ?Sized> Handler for Arc<H> {
    type Future = H::Future;

    fn call(&self, request: Request) -> H::Future {
        H::call(self, request)
    }

    fn notifier(&self, request: &Request) -> Option<Notifier> {
        H::notifier(self, request)
    }

    fn connected(&self, remote: &Remote) {
        H::connected(self, remote);
    }

    fn takes_blocks(&self, request: &Request) -> bool {
        H::takes_blocks(self, request)
    }

    fn serves(&self) -> bool {
        H::serves(self)
    }
}

/// Serves nothing: every request gets 5.01.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHandler;

impl Handler for NoHandler {
    type Future = Ready<Response>;

    fn call(&self, _: Request) -> Ready<Response> {
        ready(Response::new(coap_ws_core::message::Code::NOT_IMPLEMENTED))
    }

    fn serves(&self) -> bool {
        false
    }
}
