//! `discover`: what a server has (RFC 6690, RFC 7252 §7).

use super::request::ask;
use crate::args::{DiscoverArgs, Global};
use crate::connect::Target;
use crate::errors::Failure;
use crate::exit::Exit;
use crate::output;
use coap_ws_tokio::core::message::OptionNumber;

pub(super) fn run(args: &DiscoverArgs, global: Global) -> Result<Exit, Failure> {
    let target = Target::new(&args.uri, &args.connect, global, false)?;
    super::client(async {
        let remote = target.connect().await?;
        let mut request = remote.get("/.well-known/core");
        for filter in &args.query {
            // As a value of its own: `&` and `%` in it are data.
            request = request.option(OptionNumber::URI_QUERY, filter.clone());
        }
        let answer = ask(&target, request, global).await?;
        let exit = output::deliver(&answer, args.output.as_deref());
        target.release().await;
        exit
    })
}
