//! What the peer has: resources found in `/.well-known/core`, or named by the user.

pub mod links;

use crate::case::{Outcome, skip};
use crate::context::{Cx, LARGE_CSM, request};
use crate::wire::message::{Code, Message};
use links::Link;

/// Resources that the user has named.
#[derive(Clone, Debug, Default)]
pub struct Named {
    pub get: Option<String>,
    pub put: Option<String>,
    pub observe: Option<String>,
    pub large: Option<String>,
    pub slow: Option<String>,
}

/// Paths that are tried for reading, small ones first.
const READABLE: &[&str] = &["/hello", "/test", "/time", "/validate", "/"];

/// What a GET is answered, on a connection of its own. A peer that has no answer behind our large
/// CSM is asked again more carefully: with the base values, and after a pause.
async fn fetch(cx: &Cx, path: &str) -> Outcome<Outcome<Message>> {
    let mut conn = cx.open_with(LARGE_CSM).await?;
    if let Ok(answer) = conn.ask(request(Code::GET, path)).await {
        return Ok(Ok(answer));
    }
    let mut conn = cx.open_with("00e1 40").await?;
    tokio::time::sleep(cx.patience().quiet).await;
    Ok(conn.ask(request(Code::GET, path)).await)
}

/// The peer's resources.
#[derive(Clone, Debug, Default)]
pub struct Target {
    named: Named,
    pub links: Vec<Link>,
    /// Why there are no links.
    pub undiscovered: Option<String>,
    /// A resource that has answered 2.05, with that answer.
    get: Option<(String, Message)>,
}

impl Target {
    /// Asks the peer what it has.
    pub async fn discover(cx: &Cx, named: Named) -> Outcome<Target> {
        let mut target = Target { named, ..Target::default() };
        match fetch(cx, "/.well-known/core").await? {
            Ok(answer) if answer.code == Code::CONTENT => {
                match links::parse(&String::from_utf8_lossy(&answer.payload)) {
                    Ok(links) => target.links = links,
                    Err(why) => target.undiscovered = Some(why),
                }
                target.get = Some(("/.well-known/core".to_owned(), answer));
            }
            Ok(answer) => target.undiscovered = Some(format!("it answers {}", answer.code)),
            Err(stop) => target.undiscovered = Some(format!("{stop:?}")),
        }
        if let Some(found) = target.readable(cx).await {
            target.get = Some(found);
        }
        Ok(target)
    }

    /// The first candidate that answers 2.05, each asked on a connection of its own.
    async fn readable(&self, cx: &Cx) -> Option<(String, Message)> {
        let listed = |path: &&str| self.links.is_empty() || self.lists(path);
        let known = READABLE.iter().copied().filter(listed);
        let named: Vec<&str> = match &self.named.get {
            Some(path) => vec![path],
            None => known.collect(),
        };
        for path in named {
            match fetch(cx, path).await {
                Ok(Ok(answer)) if answer.code == Code::CONTENT && answer.payload.len() <= 1024 => {
                    return Some((path.to_owned(), answer));
                }
                _ => {}
            }
        }
        None
    }

    /// Whether a path is among the links.
    pub fn lists(&self, path: &str) -> bool {
        self.links.iter().any(|link| link.path == path)
    }

    /// A small resource to GET.
    pub fn get(&self) -> Outcome<&str> {
        match &self.get {
            Some((path, _)) => Ok(path),
            None => Err(skip("no resource that answers 2.05 to GET: name one with --get")),
        }
    }

    /// What it answered.
    pub fn representation(&self) -> Option<&Message> {
        self.get.as_ref().map(|(_, answer)| answer)
    }

    /// A resource to PUT, GET and DELETE, which is nobody else's if there can be many.
    pub fn writable(&self, serial: u32) -> Outcome<String> {
        if let Some(path) = &self.named.put {
            return Ok(path.clone());
        }
        if self.creates() {
            return Ok(format!("/store/conform-{serial}"));
        }
        if self.lists("/test") {
            return Ok("/test".to_owned());
        }
        Err(skip("no resource for PUT: name one with --put"))
    }

    /// Whether PUT creates resources.
    pub fn creates(&self) -> bool {
        self.named.put.is_none() && self.links.iter().any(|link| link.path.starts_with("/store"))
    }

    /// A resource with observers.
    pub fn observable(&self) -> Outcome<&str> {
        if let Some(path) = &self.named.observe {
            return Ok(path);
        }
        let listed = self.links.iter().find(|link| link.path == "/obs");
        let listed = listed.or_else(|| self.links.iter().find(|link| link.has("obs")));
        listed
            .map(|link| link.path.as_str())
            .ok_or_else(|| skip("no resource with `obs`: name one with --observe"))
    }

    /// A resource of more than 1,152 bytes.
    pub fn large(&self) -> Outcome<&str> {
        match &self.named.large {
            Some(path) => Ok(path),
            None => self.plugtest("/large").map_err(|_| {
                skip("no resource that needs more than one block: name one with --large")
            }),
        }
    }

    /// A resource that answers a moment later.
    pub fn slow(&self) -> Outcome<&str> {
        if let Some(path) = &self.named.slow {
            return Ok(path);
        }
        if self.lists("/slow") {
            return Ok("/slow?ms=300");
        }
        self.plugtest("/separate")
            .map_err(|_| skip("no resource that answers late: name one with --slow"))
    }

    /// A resource that asks us, in its turn, for `/hello`.
    pub fn reverse(&self) -> Outcome<&str> {
        self.plugtest("/reverse").map_err(|_| skip("no resource /reverse that asks its client"))
    }

    /// A resource of the ETSI plugtests.
    pub fn plugtest(&self, path: &'static str) -> Outcome<&'static str> {
        if self.lists(path) { Ok(path) } else { Err(skip(format!("no resource {path}"))) }
    }

    /// A path where nothing is.
    pub const fn missing(&self) -> &'static str {
        "/conform-no-such-resource"
    }
}
