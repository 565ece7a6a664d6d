use axum::Json;
use axum::extract::State;
use bulkhead_engine::UpdateTarget;
use bulkhead_model::{Failure, Result};
use serde_json::Value;
use utoipa::ToSchema;

use super::body::{CredentialsSchema, config, credentials};
use super::parse;
use crate::Api;
use crate::auth::OrgAdministrator;
use crate::dto::TargetDto;
use crate::fields::Fields;
use crate::path::{Id, found};
use crate::problem::{Answer, Conflict};

/// What can be changed of a target; what is left out stays.
#[derive(ToSchema)]
#[schema(as = UpdateTarget)]
#[expect(dead_code, reason = "the shape of the body, for its document and the list of known fields")]
struct UpdateTargetBody {
    /// Keys of the plugin's configuration; null takes one away. The place itself can change only while no backup lies there.
    #[schema(value_type = Option<Object>)]
    config: Option<Value>,
    /// In place of those that are there, from the next request to the bucket on.
    credentials: Option<CredentialsSchema>,
    /// Whether the organization's backups go there when they name no target.
    default: Option<bool>,
}

/// `PATCH /targets/{id}`: changes a target of the organization's own; one that the operator has configured is as it is (409).
#[utoipa::path(patch, path = "/targets/{id}", operation_id = "targets.update", tag = "targets",
    params(("id" = String, Path, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")), request_body = UpdateTargetBody,
    responses((status = 200, description = "The target as it is now", body = TargetDto), Conflict))]
pub async fn update(
    State(api): State<Api>,
    OrgAdministrator(caller): OrgAdministrator,
    Id(id): Id,
    body: Fields,
) -> Answer<Json<TargetDto>> {
    let change = read(body)?;
    let rotated = change.credentials.is_some();
    let target = found(api.engine.update_target(&caller.organization, &parse(&id)?, change).await, "target", &id)?;
    tracing::info!(subject = caller.subject, target = %target.id, rotated, "target changed");
    Ok(Json(target.into()))
}

fn read(body: Fields) -> Result<UpdateTarget> {
    let body = body.only_of::<UpdateTargetBody>()?;
    if body.is_empty() {
        return Err(Failure::invalid("the body says nothing to change").with_hint("e.g. {\"default\": true}"));
    }
    for name in ["config", "credentials", "default"] {
        if body.given(name) && !body.has(name) {
            return Err(body.wrong(name, "must not be null").with_hint("leave it out to keep it as it is"));
        }
    }
    Ok(UpdateTarget { config: config(&body)?, credentials: credentials(&body)?, default: body.flag("default")? })
}
