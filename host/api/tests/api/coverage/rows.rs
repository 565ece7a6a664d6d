//! The table.

use bulkhead_catalog::NewRestore;
use bulkhead_model::{ApiKeyId, BackupId, JobId, ServiceId, WebhookId};
use serde_json::{Value, json};

use super::{Bad, Least, Others, Row};
use crate::host::{DISCARD, Host, token};

/// The cases of an operation, with things of its own made for it; `None` when it has none.
pub async fn row(host: &Host, operation: &str) -> Option<Row> {
    Some(match operation {
        "schedules.list" => list("/backups/schedules", "recurring=maybe", "`recurring` must be true or false"),
        "backups.list" => list("/backups", "page=0", "`page` must be a whole number from 1"),
        "restores.list" => list("/restores", "status=Done", "`status`: `Done` is no status"),
        "jobs.list" => list("/jobs", "kind=backups", "`kind`: `backups` is no kind of job"),
        "services.list" => list("/services", "page_size=1001", "`page_size` must be a whole number from 1 to 1000"),
        "plugins.list" => Row { foreign: Others::Same, narrowed: Others::Same, ..list("/plugins", "page=x", "`page`") },
        "methods.list" => list("/methods", "pages=1", "unknown field `pages`"),
        "targets.list" => {
            Row { foreign: Others::Same, narrowed: Others::Same, ..list("/targets", "page=-1", "`page`") }
        }
        "targets.create" => {
            let bad = json!({"id": "lost", "bucket": "my-backups"});
            made("/targets", own_target("byob"), bad, "`bucket`: `my-backups` is no bucket")
        }
        // Whoever sees anything of the organization sees where its backups lie.
        "targets.show" => {
            let row = target(host, "shown", "", None, 200).await;
            Row { role: Least::Viewer, narrowed: Others::Same, ..row }
        }
        "targets.update" => {
            let row = target(host, "changed", "", Some(json!({"config": {"parallel": 2}})), 200).await;
            let body = Some(json!({"config": {"parallel": 0}}));
            Row { bad: Ok(Bad { path: row.path.clone(), body, detail: "`config.parallel` must be" }), ..row }
        }
        "targets.delete" => target(host, "deleted", "", None, 204).await,
        "targets.test" => {
            let row = target(host, "tested", "/test", None, 200).await;
            let body = Some(json!({"deep": true}));
            Row { bad: Ok(Bad { path: row.path.clone(), body, detail: "unknown field `deep`" }), ..row }
        }
        "targets.inspect" => {
            // Nobody listens at the target; of what the catalog says of it there is nothing to ask.
            let row = target(host, "inspected", "/inspect", Some(json!({"side": "catalog"})), 200).await;
            let body = Some(json!({"side": "both"}));
            Row { bad: Ok(Bad { path: row.path.clone(), body, detail: "`side`: `both` is no side" }), ..row }
        }
        "organizations.list" => Row {
            foreign: Others::Same,
            narrowed: Others::Same,
            ..list("/organizations", "id=x", "unknown field `id`")
        },
        "members.list" => of_organization("/members", "page=x", "`page`"),
        "api_keys.list" => of_organization("/api-keys", "page=x", "`page`"),
        "webhooks.list" => of_organization("/webhooks", "page=x", "`page`"),
        "audit.list" => of_organization("/audit", "since=yesterday", "`since`: `yesterday` is no time"),
        "host.alive" => open("/healthz"),
        "host.ready" => open("/readyz"),
        "host.openapi" => open("/openapi.json"),
        // Nothing gathers metrics here; `serving.rs` has the other cases.
        "host.metrics" => Row { status: 404, ..open("/metrics") },
        "schedules.create" => {
            let body = |service: &str| json!({"backup_type": "minimal", "schedule": "once", "service_id": service});
            let bad = json!({"backup_type": "minimal", "schedule": "0 0 30 2 *", "service_id": "db1"});
            let missing = || Others::Missing {
                path: "/backups/schedules".to_owned(),
                body: Some(body("db9")),
                names: ["db1".to_owned(), "db9".to_owned()],
            };
            Row {
                path: "/backups/schedules".to_owned(),
                body: Some(body("db1")),
                status: 201,
                bad: Ok(Bad {
                    path: "/backups/schedules".to_owned(),
                    body: Some(bad),
                    detail: "`schedule`: the schedule `0 0 30 2 *` never fires",
                }),
                role: Least::Operator,
                foreign: missing(),
                narrowed: missing(),
            }
        }
        "schedules.show" => schedule(host, "", None, 200, Least::Viewer).await,
        "schedules.update" => {
            let row = schedule(host, "", Some(json!({"schedule": "0 9 ** *"})), 200, Least::Administrator).await;
            let bad = Some(json!({"timezone": "Europe/Berln"}));
            let detail = "`timezone`: `Europe/Berln` is no time zone";
            Row { bad: Ok(Bad { path: row.path.clone(), body: bad, detail }), ..row }
        }
        "schedules.delete" => schedule(host, "", None, 204, Least::Administrator).await,
        "schedules.plan" => {
            let row = schedule(host, "/retention-plan", None, 200, Least::Viewer).await;
            let path = format!("{}?retention=0", row.path);
            Row { bad: Ok(Bad { path, body: None, detail: "`retention` must be a whole number" }), ..row }
        }
        "backups.show" => backup(host, "", None, 200, Least::Viewer).await,
        "backups.update" => {
            let row = backup(host, "", Some(json!({"pinned": true})), 200, Least::Administrator).await;
            let body = Some(json!({"pinned": "yes"}));
            Row { bad: Ok(Bad { path: row.path.clone(), body, detail: "`pinned` must be true or false" }), ..row }
        }
        "backups.delete" => {
            let row = backup(host, "", None, 202, Least::Administrator).await;
            let path = format!("{}?with_dependants=1", row.path);
            Row { bad: Ok(Bad { path, body: None, detail: "`with_dependants` must be true or false" }), ..row }
        }
        "backups.verify" => {
            let row = backup(host, "/verify", None, 202, Least::Operator).await;
            let body = Some(json!({"level": "deep"}));
            Row { bad: Ok(Bad { path: row.path.clone(), body, detail: "`level`: `deep` is no level" }), ..row }
        }
        "backups.copy" => {
            let row = backup(host, "/copy", Some(json!({"target": "offsite"})), 202, Least::Operator).await;
            let detail = "`target` is missing";
            Row { bad: Ok(Bad { path: row.path.clone(), body: Some(json!({})), detail }), ..row }
        }
        "restores.create" => {
            let (backup, _) = host.succeeded_of("db1").await;
            let body = |service: &str, key: &str| json!({"service_id": service, "key": key});
            let path = || "/restores".to_owned();
            let missing = || Others::Missing {
                path: path(),
                body: Some(body("db9", backup.id.as_str())),
                names: ["db1".to_owned(), "db9".to_owned()],
            };
            Row {
                path: path(),
                body: Some(body("db1", backup.id.as_str())),
                status: 201,
                bad: Ok(Bad {
                    path: path(),
                    body: Some(json!({"servise_id": "db1"})),
                    detail: "unknown field `servise_id`",
                }),
                role: Least::Administrator,
                foreign: missing(),
                narrowed: missing(),
            }
        }
        "restores.show" => restore(host, 200, Least::Viewer).await,
        "restores.hide" => restore(host, 204, Least::Administrator).await,
        "services.show" => service("", None, 200, Least::Viewer),
        "services.recovery_window" => {
            host.succeeded_of("db1").await;
            let row = service("/recovery-window", None, 200, Least::Viewer);
            let path = format!("{}?page=1", row.path);
            Row { bad: Ok(Bad { path, body: None, detail: "unknown field `page`" }), ..row }
        }
        "services.reset" => {
            // The example's services cannot be emptied; tests/integration/resets.rs empties others.
            let row = service("/reset", Some(json!({"backup": false})), 422, Least::Administrator);
            let body = Some(json!({"backup": "no"}));
            Row { bad: Ok(Bad { path: row.path.clone(), body, detail: "`backup` must be" }), ..row }
        }
        "jobs.show" => job(host, "", 200, Least::Viewer).await,
        // It has ended: the stream does as well.
        "jobs.events" => job(host, "/events", 200, Least::Viewer).await,
        "jobs.cancel" => {
            let (_, waiting) = host.scheduled("db1", None).await;
            let row = thing("/jobs", waiting.id.as_str(), JobId::new().as_str(), "/cancel", None, 202, Least::Operator);
            let body = Some(json!({"now": true}));
            Row { bad: Ok(Bad { path: row.path.clone(), body, detail: "unknown field `now`" }), ..row }
        }
        "members.show" | "members.put" | "members.delete" => member(host, operation).await,
        "api_keys.create" => {
            let body = json!({"name": "nightly", "role": "operator"});
            let bad = json!({"name": "nightly", "role": "operator", "expires_at": "2001-01-01T00:00:00Z"});
            made("/api-keys", body, bad, "`expires_at` lies in the past")
        }
        "api_keys.show" | "api_keys.revoke" => {
            let id = make(host, "/api-keys", json!({"name": "nightly", "role": "operator"})).await;
            let status = if operation == "api_keys.show" { 200 } else { 204 };
            org_thing("/api-keys", &id, ApiKeyId::new().as_str(), "", None, status)
        }
        "webhooks.create" => {
            let bad = json!({"url": "ftp://example.com"});
            made(
                "/webhooks",
                json!({"url": "https://example.com/hook"}),
                bad,
                "`url` must begin with https:// or http://",
            )
        }
        "webhooks.show" => webhook(host, "", None, 200).await,
        "webhooks.update" => {
            let row = webhook(host, "", Some(json!({"enabled": false})), 200).await;
            let body = Some(json!({"events": ["backup.done"]}));
            Row {
                bad: Ok(Bad { path: row.path.clone(), body, detail: "`events[0]`: `backup.done` is no event" }),
                ..row
            }
        }
        "webhooks.delete" => webhook(host, "", None, 204).await,
        "webhooks.test" => {
            let row = webhook(host, "/test", None, 202).await;
            let body = Some(json!({"event": "x"}));
            Row { bad: Ok(Bad { path: row.path.clone(), body, detail: "unknown field `event`" }), ..row }
        }
        "webhooks.deliveries" => {
            let row = webhook(host, "/deliveries", None, 200).await;
            let path = format!("{}?page=0", row.path);
            Row { bad: Ok(Bad { path, body: None, detail: "`page` must be" }), ..row }
        }
        _ => return None,
    })
}

