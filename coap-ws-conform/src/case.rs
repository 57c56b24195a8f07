//! What a case is: data, and a small async function.

use crate::client::ClientCx;
use crate::conn::rules::Rule;
use crate::context::Cx;
use crate::wire::http::Head;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

/// How a case ends early.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stop {
    /// Not what was expected: `fail`, or `lenient` where the RFC leaves it open.
    Deviates(String),
    /// `fail`, however weak the rule is.
    Fails(String),
    /// `lenient`: allowed but unwise.
    Lenient(String),
    /// The peer lacks what the case needs.
    Skipped(String),
    /// There was no connection to try it on.
    NoConnection(String),
}

/// What a step of a case comes to.
pub type Outcome<T = ()> = Result<T, Stop>;

/// How it is said: `Err(deviates(…))?`.
pub fn deviates(what: impl Into<String>) -> Stop {
    Stop::Deviates(what.into())
}

/// The same for what is allowed but unwise.
pub fn lenient(what: impl Into<String>) -> Stop {
    Stop::Lenient(what.into())
}

/// The same for what cannot be tried.
pub fn skip(why: impl Into<String>) -> Stop {
    Stop::Skipped(why.into())
}

/// How binding a rule is, which decides what a deviation from it is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// MUST and MUST NOT: a deviation fails.
    Must,
    /// A definition without a keyword: a deviation fails.
    Def,
    /// SHOULD, RECOMMENDED: a deviation is lenient.
    Should,
    /// The RFCs are silent or open; what is expected is advice: a deviation is lenient.
    Silent,
}

impl Level {
    /// What a deviation is called.
    pub const fn verdict(self) -> Verdict {
        match self {
            Level::Must | Level::Def => Verdict::Fail,
            Level::Should | Level::Silent => Verdict::Lenient,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Level::Must => "MUST",
            Level::Def => "definition",
            Level::Should => "SHOULD",
            Level::Silent => "open",
        }
    }
}

/// What is said of a peer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verdict {
    Pass,
    Fail,
    Lenient,
    Skipped,
}

impl Verdict {
    pub const fn name(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Lenient => "lenient",
            Verdict::Skipped => "skipped",
        }
    }
}

/// What a case is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Area {
    Handshake,
    Frames,
    Format,
    Options,
    Codes,
    Tokens,
    Csm,
    Signaling,
    Ping,
    Release,
    Abort,
    Roles,
    NoResponse,
    Observe,
    Blocks,
    Uris,
    Proxying,
    Limits,
    Robustness,
    Always,
    Client,
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Area::Handshake => "opening handshake",
            Area::Frames => "frames",
            Area::Format => "message format",
            Area::Options => "options",
            Area::Codes => "codes",
            Area::Tokens => "tokens and pipelining",
            Area::Csm => "CSM",
            Area::Signaling => "signaling",
            Area::Ping => "Ping and custody",
            Area::Release => "Release",
            Area::Abort => "Abort",
            Area::Roles => "both roles",
            Area::NoResponse => "No-Response",
            Area::Observe => "Observe",
            Area::Blocks => "block-wise and BERT",
            Area::Uris => "URIs",
            Area::Proxying => "proxying",
            Area::Limits => "limits and deadlines",
            Area::Robustness => "robustness",
            Area::Always => "everything sent",
            Area::Client => "client",
        })
    }
}

