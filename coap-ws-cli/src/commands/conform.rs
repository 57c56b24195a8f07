//! `conform`: the conformance suite. It shares no code with the stack that the rest of this
//! program is made of, so it can judge that too.

use crate::errors::Failure;
use crate::exit::Exit;
use crate::uri;
use coap_ws_conform::Args;

pub(super) fn run(mut args: Args) -> Result<Exit, Failure> {
    args.uri = args.uri.as_deref().map(uri::expand);
    super::client(async {
        Ok(match coap_ws_conform::run(&args).await {
            coap_ws_conform::Exit::Success => Exit::Success,
            coap_ws_conform::Exit::Failed => Exit::Failed,
            coap_ws_conform::Exit::Usage => Exit::Usage,
            coap_ws_conform::Exit::Unreachable => Exit::Connect,
        })
    })
}
