//! What can be observed: `/time`, and `/obs` as the plugtests have it.

use super::{clock, not_acceptable, represent, sleep};
use bytes::Bytes;
use coap_ws_tokio::core::message::{Code, ContentFormat};
use coap_ws_tokio::{Notifier, Observable, Request, Response, Router, Runtime};
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Adds the routes. What ticks begins to with the first connection, and only while somebody
/// observes it.
pub(super) fn routes<R: Runtime>(router: Router) -> Router {
    let time = Observable::new(async |r: Request| {
        represent(&r, ContentFormat::TEXT, clock::now()).max_age(1)
    });
    let (changed, number) = (Notifier::new(), Arc::new(Mutex::new(Number::default())));
    let route = |handle: fn(&mut Number, &Request) -> Response| {
        let (changed, number) = (changed.clone(), Arc::clone(&number));
        move |request: Request| {
            let response = handle(&mut lock(&number), &request);
            if request.method() != Code::GET {
                changed.notify();
            }
            ready(response)
        }
    };
    let router = router
        .observable("/time", time.clone())
        .get("/obs", route(Number::get))
        .put("/obs", route(Number::put))
        .delete("/obs", route(Number::delete))
        .observable("/obs", changed.clone());
    let begin = Once::new();
    router.on_connect(move |_| {
        begin.call_once(|| {
            R::spawn(ticks::<R>(time.notifier().clone(), 1, || {}));
            let number = Arc::clone(&number);
            R::spawn(ticks::<R>(changed.clone(), NUMBER_SECONDS, move || lock(&number).grow()));
        });
    })
}

/// Notifies whenever the clock shows a multiple of so many seconds.
async fn ticks<R: Runtime>(changed: Notifier, seconds: u32, change: impl Fn()) {
    loop {
        changed.observed().await;
        while changed.observers() > 0 {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let period = u128::from(seconds) * 1_000_000_000;
            let left = period - since.as_nanos() % period;
            let left = Duration::from_nanos(u64::try_from(left).unwrap_or(0));
            // A timer may be a little early where it is rounded.
            sleep::<R>(left + Duration::from_millis(2)).await;
            change();
            changed.notify();
        }
    }
}

/// How often `/obs` changes by itself, as the plugtests have it.
const NUMBER_SECONDS: u32 = 5;

/// The longest payload that is kept, in bytes.
const MOST_BYTES: usize = 1024;

/// What `/obs` is.
#[derive(Default)]
struct Number {
    ticks: u64,
    state: State,
}

#[derive(Default)]
enum State {
    /// The number of ticks.
    #[default]
    Counts,
    /// What somebody has put there.
    Put(Option<ContentFormat>, Bytes),
    /// Deleted, until the next tick.
    Gone,
}

impl Number {
    fn grow(&mut self) {
        self.ticks += 1;
        if matches!(self.state, State::Gone) {
            self.state = State::Counts;
        }
    }

    fn get(&mut self, request: &Request) -> Response {
        let most = NUMBER_SECONDS;
        match &self.state {
            State::Counts => {
                represent(request, ContentFormat::TEXT, self.ticks.to_string()).max_age(most)
            }
            State::Put(Some(format), payload) => {
                represent(request, *format, payload.clone()).max_age(most)
            }
            State::Put(None, _) if request.accept().is_some() => not_acceptable("no format"),
            State::Put(None, payload) => Response::content(payload.clone()).max_age(most),
            State::Gone => Response::error(Code::NOT_FOUND, "deleted, until the next tick"),
        }
    }

    fn put(&mut self, request: &Request) -> Response {
        let payload = request.body();
        if payload.len() > MOST_BYTES {
            let text = format!("at most {MOST_BYTES} bytes");
            return Response::error(Code::REQUEST_ENTITY_TOO_LARGE, text);
        }
        // What is kept keeps nothing else.
        let payload = Bytes::copy_from_slice(&payload);
        self.state = State::Put(request.format(), payload);
        Response::new(Code::CHANGED)
    }

    fn delete(&mut self, _: &Request) -> Response {
        self.state = State::Gone;
        Response::new(Code::DELETED)
    }
}

fn lock(number: &Mutex<Number>) -> MutexGuard<'_, Number> {
    number.lock().unwrap_or_else(PoisonError::into_inner)
}
