//! The verbs.

mod conform;
mod decode;
mod demo;
mod discover;
mod observe;
mod ping;
mod request;
mod serve;
mod signals;

use crate::args::{Cli, Command};
use crate::errors::Failure;
use crate::exit::Exit;
use crate::say;
use clap::CommandFactory;
use coap_ws_tokio::core::message::Code;
use std::future::Future;
use tokio::runtime::{Builder, Runtime};

/// Does what the command line says.
pub(crate) fn run(cli: Cli) -> Result<Exit, Failure> {
    let global = cli.global;
    match cli.command {
        Command::Get(args) => request::run(Code::GET, args.into(), global),
        Command::Put(args) => request::run(Code::PUT, args, global),
        Command::Post(args) => request::run(Code::POST, args, global),
        Command::Delete(args) => request::run(Code::DELETE, args.into(), global),
        Command::Fetch(args) => request::run(Code::FETCH, args, global),
        Command::Patch(args) => request::run(Code::PATCH, args, global),
        Command::Ipatch(args) => request::run(Code::IPATCH, args, global),
        Command::Observe(args) => observe::run(&args, global),
        Command::Ping(args) => ping::run(&args, global),
        Command::Discover(args) => discover::run(&args, global),
        Command::Serve(args) => serve::run(args, global),
        Command::Decode(args) => decode::run(&args),
        Command::Conform(args) => conform::run(*args),
        Command::Demo => demo::run(),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "coap-ws", &mut script);
            say::bytes(&script)?;
            Ok(Exit::Success)
        }
        Command::Man { verb } => manual(verb.as_deref()),
    }
}

/// The manual page, of all or of one verb.
fn manual(verb: Option<&str>) -> Result<Exit, Failure> {
    let mut command = Cli::command();
    command.build();
    if let Some(verb) = verb {
        let found = command.find_subcommand(verb).cloned().ok_or_else(|| {
            Failure::new(
                Exit::Usage,
                format!("there is no verb `{verb}`"),
                "`coap-ws man VERB` prints the page of one verb",
                "`coap-ws --help` lists them",
            )
        })?;
        command = found;
    }
    let mut page = Vec::new();
    // Writing to a vector does not fail.
    let _ = clap_mangen::Man::new(command).render(&mut page);
    say::bytes(&page)?;
    Ok(Exit::Success)
}

/// Runs what asks somebody; Ctrl-C ends it.
fn client<F>(work: F) -> Result<Exit, Failure>
where
    F: Future<Output = Result<Exit, Failure>>,
{
    uninterrupted(async {
        tokio::select! {
            outcome = work => outcome,
            () = signals::interrupted() => Ok(Exit::Interrupted),
        }
    })
}

/// Runs what looks after Ctrl-C itself.
fn uninterrupted<F>(work: F) -> Result<Exit, Failure>
where
    F: Future<Output = Result<Exit, Failure>>,
{
    let runtime = runtime(&mut Builder::new_current_thread())?;
    let outcome = runtime.block_on(work);
    // A name that is still being resolved would hold up the end.
    runtime.shutdown_background();
    outcome
}

fn runtime(builder: &mut Builder) -> Result<Runtime, Failure> {
    builder.enable_all().build().map_err(|error| {
        Failure::new(
            Exit::Failed,
            format!("the program cannot start: {error}"),
            "the system gives it no thread or no descriptor",
            "raise the limits (ulimit -n, ulimit -u)",
        )
    })
}
