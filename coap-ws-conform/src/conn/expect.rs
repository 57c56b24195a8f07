//! Waiting for something, and saying what came in its place.

use super::{Conn, Ending, Event};
use crate::case::{Outcome, deviates};
use crate::wire::message::{Code, Message};
use crate::wire::{Frame, Opcode, annotate};
use tokio::time::Instant;

/// The first byte of tokens of Pings that are only there to see whether the peer has come so far.
const FENCE: u8 = 0xfe;

impl Conn {
    /// The next event that has to be looked at: Pings are answered, and so are requests while
    /// [`Conn::refuses`]; CSMs go by.
    pub async fn receive(&mut self, by: Instant) -> Event {
        loop {
            match self.event(by).await {
                Event::WsPing(data) => self.send_frame(Frame::new(Opcode::PONG, data)).await,
                Event::WsPong(_) => {}
                Event::Message(message) => match message.code {
                    Code::EMPTY => {}
                    Code::CSM => return Event::Message(message),
                    Code::PING => {
                        self.say(&Message::new(Code::PONG).token(&message.token)).await;
                    }
                    code if code.is_request() && self.refuses => {
                        let refusal = Message::new(Code::NOT_IMPLEMENTED).token(&message.token);
                        self.say(&refusal.payload("a conformance suite serves nothing")).await;
                    }
                    _ => return Event::Message(message),
                },
                other => return other,
            }
        }
    }

    /// Sets a message aside for who waits for it later.
    pub fn keep(&mut self, message: Message) {
        if message.code != Code::CSM {
            self.kept.push(message);
        }
    }

    /// The first message that fits; others are kept.
    pub async fn wait(
        &mut self,
        wanted: &str,
        fits: impl Fn(&Message) -> bool,
    ) -> Outcome<Message> {
        if let Some(at) = self.kept.iter().position(&fits) {
            return Ok(self.kept.remove(at));
        }
        let by = Instant::now() + self.patience.answer;
        loop {
            match self.receive(by).await {
                Event::Message(message) if fits(&message) => return Ok(message),
                Event::Message(message) if message.code != Code::ABORT => self.keep(message),
                other => return self.instead(&other, wanted),
            }
        }
    }

    /// The response to a token.
    pub async fn answer(&mut self, token: &[u8]) -> Outcome<Message> {
        let wanted = format!("no response to token {}", annotate::bytes(token));
        self.wait(&wanted, |message| message.code.is_response() && message.token == token).await
    }

    /// Asks, under a token of its own if the request has none, and waits for the response.
    pub async fn ask(&mut self, mut request: Message) -> Outcome<Message> {
        if request.token.is_empty() {
            request.token = self.token();
        }
        self.say(&request).await;
        self.answer(&request.token).await
    }

    /// Asks, and demands this class or this code of the response.
    pub async fn ask_for(&mut self, request: Message, wanted: &[Code]) -> Outcome<Message> {
        let answer = self.ask(request).await?;
        if wanted.contains(&answer.code) {
            return Ok(answer);
        }
        let names: Vec<String> = wanted.iter().map(ToString::to_string).collect();
        Err(deviates(format!("{} instead of {}", answer.code, names.join(" or "))))
    }

    /// The Pong with a token.
    pub async fn pong(&mut self, token: &[u8]) -> Outcome<Message> {
        let wanted = format!("no Pong with token {}", annotate::bytes(token));
        self.wait(&wanted, |message| message.code == Code::PONG && message.token == token).await
    }

    /// Whatever has come by the time that a Ping is answered.
    pub async fn fence(&mut self) -> Outcome<Vec<Message>> {
        self.serial += 1;
        let token = [FENCE, self.serial as u8];
        self.say(&Message::new(Code::PING).token(&token)).await;
        // libcoap 4.3.5 answers without the token; that is judged elsewhere.
        let fits = |m: &Message| m.code == Code::PONG && (m.token == token || m.token.is_empty());
        self.wait("a Ping after it was not answered", fits).await?;
        Ok(std::mem::take(&mut self.kept))
    }

