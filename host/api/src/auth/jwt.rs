//! Tokens.

use axum::http::{HeaderMap, header};
use bulkhead_model::{Failure, Role, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, Serialize};

use super::{Caller, Credential, Grant};
use crate::problem::Problem;

/// The claims of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The caller's name.
    pub sub: String,
    /// Their organization.
    pub org: String,
    /// Their roles; the highest counts.
    pub roles: Vec<String>,
    /// When the token ends, in seconds since 1970.
    pub exp: i64,
    /// When it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iat: Option<i64>,
}

/// Signs a token.
///
/// # Errors
/// `internal` when the claims cannot be written, which does not happen.
pub fn mint(secret: &[u8], claims: &Claims) -> bulkhead_model::Result<String> {
    let header = jsonwebtoken::Header::new(Algorithm::HS256);
    jsonwebtoken::encode(&header, claims, &jsonwebtoken::EncodingKey::from_secret(secret))
        .map_err(|error| Failure::internal(format!("no token could be made: {error}")))
}

/// Recognises the bearer of a token.
pub fn check(secret: &[u8], token: &str, now: Timestamp) -> Result<Caller, Problem> {
    // Times are checked below, by the injected clock.
    let mut validation = Validation::new(Algorithm::HS256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let claims = jsonwebtoken::decode::<Claims>(token, &DecodingKey::from_secret(secret), &validation)
        .map_err(|error| Problem::unauthenticated(refusal(&error)))?
        .claims;
    let now = now.as_micros().div_euclid(1_000_000);
    if claims.exp <= now {
        return Err(Problem::unauthenticated("the token has expired"));
    }
    if claims.nbf.is_some_and(|from| from > now) {
        return Err(Problem::unauthenticated("the token is not valid yet"));
    }
    let organization =
        claims.org.parse().map_err(|_| Problem::unauthenticated("the token's claim `org` is no organization id"))?;
    // A role that this version does not know gives nothing.
    let role = claims.roles.iter().filter_map(|role| role.parse::<Role>().ok()).max();
    let grants = role.map(|role| Grant { role, services: None }).into_iter().collect();
    Ok(Caller { subject: claims.sub, credential: Credential::Token, organization, grants })
}

fn refusal(error: &jsonwebtoken::errors::Error) -> &'static str {
    use jsonwebtoken::errors::ErrorKind;
    match error.kind() {
        ErrorKind::InvalidSignature => "the token's signature is wrong",
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => "the token is not signed with HS256",
        ErrorKind::Json(_) => "the token lacks one of the claims `sub`, `org`, `roles`, `exp`",
        _ => "the token cannot be read",
    }
}

/// The token that a caller sent.
pub fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let value = headers.get(header::AUTHORIZATION).ok_or_else(|| Problem::unauthenticated("no token was sent"))?;
    let value = value.to_str().map_err(|_| Problem::unauthenticated("the token cannot be read"))?;
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(Problem::unauthenticated("the header `Authorization` does not say `Bearer TOKEN`")),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use axum::http::HeaderMap;
    use bulkhead_model::{Clock, TestClock, Timestamp};

    use super::*;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
    const NOW: i64 = 1_700_000_000;

    fn claims() -> Claims {
        let roles = vec!["operator".to_owned(), "juggler".to_owned()];
        Claims { sub: "ann".to_owned(), org: "acme".to_owned(), roles, exp: NOW + 60, nbf: None, iat: None }
    }

    fn recognise(clock: &Arc<TestClock>, token: &str) -> Result<Caller, String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        let answer = bearer(&headers).and_then(|token| check(SECRET, token, clock.now()));
        answer.map_err(|problem| serde_json::to_value(problem).unwrap()["detail"].as_str().unwrap().to_owned())
    }

    #[test]
    fn a_token_counts_until_it_expires_and_gives_its_highest_known_role() {
        let clock = Arc::new(TestClock::new(Timestamp::from_micros(NOW * 1_000_000)));
        let token = mint(SECRET, &claims()).unwrap();
        let caller = recognise(&clock, &token).unwrap();
        assert_eq!((caller.subject.as_str(), caller.organization.as_str()), ("ann", "acme"));
        assert!(caller.require(Role::Operator).is_ok());
        assert!(caller.require(Role::Administrator).is_err());
        clock.advance(Duration::from_secs(60));
        assert_eq!(recognise(&clock, &token).unwrap_err(), "the token has expired");
    }

    #[test]
    fn forged_and_unsigned_tokens_are_refused() {
        let clock = Arc::new(TestClock::new(Timestamp::from_micros(NOW * 1_000_000)));
        let good = mint(SECRET, &claims()).unwrap();
        let (_, rest) = good.split_once('.').unwrap();
        let (body, signature) = rest.split_once('.').unwrap();
        // {"alg":"none"} and {"typ":"JWT","alg":"HS512"}
        let none = format!("eyJhbGciOiJub25lIn0.{body}.");
        let none_signed = format!("eyJhbGciOiJub25lIn0.{body}.{signature}");
        let hs512 = format!("eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzUxMiJ9.{body}.{signature}");
        let other = mint(b"another secret of thirty-two bytes", &claims()).unwrap();
        let early = mint(SECRET, &Claims { nbf: Some(NOW + 30), ..claims() }).unwrap();
        let org = mint(SECRET, &Claims { org: "../x".to_owned(), ..claims() }).unwrap();
        assert_eq!(recognise(&clock, &other).unwrap_err(), "the token's signature is wrong");
        assert_eq!(recognise(&clock, &hs512).unwrap_err(), "the token is not signed with HS256");
        assert_eq!(recognise(&clock, &early).unwrap_err(), "the token is not valid yet");
        for token in [none.as_str(), &none_signed, &org, "", "a.b.c", body] {
            assert!(recognise(&clock, token).is_err(), "{token}");
        }
        let powerless = mint(SECRET, &Claims { roles: vec![], ..claims() }).unwrap();
        assert!(recognise(&clock, &powerless).unwrap().require(Role::Viewer).is_err());
    }
}
