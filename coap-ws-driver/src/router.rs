//! A small router of async handlers.

mod discovery;
mod observable;
mod path;

pub use observable::{IntoObservable, Observable};

use crate::handler::Handler;
use crate::notifier::Notifier;
use crate::remote::Remote;
use crate::request::Request;
use crate::response::{IntoResponse, Response};
use bytes::Bytes;
use coap_ws_core::message::{Code, ContentFormat, OptionNumber, knows_etag};
use path::Pattern;
use smallvec::SmallVec;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// An answer on its way, of any handler.
pub type Answer = Pin<Box<dyn Future<Output = Response> + Send>>;

/// What can be a route's handler: an async function of nothing or of a [`Request`], whose
/// result is [`IntoResponse`].
///
/// `Args` only tells the two apart.
pub trait RouteHandler<Args>: Send + Sync + 'static {
    /// Starts to answer.
    fn call(&self, request: Request) -> Answer;
}

impl<F, Fut, R> RouteHandler<()> for F
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = R> + Send + 'static,
    R: IntoResponse,
{
    fn call(&self, _: Request) -> Answer {
        let answer = self();
        Box::pin(async move { answer.await.into_response() })
    }
}

impl<F, Fut, R> RouteHandler<(Request,)> for F
where
    F: Fn(Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = R> + Send + 'static,
    R: IntoResponse,
{
    fn call(&self, request: Request) -> Answer {
        let answer = self(request);
        Box::pin(async move { answer.await.into_response() })
    }
}

type Call = Box<dyn Fn(Request) -> Answer + Send + Sync>;
type Hook = Arc<dyn Fn(&Remote) + Send + Sync>;

/// Paths and what answers them. `/.well-known/core` lists them by itself (RFC 7252 §7.2,
/// RFC 6690), all or those that its query names. A GET that knows the ETag of its answer gets
/// 2.03 instead.
///
/// A segment `{name}` matches any one segment, which [`Request::param`] gives.
///
/// ```
/// use coap_ws_driver::{Request, Router};
/// let app = Router::new()
///     .get("/hello", async || "hi")
///     .get("/hello/{name}", async |r: Request| format!("hi {}", r.param("name").unwrap_or("?")))
///     .post("/reverse", async |r: Request| r.remote().get("/hello").send().await);
/// # let _ = app;
/// ```
#[derive(Default)]
pub struct Router {
    routes: Vec<Route>,
    connected: Vec<Hook>,
}

struct Route {
    pattern: Pattern,
    methods: Vec<(Code, Call)>,
    /// Who tells of its changes, where it can be observed.
    notifier: Option<Notifier>,
    attributes: Vec<(&'static str, String)>,
    listed: bool,
    in_blocks: bool,
}

impl Router {
    /// No routes: everything but `/.well-known/core` is 4.04.
    pub fn new() -> Router {
        Router::default()
    }

    /// Answers GET of a path.
    #[must_use]
    pub fn get<Args>(self, path: &str, handler: impl RouteHandler<Args>) -> Router {
        self.method(Code::GET, path, handler)
    }

    /// Answers POST of a path.
    #[must_use]
    pub fn post<Args>(self, path: &str, handler: impl RouteHandler<Args>) -> Router {
        self.method(Code::POST, path, handler)
    }

    /// Answers PUT of a path.
    #[must_use]
    pub fn put<Args>(self, path: &str, handler: impl RouteHandler<Args>) -> Router {
        self.method(Code::PUT, path, handler)
    }

    /// Answers DELETE of a path.
    #[must_use]
    pub fn delete<Args>(self, path: &str, handler: impl RouteHandler<Args>) -> Router {
        self.method(Code::DELETE, path, handler)
    }

    /// Answers any method of a path. The same path may be given again for another method.
    #[must_use]
    pub fn method<Args>(
        mut self,
        method: Code,
        path: &str,
        handler: impl RouteHandler<Args>,
    ) -> Router {
        let call: Call = Box::new(move |request| handler.call(request));
        self.route(path).methods.push((method, call));
        self
    }

    /// Lets a path be observed (RFC 7641): by an [`Observable`], or by a [`Notifier`] for what
    /// answers its GET or FETCH already.
    ///
    /// All that a place `{name}` stands for have the notifier in common.
    #[must_use]
    pub fn observable<Args>(mut self, path: &str, resource: impl IntoObservable<Args>) -> Router {
        let (notifier, get) = resource.into_observable();
        let route = self.route(path);
        route.notifier = Some(notifier);
        if let Some(call) = get {
            route.methods.push((Code::GET, call));
        }
        self
    }

    /// Says something of a path in `/.well-known/core`: `title`, `rt`, `if`, `ct`
    /// (RFC 6690 §3, RFC 7252 §7.2.1).
    #[must_use]
    pub fn describe(mut self, path: &str, attribute: &'static str, value: &str) -> Router {
        self.route(path).attributes.push((attribute, value.to_owned()));
        self
    }

    /// Leaves a path out of `/.well-known/core`.
    #[must_use]
    pub fn unlisted(mut self, path: &str) -> Router {
        self.route(path).listed = false;
        self
    }

    /// Hands the requests of a path on block by block, as they come: the handler answers each
    /// with what [`coap_ws_core::block`] says, and holds no body whole.
    #[must_use]
    pub fn in_blocks(mut self, path: &str) -> Router {
        self.route(path).in_blocks = true;
        self
    }

    /// Is told of each connection when it is open: the place to keep the remote of a client in
    /// order to ask it later.
    #[must_use]
    pub fn on_connect(mut self, hook: impl Fn(&Remote) + Send + Sync + 'static) -> Router {
        self.connected.push(Arc::new(hook));
        self
    }

    /// The document that `/.well-known/core` answers with (RFC 6690).
    pub fn links(&self) -> String {
        discovery::document(&self.routes, &std::iter::empty())
    }

    fn route(&mut self, path: &str) -> &mut Route {
        let pattern = Pattern::new(path);
        let index = self.routes.iter().position(|route| route.pattern == pattern);
        let index = index.unwrap_or_else(|| {
            let (methods, attributes) = (Vec::new(), Vec::new());
            let route = Route {
                pattern,
                methods,
                notifier: None,
                attributes,
                listed: true,
                in_blocks: false,
            };
            self.routes.push(route);
            self.routes.len().saturating_sub(1)
        });
        &mut self.routes[index]
    }

    /// The most literal route that matches.
    fn find(&self, segments: &[&str]) -> Option<(&Route, Vec<(String, String)>)> {
        let matches =
            self.routes.iter().filter_map(|route| Some((route, route.pattern.matches(segments)?)));
        matches.min_by_key(|(_, params)| params.len())
    }

    fn answer(&self, request: Request) -> Answer {
        let segments: SmallVec<[&str; 8]> = request.segments().collect();
        let found = self.find(&segments);
        let discovers = segments[..] == [".well-known", "core"];
        drop(segments);
        let Some((route, params)) = found else {
            let response = match discovers {
                true => self.discover(&request),
                false => Response::error(Code::NOT_FOUND, "no such resource"),
            };
            return Box::pin(std::future::ready(response));
        };
        let method = request.method();
        match route.methods.iter().find(|(other, _)| *other == method) {
            Some((_, call)) => validated(call, request.with_params(params)),
            None => {
                let text = format!("{} is not allowed here", method.name().unwrap_or("this"));
                let response = Response::error(Code::METHOD_NOT_ALLOWED, text);
                Box::pin(std::future::ready(response))
            }
        }
    }

    fn discover(&self, request: &Request) -> Response {
        if request.method() != Code::GET {
            return Response::error(Code::METHOD_NOT_ALLOWED, "GET lists the resources");
        }
        match request.accept() {
            None | Some(ContentFormat::LINK_FORMAT) => {
                let links = discovery::document(&self.routes, &request.queries());
                Response::content(links).content_format(ContentFormat::LINK_FORMAT)
            }
            // Accept is critical (OPT-23).
            Some(_) => Response::error(Code::NOT_ACCEPTABLE, "link-format (40) is what there is"),
        }
    }
}

/// Calls a handler. Where the request knows the ETag of what it gets, 2.03 says so and the
/// representation does not travel again (RFC 7252 §5.10.6.2; OPT-22).
fn validated(call: &Call, request: Request) -> Answer {
    if request.method() != Code::GET || request.view().option(OptionNumber::ETAG).is_none() {
        return call(request);
    }
    let answer = call(request.clone());
    Box::pin(async move {
        let response = answer.await;
        let known = |etag: &&Bytes| knows_etag(&request.view(), etag);
        match response.option_value(OptionNumber::ETAG).filter(known) {
            Some(etag) if response.code() == Code::CONTENT => {
                let valid = Response::new(Code::VALID).etag(etag.clone());
                match response.option_uint(OptionNumber::MAX_AGE) {
                    Some(seconds) => valid.max_age(seconds),
                    None => valid,
                }
            }
            _ => response,
        }
    })
}

impl Handler for Router {
    type Future = Answer;

    fn call(&self, request: Request) -> Answer {
        self.answer(request)
    }

    fn notifier(&self, request: &Request) -> Option<Notifier> {
        let segments: SmallVec<[&str; 8]> = request.segments().collect();
        self.find(&segments).and_then(|(route, _)| route.notifier.clone())
    }

    fn takes_blocks(&self, request: &Request) -> bool {
        let segments: SmallVec<[&str; 8]> = request.segments().collect();
        self.find(&segments).is_some_and(|(route, _)| route.in_blocks)
    }

    fn connected(&self, remote: &Remote) {
        self.connected.iter().for_each(|hook| hook(remote));
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.routes.iter().map(|route| &route.pattern)).finish()
    }
}
