//! Who calls, and what they may do.

mod caller;
mod extract;
mod jwt;
mod local;

use std::sync::Arc;

use axum::http::HeaderMap;
use bulkhead_model::{Clock, OrganizationId};

use crate::problem::Problem;

pub use caller::{Caller, Credential, Grant};
pub use extract::{Administrator, Operator, OrgAdministrator, OrgOperator, OrgViewer, Viewer, authenticate};
pub use jwt::{Claims, mint};

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
            AuthMode::Jwt { secret } => jwt::check(secret, jwt::bearer(headers)?, self.clock.now()),
            AuthMode::None { organization } => {
                local::check(headers)?;
                Ok(Caller::local(organization.clone()))
            }
        }
    }
}
