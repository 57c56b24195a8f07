//! Making the connection that a verb needs.

use crate::args::{ConnectArgs, Global};
use crate::demo_resources;
use crate::errors::{Attempt, Failure};
use crate::timing::Timing;
use crate::trace::Trace;
use crate::uri;
use coap_ws_tokio::core::Side;
use coap_ws_tokio::core::message::uri::Uri;
use coap_ws_tokio::engine::{EngineConfig, TapSlot};
use coap_ws_tokio::{Client, ClientBuilder, Error, Handler, NoHandler, Remote, Tokio};
use http::HeaderMap;
use std::sync::Arc;
use std::time::Duration;

/// A client for one URI, and what is to be told of it.
pub(crate) struct Target {
    pub(crate) client: Client,
    pub(crate) attempt: Attempt,
    pub(crate) timing: Arc<Timing>,
}

impl Target {
    /// A client that connects when it is first needed.
    pub(crate) fn new(
        uri: &str,
        args: &ConnectArgs,
        global: Global,
        quiet: bool,
    ) -> Result<Target, Failure> {
        let uri = uri::expand(uri);
        if let Err(error) = Uri::parse(&uri) {
            return Err(Failure::uri(&uri, error));
        }
        let timing = Arc::new(Timing::new());
        let attempt = Attempt { uri, timeout: args.timeout, quiet };
        let mut builder = settings(args, global, &timing);
        if let Some(tls) = args.tls.settings(&attempt.uri)? {
            builder = builder.tls(tls);
        }
        let client = match args.serve {
            true => build(builder.serve(demo_resources::router::<Tokio>()), &attempt.uri),
            false => build(builder, &attempt.uri),
        };
        let client = client.map_err(|error| Failure::of(&error, &attempt))?;
        Ok(Target { client, attempt, timing })
    }

    /// The connection, made now. Requests go by it, not by the client, which would dial anew
    /// where the first connection ends early, and hide why.
    pub(crate) async fn connect(&self) -> Result<Remote, Failure> {
        self.client.remote().await.map_err(|error| Failure::of(&error, &self.attempt))
    }

    /// What is left of the stated time limit.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        let limit = self.attempt.timeout?;
        Some(limit.saturating_sub(self.timing.elapsed()).max(Duration::from_millis(1)))
    }

    /// Releases the connection. What was asked is answered; nobody waits for a slow peer.
    pub(crate) async fn release(&self) {
        let _ = tokio::time::timeout(RELEASE_PATIENCE, self.client.release()).await;
    }
}

/// How long the peer may take to close after our Release.
const RELEASE_PATIENCE: Duration = Duration::from_secs(2);

/// Everything that the command line says of a connection but TLS.
fn settings(
    args: &ConnectArgs,
    global: Global,
    timing: &Arc<Timing>,
) -> ClientBuilder<Tokio, NoHandler> {
    let mut config = EngineConfig::new(Side::Initiator);
    config.tap = TapSlot::new(Trace::new(global.verbose, Arc::clone(timing)));
    let mut headers = HeaderMap::new();
    for (name, value) in &args.headers {
        headers.append(name.clone(), value.clone());
    }
    let mut builder = Client::builder().headers(headers);
    if let Some(proxy) = &args.proxy {
        builder = builder.proxy(proxy.clone());
    }
    if let Some(interval) = args.keepalive {
        config.connection.keepalive_interval = Some(interval);
    }
    if let Some(limit) = args.timeout {
        config.connection.ping_timeout = limit;
        config.handshake_timeout = limit;
        builder = builder.connect_timeout(limit);
    }
    builder.config(config)
}

fn build<H>(builder: ClientBuilder<Tokio, H>, uri: &str) -> Result<Client, Error>
where
    H: Handler + Send + Sync + 'static,
    H::Future: Send,
{
    builder.build(uri)
}
