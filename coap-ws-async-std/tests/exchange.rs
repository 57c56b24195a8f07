//! An exchange on each runtime of the family.

use coap_ws_async_std::{AsyncIo, AsyncStd, Client, Router, Runtime, Server};
use std::future::IntoFuture;

async fn exchange() -> Result<(), Box<dyn std::error::Error>> {
    let app = Router::new().get("/hello", async || "hi");
    let server = Server::bind("localhost:0").await?;
    let port = server.local_addrs().next().ok_or("no address")?.port();
    AsyncIo::<AsyncStd>::spawn(async move {
        let ended = server.serve(app).into_future().await;
        assert!(ended.is_err(), "it does not end by itself");
    });
    let client = Client::connect(&format!("coap+ws://localhost:{port}")).await?;
    let hello = client.get("/hello").send().await?.success()?.text()?;
    assert_eq!(hello, "hi");
    client.release().await;
    Ok(())
}

#[test]
fn many_exchanges_on_async_std() {
    for n in 0..200 {
        if let Err(error) = async_std::task::block_on(exchange()) {
            panic!("exchange {n}: {error}");
        }
    }
}
