use axum::extract::State;
use axum::http::StatusCode;
use bulkhead_model::{Failure, Role};

use super::parse;
use crate::Api;
use crate::auth::Administrator;
use crate::fields::NoBody;
use crate::path::Id;
use crate::problem::{Answer, Conflict, Unsupported};

/// `POST /services/{id}/reset`: empties a service. No engine of this version offers that (422).
#[utoipa::path(post, path = "/services/{id}/reset", operation_id = "services.reset", tag = "services",
    params(("id" = String, Path, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")), responses(Conflict, Unsupported))]
pub async fn reset(
    State(api): State<Api>,
    Administrator(caller): Administrator,
    Id(id): Id,
    _body: NoBody,
) -> Answer<StatusCode> {
    let id = parse(&id)?;
    caller.on(Role::Administrator, &id)?;
    let service = api.engine.service(&caller.organization, &id)?;
    Err(Failure::unsupported(format!("services of {} cannot be reset: no plugin offers it", service.engine))
        .with_hint("restore a backup of an empty server instead")
        .into())
}