/// A list of things of services.
fn list(path: &str, wrong: &str, detail: &'static str) -> Row {
    Row {
        path: path.to_owned(),
        body: None,
        status: 200,
        bad: Ok(Bad { path: format!("{path}?{wrong}"), body: None, detail }),
        role: Least::Viewer,
        foreign: Others::Empty,
        narrowed: Others::Empty,
    }
}

/// A list of things that belong to no service.
fn of_organization(path: &str, wrong: &str, detail: &'static str) -> Row {
    Row { role: Least::Administrator, foreign: Others::Empty, narrowed: Others::Denied, ..list(path, wrong, detail) }
}

fn open(path: &str) -> Row {
    let bad = Ok(Bad { path: format!("{path}?x=1"), body: None, detail: "unknown field `x`" });
    Row { bad, role: Least::Open, foreign: Others::Same, narrowed: Others::Same, ..list(path, "", "") }
}

/// One thing of `db1`, and an id that nothing has.
fn thing(noun: &str, id: &str, none: &str, verb: &str, body: Option<Value>, status: u16, role: Least) -> Row {
    let path = |id: &str| format!("{noun}/{id}{verb}");
    let missing =
        || Others::Missing { path: path(none), body: body.clone(), names: [format!("`{id}`"), format!("`{none}`")] };
    let (foreign, narrowed) = (missing(), missing());
    // An id of another form names nothing either.
    let bad = Ok(Bad { path: path("%2e%2e%00"), body: body.clone(), detail: "there is no" });
    Row { path: path(id), body, status, bad, role, foreign, narrowed }
}

