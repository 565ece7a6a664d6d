//! Who calls, and what they may do.

mod api_key;
mod caller;
mod config;
mod extract;
mod jwks;
mod jwt;
mod limit;
mod local;

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use bulkhead_catalog::Catalog;
use bulkhead_model::{Clock, Result};

use crate::problem::{Answer, Problem};

pub use api_key::KeyText;
pub use caller::{Caller, Credential, Grant};
pub use config::{AuthConfig, AuthMode, Hs256, JwksConfig, JwksSource, TokenChecks};
pub use extract::{Administrator, Operator, OrgAdministrator, Viewer};
pub use jwt::{Claims, mint};
pub use limit::{Limits, RateLimit, authenticate, peer};

/// Recognises callers.
pub struct Authenticator {
    mode: Mode,
    clock: Arc<dyn Clock>,
}

enum Mode {
    Credentials(Box<jwt::Tokens>),
    Local(bulkhead_model::OrganizationId),
}

impl Authenticator {
    /// An authenticator; credentials are judged by `clock`.
    ///
    /// # Errors
    /// `invalid` when the keys' address or file cannot be one.
    pub fn open(mode: AuthMode, clock: Arc<dyn Clock>) -> Result<Self> {
        let mode = match mode {
            AuthMode::Credentials(config) => Mode::Credentials(Box::new(jwt::Tokens::new(*config)?)),
            AuthMode::Jwt { secret } => Mode::Credentials(Box::new(jwt::Tokens::new(AuthConfig::of_secret(secret))?)),
            AuthMode::None { organization } => Mode::Local(organization),
        };
        Ok(Self { mode, clock })
    }

    async fn recognise(&self, headers: &HeaderMap, catalog: &Catalog) -> Answer<Caller> {
        let tokens = match &self.mode {
            Mode::Credentials(tokens) => tokens,
            Mode::Local(organization) => {
                local::check(headers)?;
                return Ok(Caller::local(organization.clone()));
            }
        };
        match (headers.get(header::AUTHORIZATION), headers.get(api_key::HEADER)) {
            // Which of the two would count is nothing to guess at.
            (Some(_), Some(_)) => Err(Problem::unauthenticated("a token and an API key were sent")),
            (Some(value), None) => tokens.check(jwt::bearer(value)?, self.clock.now(), catalog).await,
            (None, Some(value)) => api_key::check(value, self.clock.now(), catalog).await,
            (None, None) => Err(Problem::unauthenticated("no credential was sent")),
        }
    }
}
