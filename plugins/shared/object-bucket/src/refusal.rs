//! Answers that say no, and what they mean where all services agree.

use std::time::Duration;

use bulkhead_plugin_sdk::Failure;
use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderMap, StatusCode};

use crate::{Fault, Operation, Verdict, xml};

/// The most of a service's own words that a message repeats.
const MESSAGE_CHARS: usize = 200;

/// An answer that says no.
#[derive(Debug)]
pub struct Refusal {
    /// What was asked.
    pub operation: Operation,
    /// The answer's status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// The service's word for the reason, e.g. `NoSuchKey`; empty when it gave none.
    pub code: String,
    /// Its own sentence, cleaned; empty when there is none.
    pub message: String,
    body: String,
}

impl Refusal {
    /// Reads an answer. `secrets` are what no message may repeat, whatever the service says.
    pub fn read(operation: Operation, status: StatusCode, headers: HeaderMap, body: &str, secrets: &[&str]) -> Self {
        let header_code = headers.get("x-ms-error-code").and_then(|code| code.to_str().ok()).map(str::to_owned);
        let code = header_code.or_else(|| xml::element(body, "Code")).unwrap_or_default();
        let code: String = code.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
        let message = xml::element(body, "Message").map(|message| clean(&message, secrets)).unwrap_or_default();
        Self { operation, status, headers, code, message, body: body.to_owned() }
    }

    /// The text of another element of the answer, when it is one short word.
    pub fn detail(&self, element: &str) -> Option<String> {
        let plain =
            |text: &String| text.len() <= 64 && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        xml::element(&self.body, element).filter(plain)
    }

    /// What cannot be done and why, as the service says it.
    pub fn sentence(&self) -> String {
        let failing = self.operation.failing();
        match (self.code.as_str(), self.message.as_str()) {
            ("", "") => format!("{failing}: the service answers {}", self.status.as_u16()),
            ("", message) => format!("{failing}: the service answers {}: {message}", self.status.as_u16()),
            (code, "") => format!("{failing}: the service answers {code}"),
            (code, message) => format!("{failing}: the service answers {code}: {message}"),
        }
    }

    /// What follows where the service is nothing special.
    pub fn fault(&self) -> Fault {
        match self.status.as_u16() {
            404 => {
                Fault::new(Verdict::Absent, Failure::not_found(format!("{}: no such object", self.operation.failing())))
            }
            412 if self.operation == Operation::Get => Fault::new(
                Verdict::Replaced,
                Failure::corrupt("cannot read the object: it was replaced while it was read"),
            ),
            304 | 412 => self.exists(),
            // Another write of the same key is under way: what it comes to shows at the next try.
            409 if self.operation.publishes() => Fault::passing(Failure::conflict(self.sentence()).with_retry(true)),
            409 => Fault::ended(Failure::conflict(self.sentence())),
            416 => Fault::new(Verdict::PastEnd, Failure::invalid("the range starts past the end of the object")),
            401 | 403 => Fault::ended(Failure::denied(self.sentence())),
            507 => self.full(),
            408 | 429 | 500..=599 => {
                Fault { wait: self.wait(), ..Fault::passing(Failure::unavailable(self.sentence())) }
            }
            300..=399 => self.elsewhere(),
            _ => Fault::ended(Failure::invalid(self.sentence())),
        }
    }

    /// The object is there already.
    pub fn exists(&self) -> Fault {
        Fault::new(Verdict::Exists, Failure::conflict(format!("{}: it exists", self.operation.failing())))
    }

    /// No room: trying again at once does not help, later may.
    pub fn full(&self) -> Fault {
        let failure = Failure::unavailable(self.sentence()).with_hint("free space in the bucket, or raise its quota");
        Fault::ended(failure)
    }

    /// Bytes arrived changed: the next try sends them again.
    pub fn damaged(&self) -> Fault {
        let failure = Failure::corrupt(format!("{}: its bytes were changed on their way", self.operation.failing()));
        Fault::passing(failure.with_retry(true))
    }

    fn elsewhere(&self) -> Fault {
        let host = self.headers.get(LOCATION).and_then(|location| location.to_str().ok());
        let host = host.and_then(|location| url::Url::parse(location).ok());
        let place = host.as_ref().and_then(|location| location.host_str()).unwrap_or("another address");
        let failure = Failure::invalid(format!("{}: the service sends us to {place}", self.operation.failing()))
            .with_hint("redirects are not followed: set `endpoint` (and `region`) to where the bucket is");
        Fault::ended(failure)
    }

    fn wait(&self) -> Option<Duration> {
        let seconds = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds))
    }
}

/// A service's sentence, fit for a message: one line, printable, short, without anything secret.
fn clean(message: &str, secrets: &[&str]) -> String {
    let line: String = message.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).collect();
    let telling = secrets.iter().any(|secret| !secret.is_empty() && line.contains(secret));
    let signed = ["sig=", "Signature=", "signature=", "Bearer "].iter().any(|word| line.contains(word));
    if telling || signed { String::new() } else { line.trim().chars().take(MESSAGE_CHARS).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_service_says_is_told_without_secrets() {
        let read = |message: &str| {
            let body = format!("<Error><Code>Access&lt;Denied</Code><Message>{message}</Message></Error>");
            Refusal::read(Operation::Put, StatusCode::FORBIDDEN, HeaderMap::new(), &body, &["hunter2"]).sentence()
        };
        let silent = "cannot keep the object: the service answers AccessDenied";
        assert_eq!(read("no &amp; never\nRequestId:1"), format!("{silent}: no & never"));
        for message in ["hunter2", "the key hunter2 is wrong", "GET /?sig=abc", "Signature=abc", "Bearer abc"] {
            assert_eq!(read(message), silent, "{message}");
        }
        assert!(read(&"x".repeat(5000)).len() < 300);
    }

    #[test]
    fn only_what_passes_is_tried_again() {
        let verdict = |status: u16, operation| {
            let status = StatusCode::from_u16(status).unwrap();
            Refusal::read(operation, status, HeaderMap::new(), "", &[]).fault().verdict
        };
        for status in [408, 429, 500, 502, 503, 504] {
            assert_eq!(verdict(status, Operation::Get), Verdict::Passing, "{status}");
        }
        for status in [301, 307, 400, 401, 403, 405, 507] {
            assert_eq!(verdict(status, Operation::Get), Verdict::Final, "{status}");
        }
        assert_eq!(verdict(404, Operation::Get), Verdict::Absent);
        assert_eq!((verdict(412, Operation::Get), verdict(412, Operation::Put)), (Verdict::Replaced, Verdict::Exists));
        assert_eq!(verdict(416, Operation::Get), Verdict::PastEnd);
    }
}
