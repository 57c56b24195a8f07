//! A device behind a firewall opens the connection, and the server asks the device: each end of
//! a connection is CoAP client and CoAP server. Both are in this one process, to be copied apart.
//!
//!     cargo run -p coap-ws-tokio --example device_dials_out

use coap_ws_tokio::{Client, Remote, Router, Server};
use std::time::Duration;
use tokio::sync::mpsc;

/// The device: it dials, and answers whoever is at the other end.
async fn device(server: String) -> Result<(), coap_ws_tokio::Error> {
    let sensors = Router::new().get("/temperature", async || "22.5");
    let client = Client::builder().serve(sensors).connect(&server).await?;
    // Dials again whenever the connection is over.
    loop {
        client.remote().await?.closed().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// The server's side of one device: asks it three times.
async fn ask(device: Remote) -> Result<(), Box<dyn std::error::Error>> {
    let from = device.info().address.map(|address| address.to_string()).unwrap_or_default();
    for _ in 0..3 {
        let temperature = device.get("/temperature").send().await?.success()?.text()?;
        println!("the device at {from} says {temperature} degrees");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The server keeps the remote of each device that connects.
    let (connected, mut devices) = mpsc::unbounded_channel();
    let app = Router::new().on_connect(move |remote| _ = connected.send(remote.clone()));
    let server = Server::bind("localhost:0").await?;
    let port = server.local_addrs().next().ok_or("it listens nowhere")?.port();
    tokio::spawn(server.serve(app).into_future());

    tokio::spawn(device(format!("coap+ws://localhost:{port}")));

    let first = devices.recv().await.ok_or("the server is gone")?;
    ask(first).await
}
