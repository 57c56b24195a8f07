//! The suite as a program of its own.

#![forbid(unsafe_code)]

use clap::Parser;
use coap_ws_conform::{Args, Exit};
use std::process::ExitCode;

/// A conformance suite for CoAP over WebSockets (RFC 8323).
#[derive(Parser, Debug)]
#[command(name = "coap-ws-conform", version, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let exit = match runtime {
        Ok(runtime) => runtime.block_on(coap_ws_conform::run(&cli.args)),
        Err(error) => {
            eprintln!("no runtime: {error}");
            Exit::Failed
        }
    };
    exit.into()
}
