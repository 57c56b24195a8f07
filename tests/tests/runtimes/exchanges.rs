//! Requests and their answers.

use crate::support::{Host, Outcome, SECOND, TICK, app, pattern, serve, serve_as, sleep, start};
use coap_ws_core::Side;
use coap_ws_core::message::{Code, ContentFormat};
use coap_ws_driver::{Client, Request, Response, Router};
use futures_util::future::{Either, join_all, select};
use std::future::ready;
use std::pin::pin;

pub(crate) async fn the_four_methods<R: Host>() -> Outcome {
    let client = serve::<R>(app::<R>()).await?.client::<R>().await?;
    let path = "/store/a%20b";
    assert_eq!(client.get(path).send().await?.code(), Code::NOT_FOUND);
    assert_eq!(client.put(path).body("one").send().await?.code(), Code::CREATED);
    assert_eq!(client.put(path).body("two").send().await?.code(), Code::CHANGED);
    assert_eq!(client.get(path).send().await?.text()?, "two");
    assert_eq!(client.delete(path).send().await?.code(), Code::DELETED);
    assert_eq!(client.get(path).send().await?.code(), Code::NOT_FOUND);
    assert_eq!(client.post("/echo").body("abc").send().await?.text()?, "abc");
    Ok(())
}

pub(crate) async fn the_other_methods<R: Host>() -> Outcome {
    let methods = [Code::FETCH, Code::PATCH, Code::IPATCH];
    let say = |request: Request| ready(format!("{} {:?}", request.method(), request.body()));
    let app = methods.iter().fold(Router::new(), |app, method| app.method(*method, "/any", say));
    let client = serve::<R>(app).await?.client::<R>().await?;
    for method in methods {
        let answer = client.request(method, "/any").body("x").send().await?.success()?;
        assert_eq!(answer.text()?, format!("{method} b\"x\""));
    }
    assert_eq!(client.get("/any").send().await?.code(), Code::METHOD_NOT_ALLOWED);
    Ok(())
}

pub(crate) async fn queries_formats_and_parameters<R: Host>() -> Outcome {
    let app = Router::new().get("/{room}/lamp", |request: Request| {
        let room = request.param("room").unwrap_or("?").to_owned();
        let unit = request.query("unit").unwrap_or("?").to_owned();
        let text = format!("{room} {unit} {:?}", request.accept());
        ready(Response::content(text).content_format(ContentFormat::TEXT).max_age(5))
    });
    let client = serve::<R>(app).await?.client::<R>().await?;
    let request = client.get("/kitchen/lamp?unit=lux").accept(ContentFormat::TEXT);
    let answer = request.send().await?.success()?;
    assert_eq!(answer.text()?, format!("kitchen lux {:?}", Some(ContentFormat::TEXT)));
    assert_eq!(answer.format(), Some(ContentFormat::TEXT));
    assert_eq!(answer.fresh_for(), 5 * SECOND);
    Ok(())
}

pub(crate) async fn discovery_lists_what_there_is<R: Host>() -> Outcome {
    let client = serve::<R>(app::<R>()).await?.client::<R>().await?;
    let links = client.get("/.well-known/core").send().await?.success()?;
    assert_eq!(links.format(), Some(ContentFormat::LINK_FORMAT));
    assert!(links.text()?.contains("</hello>"));
    Ok(())
}

pub(crate) async fn many_in_flight_on_one_connection<R: Host>() -> Outcome {
    let serving = serve::<R>(app::<R>()).await?;
    let client = serving.client::<R>().await?;
    let tasks = (0..50_u32).map(|n| {
        let client = client.clone();
        start::<R, _>(async move {
            for round in 0..10 {
                let body = (n * 1000 + round).to_be_bytes().to_vec();
                let echo = client.post("/echo").body(body.clone()).send().await.unwrap();
                assert_eq!(echo.body(), &body);
            }
        })
    });
    join_all(tasks).await;
    assert_eq!(serving.opened(), 1);
    Ok(())
}

