//! Signatures of S3 (AWS Signature Version 4).

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::http::{Request, decode, encode};

/// Whoever may sign, and for which region.
#[derive(Clone)]
pub(super) struct Signer {
    pub region: String,
    pub access_key: String,
    pub secret_key: String,
}

impl Signer {
    /// Signs a request for `host` at that time: its headers of Amazon's, its query, and its body by its digest. Path and query get the
    /// one encoding that signatures know.
    pub fn sign(&self, request: Request, host: &str, now: Timestamp) -> Request {
        let (day, moment) = (now.strftime("%Y%m%d").to_string(), now.strftime("%Y%m%dT%H%M%SZ").to_string());
        let digest = hex::encode(Sha256::digest(&request.body));

        let path = encode(&decode(request.path()), true);
        let mut query: Vec<(String, String)> =
            request.query().iter().map(|(name, value)| (encode(name, false), encode(value, false))).collect();
        query.sort();
        let query = query.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        let target = if query.is_empty() { path.clone() } else { format!("{path}?{query}") };

        let mut signed = Request { target, ..request }
            .header("host", host)
            .header("x-amz-content-sha256", &digest)
            .header("x-amz-date", &moment);
        let mut headers: Vec<(String, String)> = signed
            .headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
            .filter(|(name, _)| name == "host" || name.starts_with("x-amz-"))
            .collect();
        headers.sort();
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let names = headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";");

        let canonical = format!("{}\n{path}\n{query}\n{lines}\n{names}\n{digest}", signed.method);
        let scope = format!("{day}/{}/s3/aws4_request", self.region);
        let text = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{}", hex::encode(Sha256::digest(canonical)));
        let key = [day.as_str(), &self.region, "s3", "aws4_request"]
            .iter()
            .fold(format!("AWS4{}", self.secret_key).into_bytes(), |key, part| mac(&key, part));
        let signature = hex::encode(mac(&key, &text));
        signed.headers.push((
            "authorization".to_owned(),
            format!(
                "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
                self.access_key
            ),
        ));
        signed
    }
}

/// HMAC-SHA-256.
pub(super) fn mac(key: &[u8], text: &str) -> Vec<u8> {
    Hmac::<Sha256>::new_from_slice(key)
        .map_or_else(|_| Vec::new(), |mac| mac.chain_update(text).finalize().into_bytes().to_vec())
}

/// The machine's time: the servers look at the same clock.
#[allow(clippy::disallowed_methods, reason = "a signature carries the machine's time")]
pub(super) fn now() -> Timestamp {
    Timestamp::now()
}
