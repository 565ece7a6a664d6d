//! What `POST /restores` takes.

use bulkhead_catalog::Idempotency;
use bulkhead_engine::{ExternalFile, Partial};
use bulkhead_model::gtid::GtidState;
use bulkhead_model::recovery::Until;
use bulkhead_model::{Failure, Result, ServiceId, Timestamp};
use utoipa::ToSchema;

use crate::Api;
use crate::bucket::{ExternalSource, read_source};
use crate::fields::Fields;

/// MariaDB's names of databases and tables are at most so many characters.
const NAME_MAX: usize = 64;

/// A backup or a moment, and the service that it replaces or goes into.
#[derive(ToSchema)]
#[schema(as = CreateRestore)]
#[expect(dead_code, reason = "the shape of the body, for its document and the list of known fields")]
pub struct CreateRestoreBody {
    /// The service that is restored; not necessarily the one that was backed up.
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    service_id: String,
    /// Id, unique prefix of it, or name of the backup. With `point_in_time` or `gtid` it may be the id of a service, whose backups
    /// and logs are searched for the moment then; left out beside one of these, they are those of `service_id` itself.
    #[schema(min_length = 1)]
    key: Option<String>,
    /// The same as `key`.
    #[schema(min_length = 1)]
    id: Option<String>,
    /// The instant to restore to: `YYYY-MM-DD HH:MM:SS` (UTC), or RFC 3339. What was committed before this second is there, nothing
    /// else.
    #[schema(min_length = 1)]
    point_in_time: Option<String>,
    /// The transactions to restore to, these included: `0-1-15`, one for each domain, separated by commas. Not beside `point_in_time`.
    #[schema(min_length = 1)]
    gtid: Option<String>,
    /// Restores only this database, into the running service, instead of replacing everything.
    #[schema(min_length = 1, max_length = 64)]
    database: Option<String>,
    /// Restores only this table of `database`.
    #[schema(min_length = 1, max_length = 64)]
    table: Option<String>,
    /// What `database` is to be called in the service; its own name unless given.
    #[schema(min_length = 1, max_length = 64)]
    as_database: Option<String>,
    /// What `table` is to be called; its own name unless given.
    #[schema(min_length = 1, max_length = 64)]
    as_table: Option<String>,
    /// Whether a backup of the service as it is now is made first; when that fails, nothing is restored.
    #[schema(default = false)]
    safety_backup: Option<bool>,
    /// Whether to say what would be done, and to do nothing.
    #[schema(default = false)]
    dry_run: Option<bool>,
    /// A file in a bucket of one's own, which `key` names there. It is read to its end before the server is touched. Not beside a
    /// moment or a part.
    external_source: Option<ExternalSource>,
}

/// What is asked for, as it was written: what `named` names is looked up later.
#[derive(Debug)]
pub struct Ask {
    /// The service that is restored.
    pub service: ServiceId,
    /// `key` or `id`; there when `until` is not.
    pub named: Option<String>,
    /// The file that `named` names, when it is no backup of Bulkhead's.
    pub external: Option<ExternalFile>,
    /// The moment.
    pub until: Option<Until>,
    /// Only a part.
    pub only: Option<Partial>,
    /// Back up the service first.
    pub safety_backup: bool,
    /// Only say what would be done.
    pub dry_run: bool,
    /// So that it can be asked again.
    pub idempotency: Option<Idempotency>,
}

/// Reads what is asked for. What this version cannot do is refused, never ignored, once its form is right.
pub fn read(api: &Api, body: Fields) -> Result<Ask> {
    read_at(body, api.clock.now())
}

fn read_at(body: Fields, now: Timestamp) -> Result<Ask> {
    let mut body = body.only_of::<CreateRestoreBody>()?;
    let service = body.required("service_id", "db1")?;
    let named = match (body.text("key")?, body.text("id")?) {
        (Some(key), Some(id)) if key != id => {
            return Err(Failure::invalid("`key` and `id` name different backups").with_hint("send one of the two"));
        }
        (key, id) => key.or(id).map(str::to_owned),
    };
    let external = match body.object("external_source")? {
        Some(source) => {
            let key = named.as_deref().ok_or_else(|| {
                Failure::invalid("`key` is missing")
                    .with_hint("add \"key\": \"/backup.tar.gz\", the file in the bucket")
            })?;
            Some(read_source(source, key)?)
        }
        None => None,
    };
    let until = until(&body, now)?;
    if named.is_none() && until.is_none() {
        return Err(Failure::invalid("`key` is missing").with_hint(
            "add \"key\": \"<backup id>\"; GET /v1/backups lists them; or add \"point_in_time\": \"YYYY-MM-DD HH:MM:SS\"",
        ));
    }
    Ok(Ask {
        service,
        named,
        external,
        until,
        only: only(&body)?,
        safety_backup: body.flag("safety_backup")?.unwrap_or(false),
        dry_run: body.flag("dry_run")?.unwrap_or(false),
        idempotency: body.idempotency.take(),
    })
}

