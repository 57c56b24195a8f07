//! The arguments of the suite.

use crate::target::Named;
use std::net::SocketAddr;
use std::path::PathBuf;

/// What to judge, and how. To be flattened into a command line.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The server to judge
    #[arg(value_name = "coap+ws://HOST[:PORT]", required_unless_present_any = ["client", "list"])]
    pub uri: Option<String>,
    /// Judge a client: listen, and say where to point it
    #[arg(long, conflicts_with = "uri")]
    pub client: bool,
    /// With --client: run this for each case; `{uri}` is what to ask for
    #[arg(long, value_name = "COMMAND", requires = "client")]
    pub exec: Option<String>,
    /// With --client: where to listen
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8683")]
    pub listen: SocketAddr,

    /// A small resource that answers 2.05 to GET [default: found]
    #[arg(long, value_name = "PATH", help_heading = "Resources of the server")]
    pub get: Option<String>,
    /// A resource that may be overwritten and deleted [default: found]
    #[arg(long, value_name = "PATH", help_heading = "Resources of the server")]
    pub put: Option<String>,
    /// A resource with observers [default: found]
    #[arg(long, value_name = "PATH", help_heading = "Resources of the server")]
    pub observe: Option<String>,
    /// A resource of more than 1,152 bytes [default: found]
    #[arg(long, value_name = "PATH", help_heading = "Resources of the server")]
    pub large: Option<String>,
    /// A resource that answers after a moment [default: found]
    #[arg(long, value_name = "PATH", help_heading = "Resources of the server")]
    pub slow: Option<String>,
    /// The Host of the opening handshake [default: that of the URI]
    #[arg(long, value_name = "HOST[:PORT]", help_heading = "Resources of the server")]
    pub host: Option<String>,

    /// List the cases and do nothing
    #[arg(long, help_heading = "Cases")]
    pub list: bool,
    /// Only these: an id or its beginning, an area, a requirement, rfc8323
    #[arg(long, value_name = "WHICH", value_delimiter = ',', help_heading = "Cases")]
    pub only: Vec<String>,
    /// Without these
    #[arg(long, value_name = "WHICH", value_delimiter = ',', help_heading = "Cases")]
    pub skip: Vec<String>,
    /// Also what floods the peer
    #[arg(long, help_heading = "Cases")]
    pub hostile: bool,
    /// Without what waits for deadlines of the peer
    #[arg(long, help_heading = "Cases")]
    pub quick: bool,
    /// How many cases at once
    #[arg(short, long, value_name = "N", default_value_t = 4, help_heading = "Cases")]
    pub jobs: usize,
    /// How long to wait for an answer
    #[arg(long, value_name = "MS", default_value_t = 2000, help_heading = "Cases")]
    pub patience: u64,
    /// How long a peer may wait for one that says nothing
    #[arg(long, value_name = "SECONDS", default_value_t = 35, help_heading = "Cases")]
    pub deadline: u64,

    /// Show what went over the wire in every case, not only where something is wrong
    #[arg(long, help_heading = "Output")]
    pub wire: bool,
    /// What the peer is called in reports [default: its URI]
    #[arg(long, value_name = "NAME", help_heading = "Output")]
    pub name: Option<String>,
    /// Write everything as JSON, `-` to stdout
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub json: Option<PathBuf>,
    /// Write JUnit XML
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub junit: Option<PathBuf>,
    /// Write a report: HTML if the name ends in .html, else Markdown
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub report: Option<PathBuf>,
    /// What to say of cases of this peer: JSON, `{"ID": "TEXT"}`
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub readings: Option<PathBuf>,
    /// With --report: put the results of another run, written by --json, beside these
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub beside: Vec<PathBuf>,
}

impl Args {
    /// The resources that are named.
    pub(crate) fn named(&self) -> Named {
        Named {
            get: self.get.clone(),
            put: self.put.clone(),
            observe: self.observe.clone(),
            large: self.large.clone(),
            slow: self.slow.clone(),
        }
    }
}
