//! A client that comes, and what a case can do with it.

use crate::case::{Boxed, Outcome, Stop, deviates, skip};
use crate::conn::log::Way;
use crate::conn::rules::Rules;
use crate::conn::{Conn, ConnContext, Event, Log, Patience, Stream};
use crate::wire::http::{self, Head};
use crate::wire::message::{Code, Message};
use crate::wire::names::CONTENT_FORMAT;
use crate::wire::{Frame, Opcode};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How a client said it went.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ended {
    /// It says that it worked.
    pub success: bool,
    pub output: Vec<u8>,
}

impl Ended {
    /// Whether it took this for the answer.
    pub fn took(&self, payload: &str) -> bool {
        let needle = payload.as_bytes();
        self.success && self.output.windows(needle.len()).any(|window| window == needle)
    }
}

/// A transport to a client, and what there will be to know of its end.
pub struct Visit {
    pub stream: Box<dyn Stream>,
    /// Resolves when the client is done; `None` where nobody can tell.
    pub ended: Boxed<Option<Ended>>,
}

/// Gets clients to come.
pub trait Guests: Send + Sync {
    /// The next, which is to ask for this path and query.
    fn next(&self, path: &str) -> Boxed<io::Result<Visit>>;
}

/// What all cases of a run share.
pub struct ClientShared {
    pub guests: Arc<dyn Guests>,
    pub patience: Patience,
    pub deadline: Duration,
    pub rules: Rules,
    heads: Mutex<Vec<Head>>,
}

impl ClientShared {
    pub fn new(guests: Arc<dyn Guests>, patience: Patience, deadline: Duration) -> ClientShared {
        let (rules, heads) = (Rules::default(), Mutex::default());
        ClientShared { guests, patience, deadline, rules, heads }
    }

    /// The opening handshakes of all clients so far.
    pub fn heads(&self) -> Vec<Head> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A case's view of the run, and its own log.
#[derive(Clone)]
pub struct ClientCx {
    pub shared: Arc<ClientShared>,
    pub log: Log,
}

/// What our resources say.
pub(super) const ANSWER: &str = "answer of the conformance suite";

/// Our CSM.
const CSM: &str = "00e1 2401000000 20";

/// A client that has come, with its opening handshake read and not answered.
pub struct Guest {
    pub conn: Conn,
    pub head: Head,
    ended: Boxed<Option<Ended>>,
}

impl ClientCx {
    pub fn new(shared: Arc<ClientShared>) -> ClientCx {
        ClientCx { shared, log: Log::default() }
    }

    /// The next client, behind the request of its opening handshake.
    pub async fn visit(&self, path: &str) -> Outcome<Guest> {
        let come = self.shared.guests.next(path).await;
        let visit = come.map_err(|error| Stop::NoConnection(error.to_string()))?;
        let context = ConnContext {
            log: self.log.clone(),
            rules: self.shared.rules.clone(),
            patience: self.shared.patience,
        };
        let mut conn = Conn::new(visit.stream, false, &context);
        match conn.head(Instant::now() + self.shared.patience.answer).await {
            Ok(head) => {
                let mut heads = self.shared.heads.lock().unwrap_or_else(PoisonError::into_inner);
                heads.push(head.clone());
                drop(heads);
                Ok(Guest { conn, head, ended: visit.ended })
            }
            Err(_) => Err(Stop::NoConnection("no opening handshake came".to_owned())),
        }
    }

    /// The next client, behind 101 and our CSM.
    pub async fn open(&self, path: &str) -> Outcome<Guest> {
        self.open_with(path, CSM).await
    }

    /// The same with another CSM, or none.
    pub async fn open_with(&self, path: &str, csm: &str) -> Outcome<Guest> {
        let mut guest = self.visit(path).await?;
        guest.switch().await;
        if !csm.is_empty() {
            guest.conn.send(csm).await;
        }
        Ok(guest)
    }

    /// The next client, behind its first request.
    pub async fn asked(&self, path: &str) -> Outcome<(Guest, Message)> {
        let mut guest = self.open(path).await?;
        let request = guest.request().await?;
        Ok((guest, request))
    }
}

impl Guest {
    /// The key of the handshake.
    pub fn key(&self) -> &str {
        self.head.first("sec-websocket-key").unwrap_or_default()
    }

    /// The right 101.
    pub fn switching(&self) -> Head {
        http::switching(self.key())
    }

    /// Sends it.
    pub async fn switch(&mut self) {
        let head = self.switching();
        self.reply(&head).await;
    }

    /// Sends a head.
    pub async fn reply(&mut self, head: &Head) {
        self.conn.send_raw(&head.bytes(), &head.start).await;
    }

    /// The first request.
    pub async fn request(&mut self) -> Outcome<Message> {
        self.conn.refuses = false;
        match self.conn.wait("it asks nothing", |m| m.code.is_request()).await {
            Err(Stop::Deviates(why)) => Err(skip(why)),
            other => other,
        }
    }

    /// Answers a request as it should be.
    pub async fn answer(&mut self, request: &Message) {
        let answer = content(request, ANSWER);
        self.conn.say(&answer).await;
    }

    /// Demands that the client took what we answered, where it can tell.
    pub async fn succeeds(self, payload: &str) -> Outcome {
        match self.end().await {
            Some(ended) if !ended.took(payload) => {
                let output = crate::wire::annotate::text(&ended.output);
                let word = if ended.success { "success" } else { "failure" };
                Err(deviates(format!("the client reports {word} and prints {output}")))
            }
            _ => Ok(()),
        }
    }

    /// Demands that the client did not take it for an answer; skipped where it cannot tell.
    pub async fn fails(self, payload: &str) -> Outcome {
        match self.end().await {
            None => Err(skip("what the client makes of it cannot be seen: use --exec")),
            Some(ended) if ended.took(payload) => {
                Err(deviates("the client reports success and prints it"))
            }
            Some(_) => Ok(()),
        }
    }

    /// How it ended. The connection is held open for a while, as by a server that knows no end.
    pub async fn end(mut self) -> Option<Ended> {
        let by = Instant::now() + self.conn.patience.answer;
        let mut ended = self.ended;
        self.conn.refuses = true;
        loop {
            tokio::select! {
                biased;
                ended = &mut ended => return ended,
                event = self.conn.receive(by) => match event {
                    Event::Message(message) if message.code == Code::RELEASE => {
                        self.conn.send_frame(Frame::close(1000, "")).await;
                        break;
                    }
                    Event::Message(_) | Event::Text(_) | Event::Malformed(..) => {}
                    Event::Close(body) => {
                        let code = body.get(..2).unwrap_or_default();
                        self.conn.send_frame(Frame::new(Opcode::CLOSE, code)).await;
                        break;
                    }
                    _ => break,
                },
            }
        }
        let patience = self.conn.patience.answer;
        self.conn.note(Way::Note, &[], "we close the connection");
        drop(self.conn);
        timeout(patience, ended).await.ok().flatten()
    }
}

/// 2.05 with a text.
pub(super) fn content(request: &Message, payload: &str) -> Message {
    let answer = Message::new(Code::CONTENT).token(&request.token);
    answer.uint(CONTENT_FORMAT, 0).payload(payload)
}