/// The moment, by the clock or by transactions.
fn until(body: &Fields, now: Timestamp) -> Result<Option<Until>> {
    let instant = body.time("point_in_time")?;
    let state = body.parsed::<GtidState>("gtid")?;
    match (instant, state) {
        (Some(_), Some(_)) => {
            Err(Failure::invalid("`gtid` stands beside `point_in_time`").with_hint("send one of the two"))
        }
        (Some(instant), None) if instant > now => {
            Err(body.wrong("point_in_time", format_args!("lies in the future: {instant}")).with_hint(
                "it is read as UTC unless it says otherwise; GET /v1/services/{id}/recovery-window tells what there is",
            ))
        }
        (None, Some(state)) if state.is_empty() => {
            Err(body.wrong("gtid", "names no transaction").with_hint("write e.g. \"gtid\": \"0-1-15\""))
        }
        (instant, state) => Ok(instant.map(Until::Time).or(state.map(Until::Transaction))),
    }
}

/// The part, when not everything is restored.
fn only(body: &Fields) -> Result<Option<Partial>> {
    let name = |field: &str| body.read(field, name);
    let (database, table) = (name("database")?, name("table")?);
    let (as_database, as_table) = (name("as_database")?, name("as_table")?);
    for (field, given, needed, there) in [
        ("table", table.is_some(), "database", database.is_some()),
        ("as_database", as_database.is_some(), "database", database.is_some()),
        ("as_table", as_table.is_some(), "table", table.is_some()),
    ] {
        if given && !there {
            return Err(body
                .wrong(field, format_args!("needs `{needed}`"))
                .with_hint(format!("add \"{needed}\", or leave `{field}` out to restore everything")));
        }
    }
    Ok(database.map(|database| Partial { database, table, as_database, as_table }))
}

