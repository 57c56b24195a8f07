//! One connection that a transcript is played on.

use super::notation::{Spelled, bytes, code, hex, words};
use super::{config, told};
use coap_ws_core::{
    Closing, Config, Connection, ExchangeId, Instant, ObserverId, Operation, ReleaseOptions,
    RequestOptions, Responder, Side, Storage, Transmit, Violation,
};
use std::collections::{BTreeMap, VecDeque};

/// A connection in the middle of a transcript.
///
/// | Line | |
/// |---|---|
/// | `config name value` | before all others: a field of `Config` or `Limits` |
/// | `open` | our CSM goes out, and the peer's comes: 1152 bytes, block-wise |
/// | `< message` | a message comes |
/// | `< text`, `oversized`, `alive`, `violation 1002` | what the framer below says |
/// | `< closed [code]`, `eof`, `error`, `done`, `stalled` | how the WebSocket ended |
/// | `* GET /a [timeout=5s]`, `cancel 04` | a request; its token is its name from then on |
/// | `* GET /a begins`, `continues`, `leave-off` | a request of several that are one operation |
/// | `* respond [#2] 2.05 "hi"`, `drop [#2]` | an answer to the oldest request, or the second |
/// | `* GET /a observe`, `deregister 04 GET /a` | an observation of ours begins, and ends |
/// | `* observe [#2] 2.05 "hi"` | the answer that makes an observer of its receiver: `@1` |
/// | `* changed @1`, `notify @1 2.05 "ho"` | there is something to tell it, and this is it |
/// | `* ping [custody]`, `abort ["text"]`, `trim` | |
/// | `* release [hold-off=30s] [try=host] ["text"]` | |
/// | `* hold`, `* send`, `* flow` | the transport takes nothing more, one message, all again |
/// | `@ +10s` | time passes: `handle_timeout` as often as `poll_timeout` says |
/// | `@ late +10s` | time passes and nobody looks: all of it in one `handle_timeout` |
/// | `> message` | the next message that goes out |
/// | `. close 1000` | the Close goes out |
/// | `! ..` | the next thing that is told; `! error: ..` where a command says no |
/// | `= name value` | a getter |
pub(super) struct Run<S: Storage> {
    connection: Connection<S>,
    now: Instant,
    held: bool,
    sent: VecDeque<String>,
    told: VecDeque<String>,
    exchanges: BTreeMap<String, ExchangeId>,
    responders: BTreeMap<u64, Responder>,
    observers: BTreeMap<String, ObserverId>,
}

type Step = Result<(), String>;

impl<S: Storage> Run<S> {
    pub(super) fn new(side: Side, lines: &[&str]) -> Result<Run<S>, String> {
        let mut config = Config::new(side);
        config.keepalive_interval = None;
        config.limits.max_exchanges = 4;
        config.limits.max_requests = 4;
        config.limits.max_observers = 2;
        for line in lines {
            match &words(line)[..] {
                [verb, name, value] if verb == "config" => config::set(&mut config, name, value)?,
                _ => {}
            }
        }
        let mut run = Run {
            connection: Connection::new(config).map_err(|error| error.to_string())?,
            now: Instant::from_micros(1_000_000_000),
            held: false,
            sent: VecDeque::new(),
            told: VecDeque::new(),
            exchanges: BTreeMap::new(),
            responders: BTreeMap::new(),
            observers: BTreeMap::new(),
        };
        run.connection.handle_timeout(run.now);
        Ok(run)
    }

    pub(super) fn line(&mut self, line: &str) -> Step {
        let words = words(line);
        let Some((verb, words)) = words.split_first() else { return Ok(()) };
        let text = words.join(" ");
        if text != "hold" {
            self.drain();
        }
        match verb.as_str() {
            "config" => return Ok(()),
            ">" => return self.expect_sent(&format!("> {}", hex(&bytes(&text)?))),
            "." => return self.expect_sent(&format!(". {text}")),
            "!" => return self.expect_told(&text),
            "=" => return self.expect_getter(words),
            "open" => return self.open(),
            _ => self.quiet()?,
        }
        match verb.as_str() {
            "<" => self.happened(words, &text)?,
            "*" => self.command(words, &text)?,
            "@" => self.pass(words)?,
            _ => return Err(format!("`{verb}`?")),
        }
        self.drain();
        Ok(())
    }

