mod body;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bulkhead_catalog::{BackupFilter, Restore};
use bulkhead_engine::{CreateRestore, RestoreFrom};
use bulkhead_model::{Failure, FailureKind, Result, Role, ServiceId};

use self::body::{Ask, CreateRestoreBody};
use crate::Api;
use crate::auth::{Administrator, Caller};
use crate::dto::{RestoreDto, RestorePreviewDto};
use crate::fields::Fields;
use crate::made::{Replayed, Started};
use crate::problem::{Answer, Conflict, NotFound, Unsupported};
use crate::routes::backup;

/// `POST /restores`: replaces the data of a service by those of a backup or of a moment, or brings back a part of them.
#[utoipa::path(post, path = "/restores", operation_id = "restores.create", tag = "restores",
    request_body = CreateRestoreBody, params(Started),
    responses(
        (status = 200, description = "What it would do, for a dry run; nothing was done", body = RestorePreviewDto),
        (status = 201, description = "A job restores it", body = RestoreDto,
            headers(("Location" = String), ("Idempotent-Replayed" = Option<bool>))), NotFound, Conflict, Unsupported))]
pub async fn create(State(api): State<Api>, Administrator(caller): Administrator, body: Fields) -> Answer<Response> {
    let ask = body::read(&api, body)?;
    caller.on(Role::Administrator, &ask.service)?;
    api.engine.service(&caller.organization, &ask.service)?;
    if ask.dry_run {
        let service = ask.service.clone();
        let ask = meant(&api, &caller, ask).await?;
        let preview = api.engine.preview_restore(&caller.organization, &ask).await?;
        return Ok(Json(RestorePreviewDto::new(service, preview)).into_response());
    }
    // By now the same words may mean another backup, or nothing; what they have made before stands.
    let before = api.engine.catalog().job_made_before(&caller.organization, ask.idempotency.as_ref()).await?;
    if let Some(job) = before {
        let id = job.restore.ok_or_else(|| Failure::internal(format!("job {} restores nothing", job.id)))?;
        let restore = api.engine.catalog().restore(&caller.organization, id).await?;
        return started(&api, &caller, restore, true).await;
    }
    let ask = meant(&api, &caller, ask).await?;
    let made = api.engine.create_restore(&caller.organization, ask).await?;
    let (restore, job) = made.value;
    tracing::info!(
        subject = caller.subject, service = %restore.service, backup = %restore.backup, job = %job.id, "restore asked for"
    );
    started(&api, &caller, restore, made.replayed).await
}

async fn started(api: &Api, caller: &Caller, restore: Restore, replayed: bool) -> Answer<Response> {
    let backup = api.engine.catalog().backup(&caller.organization, &restore.backup).await?;
    let location = format!("/v1/restores/{}", restore.id);
    let answer = RestoreDto::new(restore, &backup);
    Ok((StatusCode::CREATED, Replayed(replayed), [(header::LOCATION, location)], Json(answer)).into_response())
}

/// What the caller means by what they wrote, among what they may see.
async fn meant(api: &Api, caller: &Caller, mut ask: Ask) -> Result<CreateRestore> {
    let from = match (ask.external.take(), &ask.named) {
        (Some(file), _) => RestoreFrom::File(Box::new(file)),
        (None, None) => RestoreFrom::Service(ask.service.clone()),
        // To restore from it, reading it is enough: a service may be restored from another one's backups.
        (None, Some(named)) => match source(api, caller, &ask, named).await? {
            Some(service) => RestoreFrom::Service(service),
            None => RestoreFrom::Backup(backup::meant(api, caller, Role::Viewer, named).await?.id.to_string()),
        },
    };
    Ok(CreateRestore {
        service: ask.service,
        from,
        until: ask.until,
        only: ask.only,
        safety_backup: ask.safety_backup,
        idempotency: ask.idempotency,
    })
}

/// The service whose history is meant, as SkySQL has it: `id` beside a moment is a service. One that is no longer served, or by
/// another host, is known by its backups.
async fn source(api: &Api, caller: &Caller, ask: &Ask, named: &str) -> Result<Option<ServiceId>> {
    let Some(service) = named.parse::<ServiceId>().ok().filter(|service| ask.until.is_some() && caller.sees(service))
    else {
        return Ok(None);
    };
    match api.engine.service(&caller.organization, &service) {
        Ok(_) => return Ok(Some(service)),
        Err(failure) if failure.kind == FailureKind::NotFound => {}
        Err(failure) => return Err(failure),
    }
    let filter = BackupFilter { service: Some(service.clone()), page_size: 1, ..BackupFilter::default() };
    let (_, known) = api.engine.catalog().backups(&caller.organization, &filter).await?;
    Ok((known > 0).then_some(service))
}
