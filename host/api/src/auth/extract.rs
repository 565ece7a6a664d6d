//! How a handler gets at its caller: only by naming the role it needs.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use bulkhead_model::{Failure, Role};

use super::Caller;
use crate::problem::Problem;

fn caller(parts: &Parts) -> Result<&Caller, Problem> {
    // Without it this route is not behind `authenticate`: nobody may pass then.
    parts.extensions.get().ok_or_else(|| Problem::from(Failure::internal("a route does not ask who calls")))
}

macro_rules! role_extractor {
    ($(#[$doc:meta])* $name:ident => $require:ident($role:ident)) => {
        $(#[$doc])*
        pub struct $name(pub Caller);

        impl<S: Sync> FromRequestParts<S> for $name {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
                let caller = caller(parts)?;
                caller.$require(Role::$role)?;
                Ok(Self(caller.clone()))
            }
        }
    };
}

role_extractor!(
    /// A caller who may read something. What they may read is asked of [`Caller::on`].
    Viewer => require(Viewer)
);
role_extractor!(
    /// A caller who may also run backups, verify and cancel.
    Operator => require(Operator)
);
role_extractor!(
    /// A caller who may also schedule, restore, delete and configure.
    Administrator => require(Administrator)
);
role_extractor!(
    /// An administrator of the whole organization.
    OrgAdministrator => require_everywhere(Administrator)
);