/// One thing that belongs to no service.
fn org_thing(noun: &str, id: &str, none: &str, verb: &str, body: Option<Value>, status: u16) -> Row {
    Row { narrowed: Others::Denied, ..thing(noun, id, none, verb, body, status, Least::Administrator) }
}

async fn make(host: &Host, path: &str, body: Value) -> String {
    let administrator = token("acme", "administrator");
    let (status, made) = host.call(Some(&administrator), "POST", &format!("/v1{path}"), Some(body)).await;
    assert_eq!(status.as_u16(), 201, "{made}");
    made["id"].as_str().map_or_else(|| made["id"].to_string(), str::to_owned)
}

/// What makes a thing of the organization: each organization may make its own.
fn made(path: &str, body: Value, bad: Value, detail: &'static str) -> Row {
    Row {
        path: path.to_owned(),
        body: Some(body),
        status: 201,
        bad: Ok(Bad { path: path.to_owned(), body: Some(bad), detail }),
        role: Least::Administrator,
        foreign: Others::Same,
        narrowed: Others::Denied,
    }
}

async fn schedule(host: &Host, verb: &str, body: Option<Value>, status: u16, role: Least) -> Row {
    let new = json!({"backup_type": "minimal", "schedule": "@daily", "service_id": "db1", "retention": 7});
    let id = make(host, "/backups/schedules", new).await;
    thing("/backups/schedules", &id, "999999", verb, body, status, role)
}

