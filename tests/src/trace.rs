//! What happened in which order: as a hash always, as lines where somebody reads them.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A trace of a run.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    hasher: DefaultHasher,
    said: DefaultHasher,
    print: bool,
}

impl Trace {
    /// A trace; its lines go to standard error where `print`.
    pub fn new(print: bool) -> Trace {
        Trace { print, ..Trace::default() }
    }

    /// Adds one thing that happened; `line` is made only where somebody reads it.
    pub fn add(&mut self, what: impl Hash, line: fmt::Arguments<'_>) {
        what.hash(&mut self.hasher);
        if self.print {
            eprintln!("{line}");
        }
    }

    /// Adds something that was said, by the one whose trace it is.
    pub fn say(&mut self, what: impl Hash, line: fmt::Arguments<'_>) {
        what.hash(&mut self.said);
        self.add(what, line);
    }

    /// The same for all runs in which the same was said, whatever led to it.
    pub fn said(&self) -> u64 {
        self.said.finish()
    }

    /// The same for all runs in which the same happened.
    pub fn hash(&self) -> u64 {
        self.hasher.finish()
    }
}
