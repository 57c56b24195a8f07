//! Holds everything that comes against the rules.

use super::Conn;
use super::rules::Rule;
use crate::wire::frame::LengthForm;
use crate::wire::message::{Block, Code, Message};
use crate::wire::names::{self, Format, In};
use crate::wire::{Frame, Opcode, annotate};
use std::collections::HashMap;

/// What has to be remembered for that.
#[derive(Debug, Default)]
pub(super) struct Watch {
    messages: usize,
    aborted: bool,
    closed: bool,
    /// Whether we have used SZX 7.
    pub(super) bert: bool,
    /// WebSocket Pings of ours that are not answered yet.
    pub(super) pings: usize,
    /// Whether something was sent that is no message: what it is answered under is anybody's guess.
    pub(super) wild: bool,
    /// How many responses each token may still have.
    waiting: HashMap<Vec<u8>, u32>,
}

impl Watch {
    pub(super) fn asked(&mut self, token: &[u8]) {
        *self.waiting.entry(token.to_vec()).or_default() += 1;
    }
}

impl Conn {
    /// A rule is broken by these bytes.
    pub(super) fn breaks(&self, rule: Rule, bytes: &[u8], what: String) {
        let shown =
            if bytes.is_empty() { what } else { format!("{what}: {}", annotate::bytes(bytes)) };
        self.rules.judge(rule, Some(shown));
    }

    fn rule(&self, rule: Rule, holds: bool, bytes: &[u8], what: impl FnOnce() -> String) {
        if holds { self.rules.judge(rule, None) } else { self.breaks(rule, bytes, what()) }
    }

    pub(super) fn watch_frame(&mut self, frame: &Frame, raw: &[u8]) {
        let masked = frame.mask.is_some();
        self.rule(Rule::Masking, masked != self.initiator, raw, || {
            if masked { "a server's frame is masked" } else { "a client's frame is not masked" }
                .to_owned()
        });
        self.rule(Rule::Rsv, frame.rsv == 0, raw, || format!("RSV bits {:03b}", frame.rsv));
        self.rule(Rule::Length, frame.length == LengthForm::Minimal, raw, || {
            "a length in more bytes than it needs".to_owned()
        });
        let closed = self.watch.closed;
        self.rule(Rule::AfterClose, !closed, raw, || "a frame after Close".to_owned());
        match frame.opcode {
            Opcode::CLOSE => {
                self.watch.closed = true;
                self.watch_close(frame, raw);
            }
            Opcode::PING => self.breaks(Rule::NoPing, raw, "a WebSocket Ping".to_owned()),
            Opcode::PONG => {
                let asked = self.watch.pings > 0;
                self.watch.pings = self.watch.pings.saturating_sub(1);
                self.rule(Rule::NoPing, asked, raw, || "an unsolicited WebSocket Pong".to_owned());
            }
            opcode => {
                self.rule(Rule::Binary, opcode != Opcode::TEXT, raw, || "a text frame".to_owned());
                let whole = frame.fin && opcode != Opcode::CONTINUATION;
                self.rule(Rule::Whole, whole, raw, || "a fragment".to_owned());
                self.rules.judge(Rule::NoPing, None);
            }
        }
    }

    fn watch_close(&self, frame: &Frame, raw: &[u8]) {
        let reason_ok = std::str::from_utf8(frame.payload.get(2..).unwrap_or_default()).is_ok();
        let holds = match frame.close_code() {
            None => frame.payload.is_empty(),
            Some(code) => {
                let sendable = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
                sendable && reason_ok && frame.payload.len() <= 125
            }
        };
        self.rule(Rule::CloseBody, holds, raw, || {
            format!("Close {}", annotate::close(&frame.payload))
        });
    }

