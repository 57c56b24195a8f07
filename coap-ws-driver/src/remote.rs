//! One connection, both roles, at either end.

use crate::body::Cutting;
use crate::engine::ReleaseNotice;
use crate::error::{Closed, ConnectError, Error, PingFailure};
use crate::mailbox::{Answer, Command, Mailbox, TimeLimit};
use crate::observation::ObserveBuilder;
use crate::outgoing::{Outgoing, RequestBuilder, Via};
use crate::permits::Permit;
use crate::policy::{Authority, Names, Network, client_address};
use crate::spans::asking;
use crate::transfer::Part;
use crate::waiting::Waiting;
use bytes::Bytes;
use coap_ws_core::PeerSettings;
use coap_ws_core::block::Bert;
use coap_ws_core::message::uri::Uri;
use coap_ws_core::message::{Code, Encode, Message, OptionNumber};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// The other end of one connection: ask it, ping it, release it. Cheap to clone.
///
/// At the end that accepted the connection it is the only way to ask the client anything: a
/// WebSocket client has no URI (RFC 8323 §8.5; URI-23). It never reconnects; when the
/// connection is over it stays so.
///
/// ```
/// use coap_ws_tokio::Client;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let app = coap_ws_tokio::Router::new()
/// #     .get("/hello", async || "hi")
/// #     .put("/store/x", async || coap_ws_driver::core::message::Code::CHANGED);
/// # let server = coap_ws_tokio::Server::bind("localhost:0").await?;
/// # let base = format!("coap+ws://localhost:{}", server.local_addrs().next().unwrap().port());
/// # tokio::spawn(server.serve(app).into_future());
/// let client = Client::connect(&base).await?;
/// let remote = client.remote().await?;
/// remote.ping().await?;
/// assert_eq!(remote.get("/hello").send().await?.text()?, "hi");
/// let closed = remote.release().await;
/// assert_eq!(closed.reason, coap_ws_driver::core::CloseReason::Released);
/// assert!(remote.is_closed());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Remote {
    shared: Arc<RemoteShared>,
}

/// What is known of a connection before it is open.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RemoteInfo {
    /// The peer's address, where the transport has one.
    pub address: Option<SocketAddr>,
    /// The URI that references of requests are relative to, at the initiator.
    pub base: Option<String>,
    /// The authority that was connected to instead of the base URI's, at the initiator: an
    /// Alternative-Address (RFC 8323 §5.5). Requests then name their host themselves (REL-18).
    pub alternative: Option<String>,
    /// Whether the transport is TLS: coaps+ws.
    pub secure: bool,
    /// The name that the client asked for in its TLS handshake (SNI), at the end that accepted.
    pub server_name: Option<String>,
    /// The certificates that the client has shown, DER, its own first; checked against the
    /// authorities that were set.
    pub certificates: Vec<bytes::Bytes>,
    /// Proxies whose word on who the client is counts.
    pub trusted_proxies: Vec<Network>,
    /// What we are called, at the end that accepted.
    pub(crate) names: Option<Names>,
}

pub(crate) struct RemoteShared {
    pub(crate) mailbox: Arc<Mailbox>,
    info: RemoteInfo,
    cutting: Cutting,
    tags: AtomicU32,
    pub(crate) opened: OnceLock<OpenedInfo>,
    said: Mutex<Said>,
    /// Whether there is an Echo among it: most peers never give one.
    pub(crate) has_echo: AtomicBool,
    /// Why the opening handshake failed.
    failed: OnceLock<Arc<ConnectError>>,
    /// Who waits for the opening handshake or the end.
    waiting: Waiting,
    /// What the peer's Release said.
    released: OnceLock<Box<ReleaseNotice>>,
    /// Who is told of its end besides those who wait.
    watch: OnceLock<Box<dyn Watch>>,
}

/// Is told of what concerns all future requests of a connection; each perhaps twice.
pub(crate) trait Watch: Send + Sync {
    /// The peer has sent a Release.
    fn released(&self, notice: &ReleaseNotice);

    /// It is over.
    fn closed(&self, closed: &Closed);
}

/// What the peer has said that holds until it says something else.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) settings: Option<PeerSettings>,
    /// The Echo that its next request is to carry (RFC 9175 §2.3).
    pub(crate) echo: Option<Box<Bytes>>,
}

/// What the opening handshake told.
#[derive(Debug)]
pub(crate) struct OpenedInfo {
    pub(crate) authority: Option<Authority>,
    pub(crate) head: Option<http::request::Parts>,
}

impl RemoteShared {
    pub(crate) fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The opening handshake is done. Told once.
    pub(crate) fn tell_opened(&self, opened: OpenedInfo) {
        let _ = self.opened.set(opened);
        self.waiting.wake();
    }

    /// The opening handshake has failed. Told once.
    pub(crate) fn tell_failed(&self, error: ConnectError) {
        let _ = self.failed.set(Arc::new(error));
        self.waiting.wake();
    }

    /// The mailbox is closed, and everybody else has heard of it.
    pub(crate) fn tell_ended(&self) {
        self.waiting.wake();
    }
}

