//! The command line. Its documentation is the text of `--help`, which knows no links.

#![allow(rustdoc::broken_intra_doc_links)]

use crate::exit::TABLE;
use crate::input::{self, Body, ExtraOption, HeaderField};
use crate::tls::{ClientTlsArgs, ServerTlsArgs};
use clap::{ArgAction, Args, Parser, Subcommand};
use coap_ws_tokio::Proxy;
use coap_ws_tokio::core::block::BlockSize;
use coap_ws_tokio::core::message::ContentFormat;
use coap_ws_tokio::policy::{Network, Origin, PublicUri};
use std::path::PathBuf;
use std::time::Duration;

/// CoAP over WebSockets (RFC 8323): ask, serve, look into messages.
#[derive(Parser, Debug)]
#[command(name = "coap-ws", version, after_help = TABLE, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What holds for every verb.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Trace")]
pub(crate) struct Global {
    /// Show the messages on stderr, `>` out and `<` in; twice: byte by byte, with handshake and
    /// frames
    #[arg(short, long, action = ArgAction::Count, global = true)]
    pub(crate) verbose: u8,
    /// Show how long each stage took
    #[arg(long, global = true)]
    pub(crate) timing: bool,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Read a resource
    Get(RequestArgs),
    /// Create a resource or replace it
    Put(BodyRequestArgs),
    /// Hand something to a resource
    Post(BodyRequestArgs),
    /// Remove a resource
    Delete(RequestArgs),
    /// Read what the payload asks for (RFC 8132)
    Fetch(BodyRequestArgs),
    /// Change a part of a resource (RFC 8132)
    Patch(BodyRequestArgs),
    /// The same, so that doing it twice is as good as once (RFC 8132)
    Ipatch(BodyRequestArgs),
    /// Watch a resource: one record a line, whenever it changes (RFC 7641)
    Observe(ObserveArgs),
    /// Measure CoAP Pings
    Ping(PingArgs),
    /// List the resources of a server
    Discover(DiscoverArgs),
    /// Run a server
    Serve(ServeArgs),
    /// Take messages apart
    Decode(DecodeArgs),
    /// Judge a server or a client by the RFCs
    Conform(Box<coap_ws_conform::Args>),
    /// A server and a client in one process show what they say to each other, and check it
    Demo,
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, to be read with `man -l -`
    Man {
        /// Of one verb only
        verb: Option<String>,
    },
}

/// How to connect.
#[derive(Args, Debug)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectArgs {
    /// Add a header field to the opening handshake, such as `Authorization: Bearer …`
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = input::header)]
    pub(crate) headers: Vec<HeaderField>,
    /// Wait this long for connection and answer together [default: 20 for the connection, 60
    /// for the answer]
    #[arg(long, value_name = "SECONDS", value_parser = input::seconds)]
    pub(crate) timeout: Option<Duration>,
    /// Answer the server's requests with the demo resources; without, it gets 5.01
    #[arg(long)]
    pub(crate) serve: bool,
    /// Send a CoAP Ping when nothing came for this long [default: 25]
    #[arg(long, value_name = "SECONDS", value_parser = input::seconds)]
    pub(crate) keepalive: Option<Duration>,
    /// Connect through an HTTP proxy: http://[USER:PASSWORD@]HOST:PORT
    #[arg(long, value_name = "URL")]
    pub(crate) proxy: Option<Proxy>,
    #[command(flatten)]
    pub(crate) tls: ClientTlsArgs,
}

/// A request.
#[derive(Args, Debug)]
pub(crate) struct RequestArgs {
    /// coap+ws://HOST[:PORT]/PATH[?QUERY], or short: :8683/x, host/x, host:8683/x
    pub(crate) uri: String,
    /// The format that the answer should have, by name or number
    #[arg(short, long, value_name = "FORMAT", value_parser = input::content_format)]
    pub(crate) accept: Option<ContentFormat>,
    /// Add an option; the value is text, 0x and hexadecimal digits, or nothing
    #[arg(short = 'O', long = "option", value_name = "NUMBER=VALUE", value_parser = input::option)]
    pub(crate) options: Vec<ExtraOption>,
    /// Only if the resource has this ETag; empty: only if it exists
    #[arg(long, value_name = "HEX", value_parser = input::if_match)]
    pub(crate) if_match: Vec<input::Hex>,
    /// Only if the resource does not exist
    #[arg(long)]
    pub(crate) if_none_match: bool,
    /// An ETag that is known already: the answer may be 2.03 Valid
    #[arg(long, value_name = "HEX", value_parser = input::etag)]
    pub(crate) etag: Vec<input::Hex>,
    /// Which answers are not wanted: the sum of 2 (2.xx), 8 (4.xx), 16 (5.xx) (RFC 7967)
    #[arg(long, value_name = "N")]
    pub(crate) no_response: Option<u8>,
    /// Only show where it would connect and the bytes it would send
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Write the payload of the answer to a file, as it comes: it may be of any size
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The largest block of a large body (RFC 7959): 16 to 1024 bytes, a power of two, or `bert`
    /// for as much as both ends allow [default: bert]
    #[arg(long, value_name = "N", value_parser = input::block_size)]
    pub(crate) block_size: Option<BlockSize>,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
}

