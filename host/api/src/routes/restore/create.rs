mod body;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use bulkhead_engine::{CreateRestore, RestoreFrom};
use bulkhead_model::{Failure, Role};

use self::body::CreateRestoreBody;
use crate::Api;
use crate::auth::Administrator;
use crate::dto::RestoreDto;
use crate::fields::Fields;
use crate::made::{Replayed, Started};
use crate::problem::{Answer, Conflict, NotFound, Unsupported};
use crate::routes::backup;

/// `POST /restores`: replaces the data of a service by those of a backup.
#[utoipa::path(post, path = "/restores", operation_id = "restores.create", tag = "restores",
    request_body = CreateRestoreBody, params(Started),
    responses((status = 201, description = "A job restores it", body = RestoreDto,
        headers(("Location" = String), ("Idempotent-Replayed" = Option<bool>))), NotFound, Conflict, Unsupported))]
pub async fn create(
    State(api): State<Api>,
    Administrator(caller): Administrator,
    body: Fields,
) -> Answer<(StatusCode, Replayed, [(HeaderName, String); 1], Json<RestoreDto>)> {
    let ask = body::read(&api, body)?;
    caller.on(Role::Administrator, &ask.service)?;
    api.engine.service(&caller.organization, &ask.service)?;
    // Reading the backup is enough: a service may be restored from another one's.
    let RestoreFrom::Backup(named) = &ask.from else { return Err(Failure::unsupported("not yet").into()) };
    let backup = backup::meant(&api, &caller, Role::Viewer, named).await?;
    let ask = CreateRestore { from: RestoreFrom::Backup(backup.id.to_string()), ..ask };
    let made = api.engine.create_restore(&caller.organization, ask).await?;
    let (restore, job) = made.value;
    tracing::info!(
        subject = caller.subject, service = %restore.service, backup = %restore.backup, job = %job.id, "restore asked for"
    );
    let location = format!("/v1/restores/{}", restore.id);
    let answer = RestoreDto::new(restore, &backup);
    Ok((StatusCode::CREATED, Replayed(made.replayed), [(header::LOCATION, location)], Json(answer)))
}