    pub(super) fn watch_message(&mut self, message: &Message, bytes: &[u8]) {
        self.watch.messages += 1;
        self.rules.judge(Rule::WellFormed, None);
        let first = self.watch.messages == 1;
        if first {
            self.rule(Rule::CsmFirst, message.code == Code::CSM, bytes, || {
                format!("the first message is {}", message.code)
            });
        }
        let aborted = self.watch.aborted;
        self.rule(Rule::AfterAbort, !aborted, bytes, || "a message after Abort".to_owned());
        self.rule(Rule::LenNibble, message.len == 0, bytes, || format!("Len {}", message.len));
        let class = message.code.class();
        self.rule(Rule::Kind, matches!(class, 0 | 2 | 4 | 5 | 7), bytes, || {
            format!("class {class}")
        });
        let limit = self.ours.largest;
        self.rule(Rule::Size, bytes.len() as u64 <= limit, bytes, || {
            format!("{} bytes, and we take {limit}", bytes.len())
        });
        let short = bytes.len() == 2 && message.code != Code::EMPTY;
        self.rule(Rule::TwoBytes, !short, bytes, || "a message of two bytes".to_owned());
        self.watch_options(message, bytes);
        match message.code {
            Code::CSM => self.watch_csm(message, bytes, first),
            Code::ABORT => {
                self.watch.aborted = true;
                self.rule(Rule::AbortSays, !message.payload.is_empty(), bytes, || {
                    "an Abort without a text".to_owned()
                });
            }
            code if code.is_response() => self.watch_response(message, bytes),
            code if code.is_request() => {
                let most = self.ours.extended_token_length;
                self.rule(Rule::RequestToken, message.token.len() as u64 <= most, bytes, || {
                    format!("a token of {} bytes", message.token.len())
                });
            }
            _ => {}
        }
        let diagnostic = message.code.is_signaling()
            || (message.code.is_error() && !message.has(names::CONTENT_FORMAT));
        if diagnostic {
            let utf8 = std::str::from_utf8(&message.payload).is_ok();
            self.rule(Rule::Diagnostic, utf8, bytes, || "a diagnostic not in UTF-8".to_owned());
        }
    }

    fn watch_csm(&self, message: &Message, bytes: &[u8], first: bool) {
        if first {
            self.rule(Rule::CsmSize, bytes.len() <= 1152, bytes, || {
                format!("a first CSM of {} bytes", bytes.len())
            });
            self.rule(Rule::CsmOptions, message.has(names::MAX_MESSAGE_SIZE), bytes, || {
                "a first CSM without Max-Message-Size".to_owned()
            });
        }
        if let Some(length) = message.number(names::EXTENDED_TOKEN_LENGTH) {
            self.rule(Rule::TokenLength, (8..=65_804).contains(&length), bytes, || {
                format!("Extended-Token-Length {length}")
            });
        }
    }

    fn watch_response(&mut self, message: &Message, bytes: &[u8]) {
        let observe = message.has(names::OBSERVE);
        self.rule(Rule::Observe, !observe || message.code.is_success(), bytes, || {
            format!("Observe in {}", message.code)
        });
        if self.watch.wild {
            return;
        }
        let left = self.watch.waiting.get_mut(&message.token);
        let known = left.is_some_and(|left| {
            let known = *left > 0;
            // A notification leaves the token waiting.
            if !observe {
                *left = left.saturating_sub(1);
            }
            known
        });
        self.rule(Rule::Known, known, bytes, || {
            "a response nobody waits for, or a second one".to_owned()
        });
    }

    fn watch_options(&self, message: &Message, bytes: &[u8]) {
        let mut last = None;
        for (number, value) in &message.options {
            let info = names::option(message.code, *number);
            let repeated = last == Some(*number);
            last = Some(*number);
            let Some(info) = info else {
                if message.code.is_signaling() {
                    self.rule(Rule::Critical, number % 2 == 0, bytes, || {
                        format!("critical option {number}")
                    });
                }
                continue;
            };
            if message.code.is_signaling() {
                self.rules.judge(Rule::Critical, None);
            }
            let fits = (info.shortest..=info.longest).contains(&value.len());
            self.rule(Rule::OptionLength, fits, bytes, || {
                format!("{} of {} bytes", info.name, value.len())
            });
            let alone = !repeated
                || (info.repeatable && message.code.is_request())
                || matches!(*number, names::LOCATION_PATH | names::LOCATION_QUERY)
                || (message.code == Code::RELEASE && *number == names::ALTERNATIVE_ADDRESS);
            self.rule(Rule::Repeats, alone, bytes, || format!("{} twice", info.name));
            if matches!(info.format, Format::Uint | Format::Block) {
                let short = value.first() != Some(&0);
                self.rule(Rule::Uint, short || *number == names::HOP_LIMIT, bytes, || {
                    format!("{} with leading zeros", info.name)
                });
            }
            if message.code.is_response() {
                self.rule(Rule::Place, info.place != In::Request, bytes, || {
                    format!("{} in a response", info.name)
                });
                let default = *number == names::MAX_AGE && value.as_slice() == [60];
                // A bare answer to an empty token may have it, so as not to be of two bytes.
                let default = default && !(message.token.is_empty() && message.options.len() == 1);
                self.rule(Rule::Defaults, !default, bytes, || "Max-Age 60".to_owned());
            }
            if info.format == Format::Block && matches!(*number, names::BLOCK1 | names::BLOCK2) {
                let bert = Block::parse(value).szx == 7;
                let agreed = self.watch.bert || self.ours.bert();
                self.rule(Rule::Bert, !bert || agreed, bytes, || {
                    format!("{} with SZX 7", info.name)
                });
            }
        }
    }
}
