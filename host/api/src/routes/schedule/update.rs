use axum::Json;
use axum::extract::State;
use bulkhead_engine::UpdateSchedule;
use bulkhead_model::{Expression, Failure, NameTemplate, Result, Role, Zone};
use utoipa::ToSchema;

use super::body::{MisfireWord, grace, jitter, retention};
use super::meant;
use crate::Api;
use crate::auth::Administrator;
use crate::dto::{RetentionSchema, ScheduleDto};
use crate::fields::Fields;
use crate::path::Id;
use crate::problem::{Answer, Conflict, Unsupported};

/// What can be changed of a schedule; what is left out stays.
#[derive(ToSchema)]
#[schema(as = UpdateSchedule)]
#[expect(dead_code, reason = "the shape of the body, for its document and the list of known fields")]
struct UpdateScheduleBody {
    /// Five fields of crontab(5), or `@daily` and its like.
    #[schema(min_length = 1, max_length = 600)]
    schedule: Option<String>,
    /// The IANA name of the time zone in which the expression is read.
    #[schema(min_length = 1)]
    timezone: Option<String>,
    /// Whether it fires.
    enabled: Option<bool>,
    /// What becomes of a run that comes late.
    misfire: Option<MisfireWord>,
    /// How late it is still made up for.
    #[schema(minimum = 0, maximum = 2_592_000)]
    misfire_grace_seconds: Option<u32>,
    /// Runs are spread over this time.
    #[schema(minimum = 0, maximum = 86_400)]
    jitter_seconds: Option<u32>,
    /// Which of its backups are kept; null goes back to the service's own retention.
    retention: Option<RetentionSchema>,
    /// How its backups are named, with `{service}`, `{method}`, `{date}`, `{time}`, `{n}`; null leaves them without a name.
    #[schema(min_length = 1)]
    name: Option<String>,
    /// Where they are kept.
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    target: Option<String>,
    /// Where they are kept besides; an empty list for nowhere.
    #[schema(max_items = 4)]
    copies: Option<Vec<String>>,
}

/// `PATCH /backups/schedules/{id}`: changes a recurring schedule; one that runs once is as it is (409).
#[utoipa::path(patch, path = "/backups/schedules/{id}", operation_id = "schedules.update", tag = "schedules",
    params(("id" = i64, Path, minimum = 1)), request_body = UpdateScheduleBody,
    responses((status = 200, description = "The schedule as it is now", body = ScheduleDto), Conflict, Unsupported))]
pub async fn update(
    State(api): State<Api>,
    Administrator(caller): Administrator,
    Id(id): Id,
    body: Fields,
) -> Answer<Json<ScheduleDto>> {
    let change = read(body)?;
    let schedule = meant(&api, &caller, Role::Administrator, &id).await?;
    let schedule = api.engine.update_schedule(&caller.organization, schedule.id, change).await?;
    tracing::info!(subject = caller.subject, schedule = %schedule.id, "schedule changed");
    let schedule = ScheduleDto::from(schedule);
    Ok(Json(schedule.with_storage(&api.engine.inline_addresses(&caller.organization).await?)))
}

fn read(body: Fields) -> Result<UpdateSchedule> {
    let body = body.only_of::<UpdateScheduleBody>()?;
    if body.text("schedule")? == Some("once") {
        return Err(body.wrong("schedule", "cannot become `once`").with_hint("make a new one: it runs at once"));
    }
    // Null takes away what has a default elsewhere; of the others there is always one.
    for name in
        ["schedule", "timezone", "enabled", "misfire", "misfire_grace_seconds", "jitter_seconds", "target", "copies"]
    {
        if body.given(name) && !body.has(name) {
            return Err(body.wrong(name, "must not be null").with_hint("leave it out to keep it as it is"));
        }
    }
    let change = UpdateSchedule {
        expression: body.read("schedule", Expression::parse)?,
        zone: body.read("timezone", Zone::parse)?,
        enabled: body.flag("enabled")?,
        misfire: body.read("misfire", str::parse)?,
        misfire_grace: grace(&body)?,
        jitter: jitter(&body)?,
        retention: body.given("retention").then(|| retention(&body)).transpose()?,
        name: body.given("name").then(|| body.text("name")?.map(NameTemplate::parse).transpose()).transpose()?,
        target: body.parsed("target")?,
        copies: body.list("copies")?,
    };
    match body.is_empty() {
        true => {
            Err(Failure::invalid("the body says nothing to change").with_hint("e.g. {\"schedule\": \"0 9 * * *\"}"))
        }
        false => Ok(change),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_is_changed_and_nothing_else() {
        let change = |body: &str| Fields::from_json(body.as_bytes()).and_then(read).map_err(|f| f.to_string());
        let made = change(r#"{"schedule": "0 9 ** *", "retention": null}"#).unwrap();
        assert_eq!(made.expression.unwrap().as_str(), "0 9 * * *");
        assert_eq!((made.retention, made.name, made.enabled), (Some(None), None, None));
        let kept = change(r#"{"name": "{service}-{n}", "jitter_seconds": 0}"#).unwrap();
        assert_eq!((kept.name.unwrap().unwrap().as_str(), kept.jitter.unwrap().as_secs()), ("{service}-{n}", 0));
        assert!(change("{}").unwrap_err().starts_with("the body says nothing to change"));
        assert!(change(r#"{"enabled": null}"#).unwrap_err().starts_with("`enabled` must not be null"));
        assert!(change(r#"{"schedule": "once"}"#).unwrap_err().starts_with("`schedule` cannot become `once`"));
    }
}
