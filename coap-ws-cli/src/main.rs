//! `coap-ws`: CoAP over WebSockets on the command line.

#![forbid(unsafe_code)]

mod annotate;
mod args;
mod commands;
mod connect;
mod demo_resources;
mod describe;
mod errors;
mod exit;
mod input;
mod output;
mod paint;
mod progress;
mod say;
mod text;
mod timing;
mod tls;
mod trace;
mod uri;

use args::Cli;
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match commands::run(cli) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            say::note(&failure.tell(paint::Paint::stderr()));
            failure.exit().into()
        }
    }
}
