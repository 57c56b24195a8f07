//! A transport with or without TLS.

#[cfg(feature = "tls")]
use crate::tls::TlsStream;
use crate::transport::Transport;
use std::io;
use std::task::{Context, Poll};

/// What carries a connection.
pub(crate) enum Channel<T> {
    Plain(T),
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream<T>>),
}

macro_rules! forward {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self {
            Channel::Plain($stream) => $call,
            #[cfg(feature = "tls")]
            Channel::Tls($stream) => $call,
        }
    };
}

impl<T: Transport + Unpin> Transport for Channel<T> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        forward!(self, stream => stream.poll_read(cx, buffer))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        forward!(self, stream => stream.poll_write(cx, bytes))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(self, stream => stream.poll_shutdown(cx))
    }
}
