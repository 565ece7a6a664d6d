//! The trail.

use serde_json::{Value, json};

use crate::host::{Host, token};

async fn trail(host: &Host, filter: &str) -> Vec<Value> {
    let administrator = token("acme", "administrator");
    let (_, page) = host.call(Some(&administrator), "GET", &format!("/v1/audit?{filter}"), None).await;
    page["audit"].as_array().unwrap_or_else(|| panic!("{page}")).clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_something_and_what_is_refused_is_written_down_and_reading_is_not() {
    let host = Host::start().await;
    let administrator = format!("Bearer {}", token("acme", "administrator"));
    let headers = [("authorization", administrator.as_str()), ("x-request-id", "ticket-7")];
    let ask = json!({"backup_type": "minimal", "schedule": "@daily", "service_id": "db1"});
    let made = host.ask("POST", "/v1/backups/schedules", &headers, Some(ask)).await;
    assert_eq!((made.status, made.header("x-request-id")), (201, Some("ticket-7")));
    let id = made.json()["id"].to_string();
    host.ask("GET", &format!("/v1/backups/schedules/{id}"), &headers, None).await;
    host.ask("PATCH", &format!("/v1/backups/schedules/{id}"), &headers, Some(json!({"timezone": "x"}))).await;
    let viewer = token("acme", "viewer");
    host.call(Some(&viewer), "DELETE", &format!("/v1/backups/schedules/{id}"), None).await;
    host.call(Some(&viewer), "GET", "/v1/audit", None).await;
    let entries = trail(&host, "").await;
    let told: Vec<_> = entries
        .iter()
        .map(|entry| (entry["action"].as_str().unwrap(), entry["status"].as_u64().unwrap(), entry["code"].as_str()))
        .collect();
    let expected = [
        ("audit.list", 403, Some("denied")),
        ("schedules.delete", 403, Some("denied")),
        ("schedules.update", 400, Some("invalid")),
        ("schedules.create", 201, None),
    ];
    assert_eq!(told, expected);
    for entry in &entries[1..] {
        assert_eq!(entry["object"], json!(id), "{entry}");
    }
    let first = &entries[3];
    assert_eq!(
        (&first["subject"], &first["credential"], &first["request_id"]),
        (&json!("ann"), &json!("token"), &json!("ticket-7"))
    );
    assert!(first["ended_at"].is_string(), "{first}");
    assert_eq!(trail(&host, "action=schedules.update").await.len(), 1);
    assert_eq!(trail(&host, "until=2001-01-01T00:00:00Z").await.len(), 0);
    for method in ["DELETE", "PATCH", "POST"] {
        assert_eq!(host.ask(method, "/v1/audit", &headers, None).await.status, 405, "{method}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_done_that_cannot_be_written_down() {
    let host = Host::start().await;
    host.catalog.close().await;
    let ask = json!({"backup_type": "minimal", "schedule": "once", "service_id": "db1"});
    let operator = token("acme", "operator");
    let (status, problem) = host.call(Some(&operator), "POST", "/v1/backups/schedules", Some(ask)).await;
    assert_eq!((status.as_u16(), &problem["detail"]), (503, &json!("the audit trail cannot be written")));
}
