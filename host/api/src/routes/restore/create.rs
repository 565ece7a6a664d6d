use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use bulkhead_engine::CreateRestore;
use bulkhead_model::{Failure, Result};
use utoipa::ToSchema;

use crate::Api;
use crate::auth::Administrator;
use crate::dto::RestoreDto;
use crate::fields::Fields;
use crate::problem::{Answer, Conflict, NotFound, Unsupported};

/// A backup and the service that it replaces.
#[derive(ToSchema)]
#[schema(as = CreateRestore)]
#[expect(dead_code, reason = "the shape of the body, for its document and the list of known fields")]
struct CreateRestoreBody {
    /// The service that is restored; not necessarily the one that was backed up.
    service_id: String,
    /// Id, unique prefix of it, or name of the backup.
    key: Option<String>,
    /// The same as `key`.
    id: Option<String>,
    point_in_time: Option<String>,
    external_source: Option<serde_json::Value>,
}

/// `POST /restores`: replaces the data of a service by those of a backup.
#[utoipa::path(post, path = "/restores", operation_id = "restores.create", tag = "restores", request_body = CreateRestoreBody,
    responses((status = 201, description = "A job restores it", body = RestoreDto), NotFound, Conflict, Unsupported))]
pub async fn create(
    State(api): State<Api>,
    Administrator(caller): Administrator,
    body: Fields,
) -> Answer<(StatusCode, [(HeaderName, String); 1], Json<RestoreDto>)> {
    let ask = read(body)?;
    let (restore, job) = api.engine.create_restore(&caller.organization, ask).await?.value;
    tracing::info!(
        organization = %caller.organization, subject = caller.subject, service = %restore.service, backup = %restore.backup,
        job = %job.id, "restore asked for"
    );
    let backup = api.engine.catalog().backup(&caller.organization, &restore.backup).await?;
    let location = format!("/v1/restores/{}", restore.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(RestoreDto::new(restore, &backup))))
}

fn read(body: Fields) -> Result<CreateRestore> {
    let body = body.only_of::<CreateRestoreBody>()?;
    for (field, hint) in [
        ("point_in_time", "restore a backup as it is: {\"service_id\": ..., \"key\": ...}"),
        ("external_source", "restore a backup of this host's own targets: {\"service_id\": ..., \"key\": ...}"),
    ] {
        if body.has(field) {
            return Err(Failure::unsupported(format!("`{field}` is not supported by this version")).with_hint(hint));
        }
    }
    let service = body.required("service_id", "db1")?;
    let backup = match (body.text("key")?, body.text("id")?) {
        (Some(key), Some(id)) if key != id => {
            return Err(Failure::invalid("`key` and `id` name different backups").with_hint("send one of the two"));
        }
        (Some(text), _) | (None, Some(text)) => text.to_owned(),
        (None, None) => {
            return Err(Failure::invalid("`key` is missing")
                .with_hint("add \"key\": \"<backup id>\"; GET /v1/backups lists them"));
        }
    };
    Ok(CreateRestore { service, backup, idempotency: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(body: &str) -> Result<CreateRestore, String> {
        Fields::from_json(body.as_bytes()).and_then(read).map_err(|failure| failure.message)
    }

    #[test]
    fn key_and_id_are_accepted_for_each_other() {
        for body in [
            r#"{"service_id": "db1", "key": "b"}"#,
            r#"{"service_id": "db1", "id": "b"}"#,
            r#"{"service_id": "db1", "id": "b", "key": "b"}"#,
        ] {
            assert_eq!(ask(body).unwrap().backup, "b", "{body}");
        }
        assert_eq!(
            ask(r#"{"service_id": "db1", "id": "a", "key": "b"}"#).unwrap_err(),
            "`key` and `id` name different backups"
        );
        assert_eq!(ask(r#"{"service_id": "db1"}"#).unwrap_err(), "`key` is missing");
    }

    #[test]
    fn a_point_in_time_is_refused_and_never_ignored() {
        let body = r#"{"service_id": "db1", "id": "db1", "point_in_time": "2024-03-26 17:18:21"}"#;
        assert_eq!(ask(body).unwrap_err(), "`point_in_time` is not supported by this version");
        let body = r#"{"service_id": "db1", "key": "/x", "external_source": {"bucket": "s3://x"}}"#;
        assert_eq!(ask(body).unwrap_err(), "`external_source` is not supported by this version");
    }
}
