//! A clock that tells its observers, and somebody who watches it.
//!
//!     cargo run -p coap-ws-tokio --example observe

use coap_ws_tokio::{Client, Observable, Router, Server};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // What a GET answers is what its observers are told.
    let seconds = Arc::new(AtomicU32::new(0));
    let now = Arc::clone(&seconds);
    let clock = Observable::new(move || {
        std::future::ready(format!("{} s since the start", now.load(Ordering::Relaxed)))
    });
    let app = Router::new().observable("/time", clock.clone());
    let server = Server::bind("localhost:0").await?;
    let port = server.local_addrs().next().ok_or("no address")?.port();
    tokio::spawn(server.serve(app).into_future());

    // It ticks while somebody observes it: `observed` and `unobserved` are where a subscription
    // to a bus begins and ends.
    tokio::spawn(async move {
        loop {
            clock.notifier().observed().await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            seconds.fetch_add(1, Ordering::Relaxed);
            clock.notify();
        }
    });

    let client = Client::connect(&format!("coap+ws://localhost:{port}")).await?;
    // With `reconnect` a loss is an `Err`, behind which it goes on.
    let mut seen = client.observe("/time").reconnect().await?;
    for _ in 0..5 {
        match seen.next().await {
            Some(Ok(state)) => println!("{}", state.text()?),
            Some(Err(lost)) => println!("{lost}; it comes back"),
            None => break,
        }
    }
    // Dropping it deregisters; releasing the client waits until that is through.
    drop(seen);
    client.release().await;
    Ok(())
}
