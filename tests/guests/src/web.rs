//! Requests as a guest may try to make them: `wasi:http`, without anything between that could be too well-behaved.

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package bulkhead:web;

            world web {
                import wasi:http/client@0.3.0;
            }

            package wasi:http@0.3.0 {
                interface types {
                    variant scheme { HTTP, HTTPS, other(string) }
                    record DNS-error-payload { rcode: option<string>, info-code: option<u16> }
                    record TLS-alert-received-payload { alert-id: option<u8>, alert-message: option<string> }
                    record field-size-payload { field-name: option<string>, field-size: option<u32> }
                    variant error-code {
                        DNS-timeout,
                        DNS-error(DNS-error-payload),
                        destination-not-found,
                        destination-unavailable,
                        destination-IP-prohibited,
                        destination-IP-unroutable,
                        connection-refused,
                        connection-terminated,
                        connection-timeout,
                        connection-read-timeout,
                        connection-write-timeout,
                        connection-limit-reached,
                        TLS-protocol-error,
                        TLS-certificate-error,
                        TLS-alert-received(TLS-alert-received-payload),
                        HTTP-request-denied,
                        HTTP-request-length-required,
                        HTTP-request-body-size(option<u64>),
                        HTTP-request-method-invalid,
                        HTTP-request-URI-invalid,
                        HTTP-request-URI-too-long,
                        HTTP-request-header-section-size(option<u32>),
                        HTTP-request-header-size(option<field-size-payload>),
                        HTTP-request-trailer-section-size(option<u32>),
                        HTTP-request-trailer-size(field-size-payload),
                        HTTP-response-incomplete,
                        HTTP-response-header-section-size(option<u32>),
                        HTTP-response-header-size(field-size-payload),
                        HTTP-response-body-size(option<u64>),
                        HTTP-response-trailer-section-size(option<u32>),
                        HTTP-response-trailer-size(field-size-payload),
                        HTTP-response-transfer-coding(option<string>),
                        HTTP-response-content-coding(option<string>),
                        HTTP-response-timeout,
                        HTTP-upgrade-failed,
                        HTTP-protocol-error,
                        loop-detected,
                        configuration-error,
                        internal-error(option<string>),
                    }
                    variant header-error { invalid-syntax, forbidden, immutable, size-exceeded, other(option<string>) }
                    resource fields {
                        constructor();
                        get: func(name: string) -> list<list<u8>>;
                        append: func(name: string, value: list<u8>) -> result<_, header-error>;
                    }
                    resource request-options {}
                    resource request {
                        new: static func(
                            headers: fields,
                            contents: option<stream<u8>>,
                            trailers: future<result<option<fields>, error-code>>,
                            options: option<request-options>,
                        ) -> tuple<request, future<result<_, error-code>>>;
                        set-path-with-query: func(path-with-query: option<string>) -> result;
                        set-scheme: func(scheme: option<scheme>) -> result;
                        set-authority: func(authority: option<string>) -> result;
                    }
                    resource response {
                        get-status-code: func() -> u16;
                        get-headers: func() -> fields;
                    }
                }
                interface client {
                    use types.{request, response, error-code};
                    send: async func(request: request) -> result<response, error-code>;
                }
            }
        ",
        generate_all,
    });
}

use bindings::wasi::http::client;
use bindings::wasi::http::types::{ErrorCode, Fields, Request, Scheme};
use bindings::wit_future;

/// The status, and where the answer sends the client.
pub type Answered = Result<(u16, Option<String>), String>;

/// Asks for something, at an address that is put together from the parts as they are.
pub async fn get(scheme: &str, authority: &str, path: &str, headers: &[(&str, &str)]) -> Answered {
    let fields = Fields::new();
    for (name, value) in headers {
        fields.append(name, value.as_bytes()).map_err(|error| format!("header {name}: {error:?}"))?;
    }
    let (trailers, no_trailers) = wit_future::new::<Result<Option<Fields>, ErrorCode>>(|| Ok(None));
    drop(trailers);
    let (request, _sent) = Request::new(fields, None, no_trailers, None);
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    };
    let told = request.set_scheme(Some(&scheme)).is_ok()
        && request.set_authority(Some(authority)).is_ok()
        && request.set_path_with_query(Some(path)).is_ok();
    if !told {
        return Err("no request can be made of it".to_owned());
    }
    let response = client::send(request).await.map_err(|error| format!("{error:?}"))?;
    let location = response.get_headers().get("location").into_iter().next();
    Ok((response.get_status_code(), location.map(|place| String::from_utf8_lossy(&place).into_owned())))
}

/// Asks for a URL.
pub async fn get_url(url: &str) -> Answered {
    let (scheme, rest) = url.split_once("://").ok_or("no URL")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    get(scheme, authority, &format!("/{path}"), &[]).await
}
