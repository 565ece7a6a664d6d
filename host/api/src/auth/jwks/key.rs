//! One public key.

use bulkhead_model::{Failure, Result};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

/// Shorter moduli are broken.
const RSA_BYTES: usize = 2048 / 8;

/// One public key and the one algorithm that it is for.
#[derive(Clone)]
pub struct Key {
    pub kid: Option<String>,
    pub algorithm: Algorithm,
    pub decoding: DecodingKey,
}

/// Reads a key set. Keys for something else are passed over.
///
/// # Errors
/// `invalid` when it is no key set, or has no key for a signature that this host knows.
pub fn read_set(text: &[u8]) -> Result<Vec<Key>> {
    let set: Value =
        serde_json::from_slice(text).map_err(|error| Failure::invalid(format!("the key set is not JSON: {error}")))?;
    let Some(keys) = set["keys"].as_array() else {
        return Err(Failure::invalid("the key set has no list `keys`"));
    };
    let keys: Vec<Key> = keys.iter().filter_map(read).collect();
    if keys.is_empty() {
        return Err(Failure::invalid("the key set has no key for RS256, ES256 or EdDSA"));
    }
    Ok(keys)
}

fn read(value: &Value) -> Option<Key> {
    let jwk: Jwk = serde_json::from_value(value.clone()).ok()?;
    let signs = jwk.common.public_key_use.as_ref().is_none_or(|for_what| *for_what == PublicKeyUse::Signature)
        && jwk.common.key_operations.as_ref().is_none_or(|operations| operations.contains(&KeyOperations::Verify));
    // A symmetric key in a public set would let everybody sign.
    let (algorithm, named) = match &jwk.algorithm {
        AlgorithmParameters::RSA(rsa) if decoded_length(&rsa.n) >= RSA_BYTES => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        _ => return None,
    };
    if !signs || jwk.common.key_algorithm.is_some_and(|own| own != named) {
        return None;
    }
    let decoding = DecodingKey::from_jwk(&jwk).ok()?;
    Some(Key { kid: jwk.common.key_id, algorithm, decoding })
}

fn decoded_length(base64url: &str) -> usize {
    base64url.trim_end_matches('=').len() * 3 / 4
}
