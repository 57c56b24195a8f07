//! Showing what is said on a connection: `-v` its messages, `-vv` its bytes too.

mod wire;

use crate::annotate;
use crate::describe;
use crate::paint::Paint;
use crate::say;
use crate::text;
use crate::timing::Timing;
use coap_ws_tokio::core::message::Message;
use coap_ws_tokio::engine::{Tap, Way};
use std::sync::{Arc, Mutex, PoisonError};
use wire::{Part, Wire};

/// Listens in on the connection of a client.
pub(crate) struct Trace {
    verbose: u8,
    paint: Paint,
    timing: Arc<Timing>,
    /// The two directions, for `-vv`.
    wires: Mutex<(Wire, Wire)>,
}

impl Trace {
    pub(crate) fn new(verbose: u8, timing: Arc<Timing>) -> Trace {
        Trace { verbose, paint: Paint::stderr(), timing, wires: Mutex::default() }
    }
}

impl Tap for Trace {
    fn message(&self, way: Way, message: &[u8]) {
        // With -vv it is shown where its frame is.
        if self.verbose == 1 {
            say::note(&line(way, message, self.paint));
        }
    }

    fn bytes(&self, way: Way, bytes: &[u8]) {
        match way {
            Way::Out => self.timing.byte_out(),
            Way::In => self.timing.byte_in(),
        }
        if self.verbose < 2 {
            return;
        }
        let mut wires = self.wires.lock().unwrap_or_else(PoisonError::into_inner);
        let wire = match way {
            Way::Out => &mut wires.0,
            Way::In => &mut wires.1,
        };
        for part in wire.push(bytes) {
            match part {
                Part::Line(text) => {
                    say::note(&format!("{} {}", mark(way, self.paint), text::harmless(&text)));
                }
                Part::Frame(header, meaning) => {
                    let header = self.paint.dim(text::spaced(&header));
                    say::note(&format!("{} {header}  {meaning}", mark(way, self.paint)));
                }
                Part::Message(message) => {
                    say::note(&line(way, &message, self.paint));
                    annotated(&message, self.paint).iter().for_each(|line| say::note(line));
                }
            }
        }
    }
}

/// Listens in on all connections of a server: only whole messages can be told apart there.
pub(crate) struct ServerTrace {
    verbose: u8,
    paint: Paint,
}

impl ServerTrace {
    pub(crate) fn new(verbose: u8) -> ServerTrace {
        ServerTrace { verbose, paint: Paint::stderr() }
    }
}

impl Tap for ServerTrace {
    fn message(&self, way: Way, message: &[u8]) {
        if self.verbose >= 2 {
            say::note(&line(way, message, self.paint));
            annotated(message, self.paint).iter().for_each(|line| say::note(line));
        }
    }

    /// A refused handshake is no connection, so that no handler hears of it; but its answer
    /// says what was wrong.
    fn bytes(&self, way: Way, bytes: &[u8]) {
        if let (Way::Out, Some(refusal)) = (way, refusal(bytes)) {
            say::note(&format!("{} {refusal}", self.paint.red("refused")));
        }
    }
}

/// The status and the text of an HTTP answer that is no 101.
fn refusal(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?.strip_prefix("HTTP/1.1 ")?;
    let (status, _) = text.split_once("\r\n")?;
    let (_, body) = text.split_once("\r\n\r\n")?;
    (!status.starts_with("101")).then(|| text::one_line(&format!("{status}: {}", body.trim_end())))
}

/// A message in one line.
pub(crate) fn line(way: Way, bytes: &[u8], paint: Paint) -> String {
    let told = match Message::parse(bytes) {
        Ok(message) => describe::message(&message),
        Err(error) => {
            format!("{}  {}", paint.red(error.to_string()), text::spaced_up_to(bytes, 32))
        }
    };
    format!("{} {told}", mark(way, paint))
}

/// Its bytes and what they are, indented.
fn annotated(bytes: &[u8], paint: Paint) -> Vec<String> {
    let lines = match Message::parse(bytes) {
        Ok(message) => annotate::lines(&message),
        Err(_) => vec![text::spaced_up_to(bytes, 64)],
    };
    lines.iter().map(|line| format!("    {}", paint.dim(line))).collect()
}

/// `>` for what leaves, `<` for what comes.
pub(crate) fn mark(way: Way, paint: Paint) -> String {
    match way {
        Way::Out => paint.cyan(">"),
        Way::In => paint.yellow("<"),
    }
}

#[cfg(test)]
mod tests {
    use super::{line, refusal};
    use crate::paint::Paint;
    use coap_ws_tokio::engine::Way;

    #[test]
    fn messages_and_what_is_none() {
        let paint = Paint::plain();
        assert_eq!(line(Way::Out, &[0, 1], paint), "> GET");
        let told = line(Way::In, &[0x01, 0x45, 0x42, 0xff], paint);
        assert!(told.contains("payload marker without a payload (at byte 3"), "{told}");
        assert!(told.ends_with("01 45 42 ff"), "{told}");
    }

    #[test]
    fn refusals_are_told_from_other_bytes() {
        let answer = b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\nno \x1b name\n";
        assert_eq!(refusal(answer).as_deref(), Some("403 Forbidden: no \\u{1b} name"));
        assert_eq!(refusal(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"), None);
        assert_eq!(refusal(&[0x82, 2, 0, 0xe1]), None);
    }
}