/// A request with a payload.
#[derive(Args, Debug)]
pub(crate) struct BodyRequestArgs {
    /// The payload: text, @FILE, or @- for stdin
    #[arg(short, long, value_name = "DATA", value_parser = input::body)]
    pub(crate) data: Option<Body>,
    /// The format of the payload, by name or number
    #[arg(short = 't', long, value_name = "FORMAT", value_parser = input::content_format)]
    pub(crate) content_format: Option<ContentFormat>,
    #[command(flatten)]
    pub(crate) request: RequestArgs,
}

/// An observation.
#[derive(Args, Debug)]
pub(crate) struct ObserveArgs {
    /// coap+ws://HOST[:PORT]/PATH[?QUERY], or short: :8683/x, host/x, host:8683/x
    pub(crate) uri: String,
    /// End after this many records
    #[arg(short = 'n', long, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// End after this long
    #[arg(long = "for", value_name = "SECONDS", value_parser = input::seconds)]
    pub(crate) duration: Option<Duration>,
    /// A JSON object for each record, on one line
    #[arg(long)]
    pub(crate) json_lines: bool,
    /// Connect again when the connection is lost, and go on
    #[arg(long)]
    pub(crate) reconnect: bool,
    /// The format that the records should have, by name or number
    #[arg(short, long, value_name = "FORMAT", value_parser = input::content_format)]
    pub(crate) accept: Option<ContentFormat>,
    /// Add an option; the value is text, 0x and hexadecimal digits, or nothing
    #[arg(short = 'O', long = "option", value_name = "NUMBER=VALUE", value_parser = input::option)]
    pub(crate) options: Vec<ExtraOption>,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
}

#[derive(Args, Debug)]
pub(crate) struct PingArgs {
    /// coap+ws://HOST[:PORT], or short: :8683, host, host:8683; the path does not matter
    pub(crate) uri: String,
    /// How many
    #[arg(short, long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) count: u32,
    /// How long from one to the next
    #[arg(short, long, value_name = "SECONDS", default_value = "1", value_parser = input::seconds)]
    pub(crate) interval: Duration,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
}

#[derive(Args, Debug)]
pub(crate) struct DiscoverArgs {
    /// coap+ws://HOST[:PORT], or short: :8683, host, host:8683; the path does not matter
    pub(crate) uri: String,
    /// Only those with this attribute, such as `rt=temperature`; the server filters (RFC 6690)
    #[arg(short, long, value_name = "NAME=VALUE")]
    pub(crate) query: Vec<String>,
    /// Write the links to a file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
}

/// A server.
#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// Where to listen, with TLS if there is a --cert; repeat it for more addresses. Port 0 is
    /// any free one [default: localhost:8683, with TLS localhost:8684]
    #[arg(short, long, value_name = "ADDR:PORT")]
    pub(crate) listen: Vec<String>,
    /// Serve the demo resources
    #[arg(long)]
    pub(crate) demo: bool,
    /// Whose sockets, timers and tasks to use; what is served is the same
    #[arg(long, value_enum, default_value_t)]
    pub(crate) runtime: Runtime,
    /// What clients call this server, as behind a proxy: then their Host must be one of these
    #[arg(long, value_name = "URI")]
    pub(crate) public_uri: Vec<PublicUri>,
    /// Whose web pages may connect besides its own; `*` is every page in the world
    #[arg(long, value_name = "ORIGIN", value_parser = input::allowed_origin)]
    pub(crate) allow_origin: Vec<AllowedOrigin>,
    /// A proxy whose X-Forwarded-For is believed, such as 127.0.0.1 or 10.0.0.0/8
    #[arg(long, value_name = "NETWORK")]
    pub(crate) trust_proxy: Vec<Network>,
    #[command(flatten)]
    pub(crate) tls: ServerTlsArgs,
}

/// An async runtime that there is an adapter for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub(crate) enum Runtime {
    /// The one to use
    #[default]
    Tokio,
    /// Discontinued (RUSTSEC-2025-0052); to see that it works there
    #[cfg(feature = "async-std")]
    AsyncStd,
}

/// An origin by name, or all of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum AllowedOrigin {
    This(Origin),
    Any,
}

#[derive(Args, Debug)]
pub(crate) struct DecodeArgs {
    /// A WebSocket message in hexadecimal digits; `-` reads one from each line of stdin
    #[arg(required = true, value_name = "HEX")]
    pub(crate) messages: Vec<String>,
    /// A JSON object for each message, on one line
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