pub(crate) async fn what_is_fast_overtakes_what_is_slow<R: Host>() -> Outcome {
    let client = serve::<R>(app::<R>()).await?.client::<R>().await?;
    let slow = pin!(client.get("/slow").send());
    let fast = pin!(client.get("/hello").send());
    let Either::Right((fast, slow)) = select(slow, fast).await else {
        panic!("the slow one was first");
    };
    assert_eq!(fast?.text()?, "hi");
    assert_eq!(slow.await?.text()?, "slow");
    Ok(())
}

pub(crate) async fn bodies_of_many_sizes<R: Host>() -> Outcome {
    let client = serve::<R>(app::<R>()).await?.client::<R>().await?;
    for len in [0, 1, 12, 125, 126, 1024, 1152, 16_384, 65_535, 65_536] {
        let echo = client.post("/echo").body(pattern(len)).send().await?.success()?;
        assert!(echo.body() == &pattern(len), "{len} bytes");
    }
    Ok(())
}

pub(crate) async fn a_handler_that_panics_is_5_00<R: Host>() -> Outcome {
    let client = serve::<R>(app::<R>()).await?.client::<R>().await?;
    assert_eq!(client.get("/panic").send().await?.code(), Code::INTERNAL_SERVER_ERROR);
    assert_eq!(client.get("/hello").send().await?.text()?, "hi");
    Ok(())
}

pub(crate) async fn a_handler_that_never_answers_is_5_03<R: Host>() -> Outcome {
    let config = crate::support::config(Side::Acceptor, |config| {
        config.connection.answer_timeout = 2 * TICK;
    });
    let serving = serve_as::<R>(app::<R>(), |server| server.config(config)).await?;
    let client = serving.client::<R>().await?;
    let answer = client.get("/never").send().await?;
    assert_eq!(answer.code(), Code::SERVICE_UNAVAILABLE);
    assert_eq!(client.get("/hello").send().await?.text()?, "hi");
    Ok(())
}

pub(crate) async fn a_request_has_a_time_of_its_own<R: Host>() -> Outcome {
    let client = serve::<R>(app::<R>()).await?.client::<R>().await?;
    let error = client.get("/never").timeout(TICK).send().await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert_eq!(client.get("/hello").send().await?.text()?, "hi");
    Ok(())
}

pub(crate) async fn dropped_requests_leave_the_connection_whole<R: Host>() -> Outcome {
    let serving = serve::<R>(app::<R>()).await?;
    let client = serving.client::<R>().await?;
    for _ in 0..10 {
        let dropped = pin!(join_all((0..10).map(|_| client.get("/slow").send())));
        select(dropped, pin!(sleep::<R>(TICK / 10))).await;
    }
    // A hundred answers to nobody are on their way.
    assert_eq!(client.get("/hello").send().await?.text()?, "hi");
    assert_eq!(serving.opened(), 1);
    Ok(())
}

pub(crate) async fn pings_with_and_without_custody<R: Host>() -> Outcome {
    let client = serve::<R>(app::<R>()).await?.client::<R>().await?;
    let remote = client.remote().await?;
    remote.ping().await?;
    assert!(remote.ping_custody().await?);
    Ok(())
}

pub(crate) async fn one_endpoint_asks_two_hosts<R: Host>() -> Outcome {
    let [one, two] = [serve::<R>(app::<R>()).await?, serve::<R>(app::<R>()).await?];
    let endpoint = Client::<R>::builder().endpoint()?;
    for serving in [&one, &two, &one] {
        let uri = format!("{}/hello", serving.base());
        assert_eq!(endpoint.get(&uri)?.send().await?.text()?, "hi");
    }
    assert_eq!((one.opened(), two.opened(), endpoint.stats().open), (1, 1, 2));
    endpoint.release().await;
    assert_eq!(endpoint.stats().open, 0);
    Ok(())
}
