//! What came of a run, told in several ways.

pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod matrix;
pub mod terminal;

use crate::args::Args;
use crate::case::Verdict;
use crate::runner::Report;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Who is judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    Server,
    Client,
}

impl Side {
    pub const fn name(self) -> &'static str {
        match self {
            Side::Server => "server",
            Side::Client => "client",
        }
    }
}

/// A run.
#[derive(Debug)]
pub struct Run {
    pub name: String,
    pub side: Side,
    pub reports: Vec<Report>,
    pub took: Duration,
    /// What somebody who has read them says of failures, by the id of the case.
    pub readings: BTreeMap<String, String>,
}

impl Run {
    /// How many cases came to this.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.reports.iter().filter(|report| report.verdict == verdict).count()
    }

    /// What is said of a case of this peer.
    pub fn reading(&self, id: &str) -> Option<&str> {
        self.readings.get(id).map(String::as_str)
    }

    /// The reports of each RFC, by its number.
    pub fn by_rfc(&self) -> Vec<(u16, Vec<&Report>)> {
        let mut numbers: Vec<u16> = self.reports.iter().map(|report| report.case.rfc()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let of = |n: u16| self.reports.iter().filter(move |report| report.case.rfc() == n);
        numbers.into_iter().map(|n| (n, of(n).collect())).collect()
    }

    /// `N passed, N failed, N lenient, N skipped`.
    pub fn totals(&self) -> String {
        format!(
            "{} passed, {} failed, {} lenient, {} skipped",
            self.count(Verdict::Pass),
            self.count(Verdict::Fail),
            self.count(Verdict::Lenient),
            self.count(Verdict::Skipped)
        )
    }
}

/// What an RFC is called.
pub const fn title(rfc: u16) -> &'static str {
    match rfc {
        6455 => "The WebSocket Protocol",
        6690 => "CoRE Link Format",
        7230 => "HTTP/1.1 Message Syntax",
        7252 => "The Constrained Application Protocol",
        7641 => "Observing Resources",
        7959 => "Block-Wise Transfers",
        7967 => "No-Response",
        8323 => "CoAP over TCP, TLS, and WebSockets",
        8613 => "OSCORE",
        8768 => "Hop-Limit",
        8974 => "Extended Tokens",
        9175 => "Echo, Request-Tag, and Token Processing",
        9177 => "Robust Block-Wise Transfer",
        _ => "Interoperability",
    }
}

/// Writes the files that were asked for; the errors.
pub fn write(args: &Args, run: &Run) -> Vec<String> {
    let mut errors = Vec::new();
    let mut put = |path: &Path, text: String| {
        let written = match path.as_os_str() == "-" {
            true => {
                println!("{text}");
                Ok(())
            }
            false => std::fs::write(path, text + "\n"),
        };
        if let Err(error) = written {
            errors.push(format!("{}: {error}", path.display()));
        }
    };
    if let Some(path) = &args.json {
        put(path, json::text(run));
    }
    if let Some(path) = &args.junit {
        put(path, junit::text(run));
    }
    if let Some(path) = &args.report {
        let others = args.beside.iter().map(|path| {
            let text = std::fs::read_to_string(path).map_err(|error| error.to_string());
            text.and_then(|text| matrix::Column::read(&text))
                .map_err(|error| format!("{}: {error}", path.display()))
        });
        let page = path.extension().is_some_and(|end| end == "html" || end == "htm");
        match others.collect::<Result<Vec<_>, _>>() {
            Ok(others) if page => put(path, html::text(run, &others)),
            Ok(others) => put(path, markdown::text(run, &others)),
            Err(error) => errors.push(error),
        }
    }
    errors
}

/// Reads a file of readings: a JSON object, the id of a case and what is to be said of it.
pub fn readings(path: &Path) -> Result<BTreeMap<String, String>, String> {
    let told = |error: String| format!("{}: {error}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| told(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| told(error.to_string()))
}
