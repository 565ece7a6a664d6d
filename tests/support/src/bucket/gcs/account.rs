//! A service account: its keys, its tokens, and who may come in.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

use super::checks::refusal;
use crate::child::random_hex;
use crate::http::{Answer, Request, decode};
use crate::problem::{Problem, Result};
use crate::process;

const OPENSSL_DEADLINE: Duration = Duration::from_secs(60);
const TOKEN_LIFE: Duration = Duration::from_hours(1);
const GOOGLE: &str = "https://oauth2.googleapis.com/token";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const EMAIL: &str = "backup@bulkhead-tests.iam.gserviceaccount.com";
const SCOPES: [&str; 3] = ["devstorage.read_write", "devstorage.full_control", "cloud-platform"];

/// A key pair, and the tokens that its owner was given.
pub(super) struct Account {
    private_key: String,
    key_id: String,
    public_key: DecodingKey,
    tokens: Mutex<HashMap<String, Instant>>,
    given: Mutex<usize>,
}

impl Account {
    /// With new keys.
    pub fn make() -> Result<Self> {
        let private_key = openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], b"")?;
        let public_key = openssl(&["rsa", "-RSAPublicKey_out", "-outform", "DER"], &private_key)?;
        let public_key = DecodingKey::from_rsa_der(&public_key);
        let private_key = String::from_utf8_lossy(&private_key).into_owned();
        let (key_id, tokens, given) = (random_hex(40)?, Mutex::default(), Mutex::default());
        Ok(Self { private_key, key_id, public_key, tokens, given })
    }

    /// The file that Google gives out.
    pub fn json(&self) -> Value {
        json!({
            "type": "service_account",
            "project_id": "bulkhead-tests",
            "private_key_id": self.key_id,
            "private_key": self.private_key,
            "client_email": EMAIL,
            "client_id": "100000000000000000001",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": GOOGLE,
        })
    }

    /// Forgets all tokens.
    pub fn revoke(&self) {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// How many tokens were given out.
    pub fn given(&self) -> usize {
        *self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A token for a signed assertion, as `https://oauth2.googleapis.com/token` answers.
    pub fn exchange(&self, request: &Request) -> Answer {
        let form = String::from_utf8_lossy(&request.body).replace('+', "%20");
        let value = |name: &str| {
            let pairs = form.split('&').filter_map(|pair| pair.split_once('='));
            pairs.filter(|(known, _)| *known == name).map(|(_, value)| decode(value)).next().unwrap_or_default()
        };
        let json = |status: u16, body: &Value| Answer::new(status, "application/json", body.to_string());
        if value("grant_type") != GRANT {
            return json(400, &json!({"error": "unsupported_grant_type"}));
        }
        let claims = match self.claims(&value("assertion")) {
            Ok(claims) => claims,
            Err(why) => return json(400, &json!({"error": "invalid_grant", "error_description": why})),
        };
        // Whoever reached us through a proxy names that.
        let audience = claims["aud"].as_str().unwrap_or_default();
        if audience != GOOGLE && !(audience.starts_with("http://127.0.0.1:") && audience.ends_with("/token")) {
            return json(400, &json!({"error": "invalid_grant", "error_description": "Invalid JWT: audience"}));
        }
        let Ok(token) = random_hex(48).map(|random| format!("ya29.{random}")) else { return json(500, &Value::Null) };
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.insert(token.clone(), Instant::now() + TOKEN_LIFE);
        *self.given.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        json(200, &json!({"access_token": token, "expires_in": TOKEN_LIFE.as_secs(), "token_type": "Bearer"}))
    }

    /// A token of ours that has not ended, or, as Google takes it too, an assertion that the account signed for itself.
    pub fn check_bearer(&self, request: &Request) -> std::result::Result<(), Answer> {
        let bearer = request.get("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let bearer = bearer.ok_or_else(|| refusal(401, "AuthenticationRequired", "no bearer token"))?;
        let known = self.tokens.lock().unwrap_or_else(PoisonError::into_inner).get(bearer).copied();
        if known.is_some_and(|until| Instant::now() < until) {
            return Ok(());
        }
        self.claims(bearer).map(|_| ()).map_err(|why| refusal(401, "AuthenticationRequired", &why))
    }

    /// What an assertion says: signed with our key, not ended, for storage.
    fn claims(&self, assertion: &str) -> std::result::Result<Value, String> {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[EMAIL]);
        validation.validate_aud = false;
        validation.leeway = 5;
        let read = jsonwebtoken::decode::<Value>(assertion, &self.public_key, &validation);
        let claims = read.map_err(|error| format!("Invalid JWT: {error}"))?.claims;
        let time = |name: &str| claims[name].as_u64().unwrap_or_default();
        if time("exp") > time("iat") + 3600 {
            return Err("Invalid JWT: it lives longer than an hour".to_owned());
        }
        let scope = claims["scope"].as_str().unwrap_or_default();
        let for_storage = claims["aud"] == "https://storage.googleapis.com/";
        if for_storage || SCOPES.iter().any(|known| scope.split(' ').any(|one| one.ends_with(known))) {
            return Ok(claims);
        }
        Err(format!("Invalid JWT: scope `{scope}` does not let objects be written"))
    }
}

fn openssl(arguments: &[&str], input: &[u8]) -> Result<Vec<u8>> {
    let mut command = process::command(process::program("openssl")?);
    let finished = process::run(command.args(arguments), input, OPENSSL_DEADLINE)?;
    if finished.code == Some(0) {
        return Ok(finished.stdout);
    }
    Err(Problem::new(format!("openssl {arguments:?}: {}", finished.stderr)))
}
