//! Signaling messages: may we go on? (RFC 8323 §5). Pure functions, no state.

use crate::message::uri::Authority;
use crate::message::{
    Code, Encode, EncodeError, Encoder, Message, OptionNumber, OptionRef, decode_uint,
};
use core::time::Duration;

/// The option that two codes of three share a number for (SIG-01).
const FIRST: OptionNumber = OptionNumber::new(2);
const SECOND: OptionNumber = OptionNumber::new(4);
const THIRD: OptionNumber = OptionNumber::new(6);

/// The largest token length of RFC 8974 §2.1.
pub(crate) const MAX_TOKEN_LENGTH: u32 = 65_804;
/// What holds until a CSM says otherwise (RFC 8323 §5.3.1; CSM-05).
pub(crate) const BASE_MESSAGE_SIZE: u32 = 1152;
pub(crate) const BASE_TOKEN_LENGTH: u32 = 8;

/// What an endpoint has said of itself in its CSMs, cumulated (RFC 8323 §5.3; CSM-12).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct PeerSettings {
    /// The largest message it takes, in bytes (RFC 8323 §5.3.1).
    pub max_message_size: u32,
    /// Whether it said that it does block-wise transfer (§5.3.2). Not saying so means nothing.
    pub block_wise: bool,
    /// The longest token it takes in a request, in bytes (RFC 8974 §2.2.1).
    pub extended_token_length: u32,
}

impl Default for PeerSettings {
    fn default() -> PeerSettings {
        PeerSettings {
            max_message_size: BASE_MESSAGE_SIZE,
            block_wise: false,
            extended_token_length: BASE_TOKEN_LENGTH,
        }
    }
}

impl PeerSettings {
    /// Whether BERT may be used towards it (RFC 8323 §5.3.2; CSM-22).
    pub const fn bert(&self) -> bool {
        self.block_wise && self.max_message_size > BASE_MESSAGE_SIZE
    }

    /// These settings after one more CSM: what it does not mention stays as it is (CSM-12,
    /// CSM-13), what is out of range is refused whole, so that the Abort which says so still
    /// obeys the old limit (CSM-19).
    pub(crate) fn after(mut self, csm: &Message<'_>, minimum: u32) -> Result<Self, SignalFault> {
        for option in once(csm) {
            match option.number {
                FIRST => {
                    let Some(size) = option.uint() else { continue };
                    if size < minimum {
                        return Err(SignalFault::bad_settings(FIRST));
                    }
                    self.max_message_size = size;
                }
                SECOND if option.value.is_empty() => self.block_wise = true,
                // Below 8 is ignored, above 65804 is 65804 (TOK-16).
                THIRD if option.value.len() <= 3 => match option.uint() {
                    Some(length) if length >= BASE_TOKEN_LENGTH => {
                        self.extended_token_length = length.min(MAX_TOKEN_LENGTH);
                    }
                    _ => {}
                },
                _ => {}
            }
        }
        Ok(self)
    }
}

/// Why a signaling message costs the connection (RFC 8323 §5.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SignalFault {
    pub(crate) option: OptionNumber,
    /// The value is at fault, not that it is unknown.
    pub(crate) value: bool,
}

impl SignalFault {
    const fn bad_settings(option: OptionNumber) -> SignalFault {
        SignalFault { option, value: true }
    }
}

/// A critical option that is not understood aborts the connection, whichever the signal
/// (SIG-02); there is no critical signaling option that we understand.
pub(crate) fn check(message: &Message<'_>) -> Result<(), SignalFault> {
    match message.options().find(|option| option.number.is_critical()) {
        Some(option) => Err(SignalFault { option: option.number, value: false }),
        None => Ok(()),
    }
}

/// Whether a Ping or Pong carries Custody; a value makes it an unknown elective option
/// (PING-06).
pub(crate) fn custody(message: &Message<'_>) -> bool {
    once(message).any(|option| option.number == FIRST && option.value.is_empty())
}

/// The options of a signal without repetitions: the first one wins (SIG-08).
fn once<'m>(message: &Message<'m>) -> impl Iterator<Item = OptionRef<'m>> {
    let mut last = None;
    message.options().filter(move |option| last.replace(option.number) != Some(option.number))
}

/// A received Release, lent from its message (RFC 8323 §5.5).
#[derive(Clone, Copy, Debug)]
pub struct Release<'m> {
    message: Message<'m>,
}