impl Remote {
    pub(crate) fn new(mailbox: Arc<Mailbox>, info: RemoteInfo, cutting: Cutting) -> Remote {
        let shared = RemoteShared {
            mailbox,
            info,
            cutting,
            tags: AtomicU32::new(1),
            opened: OnceLock::new(),
            said: Mutex::default(),
            has_echo: AtomicBool::new(false),
            failed: OnceLock::new(),
            waiting: Waiting::default(),
            released: OnceLock::new(),
            watch: OnceLock::new(),
        };
        Remote { shared: Arc::new(shared) }
    }

    /// A GET of a URI reference: a path, or at the initiator also a whole URI.
    pub fn get(&self, reference: &str) -> RequestBuilder {
        self.request(Code::GET, reference)
    }

    /// A POST.
    pub fn post(&self, reference: &str) -> RequestBuilder {
        self.request(Code::POST, reference)
    }

    /// A PUT.
    pub fn put(&self, reference: &str) -> RequestBuilder {
        self.request(Code::PUT, reference)
    }

    /// A DELETE.
    pub fn delete(&self, reference: &str) -> RequestBuilder {
        self.request(Code::DELETE, reference)
    }

    /// A GET that wants to be told of changes too (RFC 7641); awaiting it registers.
    pub fn observe(&self, reference: &str) -> ObserveBuilder {
        self.get(reference).observe()
    }

    /// A request of any method.
    pub fn request(&self, method: Code, reference: &str) -> RequestBuilder {
        let base = self.shared.info.base.as_deref();
        RequestBuilder::new(Via::Remote(self.clone()), method, base, reference)
    }

    /// Sends a CoAP Ping and waits for the Pong (RFC 8323 §5.4).
    ///
    /// # Errors
    ///
    /// [`PingFailure`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses interest in the Pong; the Ping may still be sent.
    pub async fn ping(&self) -> Result<(), PingFailure> {
        self.shared.mailbox.ping(false).await.map(|_| ())
    }

    /// Sends a Ping with Custody: the Pong comes when the peer has processed all that was sent
    /// before (RFC 8323 §5.4.1). False where the Pong does not state it.
    ///
    /// # Errors
    ///
    /// [`PingFailure`].
    ///
    /// # Cancel safety
    ///
    /// As [`ping`](Remote::ping).
    pub async fn ping_custody(&self) -> Result<bool, PingFailure> {
        self.shared.mailbox.ping(true).await
    }

    /// Ends the connection in good order (RFC 8323 §5.5): no new request leaves, what is begun
    /// is finished, then it is closed. Ready when it is.
    ///
    /// # Cancel safety
    ///
    /// The release goes on without the future.
    pub async fn release(&self) -> Closed {
        self.release_with(ReleaseNotice::default()).await
    }

    /// As [`release`](Remote::release); `notice` says when and where the peer may connect
    /// again.
    ///
    /// # Cancel safety
    ///
    /// The release goes on without the future.
    pub async fn release_with(&self, notice: ReleaseNotice) -> Closed {
        // Where it is over already, that is what `closed` tells.
        let _ = self.shared.mailbox.post(Command::Release(Box::new(notice)));
        self.closed().await
    }

    /// Tells `watch` of its Release and its end, also where they have been. One watches; false
    /// where another one does.
    pub(crate) fn watch(&self, watch: Box<dyn Watch>) -> bool {
        if self.shared.watch.set(watch).is_err() {
            return false;
        }
        let Some(watch) = self.shared.watch.get() else { return false };
        if let Some(notice) = self.shared.released.get() {
            watch.released(notice);
        }
        if let Some(closed) = self.shared.mailbox.closed() {
            watch.closed(&closed);
        }
        true
    }

    /// The peer has sent a Release.
    pub(crate) fn tell_released(&self, notice: ReleaseNotice) {
        let notice = self.shared.released.get_or_init(|| Box::new(notice));
        if let Some(watch) = self.shared.watch.get() {
            watch.released(notice);
        }
    }

    /// The connection is over.
    pub(crate) fn tell_closed(&self, closed: &Closed) {
        if let Some(watch) = self.shared.watch.get() {
            watch.closed(closed);
        }
    }

    /// What the peer's Release said, where it has sent one (RFC 8323 §5.5).
    pub fn released(&self) -> Option<&ReleaseNotice> {
        self.shared.released.get().map(|notice| &**notice)
    }

    /// Starts a release and waits for nothing.
    pub(crate) fn let_go(&self) {
        let _ = self.shared.mailbox.post(Command::Release(Box::default()));
    }

    /// Ends the connection at once (RFC 8323 §5.6). What is in flight fails.
    pub fn abort(&self, diagnostic: &str) {
        let _ = self.shared.mailbox.post(Command::Abort(diagnostic.to_owned()));
    }

