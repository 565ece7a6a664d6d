//! Requests that are sent again.

use serde_json::{Value, json};

use crate::host::{Heard, Host, narrowed, token};

async fn post(host: &Host, path: &str, key: &str, body: Option<Value>) -> Heard {
    let bearer = format!("Bearer {}", token("acme", "administrator"));
    host.ask("POST", path, &[("authorization", &bearer), ("idempotency-key", key)], body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_under_the_same_key_is_carried_out_once() {
    let host = Host::start().await;
    let (backup, _) = host.succeeded_of("db1").await;
    let verify = format!("/v1/backups/{}/verify", backup.id);
    let once = json!({"backup_type": "minimal", "schedule": "once", "service_id": "db1"});
    let daily = json!({"backup_type": "minimal", "schedule": "@daily", "service_id": "db1"});
    let restore = json!({"service_id": "db1", "key": backup.id});
    let schedules = "/v1/backups/schedules";
    for (key, path, body) in [
        ("a", schedules, Some(once.clone())),
        ("b", schedules, Some(daily.clone())),
        ("c", "/v1/restores", Some(restore)),
        ("d", verify.as_str(), None),
    ] {
        let first = post(&host, path, key, body.clone()).await;
        assert!(first.status < 300 && first.header("idempotent-replayed").is_none(), "{path}: {}", first.text);
        // Under the other prefix, too: it is the same request.
        let again = post(&host, &path.replace("/v1", "/skybackup/v1"), key, body).await;
        assert_eq!((again.status, again.json()["id"].clone()), (first.status, first.json()["id"].clone()), "{path}");
        assert_eq!(again.header("idempotent-replayed"), Some("true"), "{path}");
    }
    let other = post(&host, schedules, "a", Some(daily.clone())).await;
    assert_eq!((other.status, other.json()["code"].clone()), (409, json!("conflict")), "{}", other.text);
    let new = post(&host, schedules, "e", Some(once)).await;
    assert!(new.status == 201 && new.header("idempotent-replayed").is_none());
    for bad in ["", "a b", &"x".repeat(256)] {
        let refused = post(&host, schedules, bad, Some(daily.clone())).await;
        assert!(refused.status == 400 && refused.text.contains("`Idempotency-Key`"), "{bad}: {}", refused.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_sent_again_is_answered_although_its_words_mean_something_else_by_now() {
    let host = Host::start().await;
    host.succeeded_of("db1").await;
    let restore = json!({"service_id": "db1", "key": "before-migration"});
    let verify = "/v1/backups/before-migration/verify";
    let restored = post(&host, "/v1/restores", "a", Some(restore.clone())).await;
    let verified = post(&host, verify, "b", None).await;
    assert_eq!((restored.status, verified.status), (201, 202), "{} {}", restored.text, verified.text);
    // From now on two backups have that name.
    host.succeeded_of("db1").await;
    for (first, path, key, body) in
        [(restored, "/v1/restores", "a", Some(restore.clone())), (verified, verify, "b", None)]
    {
        let again = post(&host, path, key, body).await;
        assert_eq!((again.status, &again.json()["id"]), (first.status, &first.json()["id"]), "{}", again.text);
        assert_eq!(again.header("idempotent-replayed"), Some("true"), "{path}");
    }
    let new = post(&host, "/v1/restores", "c", Some(restore)).await;
    assert_eq!(new.status, 409, "{}", new.text);
    // The key alone opens nothing: who may not see the service is told as little as ever.
    let bearer = format!("Bearer {}", narrowed("acme", "administrator", &["elsewhere"]));
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", "b")];
    assert_eq!(host.ask("POST", verify, &headers, None).await.status, 404);
}
