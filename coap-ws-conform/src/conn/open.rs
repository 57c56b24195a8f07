//! The opening handshake, from both ends, and the first CSM.

use super::log::Way;
use super::{Conn, End, Event};
use crate::case::{Outcome, deviates};
use crate::wire::annotate;
use crate::wire::http::{self, Head};
use tokio::time::{Instant, timeout_at};

/// The longest head that is read.
const LONGEST: usize = 64 * 1024;

/// What comes back on an opening handshake.
#[derive(Clone, Debug)]
pub enum Reply {
    Head(Head),
    /// Nothing that is HTTP, and how it ended.
    None(Option<End>),
}

impl Reply {
    /// The status, 0 where there is none.
    pub fn status(&self) -> u16 {
        match self {
            Reply::Head(head) => head.status(),
            Reply::None(_) => 0,
        }
    }

    /// In words.
    pub fn text(&self) -> String {
        match self {
            Reply::Head(head) => head.start.clone(),
            Reply::None(Some(end)) => format!("{} without an HTTP response", end.text()),
            Reply::None(None) => "no HTTP response, and the connection stays open".to_owned(),
        }
    }
}

impl Conn {
    /// Opens, or says why that is not possible.
    pub async fn upgrade(&mut self, host: &str) -> Outcome {
        let mut key = [0; 16];
        let _ = getrandom::fill(&mut key);
        let key = http::key(key);
        let reply = self.offer(&http::upgrade(host, &key)).await;
        match &reply {
            Reply::Head(head)
                if head.status() == 101
                    && head.first("sec-websocket-accept") == Some(&http::accept(&key))
                    && head.first("sec-websocket-protocol") == Some("coap") =>
            {
                Ok(())
            }
            other => Err(deviates(format!("the opening handshake failed: {}", other.text()))),
        }
    }

    /// Sends a head and reads one back.
    pub async fn offer(&mut self, head: &Head) -> Reply {
        let bytes = head.bytes();
        self.send_raw(&bytes, &shown(head)).await;
        self.reply().await
    }

    /// Reads a head.
    pub async fn reply(&mut self) -> Reply {
        match self.head(Instant::now() + self.patience.answer).await {
            Ok(head) => Reply::Head(head),
            Err(end) => Reply::None(end),
        }
    }

    /// Reads a head, which may be of a request too.
    pub async fn head(&mut self, by: Instant) -> Result<Head, Option<End>> {
        loop {
            if let Some((head, length)) = Head::parse(self.reader.rest()) {
                let rest = self.reader.rest()[length..].to_vec();
                let raw = self.reader.rest()[..length].to_vec();
                self.note(Way::In, &raw, shown(&head));
                self.reader = super::FrameReader::new(super::LIMIT);
                self.reader.feed(&rest);
                return Ok(head);
            }
            if self.reader.rest().len() > LONGEST {
                return Err(None);
            }
            match timeout_at(by, self.fill()).await {
                Ok(None) => {}
                ended => {
                    let rest = self.reader.rest().to_vec();
                    if !rest.is_empty() {
                        self.note(Way::In, &rest, annotate::text(&rest));
                    }
                    let end = ended.ok().flatten();
                    let text = end.map_or("no HTTP head came in time", End::text);
                    self.note(Way::Note, &[], text);
                    return Err(end);
                }
            }
        }
    }

    /// Waits for the peer's CSM. Without one the case goes on: another case judges that.
    pub async fn settle(&mut self) {
        let by = Instant::now() + self.patience.answer / 2;
        while !self.peer.csm {
            match self.receive(by).await {
                Event::Message(message) => self.keep(message),
                Event::Nothing => return,
                other => {
                    self.ready.push_back(other);
                    return;
                }
            }
        }
    }
}

fn shown(head: &Head) -> String {
    let fields: Vec<String> =
        head.fields.iter().map(|(name, value)| format!("{name}: {}", cut(value))).collect();
    format!("{} | {}", head.start, fields.join(" | "))
}

fn cut(value: &str) -> String {
    let start: String = value.chars().take(80).collect();
    if start.len() < value.len() { format!("{start}…") } else { start }
}
