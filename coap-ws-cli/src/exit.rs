//! Exit codes, for scripts: one for each kind of outcome.

use coap_ws_tokio::core::message::Code;
use std::process::ExitCode;

/// How the program ends. The numbers are a promise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done; of a request: 2.xx, or no answer was wanted.
    Success = 0,
    /// A check of the demo or a case of the conformance suite failed, or output could not be written.
    Failed = 1,
    /// The command line, the URI or the input is wrong. clap's own number too.
    Usage = 2,
    /// No connection: name, TCP, TLS, opening handshake.
    Connect = 3,
    /// The answer is 4.xx.
    ClientError = 4,
    /// The answer is 5.xx.
    ServerError = 5,
    /// No connection or no answer in time.
    Timeout = 6,
    /// Somebody broke the protocol, aborted, or vanished.
    Protocol = 7,
    /// The peer released the connection before it answered.
    Released = 8,
    /// Ctrl-C.
    Interrupted = 130,
}

/// For `--help`.
pub(crate) const TABLE: &str = "\
Exit codes:
    0  success (2.xx)
    1  a check of the demo or a case of `conform` failed, or output could not be written
    2  usage: arguments, URI, input
    3  no connection: name, TCP, TLS, opening handshake; or an address to listen on is not free
    4  the answer is 4.xx
    5  the answer is 5.xx
    6  timeout
    7  protocol error, Abort, connection lost
    8  the peer released the connection before it answered
  130  interrupted";

impl Exit {
    /// What an answer comes to.
    pub(crate) const fn of(code: Code) -> Exit {
        match code.class() {
            4 => Exit::ClientError,
            5 => Exit::ServerError,
            _ => Exit::Success,
        }
    }

    /// The number.
    pub(crate) const fn number(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.number())
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;
    use coap_ws_tokio::core::message::Code;

    #[test]
    fn answers_give_their_class() {
        assert_eq!(Exit::of(Code::CONTENT), Exit::Success);
        assert_eq!(Exit::of(Code::NOT_FOUND).number(), 4);
        assert_eq!(Exit::of(Code::SERVICE_UNAVAILABLE).number(), 5);
        // A request that wanted no answer.
        assert_eq!(Exit::of(Code::EMPTY), Exit::Success);
    }
}
