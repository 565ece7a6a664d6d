//! Requests that are wrong, over HTTP and from the command line.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bulkhead_test_support::{Account, BulkheadHost, HostOptions, MariaDb, ServiceEntry, process};
use serde_json::json;

use super::tokens;

const DUMP: &[&str] = &["backup", "create", "--service", "db1", "--type", "dump", "--wait"];

fn host(server: &MariaDb) -> BulkheadHost {
    let services = vec![
        ServiceEntry::of("db1", server).account(Account::ADMIN),
        ServiceEntry::of("db2", server).account(Account::ADMIN).organization("globex"),
    ];
    BulkheadHost::start(HostOptions { services, ..HostOptions::default() }).unwrap()
}

#[test]
fn a_wrong_request_is_answered_with_its_reason_and_starts_nothing() {
    let server = MariaDb::start().unwrap();
    let host = host(&server);
    let made = host.json(DUMP).unwrap();
    let (backup, job) = (made["id"].as_str().unwrap().to_owned(), made["job_id"].as_str().unwrap().to_owned());
    let schedule = made["schedule_id"].to_string();
    // Named as the other one's id begins.
    let prefix = &backup[..8];
    host.json(&[DUMP, &["--name", prefix]].concat()).unwrap();

    over_http(&host, &backup);
    from_the_command_line(&host, prefix);
    as_another_organization(&host, &backup, &job, &schedule);

    let backups = host.json(&["backup", "list"]).unwrap();
    assert_eq!(backups["backups_count"], 2, "something was started, or lost: {backups}");
    host.restore(&backup, "db1").unwrap();
    assert!(server.pid().is_some());
}

