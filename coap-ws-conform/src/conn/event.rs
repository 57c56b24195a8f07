//! What can come from a peer.

use crate::wire::annotate;
use crate::wire::message::{Code, Message};

/// How a transport ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// In order.
    Fin,
    /// By a reset, or any other error.
    Reset,
}

impl End {
    pub const fn text(self) -> &'static str {
        match self {
            End::Fin => "TCP was closed",
            End::Reset => "TCP was reset",
        }
    }
}

/// One of them.
#[derive(Clone, Debug)]
pub enum Event {
    Message(Message),
    /// A binary message that is none of CoAP, and why.
    Malformed(Vec<u8>, String),
    Text(Vec<u8>),
    WsPing(Vec<u8>),
    WsPong(Vec<u8>),
    /// A Close frame's body.
    Close(Vec<u8>),
    /// A frame that nobody may send.
    Broken(String),
    End(End),
    /// Time is up.
    Nothing,
}

impl Event {
    /// In words.
    pub fn text(&self) -> String {
        match self {
            Event::Message(message) => format!("got {}", annotate::described(message)),
            Event::Malformed(bytes, why) => {
                format!("got what is no message ({why}): {}", annotate::bytes(bytes))
            }
            Event::Text(text) => format!("got a text message {}", annotate::text(text)),
            Event::WsPing(data) => format!("got a WebSocket Ping {}", annotate::bytes(data)),
            Event::WsPong(data) => format!("got a WebSocket Pong {}", annotate::bytes(data)),
            Event::Close(body) => format!("got a Close frame, {}", annotate::close(body)),
            Event::Broken(what) => format!("got {what}"),
            Event::End(end) => end.text().to_owned(),
            Event::Nothing => "nothing came".to_owned(),
        }
    }
}

/// How a connection ended, or that it did not.
#[derive(Clone, Debug, Default)]
pub struct Ending {
    pub abort: Option<Message>,
    /// The body of the Close frame.
    pub close: Option<Vec<u8>>,
    pub end: Option<End>,
    /// What came before.
    pub before: Vec<Message>,
    /// What came after the Close frame.
    pub after_close: Vec<Event>,
    /// Whether it did not end: a Ping was answered.
    pub alive: bool,
}

impl Ending {
    /// Whether the peer gave the connection up, in whatever way.
    pub const fn over(&self) -> bool {
        self.abort.is_some() || self.closed()
    }

    /// Whether it was closed, by a frame or by TCP.
    pub const fn closed(&self) -> bool {
        self.close.is_some() || self.end.is_some()
    }

    /// The code of the Close frame.
    pub fn code(&self) -> Option<u16> {
        self.close
            .as_ref()
            .and_then(|body| body.get(..2).map(|code| u16::from_be_bytes([code[0], code[1]])))
    }

    /// The responses among what came before.
    pub fn responses(&self) -> impl Iterator<Item = &Message> {
        self.before.iter().filter(|message| message.code.is_response())
    }

    /// In words.
    pub fn text(&self) -> String {
        let mut parts: Vec<String> =
            self.before.iter().filter(|m| m.code != Code::CSM).map(annotate::described).collect();
        parts.extend(self.abort.as_ref().map(annotate::described));
        parts.extend(self.close.as_ref().map(|body| format!("Close {}", annotate::close(body))));
        parts.extend(self.end.map(|end| end.text().to_owned()));
        if self.alive {
            parts.push("the connection goes on: a Ping was answered".to_owned());
        } else if !self.over() {
            parts.push("then nothing, not even a Pong".to_owned());
        }
        parts.join(", ")
    }
}
