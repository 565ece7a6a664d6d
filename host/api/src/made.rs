//! What requests that start work have in common: a key under which they may be sent again.

use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponseParts, ResponseParts};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

/// Says that this very request was carried out before, and that nothing was done now.
pub struct Replayed(pub bool);

impl IntoResponseParts for Replayed {
    type Error = std::convert::Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Self::Error> {
        if self.0 {
            parts.headers_mut().insert(HeaderName::from_static(REPLAYED), HeaderValue::from_static("true"));
        }
        Ok(parts)
    }
}

const REPLAYED: &str = "idempotent-replayed";

/// The header `Idempotency-Key`, for documents.
pub struct Started;

impl IntoParams for Started {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let schema = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[!-~]{1,255}$"));
        let parameter = ParameterBuilder::new().name("Idempotency-Key").parameter_in(ParameterIn::Header);
        let about = "Chosen by the caller, new for each new request. Sent again within 24 hours under the same key, \
                     the same request is answered with what it made the first time, and another one refused (409).";
        vec![parameter.description(Some(about)).schema(Some(schema)).build()]
    }
}
