//! What an answer must be, and whether it is.

use crate::describe;
use crate::text;
use coap_ws_tokio::Response;
use coap_ws_tokio::core::message::{Code, ContentFormat};

/// What is expected of an answer.
#[derive(Clone, Debug)]
pub(super) struct Expect<'e> {
    pub(super) code: Code,
    pub(super) format: Option<ContentFormat>,
    pub(super) payload: Payload<'e>,
}

/// What is expected of its payload.
#[derive(Clone, Copy, Debug)]
pub(super) enum Payload<'e> {
    /// Anything.
    Any,
    /// Exactly this.
    Is(&'e [u8]),
    /// Text with each of these in it.
    Has(&'e [&'e str]),
}

impl<'e> Expect<'e> {
    pub(super) const fn code(code: Code) -> Expect<'e> {
        Expect { code, format: None, payload: Payload::Any }
    }

    pub(super) const fn content(format: ContentFormat, payload: Payload<'e>) -> Expect<'e> {
        Expect { code: Code::CONTENT, format: Some(format), payload }
    }

    /// Checks an answer.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn check(&self, answer: &Response) -> Result<(), String> {
        if answer.code() != self.code {
            let (got, want) = (describe::code(answer.code()), describe::code(self.code));
            return Err(format!("{got} instead of {want}"));
        }
        if self.format.is_some() && answer.format() != self.format {
            let name = |format: Option<ContentFormat>| {
                format.map_or_else(|| "no format".to_owned(), describe::format)
            };
            return Err(format!("{} instead of {}", name(answer.format()), name(self.format)));
        }
        let payload = answer.body();
        match self.payload {
            Payload::Any => Ok(()),
            Payload::Is(want) if payload == want => Ok(()),
            Payload::Is(want) => Err(format!(
                "payload {} instead of {}",
                describe::payload(payload),
                describe::payload(want)
            )),
            Payload::Has(parts) => {
                let shown = String::from_utf8_lossy(payload);
                match parts.iter().find(|part| !shown.contains(**part)) {
                    Some(part) => Err(format!("{} is not in the payload", text::quoted(part))),
                    None => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Expect, Payload};
    use coap_ws_tokio::Response;
    use coap_ws_tokio::core::message::{Code, ContentFormat};

    #[test]
    fn each_part_of_an_answer_can_be_wrong() {
        let expect = Expect::content(ContentFormat::TEXT, Payload::Is(b"hi"));
        let right = Response::content("hi").content_format(ContentFormat::TEXT);
        assert_eq!(expect.check(&right), Ok(()));
        let wrong = |answer: Response| expect.check(&answer).unwrap_err();
        assert_eq!(wrong(Response::new(Code::NOT_FOUND)), "4.04 Not Found instead of 2.05 Content");
        assert_eq!(wrong(Response::content("hi")), "no format instead of text/plain (0)");
        assert_eq!(wrong(right.payload("ho")), "payload 2 bytes \"ho\" instead of 2 bytes \"hi\"");
    }

    #[test]
    fn parts_of_a_text() {
        let expect = Expect::content(ContentFormat::TEXT, Payload::Has(&["a", "b"]));
        let answer = |text: &'static str| {
            expect.check(&Response::content(text).content_format(ContentFormat::TEXT))
        };
        assert_eq!(answer("cab"), Ok(()));
        assert_eq!(answer("ca"), Err("\"b\" is not in the payload".into()));
    }
}
