//! How the demo looks: headed steps, messages in bytes and in words, a verdict for each check.

use super::recorder::Record;
use crate::describe;
use crate::paint::Paint;
use crate::text;
use crate::timing::ms;
use crate::trace::mark;
use coap_ws_tokio::core::message::Message;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Writes the trace and counts the checks.
pub(super) struct Show<W> {
    out: W,
    paint: Paint,
    begun: Instant,
    step: usize,
    right: usize,
    wrong: usize,
}

impl<W: io::Write> Show<W> {
    pub(super) fn new(out: W, paint: Paint) -> Show<W> {
        Show { out, paint, begun: Instant::now(), step: 0, right: 0, wrong: 0 }
    }

    pub(super) fn title(&mut self, address: SocketAddr) {
        self.line(&self.paint.bold("CoAP over WebSockets (RFC 8323)"));
        self.line(&format!("A server and a client in this process, over TCP, on {address}."));
        let (out, back) = (
            mark(coap_ws_tokio::engine::Way::Out, self.paint),
            mark(coap_ws_tokio::engine::Way::In, self.paint),
        );
        self.line(&format!("{out} is what the client sends, {back} what it gets."));
    }

    /// The head of a step.
    pub(super) fn step(&mut self, title: &str, what: &str) {
        self.step += 1;
        self.line("");
        self.line(&format!("{}  {}", self.paint.bold(self.step), self.paint.bold(title)));
        self.line(&format!("   {}", self.paint.dim(what)));
    }

    /// The messages of a step.
    pub(super) fn messages(&mut self, records: &[Record]) {
        for (way, bytes) in records {
            let mark = mark(*way, self.paint);
            let told = match Message::parse(bytes) {
                Ok(message) => describe::message(&message),
                Err(error) => self.paint.red(error),
            };
            self.line(&format!("   {mark} {told}"));
            let hex = text::spaced_up_to(bytes, 48);
            for row in wrapped(&hex, 24 * 3) {
                self.line(&format!("     {}", self.paint.dim(row)));
            }
        }
    }

    /// A check that holds, and what it says; how long it took, where that says something.
    pub(super) fn right(&mut self, what: &str, time: Option<Duration>) {
        self.right += 1;
        let time = time.map(|time| self.paint.dim(format!("  {}", ms(time)))).unwrap_or_default();
        self.line(&format!("   {} {what}{time}", self.paint.green("ok")));
    }

    /// A check that does not hold.
    pub(super) fn wrong(&mut self, why: &str) {
        self.wrong += 1;
        self.line(&format!("   {} {}", self.paint.red("WRONG"), text::one_line(why)));
    }

    /// The last line; whether all was right, and something was checked at all.
    pub(super) fn verdict(&mut self) -> bool {
        let good = self.wrong == 0 && self.right > 0;
        let time = ms(self.begun.elapsed());
        let told = match good {
            true => self.paint.green(format!("All {} checks hold", self.right)),
            false => {
                let all = self.right + self.wrong;
                self.paint.red(format!(
                    "{} of {} do not hold",
                    self.wrong,
                    text::count(all, "check")
                ))
            }
        };
        self.line("");
        self.line(&format!("{told}, in {time}."));
        good
    }

    fn line(&mut self, text: &str) {
        // Where nobody reads it, the exit code still tells.
        let _ = writeln!(self.out, "{text}");
    }
}

/// Rows of at most `width` characters, cut at spaces.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut rows = vec![String::new()];
    for word in text.split(' ') {
        let full = |row: &String| !row.is_empty() && row.chars().count() + 1 + word.len() > width;
        match rows.last_mut() {
            Some(row) if !full(row) => {
                if !row.is_empty() {
                    row.push(' ');
                }
                row.push_str(word);
            }
            _ => rows.push(word.to_owned()),
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn rows_are_cut_at_spaces() {
        assert_eq!(wrapped("aa bb cc", 5), ["aa bb", "cc"]);
        assert_eq!(wrapped("aa", 1), ["aa"]);
        assert_eq!(wrapped("", 5), [""]);
    }
}
