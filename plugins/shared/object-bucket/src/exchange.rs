//! One request over `wasi:http` and its answer.

use std::time::Duration;

use bulkhead_plugin_sdk::{Failure, Result};
use bytes::Bytes;
use futures::FutureExt;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use object_store::client::{HttpRequest, HttpRequestBody, HttpResponse, HttpResponseBody};
use wasi_http::{ErrorCode, Patience};

use crate::body::ResponseBody;
use crate::{Fault, Operation};

/// The longest answer that is read as a text.
const TEXT_BYTES: usize = 8 << 20;
/// How long an answer may stand still.
const BETWEEN_BYTES: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_secs(15);

/// Sends one request, once.
///
/// # Errors
/// When there is no answer at all; an answer that says no is an answer.
pub async fn ask(request: HttpRequest, operation: Operation) -> Result<HttpResponse, Fault> {
    let host = request.uri().host().unwrap_or_default().to_owned();
    let (parts, body) = request.into_parts();
    let length = u64::try_from(body.content_length()).unwrap_or(u64::MAX);
    let patience = Patience { connect: CONNECT, answer: operation.patience(), between_bytes: BETWEEN_BYTES };
    let request = http::Request::from_parts(parts, body_pieces(&body));
    let answer = wasi_http::send(request, length, patience).await.map_err(|code| trouble(code, &host, operation))?;
    let (parts, body) = answer.into_parts();
    let body = ResponseBody::new(body, move |code| trouble(code, &host, operation));
    Ok(HttpResponse::from_parts(parts, HttpResponseBody::new(body)))
}

/// An answer's body as a text.
///
/// # Errors
/// When it breaks off or is no text of a decent length.
pub async fn text(body: HttpResponseBody, operation: Operation) -> Result<String, Fault> {
    let unreadable = || {
        Failure::unavailable(format!("{}: the service gave an answer that cannot be understood", operation.failing()))
    };
    let collected = Limited::new(body, TEXT_BYTES).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() {
            return Fault::ended(unreadable());
        }
        let error: &(dyn std::error::Error + 'static) = &*error;
        Fault::of(error, operation.failing())
    })?;
    String::from_utf8(collected.to_bytes().into()).map_err(|_| Fault::passing(unreadable()))
}

/// The bytes of a request's body, without a copy of them.
pub fn body_pieces(body: &HttpRequestBody) -> impl Iterator<Item = Bytes> + use<> {
    let mut body = body.clone();
    std::iter::from_fn(move || {
        // It lies in memory: there is nothing to wait for.
        let frame = body.frame().now_or_never()??.ok()?;
        frame.into_data().ok()
    })
}

/// What it means that there is no answer, or not all of one.
fn trouble(code: ErrorCode, host: &str, operation: Operation) -> Fault {
    let failing = operation.failing();
    let unavailable = |why: &str| Fault::passing(Failure::unavailable(format!("{failing}: {why}")));
    match code {
        ErrorCode::HttpRequestDenied => Fault::ended(
            Failure::denied(format!("{failing}: {host} is no endpoint of this target"))
                .with_hint("a target speaks to the endpoints in its configuration alone"),
        ),
        ErrorCode::DestinationIpProhibited => Fault::ended(
            Failure::denied(format!("{failing}: {host} has a private address"))
                .with_hint("the operator can allow it under [egress] endpoints in bulkhead.toml"),
        ),
        ErrorCode::TlsCertificateError => Fault::ended(
            Failure::denied(format!("{failing}: the certificate of {host} is not trusted"))
                .with_hint("the operator can name its authority under [egress] ca_files in bulkhead.toml"),
        ),
        ErrorCode::TlsProtocolError | ErrorCode::TlsAlertReceived(_) => {
            let failure = Failure::unavailable(format!("{failing}: {host} does not speak TLS as it should"));
            Fault::ended(failure.with_hint("is it an https address, with that port?"))
        }
        ErrorCode::DnsError(_) | ErrorCode::DnsTimeout | ErrorCode::DestinationNotFound => {
            let failure = Failure::unavailable(format!("{failing}: the name {host} is not known"));
            Fault::passing(failure.with_hint("check `endpoint`, and the name and region of the bucket"))
        }
        ErrorCode::ConnectionRefused | ErrorCode::DestinationUnavailable => {
            unavailable(&format!("{host} refuses the connection"))
        }
        ErrorCode::ConnectionTimeout | ErrorCode::ConnectionReadTimeout | ErrorCode::HttpResponseTimeout => {
            unavailable(&format!("{host} does not answer in time"))
        }
        ErrorCode::ConnectionLimitReached => unavailable("too many requests are under way"),
        ErrorCode::HttpRequestUriInvalid | ErrorCode::HttpRequestMethodInvalid => {
            Fault::ended(Failure::invalid(format!("{failing}: the request cannot be sent")))
        }
        _ => unavailable(&format!("the connection to {host} broke off")),
    }
}
