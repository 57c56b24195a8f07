//! Failures in three parts: what happened, why it probably did, and what to try.

mod blocks;
mod closed;
mod connecting;
mod handshake;

use crate::exit::Exit;
use crate::paint::Paint;
use crate::text;
use coap_ws_tokio::core::message::uri::{Uri, UriError, UriErrorKind};
use coap_ws_tokio::core::{ResponseError, SendError, Sent};
use coap_ws_tokio::{Error, ErrorKind, PingFailure};
use std::time::Duration;

/// Why the program ends without having done what it was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Failure {
    exit: Exit,
    what: String,
    why: String,
    advice: String,
}

/// What was tried, for the words of a failure.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// The whole URI.
    pub(crate) uri: String,
    /// The limit that was stated.
    pub(crate) timeout: Option<Duration>,
    /// Whether some answers were not wanted: then silence is no failure of the server's.
    pub(crate) quiet: bool,
}

impl Failure {
    pub(crate) fn new(
        exit: Exit,
        what: impl Into<String>,
        why: impl Into<String>,
        advice: impl Into<String>,
    ) -> Failure {
        Failure { exit, what: what.into(), why: why.into(), advice: advice.into() }
    }

    /// How the program ends.
    pub(crate) const fn exit(&self) -> Exit {
        self.exit
    }

    /// The three parts, a line each. Words of a peer in them cannot drive a terminal.
    pub(crate) fn tell(&self, paint: Paint) -> String {
        format!(
            "{} {}\n{} {}\n{} {}",
            paint.red("error:"),
            text::one_line(&self.what),
            paint.dim("because:"),
            text::one_line(&self.why),
            paint.bold("try:"),
            text::one_line(&self.advice),
        )
    }

    /// Why a request got no answer.
    pub(crate) fn of(error: &Error, attempt: &Attempt) -> Failure {
        let failure = match error.kind() {
            ErrorKind::Uri(error) => Failure::uri(&attempt.uri, *error),
            ErrorKind::Connect(error) => connecting::failure(error, attempt),
            ErrorKind::Closed(closed) => {
                closed::failure(closed.reason, closed.diagnostic.as_deref())
            }
            ErrorKind::Timeout => no_answer(attempt),
            ErrorKind::Send(error) => unsendable(*error),
            ErrorKind::Unusable(error) => unusable(*error),
            ErrorKind::Block(error) => blocks::failure(*error),
            ErrorKind::Refused(refused) => Failure::new(
                Exit::of(refused.response().code()),
                error.to_string(),
                "the server does not have it any more, or not for us",
                "try again from the start",
            ),
            other => Failure::new(
                Exit::Usage,
                error.to_string(),
                format!("{other:?}"),
                "name host, port and path in one URI",
            ),
        };
        match error.sent() {
            Sent::Maybe if !attempt.quiet => failure.because("the request may have been processed"),
            _ => failure,
        }
    }

    /// Why an observation ended.
    pub(crate) fn of_loss(error: &Error, attempt: &Attempt) -> Failure {
        let mut failure = Failure::of(error, attempt);
        failure.what = failure.what.replace(" before it answered", "");
        failure
    }

    /// Why a Ping got no Pong.
    pub(crate) fn of_ping(failure: &PingFailure, attempt: &Attempt) -> Failure {
        match failure {
            PingFailure::Closed(closed) => {
                closed::failure(closed.reason, closed.diagnostic.as_deref())
            }
            PingFailure::Send(error) => unsendable(*error),
            _ => Failure::new(
                Exit::Timeout,
                "no Pong in time",
                "the server is overloaded or gone, or something in between drops what is sent",
                format!("--timeout SECONDS waits longer; see whether {} answers", attempt.uri),
            ),
        }
    }

    /// Why a text is no URI of ours.
    pub(crate) fn uri(uri: &str, error: UriError) -> Failure {
        let advice = match error.kind {
            UriErrorKind::UnsupportedScheme { instead } => match uri.split_once("://") {
                Some((_, rest)) => format!("{instead}://{rest}"),
                None => format!("{instead}://HOST/PATH"),
            },
            UriErrorKind::InvalidPort => "a port from 1 to 65535, as in :8683/PATH".to_owned(),
            UriErrorKind::InvalidCharacter => {
                "write a space as %20, and put the URI in quotes".to_owned()
            }
            _ => "a URI such as coap+ws://HOST:8683/PATH, or short: :8683/PATH".to_owned(),
        };
        Failure::new(
            Exit::Usage,
            format!("`{uri}` is no URI of CoAP over WebSockets"),
            error.to_string(),
            advice,
        )
    }

    /// `coaps+ws` is asked for.
    pub(crate) fn without_tls() -> Failure {
        Failure::new(
            Exit::Connect,
            "coaps+ws needs TLS, and there is none here",
            "this coap-ws was built without it",
            "coap+ws://, on the port that is meant for it",
        )
    }

    /// One more reason.
    fn because(mut self, more: &str) -> Failure {
        self.why = format!("{}; {more}", self.why);
        self
    }
}

impl Attempt {
    /// The host of the URI, for advice.
    fn host(&self) -> String {
        Uri::parse(&self.uri).map_or_else(|_| "HOST".to_owned(), |uri| uri.host().to_string())
    }

    /// The limit in words.
    fn limit(&self) -> String {
        self.timeout.map_or_else(String::new, |limit| format!(" within {} s", limit.as_secs_f64()))
    }
}

fn no_answer(attempt: &Attempt) -> Failure {
    let (why, advice) = match attempt.quiet {
        true => (
            "--no-response asked the server to be silent about some outcomes, and this may be one",
            "leave --no-response out to hear what happened",
        ),
        false => (
            "the server takes longer than that, or has lost the request",
            "--timeout SECONDS waits longer; `coap-ws ping` tells whether the server is alive",
        ),
    };
    Failure::new(Exit::Timeout, format!("no answer{}", attempt.limit()), why, advice)
}

/// The request cannot be sent as it is.
pub(crate) fn unsendable(error: SendError) -> Failure {
    match error {
        SendError::TooLarge { size, limit } => Failure::new(
            Exit::Usage,
            format!("the request has {}, and only {limit} may be sent", text::count(size, "byte")),
            "the server's CSM limits the size of a message (RFC 8323 §5.3.1)",
            "send less at a time, or fewer options",
        ),
        SendError::Encode(error) => Failure::new(
            Exit::Usage,
            "the request cannot be written",
            error.to_string(),
            "look at the options: -O, --etag, --if-match, and the path of the URI",
        ),
        SendError::Releasing | SendError::Closed => Failure::new(
            Exit::Released,
            "the connection ended before the request was sent",
            error.to_string(),
            "try again: the request was not sent",
        ),
        error => Failure::new(
            Exit::Protocol,
            "the request could not be sent",
            error.to_string(),
            "-v shows what was said before",
        ),
    }
}

/// An answer came that may not be used.
fn unusable(error: ResponseError) -> Failure {
    let why = match error {
        ResponseError::CriticalOption(_) => {
            "who does not understand a critical option must reject the message (RFC 7252 §5.4.1)"
        }
        _ => "the answer is none that RFC 7252 defines",
    };
    Failure::new(Exit::Protocol, error.to_string(), why, "-v shows the answer")
}

#[cfg(test)]
mod tests;
