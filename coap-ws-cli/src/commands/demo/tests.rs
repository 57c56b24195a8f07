use super::play;
use super::show::Show;
use crate::demo_resources;
use crate::exit::Exit;
use crate::paint::Paint;
use coap_ws_tokio::core::message::Code;
use coap_ws_tokio::{Router, Tokio};

/// The demo with a server of a test's choice: how it ends and what it shows.
async fn played(router: Router) -> (Exit, String) {
    let mut out = Vec::new();
    let exit = play(router, &mut Show::new(&mut out, Paint::plain())).await.unwrap();
    (exit, String::from_utf8(out).unwrap())
}

#[tokio::test]
async fn all_is_right_with_the_demo_resources() {
    let (exit, shown) = played(demo_resources::router::<Tokio>()).await;
    assert_eq!(exit, Exit::Success, "{shown}");
    assert!(shown.contains("All 13 checks hold"), "{shown}");
    assert!(!shown.contains("WRONG"), "{shown}");
}

#[tokio::test]
async fn a_wrong_answer_is_told_and_ends_with_1() {
    // Says something else, and that only.
    let router = Router::new().get("/hello", async || "good bye");
    let (exit, shown) = played(router).await;
    assert_eq!(exit, Exit::Failed, "{shown}");
    assert!(shown.contains("WRONG payload 8 bytes \"good bye\" instead of"), "{shown}");
    assert!(shown.contains("WRONG 4.04 Not Found instead of 2.01 Created"), "{shown}");
    assert!(shown.contains("WRONG the client was asked 0 times"), "{shown}");
    assert!(shown.contains("of 13 checks do not hold"), "{shown}");
}

#[tokio::test]
async fn one_wrong_answer_is_enough() {
    // The same path again: the first route stays, another method is added to none.
    let router = demo_resources::router::<Tokio>().get("/nothing", async || Code::CONTENT);
    let (exit, shown) = played(router).await;
    assert_eq!(exit, Exit::Failed, "{shown}");
    assert!(shown.contains("WRONG 2.05 Content instead of 4.04 Not Found"), "{shown}");
    assert!(shown.contains("1 of 13 checks do not hold"), "{shown}");
}