    /// Fails where something went out or was told that no line has said.
    pub(super) fn quiet(&self) -> Step {
        let told = self.told.iter().map(|told| format!("! {told}"));
        let unsaid: Vec<String> = self.sent.iter().cloned().chain(told).collect();
        if unsaid.is_empty() { Ok(()) } else { Err(format!("before it: {}", unsaid.join(", "))) }
    }

    fn expect_sent(&mut self, expected: &str) -> Step {
        match self.sent.pop_front() {
            Some(sent) if sent == expected => Ok(()),
            Some(sent) => Err(format!("it was `{sent}`, not `{expected}`")),
            None => Err("nothing was sent".into()),
        }
    }

    fn expect_told(&mut self, expected: &str) -> Step {
        match self.told.pop_front() {
            Some(told) if told == expected => Ok(()),
            Some(told) => Err(format!("it was `! {told}`")),
            None => Err("nothing was told".into()),
        }
    }

    fn expect_getter(&self, words: &[String]) -> Step {
        let [name, value] = words else { return Err("a name and a value".into()) };
        let connection = &self.connection;
        let stats = connection.stats();
        let next = |at: Instant| format!("{}us", at.saturating_since(self.now).as_micros());
        let is = match name.as_str() {
            "phase" => format!("{:?}", connection.phase()),
            "max_send" => connection.max_send().to_string(),
            "in_flight" => connection.exchanges_in_flight().to_string(),
            "requests_open" => connection.requests_open().to_string(),
            "output_waiting" => connection.output_waiting().to_string(),
            "wants_input" => connection.wants_input().to_string(),
            "has_room" => connection.has_room().to_string(),
            "next" => connection.poll_timeout().map_or("none".into(), next),
            "late" => stats.responses_late.to_string(),
            "unmatched" => stats.responses_unmatched.to_string(),
            "reserved" => stats.reserved_received.to_string(),
            "empty" => stats.empty_received.to_string(),
            "suppressed" => stats.responses_suppressed.to_string(),
            "refused" => stats.requests_refused.to_string(),
            _ => return Err(format!("there is no `{name}`")),
        };
        if is == *value { Ok(()) } else { Err(format!("it is `{is}`")) }
    }

    fn open(&mut self) -> Step {
        let size = self.connection.config().limits.max_message_size.to_be_bytes();
        let size = size.iter().skip_while(|byte| **byte == 0).copied().collect::<Vec<_>>();
        self.line(&format!("> 7.01 - 2={} 4=", hex(&size)))?;
        self.line("< 00e1 22 0480 20")?;
        self.line("! settings 1152 block-wise")
    }

    fn happened(&mut self, words: &[String], text: &str) -> Step {
        let Run { connection, now, .. } = self;
        let second = words.get(1).and_then(|word| word.parse().ok());
        match words.first().map_or("", String::as_str) {
            "text" => connection.handle_text(*now),
            "oversized" => connection.handle_oversized(*now),
            "alive" => connection.handle_alive(*now),
            "violation" => {
                let code = second.ok_or("a status code")?;
                connection.handle_violation(*now, Violation::WebSocket { code });
            }
            "closed" => connection.handle_closed(*now, Closing::Frame(second)),
            "eof" => connection.handle_closed(*now, Closing::EndOfStream),
            "error" => connection.handle_closed(*now, Closing::Error),
            "done" => connection.handle_closed(*now, Closing::Done),
            "stalled" => connection.handle_closed(*now, Closing::WriteStall),
            _ => self.message(&bytes(text)?),
        }
        Ok(())
    }

