use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use bulkhead_engine::CreateBackup;
use bulkhead_model::{Failure, Result, RetentionPolicy};
use utoipa::ToSchema;

use crate::Api;
use crate::auth::Operator;
use crate::dto::ScheduleDto;
use crate::fields::Fields;
use crate::problem::{Answer, Conflict, NotFound, Unsupported};

/// What is backed up, how and when.
#[derive(ToSchema)]
#[schema(as = CreateSchedule)]
#[expect(dead_code, reason = "the shape of the body, for its document and the list of known fields")]
struct CreateScheduleBody {
    backup_type: String,
    schedule: String,
    service_id: String,
    name: Option<String>,
    target: Option<String>,
    external_storage: Option<serde_json::Value>,
    timezone: Option<String>,
    retention: Option<u32>,
}

/// `POST /backups/schedules`: makes a backup now.
#[utoipa::path(post, path = "/backups/schedules", operation_id = "schedules.create", tag = "schedules",
    request_body = CreateScheduleBody,
    responses((status = 201, description = "A job makes it", body = ScheduleDto), NotFound, Conflict, Unsupported))]
pub async fn create(
    State(api): State<Api>,
    Operator(caller): Operator,
    body: Fields,
) -> Answer<(StatusCode, [(HeaderName, String); 1], Json<ScheduleDto>)> {
    let ask = read(body)?;
    let (schedule, backup, job) = api.engine.create_backup(&caller.organization, ask).await?.value;
    tracing::info!(organization = %caller.organization, subject = caller.subject, backup = %backup.id, job = %job.id, "backup asked for");
    let location = format!("/v1/backups/schedules/{}", schedule.id);
    let answer = ScheduleDto::created(schedule, backup, job);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(answer)))
}

fn read(body: Fields) -> Result<CreateBackup> {
    let body = body.only_of::<CreateScheduleBody>()?;
    for (field, hint) in [
        ("external_storage", "leave it out: the backup goes to a target of the host's configuration"),
        ("timezone", "leave it out: `once` needs none"),
    ] {
        if body.has(field) {
            return Err(Failure::unsupported(format!("`{field}` is not supported by this version")).with_hint(hint));
        }
    }
    let schedule: String = body.required("schedule", "once")?;
    if schedule != "once" {
        return Err(Failure::unsupported(format!(
            "`schedule`: only `once` is supported by this version, not `{}`",
            schedule.escape_debug()
        ))
        .with_hint("let cron(8) or a timer run `bulkhead backup create`"));
    }
    Ok(CreateBackup {
        service: body.required("service_id", "db1")?,
        method: body.required("backup_type", "full")?,
        name: body.text("name")?.map(name).transpose()?,
        retention: match body.has("retention") {
            true => Some(RetentionPolicy::last(body.number("retention", 1..=100_000, 1)?)),
            false => None,
        },
        target: body.parsed("target")?,
        idempotency: None,
    })
}

/// Names stand in tables, paths and sentences.
fn name(text: &str) -> Result<String> {
    let text = text.trim();
    if text.chars().count() > 100 || text.chars().any(|c| c.is_control() || matches!(c, '/' | '(' | ')')) {
        return Err(Failure::invalid("`name` must have at most 100 printable characters, without `/`, `(` and `)`"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(body: &str) -> Result<CreateBackup, String> {
        Fields::from_json(body.as_bytes()).and_then(read).map_err(|failure| failure.to_string())
    }

    #[test]
    fn skysqls_one_time_request_is_understood() {
        let made = ask(r#"{"backup_type": "physical", "schedule": "once", "service_id": "dbtgf28044362"}"#).unwrap();
        assert_eq!((made.method.as_str(), made.service.as_str(), made.name), ("full", "dbtgf28044362", None));
    }

    #[test]
    fn what_is_not_there_yet_is_said_plainly() {
        let cron = ask(r#"{"backup_type": "full", "schedule": "0 3 * * *", "service_id": "db1"}"#).unwrap_err();
        assert!(cron.starts_with("`schedule`: only `once` is supported by this version, not `0 3 * * *`"), "{cron}");
        let bucket = ask(r#"{"backup_type": "full", "schedule": "once", "service_id": "db1", "external_storage": {}}"#);
        assert!(bucket.unwrap_err().starts_with("`external_storage` is not supported"));
        let name = format!(
            r#"{{"backup_type": "full", "schedule": "once", "service_id": "db1", "name": "{}"}}"#,
            "é".repeat(101)
        );
        assert!(ask(&name).unwrap_err().starts_with("`name` must have at most 100"));
    }
}
