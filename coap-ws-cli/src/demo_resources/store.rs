//! `/store/{name}`: a body for each name, with conditional requests.

use super::keep::{Entry, Keep, Kept, MOST_BYTES, MOST_ENTRIES};
use super::{not_acceptable, represent, shown};
use coap_ws_tokio::core::message::{Code, ContentFormat};
use coap_ws_tokio::{Request, Response, Router};
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Shared = Arc<Mutex<Keep>>;

/// Adds the routes of one thing that is kept under its path.
pub(super) fn single(router: Router, path: &'static str, keep: Keep) -> Router {
    let store: Shared = Arc::new(Mutex::new(keep));
    let route = |handle: fn(&Shared, &Request) -> Response| {
        let store = Arc::clone(&store);
        move |request: Request| ready(handle(&store, &request))
    };
    router
        .get(path, route(get))
        .put(path, route(put))
        .post(path, route(put))
        .delete(path, route(delete))
}

/// Adds the routes, and what they share.
pub(super) fn routes(router: Router) -> Router {
    let store = Shared::default();
    let route = |handle: fn(&Shared, &Request) -> Response| {
        let store = Arc::clone(&store);
        move |request: Request| ready(handle(&store, &request))
    };
    router
        .get("/store", route(list))
        .get("/store/{name}", route(get))
        .put("/store/{name}", route(put))
        .post("/store/{name}", route(put))
        .delete("/store/{name}", route(delete))
}

/// The names as links.
fn list(store: &Shared, request: &Request) -> Response {
    let links: Vec<String> = lock(store)
        .iter()
        .map(|(name, entry)| {
            let format = entry.format.map(|format| format!(";ct={}", format.get()));
            let size = entry.payload.len();
            format!("</store/{}>;sz={size}{}", encoded(name), format.unwrap_or_default())
        })
        .collect();
    represent(request, ContentFormat::LINK_FORMAT, links.join(","))
}

fn get(store: &Shared, request: &Request) -> Response {
    let name = &name(request);
    let store = lock(store);
    let entry = store.get(name);
    if let Err(refused) = request.precondition(etag(entry)) {
        return refused.into();
    }
    let Some(entry) = entry else {
        let text = format!("nothing is stored as {}", shown(name));
        return Response::error(Code::NOT_FOUND, text);
    };
    if request.accept().is_some_and(|wanted| entry.format != Some(wanted)) {
        return not_acceptable(&match entry.format {
            Some(format) => format.to_string(),
            None => "something without a Content-Format".to_owned(),
        });
    }
    let response = Response::content(entry.payload.clone()).etag(entry.etag.clone());
    match entry.format {
        Some(format) => response.content_format(format),
        None => response,
    }
}

/// PUT, and POST alike.
fn put(store: &Shared, request: &Request) -> Response {
    let name = &name(request);
    let mut store = lock(store);
    if let Err(refused) = request.precondition(etag(store.get(name))) {
        return refused.into();
    }
    let entry = Entry::new(&request.body(), request.format());
    let etag = entry.etag.clone();
    match store.put(name, entry) {
        Kept::Created => Response::new(Code::CREATED).etag(etag),
        Kept::Changed => Response::new(Code::CHANGED).etag(etag),
        Kept::TooLarge => {
            let text = format!("at most {MOST_BYTES} bytes are kept");
            Response::error(Code::REQUEST_ENTITY_TOO_LARGE, text)
        }
        Kept::Full => {
            let text = format!(
                "the store is full: {MOST_ENTRIES} entries, {MOST_BYTES} bytes; DELETE some"
            );
            Response::error(Code::SERVICE_UNAVAILABLE, text)
        }
    }
}

/// 2.02 also where nothing was (RFC 7252 §5.8.4).
fn delete(store: &Shared, request: &Request) -> Response {
    let name = &name(request);
    let mut store = lock(store);
    if let Err(refused) = request.precondition(etag(store.get(name))) {
        return refused.into();
    }
    store.remove(name);
    Response::new(Code::DELETED)
}

/// What it is kept under: its name in `/store`, its path elsewhere.
fn name(request: &Request) -> String {
    request.param("name").map_or_else(|| request.path().to_string(), str::to_owned)
}

fn etag(entry: Option<&Entry>) -> Option<&[u8]> {
    entry.map(|entry| &entry.etag[..])
}

/// A segment of a path in a link.
fn encoded(name: &str) -> String {
    name.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
        text
    })
}

/// Nothing panics under the lock; were it otherwise, the store would still be whole.
fn lock(store: &Shared) -> MutexGuard<'_, Keep> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}
