//! What is said, in which words.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use bulkhead_catalog::NewRestore;
use bulkhead_model::ServiceId;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::host::{Host, SERVICE, narrowed, token};

#[tokio::test(flavor = "multi_thread")]
async fn backups_are_told_in_skysqls_words() {
    let host = Host::start().await;
    let (backup, job) = host.succeeded().await;
    let viewer = token("acme", "viewer");
    let (status, page) =
        host.call(Some(&viewer), "GET", &format!("/skybackup/v1/backups?service_id={SERVICE}"), None).await;
    assert_eq!((status, &page["backups_count"], &page["pages_count"]), (StatusCode::OK, &json!(1), &json!(1)));
    let listed = &page["backups"][0];
    let expected = json!({
        "id": backup.id, "service_id": SERVICE, "type": "full", "method": "managed", "server_pod": "tx-filip-mdb-ms-0",
        "backup_size": 5_327_326, "reference_full_backup": "", "point_in_time": "2024-03-26 17:18:21", "status": "Succeeded",
        "name": "before-migration", "job_id": job.id, "message": "Backup has succeeded!", "plain_size": 20_000_000,
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&listed[field], value, "{field}");
    }
    for field in ["start_time", "end_time"] {
        assert!(listed[field].as_str().unwrap().ends_with('Z'), "{field}");
    }
    for name in [&backup.id.as_str()[..8], "before-migration"] {
        let (_, shown) = host.call(Some(&viewer), "GET", &format!("/v1/backups/{name}"), None).await;
        assert_eq!(shown["id"], json!(backup.id), "{name}");
    }
    let (_, none) = host.call(Some(&viewer), "GET", "/v1/backups?status=Failed", None).await;
    assert_eq!(none, json!({ "backups": [], "backups_count": 0, "pages_count": 0 }));
    let (_, schedules) = host.call(Some(&viewer), "GET", "/v1/backups/schedules", None).await;
    let id = schedules[0]["id"].as_i64().unwrap();
    let (_, schedule) = host.call(Some(&viewer), "GET", &format!("/v1/backups/schedules/{id}"), None).await;
    assert_eq!(
        (&schedule["schedule"], &schedule["type"], &schedule["status"]),
        (&json!("once"), &json!("full"), &json!("Succeeded"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn restores_are_told_in_skysqls_words_and_can_be_hidden() {
    let host = Host::start().await;
    let (backup, _) = host.succeeded().await;
    let (organization, services): (_, [ServiceId; 1]) = ("acme".parse().unwrap(), [SERVICE.parse().unwrap()]);
    let new = NewRestore {
        organization,
        service: SERVICE.parse().unwrap(),
        backup: backup.id.clone(),
        uses: Vec::new(),
        plan: None,
        partial: false,
        after: None,
        request: Value::Null,
        attempts_max: 1,
        idempotency: None,
    };
    let (restore, job) = host.catalog.schedule_restore(new).await.unwrap().value;
    let administrator = token("acme", "administrator");
    let path = format!("/v1/restores/{}", restore.id);
    let (status, _) = host.call(Some(&administrator), "DELETE", &path, None).await;
    assert_eq!(status, StatusCode::CONFLICT, "a restore that has not ended cannot be hidden");
    let (_, attempt) = host.catalog.claim("elsewhere", &services, Duration::from_mins(1)).await.unwrap().unwrap();
    host.catalog.finish_restore(&attempt.id, "Restore has succeeded!", None).await.unwrap();
    let (_, shown) = host.call(Some(&administrator), "GET", &path, None).await;
    let expected = json!({
        "id": restore.id, "service_id": SERVICE, "bucket": "managed", "key": backup.id, "type": "physical",
        "status": "Succeeded", "message": "Restore has succeeded!", "job_id": job.id,
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&shown[field], value, "{field}");
    }
    let (status, _) = host.call(Some(&administrator), "DELETE", &path, None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (_, list) = host.call(Some(&administrator), "GET", "/v1/restores", None).await;
    assert_eq!(list, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_requests_are_answered_with_problems() {
    let host = Host::start().await;
    let administrator = token("acme", "administrator");
    let cases = [
        ("GET", "/v1/nothing", None, 404, "no-route", "there is nothing at /v1/nothing"),
        ("PUT", "/v1/backups", None, 405, "method-not-allowed", "/v1/backups does not take PUT"),
        ("POST", "/v1/restores", None, 415, "media-type", "the body is not declared as JSON"),
        ("POST", "/v1/restores", Some(json!({ "servise_id": "db1" })), 400, "invalid", "unknown field `servise_id`"),
        ("GET", "/v1/backups?page=x", None, 400, "invalid", "`page` must be a whole number from 1 to 4294967295"),
        ("GET", "/v1/jobs/nonsense", None, 404, "not-found", "there is no job `nonsense`"),
        ("GET", "/v1/restores/nonsense", None, 404, "not-found", "there is no restore `nonsense`"),
        ("GET", "/v1/services/db9", None, 404, "not-found", "there is no service `db9`"),
        (
            "POST",
            "/v1/restores",
            Some(json!({ "service_id": "db1", "id": "db1", "point_in_time": "9999-01-01 00:00:00" })),
            400,
            "invalid",
            "`point_in_time` lies in the future: 9999-01-01T00:00:00Z",
        ),
        (
            "POST",
            "/v1/restores",
            Some(json!({ "service_id": "db1", "gtid": "0-1-15", "table": "orders" })),
            400,
            "invalid",
            "`table` needs `database`",
        ),
        (
            "POST",
            "/v1/restores",
            // Neither a service nor a backup.
            Some(json!({ "service_id": "db1", "id": "db9", "gtid": "0-1-15" })),
            404,
            "not-found",
            "there is no backup `db9`",
        ),
        (
            "POST",
            "/v1/backups/schedules",
            Some(json!({ "backup_type": "full", "schedule": "0 0 30 2 *", "service_id": "db1" })),
            400,
            "invalid",
            "`schedule`: the schedule `0 0 30 2 *` never fires",
        ),
    ];
    for (method, path, body, status, code, detail) in cases {
        let (answered, problem) = host.call(Some(&administrator), method, path, body).await;
        let said = |field: &str| problem[field].as_str().unwrap_or_default();
        let heard = (answered.as_u16(), said("code"), said("detail"));
        assert_eq!(heard, (status, code, detail), "{method} {path}");
        assert_eq!(problem["status"], json!(status));
    }
    let long = json!({ "service_id": "x".repeat(1 << 20), "key": "b" });
    let (status, problem) = host.call(Some(&administrator), "POST", "/v1/restores", Some(long)).await;
    assert_eq!((status.as_u16(), &problem["code"]), (413, &json!("too-large")));
    for path in ["/healthz", "/readyz"] {
        assert_eq!(host.call(None, "GET", path, None).await.0, StatusCode::OK, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let host = Host::start().await;
    let (backup, _) = host.succeeded_of("db1").await;
    let administrator = token("acme", "administrator");
    let body = json!({ "service_id": "db2", "key": backup.id, "dry_run": true });
    let (status, preview) = host.call(Some(&administrator), "POST", "/v1/restores", Some(body.clone())).await;
    assert_eq!(status, StatusCode::OK, "{preview}");
    let read = json!([{ "id": backup.id, "type": "minimal", "plain_size": 20_000_000, "stored_size": 5_327_326 }]);
    assert_eq!((&preview["service_id"], &preview["backups"], &preview["logs"]), (&json!("db2"), &read, &json!([])));
    assert_eq!(preview["point_in_time"], "2024-03-26T17:18:21Z");
    for field in ["plan", "downtime"] {
        assert!(!preview[field].as_str().unwrap().is_empty(), "{field}: {preview}");
    }
    let (_, restores) = host.call(Some(&administrator), "GET", "/v1/restores", None).await;
    assert_eq!(restores, json!([]));
    // Who may not restore may not look either, and who may not see the backup hears that there is none.
    let operator = token("acme", "operator");
    let (status, _) = host.call(Some(&operator), "POST", "/v1/restores", Some(body.clone())).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let narrowed = narrowed("acme", "administrator", &["db2"]);
    let (status, problem) = host.call(Some(&narrowed), "POST", "/v1/restores", Some(body)).await;
    assert_eq!(
        (status, &problem["detail"]),
        (StatusCode::NOT_FOUND, &json!(format!("there is no backup `{}`", backup.id)))
    );
    // Nor is its service one whose history they may search.
    let body = json!({ "service_id": "db2", "id": "db1", "point_in_time": "2024-03-26 17:18:21", "dry_run": true });
    let (status, problem) = host.call(Some(&narrowed), "POST", "/v1/restores", Some(body)).await;
    assert_eq!((status, &problem["detail"]), (StatusCode::NOT_FOUND, &json!("there is no backup `db1`")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_restored_to_a_moment_of_its_own_or_of_another_one() {
    let host = Host::start().await;
    let (backup, _) = host.succeeded_of("db1").await;
    let administrator = token("acme", "administrator");
    let ask = |body: Value| host.call(Some(&administrator), "POST", "/v1/restores", Some(body));
    // As SkySQL prints it: `id` is the source service. The backup holds exactly this second.
    let (status, preview) =
        ask(json!({ "service_id": "db2", "id": "db1", "point_in_time": "2024-03-26 17:18:21", "dry_run": true })).await;
    assert_eq!((status, &preview["backups"][0]["id"]), (StatusCode::OK, &json!(backup.id)), "{preview}");
    let (status, _) =
        ask(json!({ "service_id": "db1", "point_in_time": "2024-03-26 17:18:21", "dry_run": true })).await;
    assert_eq!(status, StatusCode::OK);
    // Outside of the window: refused with it.
    for body in [
        json!({ "service_id": "db2", "point_in_time": "2024-03-26 17:18:21" }),
        json!({ "service_id": "db1", "point_in_time": "2024-03-26 17:18:22" }),
    ] {
        let (status, problem) = ask(body).await;
        assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("invalid")), "{problem}");
    }
    let (_, window) = host.call(Some(&administrator), "GET", "/v1/services/db1/recovery-window", None).await;
    let interval = &window["intervals"][0];
    assert_eq!((&interval["backup_id"], &interval["type"]), (&json!(backup.id), &json!("minimal")), "{window}");
    assert_eq!((&interval["from"], &interval["to"]), (&json!("2024-03-26T17:18:21Z"), &json!("2024-03-26T17:18:21Z")));
    assert_eq!((&interval["logs_count"], &interval["timeline"]), (&json!(0), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_of_a_chain_names_the_one_below_and_the_first() {
    let host = Host::start().await;
    let (root, _) = host.succeeded_of("db1").await;
    let (middle, _) = host.succeeded_on("db1", Some(&root.id)).await;
    let (last, _) = host.succeeded_on("db1", Some(&middle.id)).await;
    let viewer = token("acme", "viewer");
    let (_, page) = host.call(Some(&viewer), "GET", "/v1/backups?service_id=db1", None).await;
    for (backup, parent, first) in
        [(&last, Some(&middle), Some(&root)), (&middle, Some(&root), Some(&root)), (&root, None, None)]
    {
        let (_, shown) = host.call(Some(&viewer), "GET", &format!("/v1/backups/{}", backup.id), None).await;
        assert_eq!(shown["parent_id"], json!(parent.map(|parent| &parent.id)));
        // SkySQL's word for none.
        assert_eq!(shown["reference_full_backup"], json!(first.map_or("", |first| first.id.as_str())));
        assert_eq!((&shown["evidence"], &shown["drilled_at"]), (&json!([]), &Value::Null));
        let listed = page["backups"].as_array().unwrap().iter().find(|listed| listed["id"] == shown["id"]);
        assert_eq!(listed, Some(&shown));
    }
    // The others are on other pages.
    let (_, page) = host.call(Some(&viewer), "GET", "/v1/backups?service_id=db1&page_size=1", None).await;
    assert_eq!(page["backups"][0]["reference_full_backup"], json!(root.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_verified_as_deep_as_is_asked_for() {
    let host = Host::start().await;
    let (backup, _) = host.succeeded_of("db1").await;
    let operator = token("acme", "operator");
    let path = format!("/v1/backups/{}/verify", backup.id);
    for (body, level) in
        [(None, "content"), (Some(json!({})), "content"), (Some(json!({ "level": "stored" })), "stored")]
    {
        let (status, job) = host.call(Some(&operator), "POST", &path, body).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{job}");
        let job = host.catalog.job(&"acme".parse().unwrap(), &job["id"].as_str().unwrap().parse().unwrap()).await;
        assert_eq!(job.unwrap().request["level"], level);
    }
    let headers = [("authorization", format!("Bearer {operator}"))];
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let heard = host.ask("POST", &path, &headers, None).await;
    assert_eq!(heard.status, 202, "{}", heard.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_replayed_from_where_the_reader_left_and_end_with_the_job() {
    let host = Host::start().await;
    let (_, job) = host.succeeded().await;
    let viewer = token("acme", "viewer");
    let path = format!("/v1/jobs/{}/events", job.id);
    let (status, all) = host.text(Some(&viewer), "GET", &path, None).await;
    assert_eq!(status, StatusCode::OK);
    assert!(all.contains("event: phase\n") && all.contains("\"phase\":\"copy\""), "{all}");
    let progress = all.split("\n\n").find(|event| event.contains("event: progress\n")).unwrap();
    for field in ["status", "phase", "plain_bytes", "stored_bytes", "expected_bytes", "rate", "eta"] {
        assert!(progress.contains(&format!("\"{field}\":")), "{field}: {progress}");
    }
    let last = all.rsplit("\n\n").find(|event| !event.is_empty()).unwrap();
    assert!(last.contains("event: end\n") && last.contains("\"status\":\"Succeeded\""), "{last}");
    let ids: Vec<i64> = all.lines().filter_map(|line| line.strip_prefix("id: ")?.parse().ok()).collect();
    assert!(!ids.is_empty() && ids.is_sorted(), "{ids:?}");
    let request = Request::builder()
        .uri(&path)
        .header(header::AUTHORIZATION, format!("Bearer {viewer}"))
        .header("last-event-id", ids.last().unwrap().to_string());
    let response = host.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let rest = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let rest = String::from_utf8(rest.to_vec()).unwrap();
    assert!(!rest.contains("event: phase") && rest.contains("event: end"), "{rest}");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_waiting_job_end_when_it_is_cancelled() {
    let host = Host::start().await;
    let (_, job) = host.scheduled(SERVICE, None).await;
    let operator = token("acme", "operator");
    let path = format!("/v1/jobs/{}/events", job.id);
    let cancel_path = format!("/v1/jobs/{}/cancel", job.id);
    let (events, cancel) = tokio::join!(
        host.text(Some(&operator), "GET", &path, None),
        host.call(Some(&operator), "POST", &cancel_path, None),
    );
    assert_eq!((cancel.0, &cancel.1["status"]), (StatusCode::ACCEPTED, &json!("Cancelled")));
    let (_, events) = events;
    assert!(events.contains("event: end") && events.contains("\"status\":\"Cancelled\""), "{events}");
}