async fn backup(host: &Host, verb: &str, body: Option<Value>, status: u16, role: Least) -> Row {
    let (backup, _) = host.succeeded_of("db1").await;
    let service: ServiceId = "db1".parse().unwrap();
    let none = BackupId::new(&service, "db1-0");
    thing("/backups", backup.id.as_str(), none.as_str(), verb, body, status, role)
}

async fn restore(host: &Host, status: u16, role: Least) -> Row {
    let (backup, _) = host.succeeded_of("db1").await;
    let new = NewRestore {
        organization: "acme".parse().unwrap(),
        service: "db1".parse().unwrap(),
        backup: backup.id,
        uses: Vec::new(),
        plan: None,
        partial: false,
        after: None,
        request: Value::Null,
        attempts_max: 1,
        idempotency: None,
    };
    let (restore, job) = host.catalog.schedule_restore(new).await.unwrap().value;
    host.catalog.request_cancel(&"acme".parse().unwrap(), &job.id).await.unwrap();
    thing("/restores", &restore.id.to_string(), "999999", "", None, status, role)
}

fn service(verb: &str, body: Option<Value>, status: u16, role: Least) -> Row {
    thing("/services", "db1", "db9", verb, body, status, role)
}

async fn job(host: &Host, verb: &str, status: u16, role: Least) -> Row {
    let (_, job) = host.succeeded_of("db1").await;
    thing("/jobs", job.id.as_str(), JobId::new().as_str(), verb, None, status, role)
}

async fn member(host: &Host, operation: &str) -> Row {
    let body = json!({"role": "viewer", "services": ["db1"]});
    let administrator = token("acme", "administrator");
    let path = "/v1/members/auth0%7C5f7c";
    let (status, _) = host.call(Some(&administrator), "PUT", path, Some(body.clone())).await;
    assert_eq!(status.as_u16(), 200);
    let row = org_thing("/members", "auth0%7C5f7c", "nobody", "", None, 200);
    let row = match row.foreign {
        // As it stands in answers.
        Others::Missing { path, body, .. } => {
            let names = ["`auth0|5f7c`".to_owned(), "`nobody`".to_owned()];
            Row { foreign: Others::Missing { path, body, names }, ..row }
        }
        _ => row,
    };
    match operation {
        "members.show" => row,
        "members.delete" => Row { status: 204, ..row },
        _ => {
            let bad = Bad {
                path: row.path.clone(),
                body: Some(json!({"role": "root"})),
                detail: "`role`: `root` is no role",
            };
            let body = json!({"role": "viewer"});
            Row { body: Some(body), bad: Ok(bad), foreign: Others::Same, ..row }
        }
    }
}

async fn webhook(host: &Host, verb: &str, body: Option<Value>, status: u16) -> Row {
    let id = make(host, "/webhooks", json!({"url": "https://example.com/hook"})).await;
    org_thing("/webhooks", &id, WebhookId::new().as_str(), verb, body, status)
}

/// A bucket that nobody keeps.
fn own_target(id: &str) -> Value {
    json!({"id": id, "plugin": "s3", "config": {"bucket": "my-backups", "endpoint": DISCARD},
        "credentials": {"access_key_id": "AKIA", "secret_access_key": "hunter2hunter2"}})
}

async fn target(host: &Host, id: &str, verb: &str, body: Option<Value>, status: u16) -> Row {
    let id = make(host, "/targets", own_target(id)).await;
    org_thing("/targets", &id, "nowhere", verb, body, status)
}
