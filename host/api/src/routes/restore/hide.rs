use axum::extract::State;
use axum::http::StatusCode;
use bulkhead_model::Role;

use super::meant;
use crate::Api;
use crate::auth::Administrator;
use crate::path::Id;
use crate::problem::{Answer, Conflict};

/// `DELETE /restores/{id}`: a finished restore leaves the list; the record of it stays.
#[utoipa::path(delete, path = "/restores/{id}", operation_id = "restores.hide", tag = "restores",
    params(("id" = i64, Path, minimum = 1)),
    responses((status = 204, description = "It is no longer listed"), Conflict))]
pub async fn hide(State(api): State<Api>, Administrator(caller): Administrator, Id(id): Id) -> Answer<StatusCode> {
    let restore = meant(&api, &caller, Role::Administrator, &id).await?;
    api.engine.catalog().hide_restore(&caller.organization, restore.id).await?;
    Ok(StatusCode::NO_CONTENT)
}
