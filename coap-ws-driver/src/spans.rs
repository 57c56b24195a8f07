//! What `tracing` is told of connections and requests, with the feature `tracing`; nothing without
//! it. Roles, methods, codes, addresses and reasons only: no path, query, token, payload, header
//! field or text of a peer's, at no level (T92).

pub(crate) use on_or_off::{ConnectionSpan, Spanned, asking, serving};

#[cfg(feature = "tracing")]
mod on_or_off {
    use crate::error::{Closed, Error};
    use crate::mailbox::Answer;
    use crate::remote::RemoteInfo;
    use crate::response::Response;
    use coap_ws_core::message::Code;
    use coap_ws_core::{PeerSettings, Side};
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use tracing::field::{Empty, display};
    use tracing::span::Entered;
    use tracing::{Instrument, Span, debug, debug_span, info_span};

    /// A handler's future within its span, which in the end knows the code.
    pub(crate) struct Spanned<F> {
        span: Span,
        future: Pin<Box<F>>,
    }

    impl<F: Future<Output = Response>> Future for Spanned<F> {
        type Output = Response;

        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response> {
            let this = &mut *self;
            let _entered = this.span.enter();
            let answer = this.future.as_mut().poll(cx);
            if let Poll::Ready(response) = &answer {
                this.span.record("code", display(response.code()));
                debug!("answered");
            }
            answer
        }
    }

    /// `coap.conn`: from the accepted or connected stream to the end.
    pub(crate) struct ConnectionSpan(Span);

    impl ConnectionSpan {
        pub(crate) fn new(side: Side, info: &RemoteInfo) -> ConnectionSpan {
            let side = match side {
                Side::Initiator => "initiator",
                Side::Acceptor => "acceptor",
            };
            let span =
                info_span!("coap.conn", side, secure = info.secure, peer = Empty, end = Empty);
            if let Some(address) = info.address {
                span.record("peer", display(address));
            }
            ConnectionSpan(span)
        }

        /// For the time that the task is polled.
        pub(crate) fn enter(&self) -> Entered<'_> {
            self.0.enter()
        }

        /// Another handle on it, to enter while the connection is borrowed.
        pub(crate) fn share(&self) -> ConnectionSpan {
            ConnectionSpan(self.0.clone())
        }

        pub(crate) fn opened(&self) {
            debug!(parent: &self.0, "open");
        }

        /// Its error may name what the peer said.
        pub(crate) fn failed(&self) {
            debug!(parent: &self.0, "the opening handshake failed");
        }

        pub(crate) fn settings(&self, settings: &PeerSettings) {
            let size = settings.max_message_size;
            debug!(parent: &self.0, max_message_size = size, "settings");
        }

        pub(crate) fn ended(&self, closed: &Closed) {
            self.0.record("end", display(closed.reason));
            debug!(parent: &self.0, "over");
        }
    }

    fn name(method: Code) -> &'static str {
        method.name().unwrap_or("unknown")
    }

    /// `coap.req` at the end that answers: the handler is called and polled in it.
    pub(crate) fn serving<F: Future<Output = Response>>(
        method: Code,
        call: impl FnOnce() -> F,
    ) -> Spanned<F> {
        let span = debug_span!("coap.req", role = "server", method = name(method), code = Empty);
        let future = Box::pin(span.in_scope(call));
        Spanned { span, future }
    }

    /// `coap.req` at the end that asks, within the span of who calls.
    pub(crate) async fn asking(
        method: Code,
        ask: impl Future<Output = Result<Answer, Error>>,
    ) -> Result<Answer, Error> {
        let span = debug_span!("coap.req", role = "client", method = name(method), code = Empty);
        let outcome = ask.instrument(span.clone()).await;
        match &outcome {
            Ok(answer) => {
                span.record("code", display(answer.response.code()));
                debug!(parent: &span, "answered");
            }
            Err(error) => debug!(parent: &span, sent = ?error.sent(), "failed"),
        }
        outcome
    }
}

#[cfg(not(feature = "tracing"))]
mod on_or_off {
    use crate::error::{Closed, Error};
    use crate::mailbox::Answer;
    use crate::remote::RemoteInfo;
    use coap_ws_core::message::Code;
    use coap_ws_core::{PeerSettings, Side};
    use std::future::Future;

    pub(crate) type Spanned<F> = F;

    /// What ends nothing.
    pub(crate) struct Entered;

    pub(crate) struct ConnectionSpan;

    impl ConnectionSpan {
        pub(crate) fn new(_: Side, _: &RemoteInfo) -> ConnectionSpan {
            ConnectionSpan
        }

        pub(crate) const fn enter(&self) -> Entered {
            Entered
        }

        pub(crate) fn share(&self) -> ConnectionSpan {
            ConnectionSpan
        }

        pub(crate) fn opened(&self) {}

        pub(crate) fn failed(&self) {}

        pub(crate) fn settings(&self, _: &PeerSettings) {}

        pub(crate) fn ended(&self, _: &Closed) {}
    }

    pub(crate) fn serving<F>(_: Code, call: impl FnOnce() -> F) -> F {
        call()
    }

    pub(crate) async fn asking(
        _: Code,
        ask: impl Future<Output = Result<Answer, Error>>,
    ) -> Result<Answer, Error> {
        ask.await
    }
}
