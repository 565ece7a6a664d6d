//! One request over `wasi:http` and its answer.

use bulkhead_plugin_sdk::{Failure, Result, storage};
use bytes::Bytes;
use futures::FutureExt;
use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use object_store::client::{HttpRequest, HttpRequestBody, HttpResponse, HttpResponseBody};

use crate::body::ResponseBody;
use crate::wasi::{self, ErrorCode, Fields, Method, Request, RequestOptions, Response, Scheme};
use crate::{Fault, Operation};

/// Bytes that one write hands to the host. Measured: smaller ones cost trips, larger ones gain nothing.
const WRITE: usize = 1 << 20;
/// The longest answer that is read as a text.
const TEXT_BYTES: usize = 8 << 20;
const SECOND_NS: u64 = 1_000_000_000;
/// How long an answer may stand still.
const BETWEEN_BYTES_NS: u64 = 60 * SECOND_NS;
const CONNECT_NS: u64 = 15 * SECOND_NS;

/// Sends one request, once.
///
/// # Errors
/// When there is no answer at all; an answer that says no is an answer.
pub async fn ask(request: HttpRequest, operation: Operation) -> Result<HttpResponse, Fault> {
    let host = request.uri().host().unwrap_or_default().to_owned();
    let explain = |code| trouble(code, &host, operation);
    let request = prepare(request, operation).map_err(|()| {
        Fault::ended(Failure::invalid(format!("{}: the request cannot be written", operation.failing())))
    })?;
    let response = wasi::send(request).await.map_err(explain)?;

    let status = StatusCode::from_u16(response.get_status_code()).map_err(|_| explain(ErrorCode::HttpProtocolError))?;
    let mut headers = HeaderMap::new();
    for (name, value) in response.get_headers().copy_all() {
        // A header that is none is nothing we would look for.
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(&value)) {
            headers.append(name, value);
        }
    }
    let (read, taken) = wasi::wit_future::new(|| Ok(()));
    let (body, trailers) = Response::consume_body(response, taken);
    let body = ResponseBody::new(body, trailers, read, move |code| trouble(code, &host, operation));
    let mut answer = HttpResponse::new(HttpResponseBody::new(body));
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    Ok(answer)
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
pub fn body_pieces(body: &HttpRequestBody) -> impl Iterator<Item = Bytes> {
    let mut body = body.clone();
    std::iter::from_fn(move || {
        // It lies in memory: there is nothing to wait for.
        let frame = body.frame().now_or_never()??.ok()?;
        frame.into_data().ok()
    })
}

fn prepare(request: HttpRequest, operation: Operation) -> Result<Request, ()> {
    let (parts, body) = request.into_parts();
    let fields = Fields::new();
    for (name, value) in &parts.headers {
        // The host adds the one, from the authority; the other follows below.
        if name != HOST && name != CONTENT_LENGTH {
            fields.append(name.as_str(), value.as_bytes()).map_err(drop)?;
        }
    }
    let length = body.content_length();
    if length > 0 || !matches!(parts.method, http::Method::GET | http::Method::HEAD) {
        fields.append(CONTENT_LENGTH.as_str(), length.to_string().as_bytes()).map_err(drop)?;
    }

    // Dropped, it says that there are no trailers; it has to outlive the body.
    let (no_trailers, trailers) = wasi::wit_future::new(|| Ok(None));
    let contents = (length > 0).then(|| {
        let (sink, contents) = wasi::wit_stream::new();
        storage::spawn(async move {
            send_body(body, sink).await;
            drop(no_trailers);
        });
        contents
    });
    let options = RequestOptions::new();
    let patience = u64::try_from(operation.patience().as_nanos()).unwrap_or(u64::MAX);
    // A host that knows none of these has its own.
    let _own = options.set_connect_timeout(Some(CONNECT_NS));
    let _own = options.set_first_byte_timeout(Some(patience));
    let _own = options.set_between_bytes_timeout(Some(BETWEEN_BYTES_NS));
    let (request, _transmitted) = Request::new(fields, contents, trailers, Some(options));
    request.set_method(&method(&parts.method))?;
    request.set_scheme(parts.uri.scheme_str().map(scheme).as_ref())?;
    request.set_authority(parts.uri.authority().map(http::uri::Authority::as_str))?;
    request.set_path_with_query(parts.uri.path_and_query().map(http::uri::PathAndQuery::as_str))?;
    Ok(request)
}

/// Writes the body in pieces, through one buffer: the payload itself stays for another try.
async fn send_body(body: HttpRequestBody, mut sink: wit_bindgen::StreamWriter<u8>) {
    let mut buffer = Vec::new();
    for data in body_pieces(&body) {
        for piece in data.chunks(WRITE) {
            buffer.clear();
            buffer.extend_from_slice(piece);
            let (mut status, mut rest) = sink.write(buffer).await;
            while rest.remaining() > 0 {
                if !matches!(status, wit_bindgen::StreamResult::Complete(_)) {
                    // The request has ended before its body.
                    return;
                }
                (status, rest) = sink.write_buf(rest).await;
            }
            buffer = rest.into_vec();
        }
    }
}

fn method(method: &http::Method) -> Method {
    match method.as_str() {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "PUT" => Method::Put,
        "POST" => Method::Post,
        "DELETE" => Method::Delete,
        other => Method::Other(other.to_owned()),
    }
}

fn scheme(scheme: &str) -> Scheme {
    if scheme == "http" { Scheme::Http } else { Scheme::Https }
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