/// A database's or table's name, as the server has it.
fn name(text: &str) -> Result<String> {
    if text.chars().count() <= NAME_MAX && !text.ends_with(' ') && !text.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    Err(Failure::invalid(format!("`{}` is no name of a database or table", text.escape_debug()))
        .with_hint("write it as the server does: at most 64 characters, no blank at its end, no quotes around it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(body: &str) -> Result<Ask, String> {
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
            let ask = ask(body).unwrap();
            assert_eq!((ask.named.as_deref(), ask.until, ask.only), (Some("b"), None, None), "{body}");
            assert!(!ask.safety_backup && !ask.dry_run);
        }
        assert_eq!(
            ask(r#"{"service_id": "db1", "id": "a", "key": "b"}"#).unwrap_err(),
            "`key` and `id` name different backups"
        );
        assert_eq!(ask(r#"{"service_id": "db1"}"#).unwrap_err(), "`key` is missing");
    }

    #[test]
    fn a_moment_is_an_instant_or_transactions() {
        let instant = |text| Until::Time(Timestamp::parse_rfc3339(text).unwrap());
        for (fields, until, named) in [
            // As SkySQL prints it.
            (r#""id": "db2", "point_in_time": "2024-03-26 17:18:21""#, instant("2024-03-26T17:18:21Z"), Some("db2")),
            (r#""point_in_time": "2024-03-26T18:18:21.5+01:00""#, instant("2024-03-26T17:18:21.5Z"), None),
            (r#""gtid": "0-1-15, 1-1-3", "key": "b""#, Until::Transaction("0-1-15,1-1-3".parse().unwrap()), Some("b")),
        ] {
            let ask = ask(&format!(r#"{{"service_id": "db1", {fields}}}"#)).unwrap();
            assert_eq!((ask.until, ask.named.as_deref()), (Some(until), named), "{fields}");
        }
        for (fields, why) in [
            (r#""point_in_time": "2024-03-26""#, "`point_in_time`: `2024-03-26` is no time"),
            (
                r#""point_in_time": "0001-01-01 00:00:00""#,
                "`point_in_time`: `0001-01-01 00:00:00` lies outside the years 1970 to 9999",
            ),
            (r#""point_in_time": "9999-01-01 00:00:00""#, "`point_in_time` lies in the future: 9999-01-01T00:00:00Z"),
            (r#""point_in_time": "2024-03-26 17:18:21", "gtid": "0-1-15""#, "`gtid` stands beside `point_in_time`"),
            (
                r#""gtid": "15""#,
                "`gtid`: `15` is no list of GTIDs: write `domain-server-sequence`, e.g. `0-1-15,1-1-3`",
            ),
            (r#""gtid": ",""#, "`gtid` names no transaction"),
            (r#""gtid": 15"#, "`gtid` must be text"),
        ] {
            assert_eq!(ask(&format!(r#"{{"service_id": "db1", {fields}}}"#)).unwrap_err(), why, "{fields}");
        }
    }

    #[test]
    fn a_part_is_named_from_the_outside_in() {
        let ask = |fields: &str| ask(&format!(r#"{{"service_id": "db1", "key": "b", {fields}}}"#));
        let part = ask(r#""database": "shop", "table": "orders", "as_table": "orders_before""#).unwrap().only.unwrap();
        assert_eq!((part.database.as_str(), part.table.as_deref()), ("shop", Some("orders")));
        assert_eq!((part.as_database, part.as_table.as_deref()), (None, Some("orders_before")));
        let long = "x".repeat(65);
        for (fields, why) in [
            (r#""table": "orders""#, "`table` needs `database`".to_owned()),
            (r#""as_database": "shop2""#, "`as_database` needs `database`".to_owned()),
            (r#""database": "shop", "as_table": "o""#, "`as_table` needs `table`".to_owned()),
            (r#""database": """#, "`database` is empty".to_owned()),
            (r#""database": "a\nb""#, r"`database`: `a\nb` is no name of a database or table".to_owned()),
            (r#""database": "a ""#, "`database`: `a ` is no name of a database or table".to_owned()),
            (&format!(r#""database": "{long}""#), format!("`database`: `{long}` is no name of a database or table")),
            (r#""safety_backup": "yes""#, "`safety_backup` must be true or false".to_owned()),
            (r#""dry_run": 1"#, "`dry_run` must be true or false".to_owned()),
        ] {
            assert_eq!(ask(fields).unwrap_err(), why, "{fields}");
        }
    }

    #[test]
    fn a_file_in_a_bucket_of_ones_own_is_named_by_the_key() {
        let source =
            |source: &str| format!(r#"{{"service_id": "db1", "key": "/backup.tar.gz", "external_source": {source}}}"#);
        let ask_for = |text: &str| ask(&source(text)).unwrap_err();
        let aws = "W2RlZmF1bHRdCmF3c19hY2Nlc3Nfa2V5X2lkID0gQUtJQQphd3Nfc2VjcmV0X2FjY2Vzc19rZXkgPSBodW50ZXIyCg==";
        for (method, word) in [("mariabackup", "mariabackup"), ("mariadb-dump", "mysqldump")] {
            let body = format!(
                r#"{{"bucket": "s3://my-bucket/", "method": "{method}", "credentials": "{aws}", "encryption_key": "k"}}"#
            );
            let ask = ask(&source(&body)).unwrap();
            assert!(!format!("{ask:?}").contains("hunter2"));
            let file = ask.external.unwrap();
            assert_eq!(
                (file.address.as_str(), file.key.as_str(), file.method.as_str()),
                ("s3://my-bucket/", "/backup.tar.gz", word)
            );
            assert_eq!(file.encryption_key.unwrap().expose(), "k");
            assert_eq!(file.bucket.plugin, "s3");
        }
        let ask_for_no_file = ask(&format!(
            r#"{{"service_id": "db1", "external_source": {{"bucket": "s3://my-bucket", "method": "mysqldump", "credentials": "{aws}"}}}}"#
        ));
        assert_eq!(ask_for_no_file.unwrap_err(), "`key` is missing");
        for (source, why) in [
            ("{}", "`external_source.bucket` is missing".to_owned()),
            (r#""s3://b""#, "`external_source` must be an object".to_owned()),
            (r#"{"bukket": "s3://b"}"#, "unknown field `external_source.bukket`".to_owned()),
            (r#"{"bucket": "ftp://b"}"#, "`external_source.bucket`: `ftp://b` is no bucket".to_owned()),
            (r#"{"bucket": "s3://bucket"}"#, "`external_source.credentials` is missing".to_owned()),
            (
                &format!(r#"{{"bucket": "s3://bucket", "credentials": "{aws}"}}"#),
                "`external_source.method` is missing".to_owned(),
            ),
            (
                &format!(r#"{{"bucket": "s3://bucket", "credentials": "{aws}", "method": "tar"}}"#),
                "`external_source.method`: `tar` is no way to read a backup".to_owned(),
            ),
        ] {
            assert_eq!(ask_for(source), why, "{source}");
        }
    }
}
