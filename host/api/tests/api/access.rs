//! API keys, members and narrowed callers, from the first request to the last.

use serde_json::json;

use crate::host::{Host, narrowed, token};

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_opens_what_it_is_for_until_it_is_revoked() {
    let host = Host::start().await;
    let administrator = token("acme", "administrator");
    let ask = json!({"name": "ci", "role": "operator", "services": ["db1"]});
    let (status, made) = host.call(Some(&administrator), "POST", "/v1/api-keys", Some(ask)).await;
    assert_eq!(status.as_u16(), 201, "{made}");
    let key = made["key"].as_str().unwrap();
    let with = |key: &str| vec![("x-api-key".to_owned(), key.to_owned())];
    let get = async |key: &str, path: &str| {
        let headers = with(key);
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        host.ask("GET", path, &headers, None).await
    };
    assert_eq!(get(key, "/v1/services/db1").await.status, 200);
    assert_eq!(get(key, "/skybackup/v1/services").await.json().as_array().unwrap().len(), 1);
    assert_eq!(get(key, "/v1/services/db2").await.status, 404, "it is for db1");
    assert_eq!(get(key, "/v1/members").await.status, 403);
    // The whole text counts, not only the part by which it is found.
    let (head, last) = key.split_at(key.len() - 1);
    let forged = format!("{head}{}", if last == "A" { "B" } else { "A" });
    let refused = get(&forged, "/v1/services/db1").await;
    assert_eq!((refused.status, refused.json()["detail"].clone()), (401, json!("the API key is not known")));
    assert_eq!(refused.json(), get("bk_", "/v1/services/db1").await.json(), "nothing is learnt from the answer");
    let both = [("x-api-key", key), ("authorization", &format!("Bearer {administrator}"))];
    assert_eq!(host.ask("GET", "/v1/services", &both, None).await.status, 401, "one credential, not two");
    let path = format!("/v1/api-keys/{}", made["id"].as_str().unwrap());
    let (_, shown) = host.call(Some(&administrator), "GET", &path, None).await;
    assert_eq!((shown["prefix"].as_str(), shown.get("key")), (key.get(3..11), None));
    assert_eq!(host.call(Some(&administrator), "DELETE", &path, None).await.0.as_u16(), 204);
    let revoked = get(key, "/v1/services/db1").await;
    assert_eq!((revoked.status, revoked.json()["detail"].clone()), (401, json!("the API key was revoked")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_narrowed_caller_neither_sees_nor_learns_of_other_services() {
    let host = Host::start().await;
    let (own, _) = host.succeeded_of("db2").await;
    let (hidden, _) = host.succeeded_of("db1").await;
    let caller = narrowed("acme", "administrator", &["db2"]);
    // Both have this name: to this caller only one does.
    let (status, shown) = host.call(Some(&caller), "GET", "/v1/backups/before-migration", None).await;
    assert_eq!((status.as_u16(), &shown["id"]), (200, &json!(own.id)), "{shown}");
    let (status, shown) = host.call(Some(&token("acme", "viewer")), "GET", "/v1/backups/before-migration", None).await;
    assert_eq!(status.as_u16(), 409, "{shown}");
    for path in ["/v1/backups", "/v1/jobs"] {
        let (_, page) = host.call(Some(&caller), "GET", path, None).await;
        assert!(page.to_string().contains("db2") && !page.to_string().contains("\"db1\""), "{page}");
        assert_eq!(page["pages_count"], 1);
    }
    let (_, page) = host.call(Some(&caller), "GET", "/v1/backups", None).await;
    assert_eq!(page["backups_count"], 1, "the total tells nothing either");
    // Nor by restoring it into a service of their own.
    let ask = json!({"service_id": "db2", "key": hidden.id});
    let (status, answer) = host.call(Some(&caller), "POST", "/v1/restores", Some(ask)).await;
    assert_eq!((status.as_u16(), &answer["detail"]), (404, &json!(format!("there is no backup `{}`", hidden.id))));
    // A viewer of db1 and administrator of nothing may not take its data elsewhere.
    let ask = json!({"service_id": "db2", "key": own.id});
    let (status, answer) = host.call(Some(&caller), "POST", "/v1/restores", Some(ask)).await;
    assert_eq!(status.as_u16(), 201, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn recurring_schedules_are_for_administrators_and_one_time_backups_for_operators() {
    let host = Host::start().await;
    let operator = token("acme", "operator");
    let ask = |schedule: &str| Some(json!({"backup_type": "minimal", "schedule": schedule, "service_id": "db1"}));
    let path = "/v1/backups/schedules";
    assert_eq!(host.call(Some(&operator), "POST", path, ask("once")).await.0.as_u16(), 201);
    let (status, refused) = host.call(Some(&operator), "POST", path, ask("@daily")).await;
    assert_eq!((status.as_u16(), &refused["code"]), (403, &json!("denied")));
    let administrator = token("acme", "administrator");
    let (_, made) = host.call(Some(&administrator), "POST", path, ask("0 3 * * *")).await;
    for (field, value) in [("timezone", json!("UTC")), ("enabled", json!(true)), ("misfire", json!("run_once"))] {
        assert_eq!(made[field], value, "{made}");
    }
    assert!(made["next_fire_time"].as_str().unwrap().ends_with("T03:00:00Z"), "{made}");
    let (_, once) = host.call(Some(&administrator), "POST", path, ask("once")).await;
    let (status, refused) = host
        .call(Some(&administrator), "PATCH", &format!("{path}/{}", once["id"]), Some(json!({"enabled": false})))
        .await;
    assert_eq!((status.as_u16(), &refused["code"]), (409, &json!("conflict")), "{refused}");
}
