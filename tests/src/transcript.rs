//! Transcripts: each test is a conversation, written down.
//!
//! ```
//! coap_ws_tests::transcript::both_sides(
//!     r#"
//!     open                        ; the CSMs go both ways
//!     < GET 01 /hello             ; a message comes
//!     ! request GET 01 /hello     ; the application is told
//!     * respond 2.05 "hi"         ; the application wants something
//!     > 0145 01 ff 6869           ; a message goes out
//!     @ +10s                      ; time passes
//!     < 00e4
//!     ! release
//!     . close 1000                ; the WebSocket Close is ordered
//!     = phase Closing             ; a getter says so
//!     "#,
//! );
//! ```
//!
//! A transcript is complete: what goes out or is told without a line that says so is a failure,
//! at the next line that does something. Messages are spelled as in [`notation`]. Every
//! transcript runs on the heap and on a fixed storage; `run.rs` says which lines there are.

mod config;
pub mod notation;
mod run;
mod told;

use coap_ws_core::{Fixed, Heap, Side, Storage};
use run::Run;
use std::fmt::Write;

/// The fixed storage of transcripts; the tables of the heap are as large in them.
pub type Small = Fixed<4, 4, 2, 2048>;

/// Plays a transcript as either side, on each storage.
#[track_caller]
pub fn both_sides(text: &str) {
    initiator(text);
    acceptor(text);
}

/// Plays a transcript as the side that opened the connection, on each storage.
#[track_caller]
pub fn initiator(text: &str) {
    play::<Heap>(Side::Initiator, text);
    play::<Small>(Side::Initiator, text);
}

/// Plays a transcript as the side that accepted the connection, on each storage.
#[track_caller]
pub fn acceptor(text: &str) {
    play::<Heap>(Side::Acceptor, text);
    play::<Small>(Side::Acceptor, text);
}

/// Plays a transcript on one storage.
///
/// # Panics
///
/// Where it goes otherwise than written, with the line at fault.
#[track_caller]
pub fn play<S: Storage>(side: Side, text: &str) {
    if let Err(failure) = perform::<S>(side, text) {
        panic!("{failure}");
    }
}

/// Plays a transcript on one storage.
///
/// # Errors
///
/// The transcript, with what went otherwise at the line where it did.
pub fn perform<S: Storage>(side: Side, text: &str) -> Result<(), String> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut run = match Run::<S>::new(side, &lines) {
        Ok(run) => run,
        Err(fault) => return Err(render::<S>(side, &lines, 0, &fault)),
    };
    for (index, line) in lines.iter().enumerate() {
        run.line(line).map_err(|fault| render::<S>(side, &lines, index, &fault))?;
    }
    run.quiet().map_err(|fault| render::<S>(side, &lines, lines.len(), &fault))
}

fn render<S>(side: Side, lines: &[&str], at: usize, fault: &str) -> String {
    let mut text = format!("{side:?} on {}\n", std::any::type_name::<S>());
    for (index, line) in lines.iter().chain([&""]).enumerate() {
        if index == at {
            let _ = writeln!(text, "--> {line}\n    ^^^ {fault}");
        } else if !line.is_empty() {
            let _ = writeln!(text, "    {line}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(text: &str) -> String {
        perform::<Small>(Side::Acceptor, text).expect_err("a transcript that is wrong")
    }

    #[test]
    fn a_failure_shows_the_line_at_fault() {
        let text = failure("open\n< 01e2 42\n> 01e3 43\n");
        assert!(text.contains("--> > 01e3 43\n    ^^^ it was `> 01e342`"), "{text}");
    }

    #[test]
    fn what_no_line_says_is_a_failure() {
        let unsent = failure("open\n< 01e2 42\n< 0000");
        assert!(unsent.contains("--> < 0000\n    ^^^ before it: > 01e342"), "{unsent}");
        let untold = failure("open\n< 00e1");
        assert!(untold.contains("--> \n    ^^^ before it: ! settings"), "{untold}");
        assert!(failure("open\n! room").contains("nothing was told"));
        assert!(failure("open\n. close 1000").contains("nothing was sent"));
        assert!(failure("open\n= phase Closed").contains("it is `Open`"));
        assert!(failure("open\n* frobnicate").contains("frobnicate"));
        assert!(failure("config write_heigh 1").contains("no `write_heigh`"));
    }
}
