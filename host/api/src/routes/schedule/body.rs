//! What `POST /backups/schedules` takes.

use std::time::Duration;

use bulkhead_engine::{CreateBackup, CreateSchedule};
use bulkhead_model::{BackupName, Expression, Misfire, NameTemplate, Result, RetentionPolicy, Zone};
use utoipa::ToSchema;

use crate::bucket::{ExternalStorage, read_storage};
use crate::dto::RetentionSchema;
use crate::fields::Fields;

/// What is backed up, how and when.
#[derive(ToSchema)]
#[schema(as = CreateSchedule)]
#[expect(dead_code, reason = "the shape of the body, for its document and the list of known fields")]
pub struct CreateScheduleBody {
    /// The method: `full`, `dump`, ..., or `physical`, `logical`, `binlog`.
    #[schema(pattern = "^[a-z-]{1,32}$", example = "full")]
    backup_type: String,
    /// `once`, five fields of crontab(5), or `@daily` and its like.
    #[schema(min_length = 1, max_length = 600, example = "0 3 * * *")]
    schedule: String,
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", example = "dbtgf28044362")]
    service_id: String,
    /// The IANA name of the time zone in which the expression is read; UTC when left out.
    #[schema(min_length = 1, example = "Europe/Berlin")]
    timezone: Option<String>,
    /// The backup's name; of recurring ones a template with `{service}`, `{method}`, `{date}`, `{time}`, `{n}`.
    #[schema(min_length = 1)]
    name: Option<String>,
    /// Which backups are kept: the newest N, or by rules.
    retention: Option<RetentionSchema>,
    /// Where the backups are kept; the default target when left out.
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    target: Option<String>,
    /// The targets that they also go to, in the same stream. One that fails gets its copy later, by a job of its own.
    #[schema(max_items = 4)]
    copies: Option<Vec<String>>,
    /// Whether it fires; it does when left out.
    enabled: Option<bool>,
    /// What becomes of a run that comes late; `run_once` when left out.
    misfire: Option<MisfireWord>,
    /// How late it is still made up for; a day when left out.
    #[schema(minimum = 0, maximum = 2_592_000)]
    misfire_grace_seconds: Option<u32>,
    /// Runs are spread over this time.
    #[schema(minimum = 0, maximum = 86_400)]
    jitter_seconds: Option<u32>,
    /// A bucket of one's own, instead of `target`. Needs the role administrator on the whole organization.
    external_storage: Option<ExternalStorage>,
}

/// What becomes of a run that comes late, because no host was up or all were busy.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case", as = Misfire)]
#[expect(dead_code, reason = "for the document")]
pub enum MisfireWord {
    /// It runs once, unless it comes later than the grace.
    RunOnce,
    /// It counts as missed.
    Skip,
}

/// The most that runs may be spread over, and the longest grace.
const JITTER_MAX: u64 = 86_400;
const GRACE_MAX: u64 = 2_592_000;

/// What is asked for.
#[derive(Debug)]
pub enum Ask {
    /// One backup, now.
    Once(CreateBackup),
    /// Backups again and again.
    Recurring(CreateSchedule),
}

/// Reads what is asked for.
pub fn read(body: Fields) -> Result<Ask> {
    let mut body = body.only_of::<CreateScheduleBody>()?;
    let service = body.required("service_id", "db1")?;
    let method = body.required("backup_type", "full")?;
    let target = body.parsed("target")?;
    let external = body.object("external_storage")?.map(read_storage).transpose()?;
    if external.is_some() && body.has("target") {
        return Err(body
            .wrong("external_storage", "stands beside `target`")
            .with_hint("send one of the two: both say where the backups are kept"));
    }
    let copies = body.list("copies")?.unwrap_or_default();
    let zone = body.read("timezone", Zone::parse)?.unwrap_or_default();
    let retention = retention(&body)?;
    let schedule = body.text("schedule")?.map(str::to_owned).ok_or_else(|| {
        body.wrong("schedule", "is missing").with_hint("add \"schedule\": \"once\", or e.g. \"0 3 * * *\"")
    })?;
    let ask = if schedule == "once" {
        only_recurring(&body)?;
        let name = body.text("name")?.map(BackupName::parse).transpose()?;
        let name = name.map(|name| name.as_str().to_owned());
        let idempotency = body.idempotency.take();
        Ask::Once(CreateBackup { service, method, name, retention, target, external, copies, idempotency })
    } else {
        let name = body.text("name")?.map(NameTemplate::parse).transpose()?;
        if let Some(name) = &name {
            name.fits(&service, &method)?;
        }
        Ask::Recurring(CreateSchedule {
            service,
            method,
            expression: Expression::parse(&schedule).map_err(|failure| failure.context("`schedule`"))?,
            zone,
            enabled: body.flag("enabled")?.unwrap_or(true),
            misfire: body.read("misfire", str::parse)?.unwrap_or_default(),
            misfire_grace: grace(&body)?.unwrap_or(Misfire::DEFAULT_GRACE),
            jitter: jitter(&body)?.unwrap_or_default(),
            retention,
            name,
            target,
            external,
            copies,
            idempotency: body.idempotency.take(),
        })
    };
    Ok(ask)
}

/// What means nothing for a backup that is made now would be missed by whoever wrote it. A time zone does no harm.
fn only_recurring(body: &Fields) -> Result<()> {
    for name in ["misfire", "misfire_grace_seconds", "jitter_seconds"] {
        if body.has(name) {
            return Err(body.wrong(name, "is for schedules that recur").with_hint("leave it out: `once` runs now"));
        }
    }
    match body.flag("enabled")? {
        Some(false) => {
            Err(body.wrong("enabled", "is for schedules that recur").with_hint("leave it out: `once` runs now"))
        }
        _ => Ok(()),
    }
}

