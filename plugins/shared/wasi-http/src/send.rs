//! One request and its answer.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderName, HeaderValue, StatusCode};

use crate::Body;
use crate::bindings::{self, ErrorCode, Fields, Method, Request, RequestOptions, Scheme};

/// Bytes that one write hands to the host. Measured: smaller ones cost trips, larger ones gain nothing.
const WRITE: usize = 1 << 20;

/// How long to wait. The host may be less patient.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the connection.
    pub connect: Duration,
    /// From the request to the first byte of its answer.
    pub answer: Duration,
    /// From one byte of the answer to the next.
    pub between_bytes: Duration,
}

/// Sends one request, once. Its body comes in pieces of `length` bytes together.
///
/// # Errors
/// When there is no answer at all; an answer that says no is an answer.
pub async fn send(
    request: http::Request<impl Iterator<Item = Bytes> + 'static>,
    length: u64,
    patience: Patience,
) -> Result<http::Response<Body>, ErrorCode> {
    let request = prepare(request, length, patience).map_err(|()| ErrorCode::HttpRequestUriInvalid)?;
    let response = bindings::send(request).await?;
    let status = StatusCode::from_u16(response.get_status_code()).map_err(|_| ErrorCode::HttpProtocolError)?;
    let headers = response.get_headers().copy_all();
    let mut answer = http::Response::new(Body::of(response));
    *answer.status_mut() = status;
    for (name, value) in headers {
        // A header that is none is nothing we would look for.
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(&value)) {
            answer.headers_mut().append(name, value);
        }
    }
    Ok(answer)
}

fn prepare(
    request: http::Request<impl Iterator<Item = Bytes> + 'static>,
    length: u64,
    patience: Patience,
) -> Result<Request, ()> {
    let (parts, body) = request.into_parts();
    let fields = Fields::new();
    for (name, value) in &parts.headers {
        // The host adds the one, from the authority; the other follows below.
        if name != HOST && name != CONTENT_LENGTH {
            fields.append(name.as_str(), value.as_bytes()).map_err(drop)?;
        }
    }
    if length > 0 || !matches!(parts.method, http::Method::GET | http::Method::HEAD) {
        fields.append(CONTENT_LENGTH.as_str(), length.to_string().as_bytes()).map_err(drop)?;
    }

    // Dropped, it says that there are no trailers; it has to outlive the body.
    let (no_trailers, trailers) = bindings::wit_future::new(|| Ok(None));
    let contents = (length > 0).then(|| {
        let (sink, contents) = bindings::wit_stream::new();
        wit_bindgen::spawn_local(async move {
            send_body(body, sink).await;
            drop(no_trailers);
        });
        contents
    });
    let options = RequestOptions::new();
    let nanoseconds = |time: Duration| Some(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    // A host that knows none of these has its own.
    let _own = options.set_connect_timeout(nanoseconds(patience.connect));
    let _own = options.set_first_byte_timeout(nanoseconds(patience.answer));
    let _own = options.set_between_bytes_timeout(nanoseconds(patience.between_bytes));
    let (request, _transmitted) = Request::new(fields, contents, trailers, Some(options));
    request.set_method(&method(&parts.method))?;
    request.set_scheme(parts.uri.scheme_str().map(scheme).as_ref())?;
    request.set_authority(parts.uri.authority().map(http::uri::Authority::as_str))?;
    request.set_path_with_query(parts.uri.path_and_query().map(http::uri::PathAndQuery::as_str))?;
    Ok(request)
}

/// Writes the body in pieces, through one buffer: the payload itself may stay for another try.
async fn send_body(body: impl Iterator<Item = Bytes>, mut sink: wit_bindgen::StreamWriter<u8>) {
    let mut buffer = Vec::new();
    for data in body {
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
