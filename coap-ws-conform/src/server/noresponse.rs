//! No-Response (RFC 7967).

use crate::case::{Case, Outcome, deviates, run};
use crate::context::{Cx, request};
use crate::wire::message::{Code, Message};
use crate::wire::names::NO_RESPONSE;

/// What comes of a request with this value.
async fn said(cx: &Cx, request: Message, value: &[u8]) -> Outcome<Option<Message>> {
    let mut conn = cx.open().await?;
    conn.say(&request.token(b"nr").option(NO_RESPONSE, value)).await;
    let said = conn.quiet().await?;
    conn.ask(cx.get()?).await?;
    match said.as_slice() {
        [] => Ok(None),
        [one] if one.token == b"nr" => Ok(Some(one.clone())),
        more => Err(deviates(format!("{} messages came", more.len()))),
    }
}

/// A response has to come, of this class.
async fn answered(cx: &Cx, request: Message, value: &[u8], class: u8) -> Outcome {
    match said(cx, request, value).await? {
        Some(answer) if answer.code.class() == class => Ok(()),
        Some(answer) => Err(deviates(answer.code.to_string())),
        None => Err(deviates("silence")),
    }
}

fn missing(cx: &Cx) -> Message {
    request(Code::GET, cx.target().missing())
}

const WANTED: &str = "A class that is not disclaimed is sent, whatever the server would suppress \
                      of its own accord.";
const EITHER: &str = "Suppressing what is disclaimed is a MAY; answering all the same conforms.";

pub(super) const CASES: &[Case] = &[
    Case::def("nr-26", &["NR-01", "NR-04"])
        .says("7967 §2", "No-Response 26: silence or a response, and the connection goes on")
        .expects("Silence, or one response", EITHER)
        .run(run!(cx, {
            said(&cx, cx.get()?, &[26]).await?;
        })),
    Case::def("nr-26-error", &["NR-04"])
        .says("7967 §2", "The same for an error")
        .expects("Silence, or one response", EITHER)
        .run(run!(cx, {
            said(&cx, missing(&cx), &[26]).await?;
        })),
    Case::must("nr-2-error", &["NR-03"])
        .says("7967 §2.1", "No-Response 2 does not hide a 4.04")
        .expects("4.04", WANTED)
        .run(run!(cx, {
            answered(&cx, missing(&cx), &[2], 4).await?;
        })),
    Case::must("nr-8-success", &["NR-03"])
        .says("7967 §2.1", "No-Response 8 does not hide a 2.05")
        .expects("2.05", WANTED)
        .run(run!(cx, {
            answered(&cx, cx.get()?, &[8], 2).await?;
        })),
    Case::must("nr-16", &["NR-03"])
        .says("7967 §2.1", "No-Response 16 hides neither 2.05 nor 4.04")
        .expects("2.05; 4.04", WANTED)
        .run(run!(cx, {
            answered(&cx, cx.get()?, &[16], 2).await?;
            answered(&cx, missing(&cx), &[16], 4).await?;
        })),
    Case::must("nr-24", &["NR-03"])
        .says("7967 §2.1", "No-Response 24 does not hide a 2.05")
        .expects("2.05", WANTED)
        .run(run!(cx, {
            answered(&cx, cx.get()?, &[24], 2).await?;
        })),
    Case::def("nr-0", &["NR-02"])
        .says("7967 §2.1", "No-Response without a value hides nothing")
        .expects("2.05", "An empty value, or 0, is interest in all responses.")
        .run(run!(cx, {
            answered(&cx, cx.get()?, &[], 2).await?;
        })),
    Case::silent("nr-undefined-bits", &["NR-05"])
        .says("7967 §2.1", "Bits nobody has defined hide nothing")
        .expects("2.05", "Only 2, 8 and 16 are defined: 229 has all the others.")
        .run(run!(cx, {
            answered(&cx, cx.get()?, &[0xe5], 2).await?;
        })),
    Case::must("nr-2-bytes", &["NR-06"])
        .says("7252 §5.4.3", "No-Response of two bytes is ignored")
        .expects("2.05", "A wrong length makes an elective option unrecognised.")
        .run(run!(cx, {
            answered(&cx, cx.get()?, &[0, 26], 2).await?;
        })),
    Case::def("nr-consistent", &["NR-02", "NR-07"])
        .says("7967 §2.1", "Who honours 26 for a 2.05 honours 2 for it")
        .expects(
            "Both silent, or both answered",
            "26 is 2, 8 and 16 together, and each bit stands \
             for its class, whatever the transport.",
        )
        .run(run!(cx, {
            let all = said(&cx, cx.get()?, &[26]).await?.is_some();
            let class = said(&cx, cx.get()?, &[2]).await?.is_some();
            if all != class {
                let word = |answered| if answered { "a response" } else { "silence" };
                Err(deviates(format!("{} to 26, {} to 2", word(all), word(class))))?;
            }
        })),
    Case::must("nr-twice", &["OPT-07"])
        .says("7252 §5.4.5", "Of two No-Response options the first counts")
        .expects("2.05: the first is 0", "Supernumerary occurrences are treated as unrecognised.")
        .run(run!(cx, {
            answered(&cx, cx.get()?.option(NO_RESPONSE, []), &[26], 2).await?;
        })),
];
