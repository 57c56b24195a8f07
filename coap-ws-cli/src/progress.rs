//! How far a large body is, for people who watch.

use coap_ws_tokio::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;

/// A bar on stderr, where that is a terminal.
#[derive(Clone)]
pub(crate) struct Bar(Option<ProgressBar>);

impl Bar {
    /// A bar that shows itself with the first block.
    pub(crate) fn new() -> Bar {
        if !std::io::stderr().is_terminal() {
            return Bar(None);
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        // The template is ours and right.
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style.progress_chars("=> "));
        }
        Bar(Some(bar))
    }

    /// A block has gone or come.
    pub(crate) fn show(&self, progress: Progress) {
        let Some(bar) = &self.0 else { return };
        let (word, at, of) = match progress.received {
            0 => ("up", progress.sent, progress.to_send),
            received => ("down", received, progress.to_receive),
        };
        bar.set_message(word);
        match of {
            Some(of) => bar.set_length(of.max(at)),
            None => bar.unset_length(),
        }
        bar.set_position(at);
    }

    /// Takes it away: what follows is said in its place.
    pub(crate) fn clear(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

const TEMPLATE: &str = "{msg:>4} [{bar:32}] {bytes} of {total_bytes}  {bytes_per_sec}  {eta}";
