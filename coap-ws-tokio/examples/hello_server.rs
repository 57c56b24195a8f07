//! A server with two resources; Ctrl-C ends it in good order.
//!
//!     cargo run -p coap-ws-tokio --example hello_server -- localhost:8683

use coap_ws_tokio::core::message::Code;
use coap_ws_tokio::{Request, Response, Router, Server};
use std::sync::{Arc, Mutex};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or("localhost:8683".into());

    // State is shared as in any async program: each call gets its own handle.
    let note = Arc::new(Mutex::new(String::from("nothing yet")));
    let (read, write) = (Arc::clone(&note), note);
    let app = Router::new()
        .get("/hello", async || "hello from coap-ws\n")
        .get("/hello/{name}", async |r: Request| format!("hello {}\n", r.param("name").unwrap()))
        .get("/note", move || std::future::ready(read.lock().unwrap().clone()))
        .put("/note", move |request: Request| {
            let text = String::from_utf8(request.body().to_vec());
            std::future::ready(match text {
                Ok(text) => {
                    *write.lock().unwrap() = text;
                    Response::new(Code::CHANGED)
                }
                Err(_) => Response::error(Code::BAD_REQUEST, "a note is UTF-8 text"),
            })
        })
        .describe("/hello", "title", "a greeting");

    let server = Server::bind(&address).await?;
    for address in server.local_addrs() {
        println!("listening on coap+ws://{address}");
    }
    let stop = async { _ = tokio::signal::ctrl_c().await };
    server.serve(app).with_graceful_shutdown(stop).await?;
    println!("every request that was accepted is answered; good bye");
    Ok(())
}
