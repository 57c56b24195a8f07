//! Connections whose opening handshake a web server has read, on its own port.

use super::{Acceptor, Place};
use crate::engine::Engine;
use crate::handler::Handler;
use crate::handshake::{Accept, Refusal, decide};
use crate::policy::Scheme;
use crate::remote::RemoteInfo;
use crate::runtime::{Runtime, within};
use crate::transport::{Timer, Transport};
use http::StatusCode;
use http::request::Parts;
use std::fmt;

/// An opening handshake that was accepted and not answered yet, with its place among the
/// server's connections. Answer with [`response`](Upgraded::response), and give it to
/// [`Acceptor::serve_upgraded`] with the stream; dropping it gives the place back.
#[must_use = "a connection is served by `Acceptor::serve_upgraded`"]
pub struct Upgraded {
    accept: Accept,
    head: Parts,
    info: RemoteInfo,
    place: Place,
}

impl Upgraded {
    /// The 101 with all its fields.
    pub fn response(&self) -> http::Response<()> {
        self.accept.response()
    }
}

impl fmt::Debug for Upgraded {
    /// Without the head: it may hold credentials (T92).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgraded").field("accept", &self.accept).finish_non_exhaustive()
    }
}

impl<R, H> Acceptor<R, H>
where
    R: Runtime,
    H: Handler + Send + Sync + 'static,
    H::Future: Send,
{
    /// Judges an opening handshake that a web server has read: by the same rules, the same
    /// policy, the same limits and the same accept hook as one that came on a port of our own.
    ///
    /// `head` is the whole request, with the target as the client sent it
    /// ([`PATH`](crate::handshake::PATH)); `info` is what the web server knows of the client:
    /// its address, and whether TLS ends there. The policy's own `bind` counts, which is the
    /// loopback names where nothing else is said; `public_uris` says what the web server is called.
    ///
    /// # Errors
    ///
    /// A [`Refusal`], to be answered with [`Refusal::to_http`]: as by [`decide`], with the status
    /// of the accept hook, or 503 where there are as many connections as there may be.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the place back.
    pub async fn upgrade(&self, head: Parts, mut info: RemoteInfo) -> Result<Upgraded, Refusal> {
        let config = &self.shared.config;
        let mut policy = config.policy.clone();
        policy.server_name.clone_from(&info.server_name);
        if info.secure {
            policy.scheme = Scheme::CoapsWs;
        }
        let accept = decide(&head, &policy)?;
        let full = || Refusal::application(StatusCode::SERVICE_UNAVAILABLE);
        if self.is_full() {
            return Err(full());
        }
        let ip = info.address.map(|address| address.ip());
        let place = self.shared.open.enter(ip).ok_or_else(full)?;
        self.shared.complete(&mut info);
        let Some(hook) = &config.accept else { return Ok(Upgraded { accept, head, info, place }) };
        match within::<R, _>(config.engine.handshake_timeout, hook.ask(head, info)).await {
            Some(Ok(upgrade)) => {
                Ok(Upgraded { accept, head: upgrade.head, info: upgrade.info, place })
            }
            Some(Err(status)) => Err(Refusal::application(status)),
            None => Err(Refusal::timed_out()),
        }
    }

    /// Serves a stream behind the 101 in the background: what hyper's `upgrade::on` gives. Its
    /// next byte is the first frame's.
    pub fn serve_upgraded<T>(&self, stream: T, upgraded: Upgraded)
    where
        T: Transport + Unpin + Send + 'static,
    {
        let Upgraded { accept, head, info, place } = upgraded;
        let timer = R::timer();
        let engine = Engine::upgraded(timer.now(), self.shared.engine.clone(), &accept, head);
        // As for the others: a configuration that cannot be used serves nobody, and neither does
        // a server that has been shut down meanwhile.
        let Some(engine) = engine.ok().filter(|_| !self.shared.open.is_closed()) else { return };
        let driver = self.shared.drive(&place, stream, timer, info, engine);
        self.spawn(place, driver);
    }
}
