//! A service account, as Google gives it out.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bulkhead_plugin_sdk::storage::{Failure, Result};
use chrono::{DateTime, Utc};
use object_bucket::{Credentials, address};
use rsa::RsaPrivateKey;
use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::DecodePrivateKey;
use rsa::sha2::Sha256;
use rsa::signature::{SignatureEncoding, Signer};
use serde_json::json;
use url::Url;

use crate::config::Config;

const FORM: &str = "the JSON key of a service account, as Google's console gives it out, whole and unchanged";
/// Where Google signs service accounts in.
const GOOGLE: &str = "https://oauth2.googleapis.com/token";
/// Reading, writing and deleting objects, and nothing of the bucket itself.
const SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_write";
/// How long an assertion is good for. Google allows an hour.
const LIFE_SECONDS: i64 = 600;

/// A service account.
pub struct Account {
    email: String,
    key_id: Option<String>,
    key: SigningKey<Sha256>,
    /// To whom the assertion is addressed.
    audience: String,
    /// Where it is sent.
    pub endpoint: Url,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("email", &self.email).finish_non_exhaustive()
    }
}

impl Account {
    /// Reads a service account's key.
    ///
    /// # Errors
    /// `invalid`, naming the field.
    pub fn parse(credentials: &str, config: &Config) -> Result<Self> {
        let wrong = |why: &str| Failure::invalid(format!("credentials: {why}")).with_hint(format!("they are {FORM}"));
        let credentials = Credentials::parse(credentials, FORM)?;
        match credentials.optional("type")? {
            Some("service_account") => {}
            Some("authorized_user") => return Err(wrong("they are those of a person, not of a service account")),
            _ => return Err(wrong("`type` is not `service_account`")),
        }
        let email = credentials.word("client_email")?.to_owned();
        if !email.contains('@') {
            return Err(wrong("`client_email` is no address"));
        }
        let key = credentials.required("private_key")?;
        let key = RsaPrivateKey::from_pkcs8_pem(key).or_else(|_| RsaPrivateKey::from_pkcs1_pem(key));
        let key = key.map_err(|_| wrong("`private_key` is no RSA key in PEM form, or a damaged one"))?;
        let audience = credentials.optional_word("token_uri")?.unwrap_or(GOOGLE).to_owned();
        // Credentials are the tenant's; they do not decide where requests go.
        let endpoint = match &config.token_endpoint {
            Some(endpoint) => address("token_endpoint", endpoint)?,
            None if is_google(&audience) => address("token_endpoint", GOOGLE)?,
            None => {
                let failure = Failure::invalid("credentials: `token_uri` is not Google's");
                return Err(
                    failure.with_hint("name the address under `token_endpoint` of the target's configuration as well")
                );
            }
        };
        let key_id = credentials.optional_word("private_key_id")?.map(str::to_owned);
        Ok(Self { email, key_id, key: SigningKey::new(key), audience, endpoint })
    }

    /// A signed statement of who asks for a token, good for a few minutes.
    pub fn assertion(&self, now: DateTime<Utc>) -> String {
        let now = now.timestamp();
        let head = json!({ "alg": "RS256", "typ": "JWT", "kid": self.key_id });
        let claims = json!({
            "iss": self.email, "scope": SCOPE, "aud": self.audience, "iat": now, "exp": now + LIFE_SECONDS,
        });
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let statement = format!("{}.{}", encode(head.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        let signature = self.key.sign(statement.as_bytes());
        format!("{statement}.{}", encode(&signature.to_bytes()))
    }
}

/// The addresses that keys of all ages name.
fn is_google(address: &str) -> bool {
    matches!(
        address,
        GOOGLE | "https://accounts.google.com/o/oauth2/token" | "https://www.googleapis.com/oauth2/v4/token"
    )
}
