//! A network in memory, for clients and servers under tokio's virtual time.

use coap_ws_driver::Runtime;
use coap_ws_tokio::{Clock, Stream};
use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::io::{DuplexStream, duplex};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A runtime whose sockets are pipes. Each thread, and so each test, has a network of its own.
#[derive(Debug)]
pub(crate) enum Memory {}

type Arrival = (Stream<DuplexStream>, SocketAddr);

#[derive(Default)]
struct Network {
    listeners: HashMap<u16, UnboundedSender<Arrival>>,
    dials: usize,
}

thread_local! {
    static NETWORK: RefCell<Network> = RefCell::default();
}

/// How often anybody has connected, or tried to.
pub(crate) fn dials() -> usize {
    NETWORK.with_borrow(|network| network.dials)
}

/// Listens, and hands out the other ends of what connects.
pub(crate) fn streams(port: u16) -> UnboundedReceiver<Arrival> {
    let (tx, rx) = unbounded_channel();
    NETWORK.with_borrow_mut(|network| network.listeners.insert(port, tx));
    rx
}

/// Takes connections and says nothing, ever.
pub(crate) fn silent(port: u16) {
    let mut arrivals = streams(port);
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Some(arrival) = arrivals.recv().await {
            kept.push(arrival);
        }
    });
}

impl Runtime for Memory {
    type Stream = Stream<DuplexStream>;
    type Timer = Clock;
    type Listener = (Mutex<UnboundedReceiver<Arrival>>, SocketAddr);

    fn timer() -> Clock {
        Clock::default()
    }

    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        drop(tokio::spawn(task));
    }

    async fn resolve(_: String, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port))])
    }

    async fn connect(address: SocketAddr) -> io::Result<Self::Stream> {
        let (ours, theirs) = duplex(64 * 1024);
        NETWORK.with_borrow_mut(|network| {
            network.dials += 1;
            let listener = network.listeners.get(&address.port());
            let sent = listener.map(|tx| tx.send((Stream(theirs), address)));
            match sent {
                Some(Ok(())) => Ok(Stream(ours)),
                _ => Err(io::ErrorKind::ConnectionRefused.into()),
            }
        })
    }

    async fn bind(address: SocketAddr) -> io::Result<Self::Listener> {
        Ok((Mutex::new(streams(address.port())), address))
    }

    fn local_addr(listener: &Self::Listener) -> io::Result<SocketAddr> {
        Ok(listener.1)
    }

    async fn accept(listener: &Self::Listener) -> io::Result<Arrival> {
        match listener.0.lock().await.recv().await {
            Some(arrival) => Ok(arrival),
            None => std::future::pending().await,
        }
    }
}
