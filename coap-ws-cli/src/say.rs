//! Writing to the two outputs without the panics of `println!`: whoever reads may have gone.

use crate::errors::Failure;
use crate::exit::Exit;
use std::io::{self, ErrorKind, Write};

/// A line for people on stderr. Where nobody can read it, nobody misses it.
pub(crate) fn note(text: &str) {
    let mut line = String::with_capacity(text.len() + 1);
    line.push_str(text);
    line.push('\n');
    // One write for each line: lines of several tasks do not mix.
    let _ = io::stderr().lock().write_all(line.as_bytes());
}

/// A line on stdout, flushed: scripts wait for it.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    bytes(format!("{text}\n").as_bytes())
}

/// One line of many; false where nobody reads them any more.
pub(crate) fn record(text: &str) -> Result<bool, Failure> {
    write(format!("{text}\n").as_bytes())
}

/// Bytes on stdout as they are.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    write(bytes).map(drop)
}

fn write(bytes: &[u8]) -> Result<bool, Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        // `coap-ws … | head` has all it wants.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::new(
            Exit::Failed,
            format!("cannot write to stdout: {error}"),
            "its disk may be full, or it was closed",
            "-o FILE writes the payload to a file",
        )),
    }
}