/// Which backups are kept.
pub fn retention(body: &Fields) -> Result<Option<RetentionPolicy>> {
    // A number as text is for the command line.
    match body.json("retention") {
        Some(value) if value.is_string() => {
            Err(body.wrong("retention", "must be a whole number from 1 to 100000, or an object of rules"))
        }
        value => value.map(RetentionPolicy::from_json).transpose(),
    }
}

/// How late a run is still made up for.
pub fn grace(body: &Fields) -> Result<Option<Duration>> {
    Ok(body.whole("misfire_grace_seconds", 0..=GRACE_MAX)?.map(Duration::from_secs))
}

/// Over which time runs are spread.
pub fn jitter(body: &Fields) -> Result<Option<Duration>> {
    Ok(body.whole("jitter_seconds", 0..=JITTER_MAX)?.map(Duration::from_secs))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(more: &str) -> Result<Ask, String> {
        let body = format!(r#"{{"backup_type": "physical", "service_id": "dbtgf28044362"{more}}}"#);
        Fields::from_json(body.as_bytes()).and_then(read).map_err(|failure| failure.to_string())
    }

    #[test]
    fn skysqls_requests_are_understood() {
        let Ask::Once(once) = ask(r#", "schedule": "once""#).unwrap() else { panic!("once") };
        assert_eq!((once.method.as_str(), once.service.as_str(), once.name), ("full", "dbtgf28044362", None));
        for (printed, normal) in [("0 3 * * *", "0 3 * * *"), ("0 2 ** *", "0 2 * * *"), ("@daily", "0 0 * * *")] {
            let Ask::Recurring(made) = ask(&format!(r#", "schedule": "{printed}""#)).unwrap() else {
                panic!("{printed}")
            };
            assert_eq!((made.expression.as_str(), made.zone.as_str(), made.enabled), (normal, "UTC", true));
        }
    }

    #[test]
    fn storage_of_ones_own_is_read_as_skysql_writes_it() {
        use base64::Engine as _;
        let file = "[default]\naws_access_key_id=AK\naws_secret_access_key=hunter2\nregion=eu-west-1\n";
        let credentials = base64::engine::general_purpose::STANDARD.encode(file);
        let storage = format!(r#"{{"bucket": {{"path": "s3://my_backups/", "credentials": "{credentials}"}}}}"#);
        for schedule in ["once", "@daily"] {
            let made = ask(&format!(r#", "schedule": "{schedule}", "external_storage": {storage}"#)).unwrap();
            assert!(!format!("{made:?}").contains("hunter2"));
            let (Ask::Once(CreateBackup { external, .. }) | Ask::Recurring(CreateSchedule { external, .. })) = made;
            let external = external.unwrap();
            assert_eq!(external.config, serde_json::json!({"bucket": "my_backups", "region": "eu-west-1"}));
        }
    }

    #[test]
    fn each_wrong_field_is_named() {
        for (more, why) in [
            ("", "`schedule` is missing"),
            (r#", "schedule": "0 0 30 2 *""#, "`schedule`: the schedule `0 0 30 2 *` never fires"),
            (r#", "schedule": "61 * * * *""#, "`schedule`: "),
            (r#", "schedule": "* * * *""#, "`schedule`: "),
            (
                r#", "schedule": "once", "timezone": "Europe/Berln""#,
                "`timezone`: `Europe/Berln` is no time zone; hint: did you mean `Europe/Berlin`?",
            ),
            (r#", "schedule": "once", "jitter_seconds": 5"#, "`jitter_seconds` is for schedules that recur"),
            (r#", "schedule": "once", "enabled": false"#, "`enabled` is for schedules that recur"),
            (
                r#", "schedule": "@daily", "jitter_seconds": 86401"#,
                "`jitter_seconds` must be a whole number from 0 to 86400",
            ),
            (
                r#", "schedule": "@daily", "misfire": "runonce""#,
                "`misfire`: `runonce` is no way to treat a late run; hint: did you mean `run_once`?",
            ),
            (r#", "schedule": "@daily", "retention": "7""#, "`retention` must be a whole number"),
            (
                r#", "schedule": "@daily", "retention": {"dayly": 7}"#,
                "unknown rule `retention.dayly`; hint: did you mean `daily`?",
            ),
            (r#", "schedule": "@daily", "enabled": "yes""#, "`enabled` must be true or false"),
            (r#", "schedule": "@daily", "name": "{who}""#, "`name`"),
            (r#", "schedule": "once", "name": "a/b""#, "`name` must have at most 100"),
            (r#", "schedule": "once", "external_storage": {}"#, "`external_storage.bucket` is missing"),
            (
                r#", "schedule": "once", "external_storage": {"bucket": {"path": "http://x", "credentials": "e30="}}"#,
                "`external_storage.bucket.path`: `http://x` is no bucket",
            ),
            (
                r#", "schedule": "once", "external_storage": {"bucket": {"path": "s3://bucket", "credentials": "%"}}"#,
                "`external_storage.bucket.credentials`: the text is not base64",
            ),
            (
                r#", "schedule": "once", "external_storage": {"bucket": {"path": "s3://bucket", "credentials": "W2RdCg=="}}"#,
                "`external_storage.bucket.credentials`: the credentials have no profile [default]",
            ),
            (
                r#", "schedule": "once", "target": "a", "external_storage": {"bucket": {"path": "s3://bucket", "credentials": "e30="}}"#,
                "`external_storage` stands beside `target`",
            ),
        ] {
            let answer = ask(more).unwrap_err();
            assert!(answer.starts_with(why), "{more}: {answer}");
        }
    }
}
