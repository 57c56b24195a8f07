//! `get put post delete fetch patch ipatch`.

use crate::annotate;
use crate::args::{BodyRequestArgs, Global, RequestArgs};
use crate::connect::Target;
use crate::errors::{Failure, unsendable};
use crate::exit::Exit;
use crate::input::Hex;
use crate::output;
use crate::progress::Bar;
use crate::say;
use crate::text;
use coap_ws_tokio::core::SendError;
use coap_ws_tokio::core::message::uri::Uri;
use coap_ws_tokio::core::message::{Code, Encode, EncodeError, Message, encode_message};
use coap_ws_tokio::{Error, RequestBuilder, Response};
use std::path::Path;

impl From<RequestArgs> for BodyRequestArgs {
    /// A request whose method has no payload.
    fn from(request: RequestArgs) -> BodyRequestArgs {
        BodyRequestArgs { data: None, content_format: None, request }
    }
}

pub(super) fn run(method: Code, args: BodyRequestArgs, global: Global) -> Result<Exit, Failure> {
    let BodyRequestArgs { data, content_format, request: args } = args;
    let quiet = args.no_response.is_some_and(|bits| bits != 0);
    let target = Target::new(&args.uri, &args.connect, global, quiet)?;
    let payload = data.map(crate::input::Body::read).transpose()?;
    let complete = |request| {
        let mut request = build(request, &args);
        if let Some(format) = content_format {
            request = request.content_format(format);
        }
        match &payload {
            Some(payload) => request.body(payload.clone()),
            None => request,
        }
    };
    let uri = target.attempt.uri.as_str();
    if args.dry_run {
        return dry_run(&target, &complete(target.client.request(method, uri)));
    }
    super::client(async {
        let remote = target.connect().await?;
        let bar = Bar::new();
        let told = bar.clone();
        let request = complete(remote.request(method, uri));
        let request = request.progress(move |progress| told.show(progress));
        let file = args.output.as_deref().filter(|path| *path != Path::new("-"));
        let exit = match file {
            Some(path) => {
                let answer = timed(&target, request, global, RequestBuilder::send_streaming).await;
                output::save(answer.inspect_err(|_| bar.clear())?, path, &bar, &target.attempt)
                    .await
            }
            None => {
                let answer = ask(&target, request, global).await;
                bar.clear();
                output::deliver(&answer?, args.output.as_deref())
            }
        };
        target.release().await;
        exit
    })
}

/// Sends it within what is left of the time limit, and tells how long it took if that is wanted.
pub(super) async fn ask(
    target: &Target,
    request: RequestBuilder,
    global: Global,
) -> Result<Response, Failure> {
    timed(target, request, global, RequestBuilder::send).await
}

/// The same, whatever is made of the answer.
async fn timed<T, F>(
    target: &Target,
    request: RequestBuilder,
    global: Global,
    send: impl FnOnce(RequestBuilder) -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Error>>,
{
    target.timing.asked();
    let request = match target.time_left() {
        Some(left) => request.timeout(left),
        None => request,
    };
    let outcome = send(request).await;
    target.timing.answered();
    if global.timing {
        target.timing.tell();
    }
    outcome.map_err(|error| Failure::of(&error, &target.attempt))
}

/// The options that were asked for.
fn build(request: RequestBuilder, args: &RequestArgs) -> RequestBuilder {
    let mut request = request;
    if let Some(format) = args.accept {
        request = request.accept(format);
    }
    for Hex(etag) in &args.if_match {
        request = request.if_match(etag.clone());
    }
    if args.if_none_match {
        request = request.if_none_match();
    }
    for Hex(etag) in &args.etag {
        request = request.etag(etag.clone());
    }
    if let Some(size) = args.block_size {
        request = request.block_size(size);
    }
    if let Some(bits) = args.no_response {
        request = request.no_response(bits);
    }
    for option in &args.options {
        request = request.option(option.number, option.value.clone());
    }
    request
}

/// Shows what would be sent. The bytes are those of the real request but for the token, which
/// each connection chooses.
fn dry_run(target: &Target, request: &RequestBuilder) -> Result<Exit, Failure> {
    let message = request.message().map_err(|error| Failure::of(&error, &target.attempt))?;
    let bytes = encode(&message).map_err(|error| unsendable(SendError::Encode(error)))?;
    let uri = Uri::parse(&target.attempt.uri)
        .map_err(|error| Failure::uri(&target.attempt.uri, error))?;
    say::line(&format!("connect    {}:{}", uri.host(), uri.port()))?;
    say::line(&format!("handshake  {}", uri.ws_uri()))?;
    say::line(&format!("message    {}", text::hex(&bytes)))?;
    if let Ok(message) = Message::parse(&bytes) {
        for line in annotate::lines(&message) {
            say::line(&format!("  {line}"))?;
        }
    }
    Ok(Exit::Success)
}

fn encode(message: &impl Encode) -> Result<Vec<u8>, EncodeError> {
    const TOKEN: &[u8] = &[1];
    let size = encode_message(&mut [], TOKEN, message)?;
    let mut bytes = vec![0; size];
    encode_message(&mut bytes, TOKEN, message)?;
    Ok(bytes)
}