fn over_http(host: &BulkheadHost, backup: &str) {
    let bearer = |role: &str| format!("Authorization: Bearer {}", host.token("acme", role).unwrap());
    let (viewer, operator, administrator) = (bearer("viewer"), bearer("operator"), bearer("administrator"));
    let json = "Content-Type: application/json";
    let schedules = "/v1/backups/schedules";
    let once = r#"{"backup_type": "full", "schedule": "once", "service_id": "db1""#;
    let recurring = |schedule: &str, more: &str| {
        format!(r#"{{"backup_type": "full", "schedule": "{schedule}", "service_id": "db1"{more}}}"#)
    };
    let aws = STANDARD.encode("[default]\naws_access_key_id = AKIA1\naws_secret_access_key = hunter2\n");
    let external = |method: &str, key: &str, more: &str| {
        format!(
            r#"{{"service_id": "db1", "key": "{key}", "external_source":
                {{"bucket": "s3://bucket", "method": "{method}", "credentials": "{aws}"{more}}}}}"#
        )
    };
    let large = format!("{{\"service_id\": \"{}\"}}", "x".repeat(2 << 20));
    // Method, path, body, status, code, and what the detail or the hint says.
    let rows: &[(&str, &str, &str, u16, &str, &str)] = &[
        (
            "POST",
            schedules,
            r#"{"backup_type": "full", "schedule": "once", "service_id": "nowhere"}"#,
            404,
            "not-found",
            "there is no service `nowhere`",
        ),
        (
            "POST",
            schedules,
            r#"{"backup_type": "full", "schedule": "once"}"#,
            400,
            "invalid",
            "`service_id` is missing",
        ),
        (
            "POST",
            schedules,
            r#"{"backup_type": "sideways", "schedule": "once", "service_id": "db1"}"#,
            422,
            "unsupported",
            "no plugin makes `sideways` backups of `mariadb`",
        ),
        (
            "POST",
            schedules,
            &recurring("0 0 30 2 *", ""),
            400,
            "invalid",
            "`schedule`: the schedule `0 0 30 2 *` never fires",
        ),
        ("POST", schedules, &recurring("61 3 * * *", ""), 400, "invalid", "`schedule`"),
        ("POST", schedules, &recurring("0 3 * *", ""), 400, "invalid", "`schedule`"),
        ("POST", schedules, &recurring("@reboot", ""), 400, "invalid", "`schedule`"),
        (
            "POST",
            schedules,
            &recurring("0 3 * * *", r#", "timezone": "Europe/Berlln""#),
            400,
            "invalid",
            "did you mean `Europe/Berlin`?",
        ),
        ("POST", schedules, &recurring("0 3 * * *", r#", "retention": 0"#), 400, "invalid", "`retention`"),
        (
            "POST",
            schedules,
            &recurring("0 3 * * *", r#", "retention": {"dayly": 1}"#),
            400,
            "invalid",
            "did you mean `daily`?",
        ),
        ("POST", schedules, &recurring("0 3 * * *", r#", "misfire": "panic""#), 400, "invalid", "`misfire`"),
        ("POST", schedules, &recurring("0 3 * * *", r#", "jitter_seconds": -1"#), 400, "invalid", "`jitter_seconds`"),
        ("POST", schedules, &recurring("0 3 * * *", r#", "enabled": "yes""#), 400, "invalid", "`enabled`"),
        ("POST", schedules, &recurring("0 3 * * *", r#", "name": "{nmae}""#), 400, "invalid", "`name`"),
        (
            "PATCH",
            "/v1/backups/schedules/99999",
            r#"{"schedule": "0 9 ** *"}"#,
            404,
            "not-found",
            "there is no schedule",
        ),
        (
            "POST",
            schedules,
            &format!("{once}, \"external_storage\": {{}}}}"),
            400,
            "invalid",
            "`external_storage.bucket` is missing",
        ),
        (
            "POST",
            schedules,
            &format!(
                "{once}, \"external_storage\": {{\"bucket\": {{\"path\": \"s3://bucket\", \"credentials\": \"!\"}}}}}}"
            ),
            400,
            "invalid",
            "`external_storage.bucket.credentials`",
        ),
        ("PUT", "/v1/members/ann", r#"{"role": "king"}"#, 400, "invalid", "`role`"),
        ("PUT", "/v1/members/ann", r#"{"role": "viewer", "services": ["nowhere"]}"#, 400, "invalid", "`services[0]`"),
        (
            "POST",
            "/v1/api-keys",
            r#"{"name": "x", "role": "viewer", "expires_at": "2001-01-01T00:00:00Z"}"#,
            400,
            "invalid",
            "`expires_at`",
        ),
        (
            "POST",
            "/v1/api-keys",
            r#"{"name": "x", "role": "viewer", "expires_at": "2999-01-01T00:00:00Z"}"#,
            400,
            "invalid",
            "`expires_at`",
        ),
        ("POST", "/v1/webhooks", r#"{"url": "file:///etc/passwd"}"#, 400, "invalid", "`url`"),
        (
            "POST",
            "/v1/webhooks",
            r#"{"url": "https://example.com", "events": ["backup.eaten"]}"#,
            400,
            "invalid",
            "`events",
        ),
        ("GET", "/v1/audit?since=yesterday", "", 400, "invalid", "`since`"),
        ("GET", "/v1/jobs?kind=dance", "", 400, "invalid", "`kind`"),
        (
            "POST",
            schedules,
            &format!("{once}, \"target\": \"nowhere\"}}"),
            404,
            "not-found",
            "there is no target `nowhere`",
        ),
        ("POST", schedules, &format!("{once}, \"nane\": \"x\"}}"), 400, "invalid", "did you mean `name`?"),
        ("POST", schedules, &format!("{once}, \"name\": \"a/b\"}}"), 400, "invalid", "`name` must have"),
        ("POST", schedules, once, 400, "invalid", "the body is not JSON"),
        ("POST", schedules, "[]", 400, "invalid", "no object"),
        ("POST", schedules, "", 400, "invalid", "the body is not JSON"),
        ("POST", schedules, &large, 413, "too-large", "longer than 1048576 bytes"),
        ("GET", "/v1/backups?page=0", "", 400, "invalid", "`page` must be a whole number"),
        ("GET", "/v1/backups?status=Done", "", 400, "invalid", "`Done` is no status"),
        ("GET", "/v1/backups?servise_id=db1", "", 400, "invalid", "did you mean `service_id`?"),
        ("GET", "/v1/backups/00000000", "", 404, "not-found", "there is no backup `00000000`"),
        ("GET", "/v1/backups/%00", "", 404, "not-found", "there is no backup"),
        ("GET", "/v1/backups/..%2f..%2fetc%2fpasswd", "", 404, "not-found", "there is no backup"),
        ("GET", &format!("/v1/backups/{}", &backup[..8]), "", 409, "conflict", "may mean several backups"),
        ("DELETE", &format!("/v1/backups/{}", &backup[..8]), "", 409, "conflict", "give more of the id"),
        ("DELETE", "/v1/backups/00000000", "", 404, "not-found", "there is no backup"),
        ("POST", "/v1/backups/00000000/verify", "", 404, "not-found", "there is no backup"),
        ("POST", "/v1/restores", r#"{"service_id": "db1", "key": "00000000"}"#, 404, "not-found", "there is no backup"),
        (
            "POST",
            "/v1/restores",
            &format!(r#"{{"service_id": "nowhere", "key": "{backup}"}}"#),
            404,
            "not-found",
            "there is no service",
        ),
        (
            "POST",
            "/v1/restores",
            &format!(r#"{{"service_id": "db1", "key": "{backup}", "point_in_time": "2026-01-01 00:00:00"}}"#),
            400,
            "invalid",
            "2026-01-01T00:00:00Z cannot be restored",
        ),
        (
            "POST",
            "/v1/restores",
            r#"{"service_id": "db1", "point_in_time": "2999-01-01 00:00:00"}"#,
            400,
            "invalid",
            "`point_in_time` lies in the future",
        ),
        (
            "POST",
            "/v1/restores",
            r#"{"service_id": "db1", "point_in_time": "2026-01-01 00:00:00", "gtid": "0-1-15"}"#,
            400,
            "invalid",
            "`gtid` stands beside `point_in_time`",
        ),
        ("POST", "/v1/restores", r#"{"service_id": "db1", "gtid": "15"}"#, 400, "invalid", "e.g. `0-1-15"),
        (
            "POST",
            "/v1/restores",
            &format!(r#"{{"service_id": "db1", "key": "{backup}", "table": "lines"}}"#),
            400,
            "invalid",
            "leave `table` out to restore everything",
        ),
        (
            "POST",
            "/v1/restores",
            &format!(r#"{{"service_id": "db1", "key": "{backup}", "database": "shop", "as_table": "x"}}"#),
            400,
            "invalid",
            "`as_table` needs `table`",
        ),
        (
            "POST",
            "/v1/restores",
            &format!(r#"{{"service_id": "db1", "key": "{backup}", "dryrun": true}}"#),
            400,
            "invalid",
            "did you mean `dry_run`?",
        ),
        (
            "POST",
            &format!("/v1/backups/{backup}/verify"),
            r#"{"level": "deep"}"#,
            400,
            "invalid",
            "use stored, content or drill",
        ),
        ("GET", "/v1/services/nowhere/recovery-window", "", 404, "not-found", "there is no service `nowhere`"),
        ("POST", "/v1/restores", &external("tar", "/a.tar", ""), 400, "invalid", "`external_source.method`"),
        ("POST", "/v1/restores", &external("mysqldump", "///", ""), 400, "invalid", "`key` names no file"),
        ("POST", "/v1/restores", &external("mysqldump", "nightly/", ""), 400, "invalid", "with tar"),
        (
            "POST",
            "/v1/restores",
            &external("mysqldump", "a (1).sql", ""),
            400,
            "invalid",
            "copy the file in its bucket",
        ),
        (
            "POST",
            "/v1/restores",
            &external("mysqldump", "a.sql", ", \"drop_databases\": \"yes\""),
            400,
            "invalid",
            "`external_source.drop_databases` must be true or false",
        ),
        (
            "POST",
            "/v1/restores",
            &external("mysqldump", "a.sql", ", \"encryption_key\": \"\""),
            400,
            "invalid",
            "is empty",
        ),
        (
            "POST",
            "/v1/restores",
            &external("mysqldump", "a.sql", ", \"encryption_key\": \"age1qyqszqgpqyqszqgpqyqszqgpqyqszqgp\""),
            400,
            "invalid",
            "AGE-SECRET-KEY-1",
        ),
        (
            "POST",
            "/v1/restores",
            &external("mysqldump", "a.sql", "").replace("\"key\"", "\"gtid\": \"0-1-15\", \"key\""),
            422,
            "unsupported",
            "restored whole",
        ),
        (
            "POST",
            "/v1/restores",
            &external("mysqldump", "a.sql", "").replace("\"key\"", "\"dry_run\": true, \"key\""),
            422,
            "unsupported",
            "leave `dry_run` out",
        ),
        ("GET", "/v1/restores/9", "", 404, "not-found", "there is no restore"),
        ("GET", "/v1/jobs/x", "", 404, "not-found", "there is no job"),
        ("POST", "/v1/jobs/00000000000000000000000000000000/cancel", "", 404, "not-found", "there is no job"),
        ("GET", "/v1/services/nowhere", "", 404, "not-found", "there is no service"),
        ("GET", "/v1/nothing", "", 404, "no-route", "there is nothing at /v1/nothing"),
        ("PUT", "/v1/backups", "", 405, "method-not-allowed", "does not take PUT"),
    ];
    for (method, path, body, status, code, says) in rows {
        let answer = host.http(method, path, &[&administrator, json], body.as_bytes()).unwrap();
        let shown = &body[..body.len().min(200)];
        assert_eq!(answer.status, *status, "{method} {path} {shown}: {}", answer.body);
        assert!(answer.head.to_lowercase().contains("application/problem+json"), "{method} {path}: {}", answer.head);
        let problem = answer.json().unwrap();
        assert_eq!(problem["code"], *code, "{method} {path} {shown}: {problem}");
        let text = format!("{} {}", problem["detail"], problem["hint"]);
        assert!(text.contains(says), "{method} {path} {shown}: `{says}` is not in {text}");
    }
    let answer = host.http("POST", schedules, &[&administrator, "Content-Type: text/plain"], b"{}").unwrap();
    assert_eq!((answer.status, &answer.json().unwrap()["code"]), (415, &json!("media-type")));

    for (method, path, role, needed) in [
        ("POST", schedules.to_owned(), &viewer, "operator"),
        ("POST", format!("/v1/backups/{backup}/verify"), &viewer, "operator"),
        ("DELETE", format!("/v1/backups/{backup}"), &operator, "administrator"),
        ("POST", "/v1/restores".to_owned(), &operator, "administrator"),
    ] {
        let answer = host.http(method, &path, &[role, json], b"{}").unwrap();
        assert_eq!(answer.status, 403, "{method} {path}: {}", answer.body);
        assert!(answer.body.contains(&format!("this needs the role {needed}")), "{method} {path}: {}", answer.body);
    }
    for (name, headers, says) in tokens::refused(host) {
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        let answer = host.http("GET", "/v1/backups", &headers, b"").unwrap();
        assert_eq!(answer.status, 401, "{name}: {}", answer.body);
        assert!(answer.body.contains(says), "{name}: {}", answer.body);
        assert!(answer.head.to_lowercase().contains("www-authenticate: bearer"), "{name}: {}", answer.head);
    }
}

fn from_the_command_line(host: &BulkheadHost, ambiguous: &str) {
    // Arguments, exit code, and what standard error says.
    let rows: &[(&[&str], i32, &str)] = &[
        (&["backup", "create", "--service", "nowhere"], 3, "there is no service `nowhere`"),
        (&["backup", "create", "--type", "sideways"], 2, "no plugin makes `sideways` backups"),
        (&["backup", "create", "--type", "A B"], 2, "backup_type"),
        (&["backup", "create", "--target", "nowhere"], 3, "there is no target `nowhere`"),
        (&["backup", "show", "00000000"], 3, "there is no backup `00000000`"),
        (&["backup", "show", ambiguous], 1, "may mean several backups"),
        (&["backup", "restore", ambiguous], 1, "hint: give more of the id"),
        (&["backup", "restore", "00000000"], 3, "there is no backup `00000000`"),
        (&["backup", "delete", "00000000"], 3, "there is no backup `00000000`"),
        (&["backup", "verify", "00000000"], 3, "there is no backup `00000000`"),
        (&["backup", "verify", "00000000", "--level", "deep"], 2, "stored, content, drill"),
        (&["backup", "restore"], 2, "<ID>"),
        (&["backup", "restore", "--service", "db1", "--point-in-time", "yesterday"], 2, "`yesterday` is no time"),
        (&["backup", "restore", "00000000", "--gtid", "0-1-1", "--point-in-time", "x"], 2, "cannot be used with"),
        (&["service", "recovery-window", "nowhere"], 3, "there is no service `nowhere`"),
        (&["restore", "show", "9"], 3, "there is no restore"),
        (&["job", "show", "9"], 3, "there is no job"),
        (&["token", "create", "--organization", "acme", "--role", "king"], 2, "king"),
        (&["backup", "crate"], 2, "create"),
        (&["backup", "list", "--url", "http://127.0.0.1:1"], 5, "127.0.0.1:1"),
        (&["backup", "list", "--token", "x"], 4, "the token cannot be read"),
        (&["serve", "--config", "nowhere.toml"], 2, "name the file with --config FILE"),
    ];
    for (arguments, code, says) in rows {
        let output = host.run(arguments).unwrap();
        assert_eq!(output.code, Some(*code), "{arguments:?}: {output:?}");
        assert!(output.stderr.contains(says), "{arguments:?}: `{says}` is not in {}", output.stderr);
        assert!(output.stdout.is_empty(), "{arguments:?}: {}", output.stdout);
    }
    let output = host.run_with(&[], &["backup", "list"]).unwrap();
    assert_eq!(output.code, Some(4), "without a token: {output:?}");
    let output = host.run(&["backup", "show", "00000000", "--json"]).unwrap();
    let problem: serde_json::Value = serde_json::from_str(&output.stderr).unwrap();
    assert_eq!((&problem["code"], &problem["status"]), (&json!("not-found"), &json!(404)));
}

/// Whoever belongs to another organization cannot even tell that something exists.
fn as_another_organization(host: &BulkheadHost, backup: &str, job: &str, schedule: &str) {
    let stranger = format!("Authorization: Bearer {}", host.token("globex", "administrator").unwrap());
    let headers = [stranger.as_str(), "Content-Type: application/json"];
    let rows: &[(&str, String, String)] = &[
        ("GET", format!("/v1/backups/{backup}"), String::new()),
        ("GET", format!("/v1/backups/{}", &backup[..8]), String::new()),
        ("DELETE", format!("/v1/backups/{backup}"), String::new()),
        ("POST", format!("/v1/backups/{backup}/verify"), String::new()),
        ("GET", format!("/v1/backups/schedules/{schedule}"), String::new()),
        ("GET", format!("/v1/jobs/{job}"), String::new()),
        ("GET", format!("/v1/jobs/{job}/events"), String::new()),
        ("POST", format!("/v1/jobs/{job}/cancel"), String::new()),
        ("GET", "/v1/services/db1".to_owned(), String::new()),
        ("POST", "/v1/restores".to_owned(), json!({"service_id": "db2", "key": backup}).to_string()),
        ("POST", "/v1/restores".to_owned(), json!({"service_id": "db1", "key": backup}).to_string()),
        (
            "POST",
            "/v1/backups/schedules".to_owned(),
            json!({"service_id": "db1", "backup_type": "dump", "schedule": "once"}).to_string(),
        ),
    ];
    for (method, path, body) in rows {
        let answer = host.http(method, path, &headers, body.as_bytes()).unwrap();
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.body);
        assert_eq!(answer.json().unwrap()["code"], "not-found", "{method} {path}: {}", answer.body);
    }
    for path in ["/v1/backups", "/v1/backups/schedules", "/v1/restores", "/v1/services"] {
        let answer = host.http("GET", path, &headers, b"").unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        assert!(!answer.body.contains("db1"), "{path}: {}", answer.body);
    }
    assert!(process::alive(host.pid().unwrap()));
}
