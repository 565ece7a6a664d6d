use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use bulkhead_engine::{CreateTarget, ExternalBucket};
use bulkhead_model::{Failure, Result};
use serde_json::Value;
use utoipa::ToSchema;

use super::body::{CredentialsSchema, config, credentials};
use crate::Api;
use crate::auth::OrgAdministrator;
use crate::dto::TargetDto;
use crate::fields::Fields;
use crate::problem::{Answer, Conflict};

/// A place for backups: a bucket, or whatever a storage plugin takes.
#[derive(ToSchema)]
#[schema(as = CreateTarget)]
#[expect(dead_code, reason = "the shape of the body, for its document and the list of known fields")]
struct CreateTargetBody {
    /// Its name, for ever.
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", example = "offsite")]
    id: String,
    /// `s3://...`, `gs://...` or `azure://ACCOUNT/CONTAINER...`; instead of `plugin`.
    #[schema(min_length = 1, max_length = 1024, example = "s3://my-backups/bulkhead")]
    bucket: Option<String>,
    /// The storage plugin's name; instead of `bucket`.
    #[schema(min_length = 1, example = "s3")]
    plugin: Option<String>,
    /// The plugin's configuration; beside `bucket`, the rest of it.
    #[schema(value_type = Option<Object>)]
    config: Option<Value>,
    /// Who may use it. Sealed, and never shown again.
    credentials: Option<CredentialsSchema>,
    /// Whether the organization's backups go there when they name no target.
    default: Option<bool>,
}

/// `POST /targets`: keeps a place for backups of the organization. Its form is checked; `/test` tries it out.
#[utoipa::path(post, path = "/targets", operation_id = "targets.create", tag = "targets",
    request_body = CreateTargetBody,
    responses((status = 201, description = "The target", body = TargetDto, headers(("Location" = String))), Conflict))]
pub async fn create(
    State(api): State<Api>,
    OrgAdministrator(caller): OrgAdministrator,
    body: Fields,
) -> Answer<(StatusCode, [(HeaderName, String); 1], Json<TargetDto>)> {
    let target = api.engine.create_target(&caller.organization, read(body)?).await?;
    tracing::info!(subject = caller.subject, target = %target.id, plugin = target.plugin, "target made");
    let location = format!("/v1/targets/{}", target.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(target.into())))
}

fn read(body: Fields) -> Result<CreateTarget> {
    let body = body.only_of::<CreateTargetBody>()?;
    let id = body.required("id", "offsite")?;
    let mut config = config(&body)?.unwrap_or_default();
    let plugin = match (body.read("bucket", ExternalBucket::at)?, body.text("plugin")?) {
        (Some(_), Some(_)) => {
            return Err(Failure::invalid("`plugin` stands beside `bucket`")
                .with_hint("send one of the two: `bucket` says the plugin by s3://, gs:// or azure://"));
        }
        (None, None) => {
            return Err(Failure::invalid("`bucket` is missing")
                .with_hint("add \"bucket\": \"s3://my-backups\", or \"plugin\" and \"config\""));
        }
        (None, Some(plugin)) => plugin.to_owned(),
        (Some(bucket), None) => {
            for (key, value) in bucket.config.as_object().into_iter().flatten() {
                if config.insert(key.clone(), value.clone()).is_some_and(|said| said != *value) {
                    return Err(Failure::invalid(format!("`config.{key}` says something else than `bucket`"))
                        .with_hint("leave it out"));
                }
            }
            bucket.plugin
        }
    };
    let default = body.flag("default")?.unwrap_or(false);
    Ok(CreateTarget { id, plugin, config, credentials: credentials(&body)?, default })
}

#[cfg(test)]
mod tests {
    use bulkhead_engine::GivenCredentials;
    use serde_json::json;

    use super::*;

    fn ask(body: &str) -> Result<CreateTarget, String> {
        Fields::from_json(body.as_bytes()).and_then(read).map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_bucket_is_as_good_as_its_plugin() {
        let short = ask(r#"{"id": "a", "bucket": "s3://b-1/p/", "config": {"region": "eu-west-1"}}"#).unwrap();
        let long = r#"{"id": "a", "plugin": "s3", "config": {"bucket": "b-1", "prefix": "p", "region": "eu-west-1"}}"#;
        let long = ask(long).unwrap();
        assert_eq!((&short.plugin, &short.config), (&long.plugin, &long.config));
        assert_eq!(Value::Object(long.config), json!({"bucket": "b-1", "prefix": "p", "region": "eu-west-1"}));
        let plain = ask(r#"{"id": "a", "plugin": "x", "credentials": {"key": "hunter2"}}"#).unwrap();
        let Some(GivenCredentials::Plain(secret)) = &plain.credentials else { panic!("{plain:?}") };
        assert_eq!(secret.expose(), r#"{"key":"hunter2"}"#);
        assert!(!format!("{plain:?}").contains("hunter2"));
    }

    #[test]
    fn each_wrong_field_is_named() {
        for (body, why) in [
            ("{}", "`id` is missing"),
            (r#"{"id": "-", "bucket": "s3://bbb"}"#, "`id`: `-` is no target id"),
            (r#"{"id": "a"}"#, "`bucket` is missing"),
            (r#"{"id": "a", "bucket": "b"}"#, "`bucket`: `b` is no bucket"),
            (r#"{"id": "a", "bucket": "s3://bbb", "plugin": "s3"}"#, "`plugin` stands beside `bucket`"),
            (
                r#"{"id": "a", "bucket": "s3://bbb", "config": {"bucket": "ccc"}}"#,
                "`config.bucket` says something else",
            ),
            (r#"{"id": "a", "plugin": "s3", "config": []}"#, "`config` must be an object"),
            (r#"{"id": "a", "plugin": "s3", "credentials": 7}"#, "`credentials` must be text or an object"),
            (r#"{"id": "a", "plugin": "s3", "credentials": ""}"#, "`credentials` is empty"),
            (r#"{"id": "a", "plugin": "s3", "secret": "x"}"#, "unknown field `secret`"),
            (r#"{"id": "a", "plugin": "s3", "default": 1}"#, "`default` must be true or false"),
        ] {
            let answer = ask(body).unwrap_err();
            assert!(answer.starts_with(why), "{body}: {answer}");
        }
    }
}
