//! Colours, where somebody looks and wants them.

use std::fmt::Display;
use std::io::IsTerminal;

/// Paints text, or leaves it as it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    on: bool,
}

impl Paint {
    /// As stderr wants it.
    pub(crate) fn stderr() -> Paint {
        Paint::of(std::io::stderr().is_terminal())
    }

    /// As stdout wants it.
    pub(crate) fn stdout() -> Paint {
        Paint::of(std::io::stdout().is_terminal())
    }

    /// No colours.
    #[cfg(test)]
    pub(crate) const fn plain() -> Paint {
        Paint { on: false }
    }

    fn of(terminal: bool) -> Paint {
        // no-color.org: any value but an empty one.
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Paint { on: terminal && !unwanted && !dumb }
    }

    pub(crate) fn bold(self, text: impl Display) -> String {
        self.with("1", text)
    }

    pub(crate) fn dim(self, text: impl Display) -> String {
        self.with("2", text)
    }

    pub(crate) fn red(self, text: impl Display) -> String {
        self.with("1;31", text)
    }

    pub(crate) fn green(self, text: impl Display) -> String {
        self.with("32", text)
    }

    pub(crate) fn yellow(self, text: impl Display) -> String {
        self.with("33", text)
    }

    pub(crate) fn cyan(self, text: impl Display) -> String {
        self.with("36", text)
    }

    fn with(self, style: &str, text: impl Display) -> String {
        if self.on { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_string() }
    }
}
