//! Gets one resource and prints it.
//!
//!     cargo run -p coap-ws-tokio --example get -- coap+ws://localhost:8683/hello

use coap_ws_tokio::Client;
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let uri = std::env::args().nth(1).unwrap_or("coap+ws://localhost:8683/hello".into());

    // A client dials when it is needed, shares one connection, and dials again when that is over.
    let client = Client::connect(&uri).await?;

    // Any response is `Ok`; `success` makes 4.xx and 5.xx an error. An error knows whether the
    // request may have been processed: `error.sent()`.
    let response = client.get(&uri).timeout(Duration::from_secs(5)).send().await?.success()?;
    eprintln!("{:?}, {} bytes", response.code(), response.body().len());
    print!("{}", response.text()?);

    client.release().await;
    Ok(())
}
