//! Tokens.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::HeaderValue;
use bulkhead_catalog::Catalog;
use bulkhead_model::{Failure, OrganizationId, Result, Role, ServiceId, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, Serialize};

use super::config::{AuthConfig, TokenChecks};
use super::jwks::KeySet;
use super::{Caller, Credential, Grant};
use crate::problem::{Answer, Problem};

/// The claims of a token that this host makes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Claims {
    /// The caller's name.
    pub sub: String,
    /// Their organization.
    pub org: String,
    /// Their roles; the highest counts.
    pub roles: Vec<String>,
    /// Only on these services; `None` for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub services: Option<Vec<String>>,
    /// When the token ends, in seconds since 1970.
    pub exp: i64,
    /// When it begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iat: Option<i64>,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// For whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aud: Option<String>,
}

/// Signs a token.
///
/// # Errors
/// `internal` when the claims cannot be written, which does not happen.
pub fn mint(secret: &[u8], claims: &Claims) -> Result<String> {
    let header = jsonwebtoken::Header::new(Algorithm::HS256);
    jsonwebtoken::encode(&header, claims, &jsonwebtoken::EncodingKey::from_secret(secret))
        .map_err(|error| Failure::internal(format!("no token could be made: {error}")))
}

/// The claims of a token that somebody sent. Times may have fractions (RFC 7519, NumericDate).
#[derive(Debug, Deserialize)]
struct Received {
    sub: String,
    org: String,
    roles: Option<Vec<String>>,
    services: Option<Vec<String>>,
    exp: f64,
    nbf: Option<f64>,
    iss: Option<String>,
    aud: Option<Audience>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn holds(&self, wanted: &str) -> bool {
        match self {
            Self::One(audience) => audience == wanted,
            Self::Several(audiences) => audiences.iter().any(|audience| audience == wanted),
        }
    }
}

/// Recognises the bearers of tokens.
pub struct Tokens {
    hs256: Option<(DecodingKey, TokenChecks)>,
    jwks: Option<(KeySet, TokenChecks)>,
}

impl Tokens {
    /// As configured.
    ///
    /// # Errors
    /// `invalid` when the address of the keys is none.
    pub fn new(config: AuthConfig) -> Result<Self> {
        let jwks = match config.jwks {
            Some(jwks) => Some((KeySet::new(jwks.source)?, jwks.checks)),
            None => None,
        };
        let hs256 = config.hs256.map(|hs256| (DecodingKey::from_secret(&hs256.secret), hs256.checks));
        Ok(Self { hs256, jwks })
    }

    /// Recognises the bearer of a token. One whose token names no roles has those of a member of the organization.
    pub async fn check(&self, token: &str, now: Timestamp, catalog: &Catalog) -> Answer<Caller> {
        let claims = self.claims(token, now).await?;
        let organization: OrganizationId = claims
            .org
            .parse()
            .map_err(|_| Problem::unauthenticated("the token's claim `org` is no organization id"))?;
        // A text that is no service id names no service.
        let ids = |services: Vec<String>| services.iter().filter_map(|id| id.parse().ok()).collect();
        let claimed: Option<BTreeSet<ServiceId>> = claims.services.map(ids);
        let grant = match claims.roles {
            Some(roles) => {
                // A role that this version does not know gives nothing.
                let role = roles.iter().filter_map(|role| role.parse::<Role>().ok()).max();
                role.map(|role| Grant { role, services: claimed })
            }
            None => catalog.member(&organization, &claims.sub).await?.map(|member| {
                let own = member.services.map(|services| services.into_iter().collect());
                Grant { role: member.role, services: narrower(own, claimed) }
            }),
        };
        let grants = grant.into_iter().collect();
        Ok(Caller { subject: claims.sub, credential: Credential::Token, organization, grants })
    }

    async fn claims(&self, token: &str, now: Timestamp) -> Answer<Received> {
        let header = jsonwebtoken::decode_header(token).map_err(|error| Problem::unauthenticated(refusal(&error)))?;
        let (claims, checks) = match (header.alg, &self.hs256, &self.jwks) {
            (Algorithm::HS256, Some((key, checks)), _) => (verified(token, header.alg, key)?, checks),
            (Algorithm::RS256 | Algorithm::ES256 | Algorithm::EdDSA, _, Some((keys, checks))) => {
                let key = keys.find(header.kid.as_deref(), header.alg, now).await?;
                (verified(token, header.alg, &key)?, checks)
            }
            (_, Some(_), None) => return Err(Problem::unauthenticated("the token is not signed with HS256")),
            _ => return Err(Problem::unauthenticated("the token is not signed in a way that this host knows")),
        };
        let refused = |why: &str| Err(Problem::unauthenticated(why));
        let (now, leeway) = (seconds(now), checks.leeway.as_secs_f64());
        if claims.exp + leeway <= now {
            return refused("the token has expired");
        }
        if claims.nbf.is_some_and(|from| from - leeway > now) {
            return refused("the token is not valid yet");
        }
        if checks.issuer.as_ref().is_some_and(|issuer| claims.iss.as_ref() != Some(issuer)) {
            return refused("the token's claim `iss` names another issuer");
        }
        if let Some(wanted) = &checks.audience
            && !claims.aud.as_ref().is_some_and(|audience| audience.holds(wanted))
        {
            return refused("the token is meant for others: its claim `aud` does not name this host");
        }
        if claims.sub.trim().is_empty() || claims.sub.chars().count() > 255 {
            return refused("the token's claim `sub` names nobody");
        }
        Ok(claims)
    }
}

/// What two narrowings have in common; `None` is no narrowing.
fn narrower(a: Option<BTreeSet<ServiceId>>, b: Option<BTreeSet<ServiceId>>) -> Option<BTreeSet<ServiceId>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.intersection(&b).cloned().collect()),
        (a, b) => a.or(b),
    }
}

#[expect(clippy::cast_precision_loss, reason = "microseconds since 1970 are exact in a double until 2255")]
fn seconds(instant: Timestamp) -> f64 {
    Duration::from_micros(u64::try_from(instant.as_micros()).unwrap_or(0)).as_micros() as f64 / 1e6
}

fn verified(token: &str, algorithm: Algorithm, key: &DecodingKey) -> Answer<Received> {
    // The signature alone: times, issuer and audience are checked afterwards, by the injected clock.
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let token = jsonwebtoken::decode::<Received>(token, key, &validation);
    token.map(|token| token.claims).map_err(|error| Problem::unauthenticated(refusal(&error)))
}

fn refusal(error: &jsonwebtoken::errors::Error) -> &'static str {
    use jsonwebtoken::errors::ErrorKind;
    match error.kind() {
        ErrorKind::InvalidSignature => "the token's signature is wrong",
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => {
            "the token is not signed in a way that this host knows"
        }
        ErrorKind::Json(_) => "the token lacks one of the claims `sub`, `org`, `exp`, or one is of the wrong type",
        _ => "the token cannot be read",
    }
}

/// The token that a caller sent.
pub fn bearer(value: &HeaderValue) -> Answer<&str> {
    let value = value.to_str().map_err(|_| Problem::unauthenticated("the token cannot be read"))?;
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(Problem::unauthenticated("the header `Authorization` does not say `Bearer TOKEN`")),
    }
}

#[cfg(test)]
mod tests;
