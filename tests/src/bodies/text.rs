//! URIs.

use coap_ws_core::message::uri::{Authority, Scheme, Uri, compose};
use coap_ws_core::message::{Message, OptionNumber, Request, encode_message};

/// Reads any text as a URI, as it is and behind a scheme, takes it apart and puts it together
/// again. A line break separates it from a reference that is joined to it.
pub fn uri(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (text, reference) = text.split_once('\n').unwrap_or((text, ""));
    if let Ok(authority) = Authority::parse(text) {
        round_trip_of_authority(&authority);
    }
    one_uri(text, reference);
    one_uri(&format!("coap+ws://{text}"), reference);
}

fn one_uri(text: &str, reference: &str) {
    let uri = match Uri::parse(text) {
        Ok(uri) => uri,
        Err(error) => {
            assert!(error.offset <= text.len(), "{error:?} in {} bytes", text.len());
            return;
        }
    };
    round_trip(&uri);
    match uri.join(reference) {
        Ok(joined) => {
            round_trip(&joined);
            // A base counts in its normal form.
            let normal = uri.to_string();
            let again = Uri::parse(&normal).expect("the normal form is a URI");
            assert_eq!(again.join(reference).ok(), Some(joined));
        }
        Err(error) => assert!(error.offset <= reference.len(), "{error:?}"),
    }
}

fn round_trip_of_authority(authority: &Authority<'_>) {
    let normal = authority.to_string();
    let again = Authority::parse(&normal).expect("the normal form is an authority");
    assert_eq!(again.to_string(), normal);
    let uri = Uri::from_authority(Scheme::CoapsWs, *authority);
    assert_eq!(uri.path_segments().count(), 0);
}

fn round_trip(uri: &Uri<'_>) {
    let normal = uri.to_string();
    let again = Uri::parse(&normal).expect("the normal form is a URI");
    assert_eq!(again, *uri, "the normal form names something else");
    assert_eq!(again.to_string(), normal, "the normal form has a normal form");
    assert!(uri.same_authority(&again));
    let ws = uri.ws_uri().to_string();
    assert!(ws.starts_with(uri.scheme().ws_scheme()) && ws.ends_with("/.well-known/coap"));
    // What goes into a request comes out of it.
    let mut options: Vec<(OptionNumber, Vec<u8>)> = Vec::new();
    for (number, value) in uri.option_values() {
        let bytes: Vec<u8> = value.bytes().collect();
        assert_eq!((bytes.len(), bytes.is_empty()), (value.len(), value.is_empty()));
        assert!(value.eq_bytes(&bytes) && bytes.len() <= 255);
        options.push((number, bytes));
    }
    assert!(options.is_sorted_by_key(|(number, _)| *number));
    let draft = Request::get().uri(uri);
    let mut buffer = vec![0; 8192];
    if let Ok(size) = encode_message(&mut buffer, &[], &draft) {
        let message = Message::parse(&buffer[..size]).expect("written, so readable");
        let back = message.options().map(|option| (option.number, option.value.to_vec()));
        assert_eq!(back.collect::<Vec<_>>(), options);
    } else {
        assert!(options.len() > coap_ws_core::message::MAX_DRAFT_OPTIONS, "{uri} is not sent");
    }
    let of = |wanted| {
        let all = options.iter().filter(move |(number, _)| *number == wanted);
        all.map(|(_, value)| value.as_slice())
    };
    let host: Vec<u8> = uri.host().option_value().bytes().collect();
    let (path, query) = (of(OptionNumber::URI_PATH), of(OptionNumber::URI_QUERY));
    let mut composed = String::new();
    let done = compose(&mut composed, uri.scheme(), &host, uri.port(), path, query);
    if done.is_ok() {
        assert_eq!(composed, normal, "put together again, it is another");
    }
}