/// A future in a box.
pub type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What a case does.
#[derive(Clone, Copy)]
pub enum Script {
    /// After the CSMs these bytes are sent as a binary message; the peer aborts.
    Aborts(&'static str),
    /// Something of its own.
    Run(fn(Cx) -> Boxed<Outcome>),
    /// Something with a client that comes to us.
    Visit(fn(ClientCx) -> Boxed<Outcome>),
    /// Nothing: what all connections have shown is judged.
    Always(Rule),
    /// Nothing: the opening handshakes of all clients are judged.
    Heads(fn(&[Head]) -> Outcome),
}

/// Writes the body of a case: `run!(cx, { … })` is an async block that ends in a pass.
macro_rules! run {
    ($cx:pat, $body:block) => {
        |$cx: $crate::context::Cx| {
            Box::pin(async move {
                $body
                #[allow(unreachable_code)]
                Ok(())
            })
        }
    };
}
pub(crate) use run;

/// The same for a case with a client.
macro_rules! visit {
    ($cx:pat, $body:block) => {
        |$cx: $crate::client::ClientCx| {
            Box::pin(async move {
                $body
                #[allow(unreachable_code)]
                Ok(())
            })
        }
    };
}
pub(crate) use visit;

/// One case.
#[derive(Clone, Copy)]
pub struct Case {
    pub id: &'static str,
    pub area: Area,
    pub level: Level,
    /// Ids of the project's list of requirements, or of its list of threats (`T…`).
    pub requirements: &'static [&'static str],
    pub section: &'static str,
    /// What is tested, in one sentence.
    pub title: &'static str,
    /// What has to come.
    pub expected: &'static str,
    /// How the RFC is read.
    pub why: &'static str,
    /// Runs only when floods are allowed.
    pub hostile: bool,
    /// Waits for many seconds.
    pub slow: bool,
    pub script: Script,
}

impl Case {
    const fn new(level: Level, id: &'static str, requirements: &'static [&'static str]) -> Case {
        Case {
            id,
            area: Area::Always,
            level,
            requirements,
            section: "",
            title: "",
            expected: "",
            why: "",
            hostile: false,
            slow: false,
            script: Script::Aborts(""),
        }
    }

    /// A MUST or MUST NOT.
    pub const fn must(id: &'static str, requirements: &'static [&'static str]) -> Case {
        Case::new(Level::Must, id, requirements)
    }

    /// A definition.
    pub const fn def(id: &'static str, requirements: &'static [&'static str]) -> Case {
        Case::new(Level::Def, id, requirements)
    }

    /// A SHOULD.
    pub const fn should(id: &'static str, requirements: &'static [&'static str]) -> Case {
        Case::new(Level::Should, id, requirements)
    }

    /// Advice where the RFCs are silent.
    pub const fn silent(id: &'static str, requirements: &'static [&'static str]) -> Case {
        Case::new(Level::Silent, id, requirements)
    }

    /// Where it is written, and what is tested.
    pub const fn says(mut self, section: &'static str, title: &'static str) -> Case {
        self.section = section;
        self.title = title;
        self
    }

    /// What has to come, and how the RFC is read.
    pub const fn expects(mut self, expected: &'static str, why: &'static str) -> Case {
        self.expected = expected;
        self.why = why;
        self
    }

    pub const fn hostile(mut self) -> Case {
        self.hostile = true;
        self
    }

    pub const fn slow(mut self) -> Case {
        self.slow = true;
        self
    }

    /// The peer aborts on these bytes.
    pub const fn aborts(mut self, digits: &'static str) -> Case {
        self.expected = "Abort (7.05), then the connection is closed";
        self.script = Script::Aborts(digits);
        self
    }

    pub const fn run(mut self, run: fn(Cx) -> Boxed<Outcome>) -> Case {
        self.script = Script::Run(run);
        self
    }

    pub const fn visit(mut self, run: fn(ClientCx) -> Boxed<Outcome>) -> Case {
        self.script = Script::Visit(run);
        self
    }

    pub const fn heads(mut self, judge: fn(&[Head]) -> Outcome) -> Case {
        self.script = Script::Heads(judge);
        self
    }

    pub const fn always(rule: Rule) -> Case {
        let mut case = Case::new(Level::Def, "", &[]);
        case.script = Script::Always(rule);
        case
    }

    /// Where it is written, to be read.
    pub fn place(&self) -> String {
        if self.rfc() == 0 { self.section.to_owned() } else { format!("RFC {}", self.section) }
    }

    /// The number of the RFC that it is mainly of, 0 for none.
    pub fn rfc(&self) -> u16 {
        let digits: String = self.section.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or(0)
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id)
    }
}
