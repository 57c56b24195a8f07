//! TLS over any transport, as a transport.

use super::{ClientTls, ServerTls, TlsError, TlsFailure};
use crate::error::ConnectError;
use crate::transport::Transport;
use bytes::Bytes;
use futures_util::io::{AsyncRead, AsyncWrite};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A TLS connection.
pub(crate) struct TlsStream<T>(futures_rustls::TlsStream<Plain<T>>);

/// What the TLS handshake told the acceptor.
pub(crate) struct PeerIdentity {
    /// The name that the client asked for, lower case.
    pub(crate) server_name: Option<String>,
    /// The client's certificate and its chain, DER.
    pub(crate) certificates: Vec<Bytes>,
}

impl<T: Transport + Unpin> TlsStream<T> {
    /// The initiator's handshake, before any HTTP (SEC-02).
    pub(crate) async fn connect(
        tls: &ClientTls,
        host: &str,
        stream: T,
    ) -> Result<TlsStream<T>, ConnectError> {
        let name = tls.name_for(host).map_err(|error: TlsError| ConnectError::Tls(error.into()))?;
        let connector = futures_rustls::TlsConnector::from(tls.config());
        match connector.connect(name, Plain(stream)).await {
            Ok(stream) => Ok(TlsStream(stream.into())),
            Err(error) => Err(ConnectError::Tls(TlsFailure::within_handshake(&error).into())),
        }
    }

    /// The acceptor's handshake.
    pub(crate) async fn accept(
        tls: &ServerTls,
        stream: T,
    ) -> Result<(TlsStream<T>, PeerIdentity), TlsFailure> {
        let acceptor = futures_rustls::TlsAcceptor::from(tls.config());
        let stream = acceptor.accept(Plain(stream)).await;
        let stream = stream.map_err(|error| TlsFailure::within_handshake(&error))?;
        let (_, session) = stream.get_ref();
        let chain = session.peer_certificates().unwrap_or_default();
        let identity = PeerIdentity {
            server_name: session.server_name().map(str::to_ascii_lowercase),
            certificates: chain.iter().map(|der| Bytes::copy_from_slice(der)).collect(),
        };
        Ok((TlsStream(stream.into()), identity))
    }
}

impl<T: Transport + Unpin> Transport for TlsStream<T> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buffer).map(|read| match read {
            // No close_notify. Whether that is clean is told by what came before it: after a
            // WebSocket Close or a Release it is, else the connection is lost either way.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            other => other,
        })
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

/// A transport in the shape that futures-rustls knows.
struct Plain<T>(T);

impl<T: Transport + Unpin> AsyncRead for Plain<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_read(cx, buffer)
    }
}

impl<T: Transport + Unpin> AsyncWrite for Plain<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_shutdown(cx)
    }
}
