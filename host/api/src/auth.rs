//! Who calls, and what they may do.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bulkhead_model::{Clock, Failure, OrganizationId, Role};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, Serialize};

use crate::Api;
use crate::problem::Problem;

/// How callers are recognised.
#[derive(Clone)]
pub enum AuthMode {
    /// By a JWT signed with HS256.
    Jwt {
        /// The secret, at least 32 bytes.
        secret: Arc<[u8]>,
    },
    /// Everybody is administrator of this organization. Only for a listener on loopback.
    None {
        /// The one organization.
        organization: OrganizationId,
    },
}

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

/// A recognised caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Their name.
    pub subject: String,
    /// The only organization they see.
    pub organization: OrganizationId,
    role: Option<Role>,
}

/// Recognises callers.
pub struct Authenticator {
    mode: AuthMode,
    clock: Arc<dyn Clock>,
}

impl Authenticator {
    /// An authenticator; tokens are judged by `clock`.
    pub fn new(mode: AuthMode, clock: Arc<dyn Clock>) -> Self {
        Self { mode, clock }
    }

    fn recognise(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        match &self.mode {
            AuthMode::Jwt { secret } => self.check_token(secret, bearer(headers)?),
            AuthMode::None { organization } => {
                check_local(headers)?;
                Ok(Caller {
                    subject: "local".to_owned(),
                    organization: organization.clone(),
                    role: Some(Role::Administrator),
                })
            }
        }
    }

    fn check_token(&self, secret: &[u8], token: &str) -> Result<Caller, Problem> {
        // Times are checked below, by the injected clock.
        let mut validation = Validation::new(Algorithm::HS256);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &DecodingKey::from_secret(secret), &validation)
            .map_err(|error| Problem::unauthenticated(refusal(&error)))?
            .claims;
        let now = self.clock.now().as_micros().div_euclid(1_000_000);
        if claims.exp <= now {
            return Err(Problem::unauthenticated("the token has expired"));
        }
        if claims.nbf.is_some_and(|from| from > now) {
            return Err(Problem::unauthenticated("the token is not valid yet"));
        }
        let organization = claims
            .org
            .parse()
            .map_err(|_| Problem::unauthenticated("the token's claim `org` is no organization id"))?;
        // A role that this version does not know gives nothing.
        let role = claims.roles.iter().filter_map(|role| role.parse::<Role>().ok()).max();
        Ok(Caller { subject: claims.sub, organization, role })
    }
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

fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let value = headers.get(header::AUTHORIZATION).ok_or_else(|| Problem::unauthenticated("no token was sent"))?;
    let value = value.to_str().map_err(|_| Problem::unauthenticated("the token cannot be read"))?;
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(Problem::unauthenticated("the header `Authorization` does not say `Bearer TOKEN`")),
    }
}

/// Without tokens, a page in a browser of this machine could call the API. It cannot hide the names it uses.
fn check_local(headers: &HeaderMap) -> Result<(), Problem> {
    let local = |name: &str| {
        let host = name.rsplit_once("://").map_or(name, |(_, rest)| rest);
        let host = match host.strip_prefix('[') {
            Some(v6) => v6.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        };
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    };
    for name in [header::HOST, header::ORIGIN] {
        if let Some(value) = headers.get(&name)
            && !value.to_str().is_ok_and(local)
        {
            return Err(Problem::from(
                Failure::denied(format!("without tokens, only calls to this machine's own name are served: `{name}`"))
                    .with_hint("call 127.0.0.1 or localhost, or configure a secret under [auth]"),
            ));
        }
    }
    Ok(())
}

impl Caller {
    fn require(self, role: Role) -> Result<Self, Problem> {
        match self.role {
            Some(own) if own >= role => Ok(self),
            own => {
                let own = own.map_or_else(|| "no role".to_owned(), |own| format!("the role {own}"));
                let failure = Failure::denied(format!("this needs the role {role}, the token has {own}"));
                Err(Problem::from(failure.with_hint("ask an administrator of your organization for a token")))
            }
        }
    }
}

macro_rules! role_extractor {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name(pub Caller);

        impl FromRequestParts<Api> for $name {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
                api.authenticator.recognise(&parts.headers)?.require(Role::$name).map(Self)
            }
        }
    };
}

role_extractor!(
    /// A caller who may read. A handler gets at a caller only by naming the role it needs.
    Viewer
);
role_extractor!(
    /// A caller who may also run backups, verify and cancel.
    Operator
);
role_extractor!(
    /// A caller who may also restore and delete.
    Administrator
);

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bulkhead_model::{TestClock, Timestamp};

    use super::*;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
    const NOW: i64 = 1_700_000_000;

    fn claims() -> Claims {
        let roles = vec!["operator".to_owned(), "juggler".to_owned()];
        Claims { sub: "ann".to_owned(), org: "acme".to_owned(), roles, exp: NOW + 60, nbf: None, iat: None }
    }

    fn recognise(clock: &Arc<TestClock>, token: &str) -> Result<Caller, String> {
        let mode = AuthMode::Jwt { secret: Arc::from(SECRET) };
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        let answer = Authenticator::new(mode, clock.clone()).recognise(&headers);
        answer.map_err(|problem| serde_json::to_value(problem).unwrap()["detail"].as_str().unwrap().to_owned())
    }

    #[test]
    fn a_token_counts_until_it_expires_and_gives_its_highest_known_role() {
        let clock = Arc::new(TestClock::new(Timestamp::from_micros(NOW * 1_000_000)));
        let token = mint(SECRET, &claims()).unwrap();
        let caller = recognise(&clock, &token).unwrap();
        assert_eq!((caller.subject.as_str(), caller.organization.as_str()), ("ann", "acme"));
        assert!(caller.clone().require(Role::Operator).is_ok());
        assert_eq!(caller.require(Role::Administrator).unwrap_err().status().as_u16(), 403);
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

    #[test]
    fn without_tokens_foreign_pages_and_rebound_names_are_refused() {
        let check = |name: header::HeaderName, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            check_local(&headers).is_ok()
        };
        for good in ["127.0.0.1:7070", "localhost", "[::1]:7070"] {
            assert!(check(header::HOST, good), "{good}");
        }
        for bad in ["evil.example:7070", "127.0.0.1.evil.example", "10.0.0.1"] {
            assert!(!check(header::HOST, bad), "{bad}");
        }
        assert!(check(header::ORIGIN, "http://localhost:3000"));
        assert!(!check(header::ORIGIN, "https://evil.example") && !check(header::ORIGIN, "null"));
    }
}
