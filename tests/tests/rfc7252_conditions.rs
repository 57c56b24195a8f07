//! Conditional requests, validation, Accept and the list of resources (RFC 7252 §5.10, RFC 6690).

mod driver_support;

use coap_ws_core::message::{Code, ContentFormat, Message, OptionNumber, conditions_hold};
use coap_ws_driver::{Client, ErrorResponse, Request, Response, Router, Server};
use coap_ws_tests::transcript::notation;
use driver_support::Memory;
use std::sync::{Arc, Mutex};

/// What is stored, with the number of its version as its ETag.
#[derive(Clone, Default)]
struct Cell(Arc<Mutex<Option<Version>>>);

type Version = (u8, Vec<u8>);

impl Cell {
    fn get(&self, request: &Request) -> Result<Response, ErrorResponse> {
        let cell = self.0.lock().unwrap();
        let etag = cell.as_ref().map(|(version, _)| [*version]);
        request.precondition(etag.as_ref().map(|etag| &etag[..]))?;
        let nothing = || ErrorResponse::from(Response::error(Code::NOT_FOUND, "nothing"));
        let (version, bytes) = cell.as_ref().ok_or_else(nothing)?;
        Ok(Response::content(bytes.clone()).etag(vec![*version]).max_age(7))
    }

    fn put(&self, request: &Request) -> Result<Code, ErrorResponse> {
        let mut cell = self.0.lock().unwrap();
        let etag = cell.as_ref().map(|(version, _)| [*version]);
        request.precondition(etag.as_ref().map(|etag| &etag[..]))?;
        let version = cell.as_ref().map_or(1, |(version, _)| version + 1);
        *cell = Some((version, request.body().to_vec()));
        Ok(if version == 1 { Code::CREATED } else { Code::CHANGED })
    }
}

async fn client(app: Router) -> Client<Memory> {
    let server = Server::<Memory>::bind("localhost:8683").await.unwrap();
    tokio::spawn(server.serve(app).into_future());
    Client::<Memory>::connect("coap+ws://localhost:8683").await.unwrap()
}

async fn stored() -> (Cell, Client<Memory>) {
    let cell = Cell::default();
    let (get, put) = (cell.clone(), cell.clone());
    let app = Router::new()
        .get("/cell", move |request: Request| std::future::ready(get.get(&request)))
        .put("/cell", move |request: Request| std::future::ready(put.put(&request)));
    (cell, client(app).await)
}

// OPT-18, OPT-19
#[test]
fn conditions_by_the_letter() {
    // If-Match is option 1, If-None-Match option 5.
    for (options, current, holds) in [
        ("", Some("aa"), true),
        ("", None, true),
        ("11aa", Some("aa"), true),
        ("11ab", Some("aa"), false),
        ("11ab 01aa", Some("aa"), true),
        ("10", Some("aa"), true),
        ("10", None, false),
        ("11aa", None, false),
        ("50", None, true),
        ("50", Some("aa"), false),
        ("11aa 40", Some("aa"), false),
        ("11aa 40", None, false),
    ] {
        let bytes = notation::bytes(&format!("0103 07 {options}")).unwrap();
        let request = Message::parse(&bytes).unwrap();
        let current = current.map(|text| notation::bytes(text).unwrap());
        assert_eq!(conditions_hold(&request, current.as_deref()), holds, "{options} {current:?}");
    }
}

// OPT-18, CODE-07
#[tokio::test(start_paused = true)]
async fn a_false_condition_changes_nothing() {
    let (cell, client) = stored().await;
    let code = async |builder: coap_ws_driver::RequestBuilder| builder.send().await.unwrap().code();
    assert_eq!(code(client.put("/cell").if_match("").body("a")).await, Code::PRECONDITION_FAILED);
    assert!(cell.0.lock().unwrap().is_none());
    assert_eq!(code(client.put("/cell").if_none_match().body("a")).await, Code::CREATED);
    let refused = code(client.put("/cell").if_none_match().body("b")).await;
    assert_eq!(refused, Code::PRECONDITION_FAILED);
    assert_eq!(
        code(client.put("/cell").if_match(vec![9]).body("b")).await,
        Code::PRECONDITION_FAILED
    );
    assert_eq!(*cell.0.lock().unwrap(), Some((1, b"a".to_vec())));
    assert_eq!(code(client.put("/cell").if_match(vec![1]).body("b")).await, Code::CHANGED);
    let either = client.put("/cell").if_match(vec![9]).if_match(vec![2]).body("c");
    assert_eq!(code(either).await, Code::CHANGED);
    assert_eq!(*cell.0.lock().unwrap(), Some((3, b"c".to_vec())));
}

// OPT-22
#[tokio::test(start_paused = true)]
async fn what_is_known_does_not_travel_again() {
    let (_, client) = stored().await;
    client.put("/cell").body("text").send().await.unwrap();
    let first = client.get("/cell").send().await.unwrap();
    assert_eq!(first.text().unwrap(), "text");
    let etag = first.option_value(OptionNumber::ETAG).unwrap().clone();
    let again = client.get("/cell").etag(vec![7, 7]).etag(etag.clone()).send().await.unwrap();
    assert_eq!((again.code(), again.body().len()), (Code::VALID, 0));
    assert_eq!(again.option_value(OptionNumber::ETAG), Some(&etag));
    assert_eq!(again.option_uint(OptionNumber::MAX_AGE), Some(7));
    client.put("/cell").body("other").send().await.unwrap();
    let changed = client.get("/cell").etag(etag).send().await.unwrap();
    assert_eq!((changed.code(), changed.text().unwrap().as_str()), (Code::CONTENT, "other"));
}

// EXT-20, URI-20, OPT-23
#[tokio::test(start_paused = true)]
async fn the_resources_are_listed_all_or_by_query() {
    let app = Router::new()
        .get("/temperature", async || "20")
        .describe("/temperature", "rt", "temperature-c core.sensor")
        .describe("/temperature", "ct", "0")
        .get("/light", async || "on")
        .describe("/light", "rt", "light")
        .get("/secret", async || "!")
        .unlisted("/secret")
        .get("/item/{n}", async || "?");
    let client = client(app).await;
    let temperature = r#"</temperature>;rt="temperature-c core.sensor";ct=0"#;
    let light = r#"</light>;rt="light""#;
    for (query, expected) in [
        ("", format!("{temperature},{light}")),
        ("?rt=core.sensor", temperature.to_owned()),
        ("?rt=temp*", temperature.to_owned()),
        ("?href=/l*", light.to_owned()),
        ("?rt=light&href=/temperature", String::new()),
        ("?ct=0", temperature.to_owned()),
    ] {
        let answer = client.get(&format!("/.well-known/core{query}")).send().await.unwrap();
        assert_eq!(answer.code(), Code::CONTENT);
        assert_eq!(answer.format(), Some(ContentFormat::LINK_FORMAT));
        assert_eq!(answer.text().unwrap(), expected, "{query}");
    }
    let json = client.get("/.well-known/core").accept(ContentFormat::JSON).send().await.unwrap();
    assert_eq!(json.code(), Code::NOT_ACCEPTABLE);
}
