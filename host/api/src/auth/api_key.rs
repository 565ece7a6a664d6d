//! API keys: `bk_<prefix>_<secret>`. The prefix is shown and looked up; of the whole only a hash is kept.

use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bulkhead_catalog::{ApiKey, Catalog};
use bulkhead_model::{Digest, Failure, Result, Timestamp};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use super::{Caller, Credential, Grant};
use crate::problem::{Answer, Problem};

/// The header that carries a key.
pub const HEADER: &str = "x-api-key";
/// Characters of a prefix.
pub const PREFIX_LENGTH: usize = 8;
/// Characters of 32 bytes in base64url without padding.
const SECRET_LENGTH: usize = 43;

/// A new key. Not `Debug`: whoever has the text is the caller.
pub struct KeyText {
    /// The whole text; shown once.
    pub text: String,
    /// The part by which it is known.
    pub prefix: String,
    /// SHA-256 of the text; kept.
    pub sha256: Digest,
}

impl KeyText {
    /// A new random key.
    ///
    /// # Errors
    /// `internal` when the operating system has no randomness to give.
    pub fn generate() -> Result<Self> {
        let mut random = [0_u8; PREFIX_LENGTH + 32];
        getrandom::fill(&mut random).map_err(|error| Failure::internal(format!("no randomness: {error}")))?;
        let (prefix, secret) = random.split_at(PREFIX_LENGTH);
        // Not every letter is as likely as the others; the prefix is no secret.
        let letters = b"abcdefghijklmnopqrstuvwxyz0123456789";
        let prefix: String =
            prefix.iter().map(|byte| char::from(letters[usize::from(*byte) % letters.len()])).collect();
        let text = format!("bk_{prefix}_{}", URL_SAFE_NO_PAD.encode(secret));
        Ok(Self { sha256: hash(&text), text, prefix })
    }
}

fn hash(text: &str) -> Digest {
    Digest::new(Sha256::digest(text.as_bytes()).into())
}

/// The prefix of a text that has the form of a key.
fn prefix(text: &str) -> Option<&str> {
    let (prefix, secret) = text.strip_prefix("bk_")?.split_at_checked(PREFIX_LENGTH)?;
    let secret = secret.strip_prefix('_')?;
    let ok = prefix.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        && secret.len() == SECRET_LENGTH
        && secret.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    ok.then_some(prefix)
}

/// Recognises the bearer of a key.
pub async fn check(value: &HeaderValue, now: Timestamp, catalog: &Catalog) -> Answer<Caller> {
    // The same words, whatever is wrong, until the whole text is known to be right.
    let unknown = || Problem::unauthenticated("the API key is not known");
    let text = value.to_str().map_err(|_| unknown())?.trim();
    let prefix = prefix(text).ok_or_else(unknown)?;
    let (key, kept) = catalog.api_key_by_prefix(prefix).await?.ok_or_else(unknown)?;
    let same: bool = hash(text).to_string().as_bytes().ct_eq(kept.to_string().as_bytes()).into();
    if !same {
        return Err(unknown());
    }
    if key.revoked_at.is_some() {
        return Err(Problem::unauthenticated("the API key was revoked"));
    }
    if !key.is_valid(now) {
        return Err(Problem::unauthenticated("the API key has expired"));
    }
    touch(catalog.clone(), key.clone());
    let services = key.services.map(|services| services.into_iter().collect());
    Ok(Caller {
        subject: format!("key:{}", key.prefix),
        credential: Credential::Key(key.prefix),
        organization: key.organization,
        grants: vec![Grant { role: key.role, services }],
    })
}

/// Remembers the use, beside the request: nobody has to wait for that.
fn touch(catalog: Catalog, key: ApiKey) {
    tokio::spawn(async move {
        if let Err(failure) = catalog.touch_api_key(&key).await {
            tracing::warn!(key = key.prefix, error = %failure, "the last use of an API key was not recorded");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_form_and_nothing_else_does() {
        let key = KeyText::generate().unwrap();
        assert_eq!(prefix(&key.text), Some(key.prefix.as_str()));
        assert_eq!(key.text.len(), 3 + PREFIX_LENGTH + 1 + SECRET_LENGTH);
        let (head, tail) = key.text.split_at(key.text.len() - 1);
        for bad in ["", "bk_", head, &format!("{}x", key.text), &format!("{head}\u{e9}"), &tail.repeat(55)] {
            assert_eq!(prefix(bad), None, "{bad}");
        }
    }
}
