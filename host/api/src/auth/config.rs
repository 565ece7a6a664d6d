//! What the host's configuration says of credentials.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bulkhead_model::OrganizationId;

/// How callers are recognised.
#[derive(Clone)]
pub enum AuthMode {
    /// By API keys, and by tokens as configured.
    Credentials(Box<AuthConfig>),
    /// By API keys, and by tokens signed with this secret (HS256).
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

/// Which tokens count. API keys always do.
#[derive(Clone, Default)]
pub struct AuthConfig {
    /// Those signed with a secret of this host, as `bulkhead token create` makes them.
    pub hs256: Option<Hs256>,
    /// Those signed by somebody else, whose public keys are known.
    pub jwks: Option<JwksConfig>,
}

impl AuthConfig {
    /// Tokens signed with a secret, nothing else asked of them.
    pub fn of_secret(secret: Arc<[u8]>) -> Self {
        Self { hs256: Some(Hs256 { secret, checks: TokenChecks::default() }), jwks: None }
    }
}

/// Tokens signed with HS256.
#[derive(Clone)]
pub struct Hs256 {
    /// The secret, at least 32 bytes.
    pub secret: Arc<[u8]>,
    /// What is asked of them besides.
    pub checks: TokenChecks,
}

/// Tokens signed with RS256, ES256 or EdDSA by a key of a set.
#[derive(Clone, Debug)]
pub struct JwksConfig {
    /// Where the set is.
    pub source: JwksSource,
    /// What is asked of them besides.
    pub checks: TokenChecks,
}

impl JwksConfig {
    /// Another machine's clock may be this much off, unless configured otherwise.
    pub const LEEWAY: Duration = Duration::from_secs(30);
}

/// Where a set of public keys (RFC 7517) is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JwksSource {
    /// In a file.
    File(PathBuf),
    /// At an address: `https://...`, or `http://` on this machine.
    Url(String),
}

/// What is asked of a token besides its signature and that it has not expired.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenChecks {
    /// Its claim `iss` has to be this.
    pub issuer: Option<String>,
    /// Its claim `aud` has to be, or hold, this.
    pub audience: Option<String>,
    /// How much later than `exp` and earlier than `nbf` it still counts. Zero for tokens of this host's own.
    pub leeway: Duration,
}