    fn message(&mut self, message: &[u8]) {
        match self.connection.handle_message(self.now, message) {
            Ok(Some(incoming)) => {
                self.told.push_back(told::incoming(&incoming));
                if let coap_ws_core::Incoming::Request { responder, .. } = incoming {
                    self.responders.insert(responder.id().arrival(), responder);
                }
            }
            Ok(None) => {}
            Err(not_now) => self.told.push_back(format!("not now: {not_now}")),
        }
    }

    fn command(&mut self, words: &[String], text: &str) -> Step {
        let now = self.now;
        let (verb, rest) = words.split_first().ok_or("a command")?;
        let said = match verb.as_str() {
            "cancel" => {
                let exchange = self.exchanges.get(&rest.concat()).ok_or("no such request")?;
                let cancelled = self.connection.cancel(now, *exchange);
                if cancelled { Ok(()) } else { Err("it was over".to_owned()) }
            }
            "respond" => self.respond(rest, false)?,
            "observe" => self.respond(rest, true)?,
            "changed" => {
                let observer = *self.observer(rest)?.0;
                let watches = self.connection.mark_changed(now, observer);
                if watches { Ok(()) } else { Err("it is gone".to_owned()) }
            }
            "notify" => {
                let (observer, rest) = self.observer(rest)?;
                let (observer, (name, rest)) = (*observer, rest.split_first().ok_or("a response")?);
                let message = Spelled::parse(name, rest)?;
                let told = self.connection.notify(now, observer, &message);
                told.map_err(|error| error.to_string())
            }
            "deregister" => {
                let [token, name, rest @ ..] = rest else {
                    return Err("a token, a request".into());
                };
                let exchange = *self.exchanges.get(token).ok_or("no such request")?;
                let message = Spelled::parse(name, rest)?;
                let left = self.connection.deregister(now, exchange, &message);
                left.map_err(|error| error.to_string())
            }
            "drop" => self.responder(rest).map(|_| Ok(()))?,
            "ping" => {
                let ping = self.connection.ping(now, rest.concat() == "custody");
                ping.map(|_| ()).map_err(|error| error.to_string())
            }
            "abort" => {
                let text = String::from_utf8(bytes(&rest.join(" "))?).map_err(|e| e.to_string())?;
                self.connection.abort(now, &text);
                Ok(())
            }
            "release" => self.release(rest)?,
            "leave-off" => {
                self.connection.leave_off(now);
                Ok(())
            }
            "trim" => {
                self.connection.trim();
                Ok(())
            }
            "hold" | "flow" => {
                self.held = verb == "hold";
                Ok(())
            }
            "send" => {
                self.transmit();
                Ok(())
            }
            name if code(name).is_some() => self.request(name, rest)?,
            _ => return Err(format!("`{text}`?")),
        };
        self.told.extend(said.err().map(|error| format!("error: {error}")));
        Ok(())
    }