    /// Waits for the opening handshake.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Opening`] where it failed.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub async fn opened(&self) -> Result<(), Arc<ConnectError>> {
        let RemoteShared { opened, failed, mailbox, waiting, .. } = &*self.shared;
        let outcome = || {
            if opened.get().is_some() {
                return Some(Ok(()));
            }
            let lost = || Arc::new(ConnectError::Opening(crate::engine::OpeningError::Closed));
            let failed = failed.get().cloned();
            failed.or_else(|| mailbox.closed().map(|_| lost())).map(Err)
        };
        waiting.until(outcome).await
    }

    /// Waits for the end of the connection, however it comes.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub async fn closed(&self) -> Closed {
        self.shared.waiting.until(|| self.shared.mailbox.closed()).await
    }

    /// Whether the connection is over.
    pub fn is_closed(&self) -> bool {
        self.shared.mailbox.is_over()
    }

    /// What is known of the transport.
    pub fn info(&self) -> &RemoteInfo {
        &self.shared.info
    }

    /// What the peer calls us, at the end that accepted: its Host header, the default Uri-Host
    /// of its requests (WS-16).
    pub fn authority(&self) -> Option<&Authority> {
        self.shared.opened.get()?.authority.as_ref()
    }

    /// The head of the opening handshake's request, at the end that accepted: headers, cookies,
    /// credentials. Without what the handshake itself has used up: `Upgrade`, `Connection` and
    /// `Sec-WebSocket-*` are of no use any more.
    pub fn handshake(&self) -> Option<&http::request::Parts> {
        self.shared.opened.get()?.head.as_ref()
    }

    /// The address of the client, at the end that accepted: the peer's own, or what the named
    /// proxies tell of who is behind them.
    pub fn client_address(&self) -> Option<IpAddr> {
        let info = self.info();
        let peer = info.address?.ip();
        let headers = self.handshake().map(|head| &head.headers);
        Some(match headers {
            Some(headers) => client_address(peer, headers, &info.trusted_proxies),
            None => peer,
        })
    }

    /// What the peer has said of itself so far; `None` before its first CSM.
    pub fn peer_settings(&self) -> Option<PeerSettings> {
        self.shared.said().settings
    }

    /// Whether a request of the peer's is meant for us. A client has no name (URI-23), and what
    /// is asked of a proxy is meant for somebody else.
    pub(crate) fn is_addressed_by(&self, request: Message<'_>) -> bool {
        let Some(uri_host) = request.option(OptionNumber::URI_HOST) else { return true };
        let (Some(names), Some(host)) = (&self.shared.info.names, self.authority()) else {
            return true;
        };
        let proxied = [OptionNumber::PROXY_URI, OptionNumber::PROXY_SCHEME]
            .iter()
            .any(|number| request.option(*number).is_some());
        proxied || names.include(uri_host, host)
    }

    /// One message and its answer.
    pub(crate) async fn ask(
        &self,
        message: Arc<Outgoing>,
        limit: Option<TimeLimit>,
        part: Part,
    ) -> Result<Answer, Error> {
        let method = message.code();
        asking(method, Arc::clone(&self.shared.mailbox).request(message, limit, part)).await
    }

    /// Says in a request which host it is for, where the connection implies another (REL-18).
    pub(crate) fn name_host(&self, message: &mut Outgoing) {
        if self.info().alternative.is_some()
            && let Some(Ok(base)) = self.info().base.as_deref().map(Uri::parse)
        {
            message.name_host(&base);
        }
    }

    /// Waits until one more body may go in blocks.
    pub(crate) async fn upload_place(&self, limit: Option<&TimeLimit>) -> Result<Permit, Error> {
        let most = self.cutting().wise().max_own_uploads;
        Arc::clone(&self.shared.mailbox).upload(most, limit).await
    }

    /// Waits for the peer's CSM, or for what `limit` says, or for the connection's end.
    pub(crate) async fn settled(&self, limit: Option<TimeLimit>) {
        Arc::clone(&self.shared.mailbox).settled(limit).await;
    }

    pub(crate) fn cutting(&self) -> &Cutting {
        &self.shared.cutting
    }

    /// What SZX 7 means now (RFC 8323 §5.3.2; CSM-22).
    pub fn bert(&self) -> Bert {
        self.cutting().bert(&self.peer_settings().unwrap_or_default())
    }

    /// The most bytes that a message to the peer may have now.
    pub fn max_send(&self) -> u32 {
        let peer = self.peer_settings().unwrap_or_default().max_message_size;
        peer.min(self.cutting().max_send_size())
    }

    /// A Request-Tag that no other body of this connection has (RFC 9175 §3.5.2).
    pub(crate) fn next_tag(&self) -> Bytes {
        let tag = self.shared.tags.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let skip = tag.iter().take_while(|byte| **byte == 0).count().min(3);
        Bytes::copy_from_slice(tag.get(skip..).unwrap_or_default())
    }

    pub(crate) fn shared(&self) -> &RemoteShared {
        &self.shared
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let info = &self.shared.info;
        f.debug_struct("Remote")
            .field("address", &info.address)
            // Its query may be a secret (T92).
            .field("base", &info.base.as_deref().and_then(|base| base.split('?').next()))
            .field("closed", &self.is_closed())
            .finish()
    }
}