    /// The same, after a moment in which late answers can come.
    pub async fn quiet(&mut self) -> Outcome<Vec<Message>> {
        let by = Instant::now() + self.patience.quiet;
        loop {
            match self.receive(by).await {
                Event::Nothing => break,
                Event::Message(message) if message.code != Code::ABORT => self.keep(message),
                other => return self.instead(&other, "it was to be ignored"),
            }
        }
        self.fence().await
    }

    /// Demands that nothing at all is said to what was sent, and that the connection goes on.
    pub async fn ignored(&mut self) -> Outcome {
        let said = self.quiet().await?;
        match said.first() {
            None => Ok(()),
            Some(message) => {
                Err(deviates(format!("it was answered: {}", annotate::described(message))))
            }
        }
    }

    /// How the connection ends. With `probe`, a Ping asks whether it ends at all.
    pub async fn ending(&mut self, probe: bool) -> Ending {
        let mut ending = Ending { before: std::mem::take(&mut self.kept), ..Ending::default() };
        let mut by = Instant::now() + self.patience.quiet;
        let mut asked = false;
        loop {
            match self.event(by).await {
                Event::Message(message) if ending.close.is_some() => {
                    ending.after_close.push(Event::Message(message));
                }
                Event::Message(message) if message.code == Code::ABORT => {
                    ending.abort = Some(message);
                    by = Instant::now() + self.patience.answer;
                }
                Event::Message(message) => {
                    if asked && message.code == Code::PONG && message.token.first() == Some(&FENCE)
                    {
                        ending.alive = true;
                        return ending;
                    }
                    ending.before.push(message);
                }
                Event::Close(body) if ending.close.is_none() => {
                    self.send_frame(Frame::new(Opcode::CLOSE, body.get(..2).unwrap_or_default()))
                        .await;
                    ending.close = Some(body);
                    by = Instant::now() + self.patience.answer;
                }
                Event::End(end) => {
                    ending.end = Some(end);
                    return ending;
                }
                Event::Nothing if asked || ending.over() => return ending,
                Event::Nothing => {
                    asked = true;
                    by = Instant::now() + self.patience.answer;
                    if probe {
                        self.say(&Message::new(Code::PING).token(&[FENCE, 0xff])).await;
                    }
                }
                Event::WsPing(data) if ending.close.is_none() => {
                    self.send_frame(Frame::new(Opcode::PONG, data)).await;
                }
                other if ending.close.is_some() => ending.after_close.push(other),
                _ => {}
            }
        }
    }

    /// Demands an Abort, and that it is the end.
    pub async fn aborted(&mut self) -> Outcome<Message> {
        let ending = self.ending(true).await;
        self.judge_abort(&ending)
    }

    /// The same of an ending that has been seen.
    pub fn judge_abort(&self, ending: &Ending) -> Outcome<Message> {
        match &ending.abort {
            Some(_) if !ending.closed() => {
                Err(deviates(format!("an Abort, but no end of the connection: {}", ending.text())))
            }
            Some(abort) => match ending.responses().next() {
                Some(response) => Err(deviates(format!(
                    "processed all the same: {}",
                    annotate::described(response)
                ))),
                None => Ok(abort.clone()),
            },
            None => Err(deviates(format!("no Abort: {}", ending.text()))),
        }
    }

    /// Demands that the peer gives the WebSocket connection up, by whatever close code; an Abort
    /// may come first.
    pub async fn failed(&mut self) -> Outcome<Ending> {
        let ending = self.ending(true).await;
        if !ending.over() {
            return Err(deviates(format!("the connection was not failed: {}", ending.text())));
        }
        if let Some(response) = ending.responses().next() {
            let shown = annotate::described(response);
            return Err(deviates(format!("processed all the same: {shown}")));
        }
        Ok(ending)
    }

    /// Demands that the peer still answers.
    pub async fn goes_on(&mut self) -> Outcome {
        self.fence().await.map(|_| ())
    }
}
