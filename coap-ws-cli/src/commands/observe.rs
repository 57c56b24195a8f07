//! `observe`: one record a line, for the first state and each that follows (RFC 7641).

use crate::args::{Global, ObserveArgs};
use crate::connect::Target;
use crate::errors::Failure;
use crate::exit::Exit;
use crate::output;
use crate::say;
use coap_ws_tokio::{Error, Observation, ObserveBuilder, Response};
use serde_json::{Map, Value, json};
use std::time::Duration;

pub(super) fn run(args: &ObserveArgs, global: Global) -> Result<Exit, Failure> {
    let target = Target::new(&args.uri, &args.connect, global, false)?;
    super::uninterrupted(async {
        let mut seen = None;
        let outcome = tokio::select! {
            outcome = watch(&target, args, global, &mut seen) => outcome,
            () = super::signals::interrupted() => Ok(Exit::Interrupted),
            () = passed(args.duration) => Ok(Exit::Success),
        };
        // Deregisters; that goes before the Release, and is answered before the end.
        drop(seen);
        target.release().await;
        outcome
    })
}

/// Ready when there was enough time.
async fn passed(limit: Option<Duration>) {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => std::future::pending().await,
    }
}

/// Registers and tells what comes, up to as many records as are wanted.
async fn watch(
    target: &Target,
    args: &ObserveArgs,
    global: Global,
    place: &mut Option<Observation>,
) -> Result<Exit, Failure> {
    let uri = target.attempt.uri.as_str();
    // By the connection itself, where its loss is the end: a client would hide why.
    let request = match args.reconnect {
        true => target.client.observe(uri).reconnect(),
        false => target.connect().await?.observe(uri),
    };
    target.timing.asked();
    let registered = build(request, target, args).await;
    target.timing.answered();
    if global.timing {
        target.timing.tell();
    }
    let seen = registered.map_err(|error| Failure::of(&error, &target.attempt))?;
    let seen = place.insert(seen);
    let observed = seen.is_observing();
    let mut records = 0;
    while let Some(item) = seen.next().await {
        let response = match item {
            Ok(response) => response,
            Err(error) if args.reconnect => {
                lost(&error, args.json_lines)?;
                continue;
            }
            Err(error) => return Err(Failure::of_loss(&error, &target.attempt)),
        };
        if records == 0 || !response.code().is_success() {
            output::tell_status(&response);
        }
        if !response.code().is_success() {
            return Ok(Exit::of(response.code()));
        }
        records += 1;
        if !say::record(&record(&response, args.json_lines))? || Some(records) == args.count {
            return Ok(Exit::Success);
        }
    }
    if !observed {
        say::note("the server does not tell of changes: that was its only answer");
    }
    Ok(Exit::Success)
}

fn build(request: ObserveBuilder, target: &Target, args: &ObserveArgs) -> ObserveBuilder {
    let mut request = request;
    if let Some(format) = args.accept {
        request = request.accept(format);
    }
    for option in &args.options {
        request = request.option(option.number, option.value.clone());
    }
    match target.time_left() {
        Some(left) => request.timeout(left),
        None => request,
    }
}

/// The connection is lost, or did not come back yet.
fn lost(error: &Error, json_lines: bool) -> Result<(), Failure> {
    say::note(&format!("{}; trying again", crate::text::one_line(&error.to_string())));
    if json_lines {
        say::record(&json!({ "lost": error.to_string() }).to_string())?;
    }
    Ok(())
}

/// One line for one state.
fn record(response: &Response, json_lines: bool) -> String {
    if json_lines { json(response).to_string() } else { output::one_line(response) }
}

fn json(response: &Response) -> Value {
    let mut object = Map::new();
    object.insert("code".into(), response.code().to_string().into());
    if let Some(format) = response.format() {
        object.insert("format".into(), format.get().into());
    }
    object.insert("max_age".into(), response.fresh_for().as_secs().into());
    let payload = response.body();
    match std::str::from_utf8(payload) {
        Ok(text) => object.insert("text".into(), text.into()),
        Err(_) => object.insert("hex".into(), crate::text::hex(payload).into()),
    };
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::record;
    use coap_ws_tokio::Response;
    use coap_ws_tokio::core::message::{Code, ContentFormat};

    #[test]
    fn a_record_is_one_line_whatever_is_in_it() {
        let text = Response::content("a\nb\x1b[2J").content_format(ContentFormat::TEXT).max_age(5);
        assert_eq!(record(&text, false), "a\\nb\\u{1b}[2J");
        assert_eq!(
            record(&text, true),
            r#"{"code":"2.05","format":0,"max_age":5,"text":"a\nb\u001b[2J"}"#
        );
        let bytes = Response::content(vec![0xff, 0]);
        assert_eq!(record(&bytes, false), "0xff00");
        assert_eq!(record(&bytes, true), r#"{"code":"2.05","max_age":60,"hex":"ff00"}"#);
        let json = Response::content("{ \"a\": 1\n}").content_format(ContentFormat::JSON);
        assert_eq!(record(&json, false), r#"{"a":1}"#);
        let cbor = Response::content(vec![0xa1, 1, 2]).content_format(ContentFormat::CBOR);
        assert_eq!(record(&cbor, false), "{1: 2}");
        let valid = Response::new(Code::VALID);
        assert_eq!(record(&valid, false), "");
    }
}
