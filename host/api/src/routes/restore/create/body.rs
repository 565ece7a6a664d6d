//! What `POST /restores` takes.

use bulkhead_engine::{CreateRestore, RestoreFrom};
use bulkhead_model::{Failure, Result, Timestamp};
use utoipa::ToSchema;

use crate::Api;
use crate::bucket::{ExternalSource, check_source};
use crate::fields::Fields;

/// A backup and the service that it replaces.
#[derive(ToSchema)]
#[schema(as = CreateRestore)]
#[expect(dead_code, reason = "the shape of the body, for its document and the list of known fields")]
pub struct CreateRestoreBody {
    /// The service that is restored; not necessarily the one that was backed up.
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    service_id: String,
    /// Id, unique prefix of it, or name of the backup. One of `key` and `id` has to be there.
    #[schema(min_length = 1)]
    key: Option<String>,
    /// The same as `key`.
    #[schema(min_length = 1)]
    id: Option<String>,
    /// The instant to restore to, `YYYY-MM-DD HH:MM:SS` (UTC). Not supported by this version.
    #[schema(min_length = 1)]
    point_in_time: Option<String>,
    /// A backup in a bucket of one's own. Not supported by this version.
    external_source: Option<ExternalSource>,
}

/// Reads what is asked for. What this version cannot do is refused, never ignored, once its form is right.
pub fn read(api: &Api, body: Fields) -> Result<CreateRestore> {
    read_at(body, api.clock.now())
}

fn read_at(body: Fields, now: Timestamp) -> Result<CreateRestore> {
    let mut body = body.only_of::<CreateRestoreBody>()?;
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
    if let Some(source) = body.object("external_source")? {
        check_source(source)?;
        return Err(unsupported(
            "external_source",
            "restore a backup of this host's own targets: {\"service_id\": ..., \"key\": ...}",
        ));
    }
    if let Some(instant) = body.time("point_in_time")? {
        if instant > now {
            return Err(body.wrong("point_in_time", format_args!("lies in the future: {instant}")));
        }
        return Err(unsupported("point_in_time", "restore a backup as it is: {\"service_id\": ..., \"key\": ...}"));
    }
    Ok(CreateRestore {
        service,
        from: RestoreFrom::Backup(backup),
        until: None,
        only: None,
        safety_backup: false,
        idempotency: body.idempotency.take(),
    })
}

fn unsupported(field: &str, hint: &str) -> Failure {
    Failure::unsupported(format!("`{field}` is not supported by this version")).with_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(body: &str) -> Result<CreateRestore, String> {
        let now = Timestamp::parse_rfc3339("2026-07-14T00:00:00Z").unwrap();
        Fields::from_json(body.as_bytes()).and_then(|body| read_at(body, now)).map_err(|failure| failure.message)
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
        for (time, why) in [
            ("2024-03-26 17:18:21", "`point_in_time` is not supported by this version"),
            ("2024-03-26", "`point_in_time`: `2024-03-26` is no time"),
            ("0001-01-01 00:00:00", "`point_in_time`: `0001-01-01 00:00:00` lies outside the years 1970 to 9999"),
            ("9999-01-01 00:00:00", "`point_in_time` lies in the future: 9999-01-01T00:00:00Z"),
        ] {
            let body = format!(r#"{{"service_id": "db1", "id": "db1", "point_in_time": "{time}"}}"#);
            assert_eq!(ask(&body).unwrap_err(), why);
        }
    }

    #[test]
    fn a_bucket_of_ones_own_is_refused_once_it_is_well_formed() {
        let ask = |source: &str| {
            ask(&format!(r#"{{"service_id": "db1", "key": "/backup.tar.gz", "external_source": {source}}}"#))
                .unwrap_err()
        };
        let good = r#"{"bucket": "gs://b/", "method": "mariabackup", "credentials": "e30=", "encryption_key": "k"}"#;
        assert_eq!(ask(good), "`external_source` is not supported by this version");
        for (source, why) in [
            ("{}", "`external_source.bucket` is missing"),
            (r#""s3://b""#, "`external_source` must be an object"),
            (r#"{"bukket": "s3://b"}"#, "unknown field `external_source.bukket`"),
            (r#"{"bucket": "ftp://b"}"#, "`external_source.bucket`: `ftp://b` is no bucket"),
            (r#"{"bucket": "s3://b"}"#, "`external_source.method` is missing"),
            (r#"{"bucket": "s3://b", "method": "tar"}"#, "`external_source.method`: `tar` is no way to read a backup"),
            (
                r#"{"bucket": "s3://b", "method": "mysqldump", "credentials": "{"}"#,
                "`external_source.credentials`: the text is not base64",
            ),
        ] {
            assert_eq!(ask(source), why, "{source}");
        }
    }
}
