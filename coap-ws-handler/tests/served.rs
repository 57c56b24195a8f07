//! The same handlers behind the driver, on a runtime.

use coap_handler::Handler;
use coap_handler_implementations::{
    HandlerBuilder, ReportingHandlerBuilder, SimpleRendered, new_dispatcher,
};
use coap_message::{MinimalWritableMessage, MutableWritableMessage, ReadableMessage};
use coap_ws_handler::Served;
use coap_ws_tokio::core::message::Code;
use coap_ws_tokio::{Acceptor, AcceptorConfig, Client, Remote, RemoteInfo, Stream, Tokio};

/// A client, and an acceptor that serves `handler` at the other end of a pipe.
async fn connect<H>(handler: H) -> (Remote, Acceptor<Tokio, Served<H>>)
where
    H: Handler + Send + 'static,
{
    let acceptor = Acceptor::<Tokio, _>::new(AcceptorConfig::new(), Served::new(handler));
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    acceptor.connection(Stream(theirs), RemoteInfo::default());
    (Client::builder().over(Stream(ours), "coap+ws://localhost").await.unwrap(), acceptor)
}

fn long() -> &'static str {
    Box::leak((0..1000).map(|n| format!("{n:04}\n")).collect::<String>().into_boxed_str())
}

// BLK-07, CODE-08
#[tokio::test]
async fn a_tree_serves_a_client() {
    let tree = new_dispatcher()
        .at(&["hello"], SimpleRendered("world"))
        .at(&["long"], SimpleRendered(long()))
        .with_wkc();
    let (client, _acceptor) = connect(tree).await;
    assert_eq!(client.get("/hello").send().await.unwrap().text().unwrap(), "world");
    // 5,000 bytes, which the handler cuts.
    assert_eq!(client.get("/long").send().await.unwrap().text().unwrap(), long());
    let links = client.get("/.well-known/core").send().await.unwrap().text().unwrap();
    assert!(links.contains("</hello>"), "{links}");
    assert_eq!(client.get("/x").send().await.unwrap().code(), Code::NOT_FOUND);
    let wrong = client.delete("/hello").send().await.unwrap();
    assert_eq!(wrong.code(), Code::METHOD_NOT_ALLOWED);
}

/// Counts the bytes that it was given, all in all.
#[derive(Default)]
struct Counting(usize);

impl Handler for Counting {
    type RequestData = usize;
    type ExtractRequestError = core::convert::Infallible;
    type BuildResponseError<M: MinimalWritableMessage> = M::UnionError;

    fn extract_request_data<M: ReadableMessage>(
        &mut self,
        request: &M,
    ) -> Result<usize, Self::ExtractRequestError> {
        assert_ne!(request.payload(), b"panic");
        Ok(request.payload().len())
    }

    fn estimate_length(&mut self, _: &usize) -> usize {
        8
    }

    fn build_response<M: MutableWritableMessage>(
        &mut self,
        response: &mut M,
        len: usize,
    ) -> Result<(), Self::BuildResponseError<M>> {
        use coap_message::Code as _;
        self.0 += len;
        response.set_code(M::Code::new(Code::CHANGED.to_byte())?);
        response.set_payload(self.0.to_string().as_bytes())?;
        Ok(())
    }
}

// BLK-12: the driver puts a body together, the handler sees one request
#[tokio::test]
async fn a_body_in_blocks_is_one_request_and_state_is_kept() {
    let (client, acceptor) = connect(Counting::default()).await;
    let sent = client.put("/").body(vec![7; 200_000]).send().await.unwrap();
    assert_eq!((sent.code(), sent.text().unwrap().as_str()), (Code::CHANGED, "200000"));
    let again = client.put("/").body("12345").send().await.unwrap();
    assert_eq!(again.text().unwrap(), "200005");

    // A handler that panics is asked again.
    let broken = client.put("/").body("panic").send().await.unwrap();
    assert_eq!(broken.code(), Code::INTERNAL_SERVER_ERROR);
    let on = client.put("/").body("1").send().await.unwrap();
    assert_eq!(on.text().unwrap(), "200006");
    drop(client);
    acceptor.shut_down().await;
}
