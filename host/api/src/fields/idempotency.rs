//! The header `Idempotency-Key`, and what a request under it says: another one under the same key is a mistake.

use axum::http::request::Parts;
use bulkhead_catalog::Idempotency;
use bulkhead_model::{Failure, Result};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

const HEADER: &str = "idempotency-key";
const LONGEST: usize = 255;

/// The key that a request carries, and the fingerprint of its method, address and body.
///
/// # Errors
/// `invalid` when the key cannot be one.
pub fn idempotency(parts: &Parts, body: &Map<String, Value>) -> Result<Option<Idempotency>> {
    let mut values = parts.headers.get_all(HEADER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let fits = |key: &&str| (1..=LONGEST).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    let key = value.to_str().ok().filter(fits).filter(|_| values.next().is_none()).ok_or_else(|| {
        Failure::invalid("the header `Idempotency-Key` must be 1 to 255 visible ASCII characters")
            .with_hint("use e.g. a UUID, a new one for each new request")
    })?;
    let mut hash = Sha256::new();
    // Routes lie under two prefixes, which are cut off here; a line break is in neither method nor path.
    hash.update(format!("{}\n{}\n", parts.method, parts.uri.path()));
    hash.update(canonical(&Value::Object(body.clone())).to_string());
    Ok(Some(Idempotency { key: key.to_owned(), fingerprint: hex::encode(hash.finalize()) }))
}

/// The same JSON with the fields of every object in one order, whatever the caller's.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut fields: Vec<_> = map.iter().collect();
            fields.sort_by_key(|(name, _)| name.as_str());
            fields.into_iter().map(|(name, value)| (name.clone(), canonical(value))).collect()
        }
        Value::Array(items) => items.iter().map(canonical).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str, key: &str, body: &str) -> Result<Option<Idempotency>> {
        let request = axum::http::Request::post(path).header(HEADER, key).body(()).unwrap();
        idempotency(&request.into_parts().0, serde_json::from_str::<Value>(body).unwrap().as_object().unwrap())
    }

    #[test]
    fn the_fingerprint_is_of_what_is_said_not_of_how_it_is_written() {
        let print = |path, body| of(path, "k", body).unwrap().unwrap().fingerprint;
        let one = print("/restores", r#"{"key": "b", "service_id": "db1"}"#);
        assert_eq!(one, print("/restores", r#"{"service_id":"db1","key":"b"}"#));
        assert_ne!(one, print("/restores", r#"{"service_id":"db1","key":"c"}"#));
        assert_ne!(one, print("/backups/schedules", r#"{"service_id":"db1","key":"b"}"#));
        for bad in ["", " ", "a b", &"x".repeat(256)] {
            assert!(of("/restores", bad, "{}").is_err(), "{bad}");
        }
    }
}
