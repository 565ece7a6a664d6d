//! Signatures as [Standard Webhooks](https://www.standardwebhooks.com) has them, so that receivers find a library that checks them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bulkhead_model::{Failure, Result};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const PREFIX: &str = "whsec_";
const SECRET_BYTES: usize = 32;

/// A new secret: `whsec_` and 32 random bytes in base64.
pub(super) fn new_secret() -> Result<String> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(|_| Failure::internal("the operating system has no randomness to give"))?;
    Ok(format!("{PREFIX}{}", STANDARD.encode(bytes)))
}

/// The value of `webhook-signature`: over id, seconds since 1970 and body, joined by dots.
pub(super) fn signature(secret: &str, id: &str, timestamp: i64, body: &[u8]) -> Result<String> {
    // Never says more: the text is a secret.
    let malformed = || Failure::corrupt("the webhook's secret is malformed");
    let key = secret.strip_prefix(PREFIX).and_then(|text| STANDARD.decode(text).ok()).ok_or_else(malformed)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| malformed())?;
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_standard() {
        // The example that the standard's own libraries are tested with.
        let signed = signature(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signed.unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let secret = new_secret().unwrap();
        assert_ne!(secret, new_secret().unwrap());
        assert!(signature(&secret, "a", 1, b"").is_ok());
        assert!(signature("hunter2", "a", 1, b"").unwrap_err().message.contains("malformed"));
    }
}