    fn request(&mut self, name: &str, words: &[String]) -> Result<Step, String> {
        let mut options = RequestOptions::default();
        let words = match words.split_last() {
            Some((last, rest)) if last.starts_with("timeout=") => {
                let time = config::time(&last["timeout=".len()..]).ok_or("a time")?;
                options = options.timeout(time);
                rest
            }
            _ => words,
        };
        let words = match words.split_last() {
            Some((last, rest)) if last == "observe" => {
                options = options.observe();
                rest
            }
            Some((last, rest)) if last == "begins" => {
                options = options.operation(Operation::Begins);
                rest
            }
            Some((last, rest)) if last == "continues" => {
                options = options.operation(Operation::Continues);
                rest
            }
            _ => words,
        };
        let message = Spelled::parse(name, words)?;
        Ok(match self.connection.request(self.now, &message, options) {
            Ok(exchange) => {
                self.exchanges.insert(told::token(exchange), exchange);
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        })
    }

    fn respond(&mut self, words: &[String], observe: bool) -> Result<Step, String> {
        let (which, words) = match words.split_first() {
            Some((first, rest)) if first.starts_with('#') => (&words[..1], rest),
            _ => (&words[..0], words),
        };
        let (name, words) = words.split_first().ok_or("a response")?;
        let responder = self.responder(which)?;
        let message = Spelled::parse(name, words)?;
        let answered = match observe {
            true => self.connection.observe(self.now, responder, &message),
            false => self.connection.respond(self.now, responder, &message).map(|()| None),
        };
        Ok(match answered {
            Ok(Some(observer)) => {
                let name = format!("@{}", observer.serial());
                self.told.push_back(format!("observer {name}"));
                self.observers.insert(name, observer);
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(refused) => {
                let text = refused.to_string();
                self.responders.insert(refused.responder.id().arrival(), refused.responder);
                Err(text)
            }
        })
    }

    /// The observer that the first word names, and the other words.
    fn observer<'w>(&self, words: &'w [String]) -> Result<(&ObserverId, &'w [String]), String> {
        let (name, rest) = words.split_first().ok_or("an observer")?;
        let observer = self.observers.get(name);
        Ok((observer.ok_or_else(|| format!("there is no observer `{name}`"))?, rest))
    }

    fn responder(&mut self, words: &[String]) -> Result<Responder, String> {
        let arrival = match words {
            [] => self.responders.keys().next().copied(),
            [number, ..] => number.trim_start_matches('#').parse().ok(),
        };
        let responder = arrival.and_then(|arrival| self.responders.remove(&arrival));
        responder.ok_or_else(|| "there is no such request".into())
    }

    fn release(&mut self, words: &[String]) -> Result<Step, String> {
        let (mut addresses, mut text) = (Vec::new(), Vec::new());
        let mut options = ReleaseOptions::default();
        for word in words {
            if let Some(address) = word.strip_prefix("try=") {
                addresses.push(address);
            } else if let Some(time) = word.strip_prefix("hold-off=") {
                options = options.hold_off(config::time(time).ok_or("a time")?);
            } else {
                text = bytes(word)?;
            }
        }
        let text = String::from_utf8(text).map_err(|error| error.to_string())?;
        let options = options.alternatives(&addresses).diagnostic(&text);
        Ok(self.connection.release(self.now, options).map_err(|error| error.to_string()))
    }

    fn pass(&mut self, words: &[String]) -> Step {
        let (late, words) = match words.split_first() {
            Some((first, rest)) if first == "late" => (true, rest),
            _ => (false, words),
        };
        let text = words.concat();
        let time = text.strip_prefix('+').and_then(config::time).ok_or("`+10s`, say")?;
        let end = self.now.saturating_add(time);
        if late {
            self.now = end;
        }
        for _ in 0..100 {
            let Some(next) = self.connection.poll_timeout().filter(|next| *next <= end) else {
                return self.wake_early(end);
            };
            self.now = self.now.max(next);
            self.connection.handle_timeout(self.now);
            self.drain();
        }
        Err("its timers never rest".into())
    }

    /// A wake-up that `poll_timeout` has not asked for: nothing may come of it.
    fn wake_early(&mut self, now: Instant) -> Step {
        self.now = now;
        let before = self.sent.len() + self.told.len();
        self.connection.handle_timeout(now);
        self.drain();
        let none = self.sent.len() + self.told.len() == before;
        if none { Ok(()) } else { Err("its timer was late or it was early".into()) }
    }

    /// Takes what is to be sent and told until nothing moves.
    fn drain(&mut self) {
        let mut moved = true;
        while moved {
            moved = false;
            while let Some(event) = self.connection.poll_event() {
                self.told.push_back(told::event(&event));
                moved = true;
            }
            moved |= !self.held && self.transmit();
        }
    }

    /// Takes one thing that is to be sent; false where there is none.
    fn transmit(&mut self) -> bool {
        let Some(transmit) = self.connection.poll_transmit() else { return false };
        self.sent.push_back(match transmit {
            Transmit::Message(message) => format!("> {}", hex(message)),
            Transmit::Close { code, .. } => format!(". close {code}"),
            other => format!("{other:?}"),
        });
        true
    }
}