impl<'m> Release<'m> {
    pub(crate) const fn new(message: Message<'m>) -> Release<'m> {
        Release { message }
    }

    /// How long not to connect to this peer again, zero where it does not say (REL-12).
    pub fn hold_off(&self) -> Duration {
        let seconds = once(&self.message)
            .find(|option| option.number == SECOND && option.value.len() <= 3)
            .and_then(|option| option.uint());
        Duration::from_secs(u64::from(seconds.unwrap_or(0)))
    }

    /// Addresses to connect to instead, as they were sent: `host[:port]`. Whether to follow
    /// one is a matter of policy (REL-11); entries that are no authority are left out (REL-14).
    pub fn alternative_addresses(&self) -> impl Iterator<Item = &'m str> + use<'m> {
        self.message
            .options()
            .filter(|option| option.number == FIRST && (1..=255).contains(&option.value.len()))
            .filter_map(|option| core::str::from_utf8(option.value).ok())
            .filter(|text| Authority::parse(text).is_ok())
    }

    /// What the peer says about it.
    pub fn diagnostic(&self) -> Option<&'m str> {
        self.message.diagnostic()
    }
}

/// A received Abort, lent from its message (RFC 8323 §5.6).
#[derive(Clone, Copy, Debug)]
pub struct Abort<'m> {
    message: Message<'m>,
}

impl<'m> Abort<'m> {
    pub(crate) const fn new(message: Message<'m>) -> Abort<'m> {
        Abort { message }
    }

    /// The option of our CSM that the peer could not process.
    pub fn bad_csm_option(&self) -> Option<OptionNumber> {
        let option = once(&self.message).find(|option| option.number == FIRST)?;
        let number = decode_uint(option.value).filter(|_| option.value.len() <= 2)?;
        u16::try_from(number).ok().map(OptionNumber::new)
    }

    /// What the peer says about it.
    pub fn diagnostic(&self) -> Option<&'m str> {
        self.message.diagnostic()
    }
}

/// A signaling message to be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signal<'a> {
    /// Always with both options: an option-less CSM is two bytes, which libcoap drops (CSM-27).
    Settings {
        max_message_size: u32,
        extended_token_length: u32,
    },
    Ping {
        custody: bool,
    },
    /// `blank`: the token is empty, so that a text must make it more than two bytes (TOK-28).
    Pong {
        custody: bool,
        blank: bool,
    },
    Release {
        hold_off: u32,
        alternatives: &'a [&'a str],
        diagnostic: &'a str,
    },
    Abort {
        bad_csm_option: Option<OptionNumber>,
        diagnostic: &'a str,
    },
}

impl Encode for Signal<'_> {
    fn code(&self) -> Code {
        match self {
            Signal::Settings { .. } => Code::CSM,
            Signal::Ping { .. } => Code::PING,
            Signal::Pong { .. } => Code::PONG,
            Signal::Release { .. } => Code::RELEASE,
            Signal::Abort { .. } => Code::ABORT,
        }
    }

    fn encode(&self, out: &mut Encoder<'_>) -> Result<(), EncodeError> {
        match *self {
            Signal::Settings { max_message_size, extended_token_length } => {
                out.uint(FIRST, max_message_size)?;
                out.option(SECOND, &[])?;
                if extended_token_length > BASE_TOKEN_LENGTH {
                    out.uint(THIRD, extended_token_length)?;
                }
                Ok(())
            }
            Signal::Ping { custody } => custody_option(out, custody),
            Signal::Pong { custody, blank } => {
                custody_option(out, custody)?;
                out.payload(if blank && !custody { b"pong" } else { b"" })
            }
            Signal::Release { hold_off, alternatives, diagnostic } => {
                for address in alternatives {
                    out.option(FIRST, address.as_bytes())?;
                }
                if hold_off > 0 {
                    out.uint(SECOND, hold_off)?;
                }
                out.payload(diagnostic.as_bytes())
            }
            Signal::Abort { bad_csm_option, diagnostic } => {
                if let Some(number) = bad_csm_option {
                    out.uint(FIRST, u32::from(number.get()))?;
                }
                out.payload(diagnostic.as_bytes())
            }
        }
    }
}

fn custody_option(out: &mut Encoder<'_>, custody: bool) -> Result<(), EncodeError> {
    if custody { out.option(FIRST, &[]) } else { Ok(()) }
}

/// The longest part of `text` that has at most `max` bytes and is still UTF-8 (WS-33).
pub(crate) fn cut(text: &str, max: usize) -> &str {
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    text.get(..end).unwrap_or("")
}
