//! Targets of organizations.

use std::time::Duration;

use bulkhead_catalog::{Catalog, NewBackup, NewSchedule, NewTarget, Sealed, TargetChange, TargetOrigin, TargetTest};
use bulkhead_model::{FailureKind, OrganizationId, TargetId};
use serde_json::json;

use crate::databases::on_both;
use crate::scene::{Scene, acme, globex, new_backup, new_job, new_schedule, refused};

pub fn new_target(organization: OrganizationId, id: &str) -> NewTarget {
    NewTarget {
        organization,
        id: id.parse().unwrap(),
        plugin: "s3".to_owned(),
        config: json!({ "bucket": "b", "prefix": "p" }),
        sealed_credentials: Some(Sealed::from("v1.hunter2".to_owned())),
        default: false,
        origin: TargetOrigin::Api,
    }
}

fn id(text: &str) -> TargetId {
    text.parse().unwrap()
}

async fn default_of(catalog: &Catalog, organization: &OrganizationId) -> Option<String> {
    catalog.default_target(organization).await.unwrap().map(String::from)
}

#[test]
fn a_target_is_its_organizations_and_keeps_its_credentials_out_of_logs() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let (catalog, clock) = (&scene.catalog, &scene.clock);
        let made = catalog.create_target(new_target(acme(), "own")).await.unwrap();
        assert!(!format!("{made:?}").contains("hunter2"));
        assert_eq!((made.revision, made.default, made.tested_at), (1, false, None));
        assert_eq!(catalog.target(&acme(), &id("own")).await.unwrap(), Some(made.clone()));
        assert_eq!(catalog.target(&globex(), &id("own")).await.unwrap(), None);
        refused(catalog.delete_target(&globex(), &id("own")).await, FailureKind::NotFound);
        refused(catalog.update_target(&globex(), &id("own"), TargetChange::default()).await, FailureKind::NotFound);
        // Names are an organization's own.
        refused(catalog.create_target(new_target(acme(), "own")).await, FailureKind::Conflict);
        catalog.create_target(new_target(globex(), "own")).await.unwrap();
        assert_eq!(catalog.owner_of_target(&id("own")).await.unwrap(), Some(acme()));
        assert_eq!(catalog.targets(&acme()).await.unwrap(), std::slice::from_ref(&made));

        clock.advance(Duration::from_secs(1));
        let sealed = Sealed::from("v1.new".to_owned());
        let change = TargetChange {
            config: Some(json!({ "bucket": "b" })),
            sealed_credentials: Some(sealed.clone()),
            revision: 1,
            ..TargetChange::default()
        };
        let changed = catalog.update_target(&acme(), &id("own"), change.clone()).await.unwrap();
        assert_eq!((changed.revision, changed.sealed_credentials), (2, Some(sealed)));
        assert!(changed.updated_at > made.updated_at && changed.config == json!({ "bucket": "b" }));
        let late = refused(catalog.update_target(&acme(), &id("own"), change).await, FailureKind::Conflict);
        assert!(late.contains("somebody else changed target `own`"), "{late}");

        for number in 1..100 {
            catalog.create_target(new_target(acme(), &format!("t{number}"))).await.unwrap();
        }
        refused(catalog.create_target(new_target(acme(), "more")).await, FailureKind::Conflict);
    });
}

#[test]
fn one_target_of_an_organization_is_the_default() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let catalog = &scene.catalog;
        assert_eq!(default_of(catalog, &acme()).await, None);
        let new = |id| NewTarget { default: true, ..new_target(acme(), id) };
        catalog.create_target(new("a")).await.unwrap();
        catalog.create_target(NewTarget { default: true, ..new_target(globex(), "g") }).await.unwrap();
        catalog.create_target(new("b")).await.unwrap();
        assert_eq!(default_of(catalog, &acme()).await.as_deref(), Some("b"));
        let change = |default| TargetChange { default: Some(default), revision: 1, ..TargetChange::default() };
        catalog.update_target(&acme(), &id("a"), change(true)).await.unwrap();
        assert_eq!(default_of(catalog, &acme()).await.as_deref(), Some("a"));
        // Once more does no harm.
        let again = TargetChange { revision: 2, ..change(true) };
        catalog.update_target(&acme(), &id("a"), again).await.unwrap();
        catalog.update_target(&acme(), &id("a"), TargetChange { revision: 3, ..change(false) }).await.unwrap();
        assert_eq!(default_of(catalog, &acme()).await, None);
        assert_eq!(default_of(catalog, &globex()).await.as_deref(), Some("g"));
    });
}

#[test]
fn what_is_used_stays_where_it_is() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let catalog = &scene.catalog;
        for target in ["own", "planned", "failed"] {
            catalog.create_target(new_target(acme(), target)).await.unwrap();
        }
        // Another organization's target of the same name holds none of it.
        catalog.create_target(new_target(globex(), "own")).await.unwrap();
        let backup = scene.backup_new(NewBackup { target: id("own"), ..new_backup("db1", "full") }).await;
        let why = refused(catalog.delete_target(&acme(), &id("own")).await, FailureKind::Conflict);
        assert!(why.starts_with("1 backup lies in target `own`"), "{why}");
        let elsewhere = |revision| TargetChange { elsewhere: true, revision, ..TargetChange::default() };
        let why = refused(catalog.update_target(&acme(), &id("own"), elsewhere(1)).await, FailureKind::Conflict);
        assert!(why.starts_with("1 backup lies in target `own`"), "{why}");
        catalog
            .update_target(&acme(), &id("own"), TargetChange { revision: 1, ..TargetChange::default() })
            .await
            .unwrap();
        catalog.delete_target(&globex(), &id("own")).await.unwrap();

        let schedule = NewSchedule { target: id("planned"), ..new_schedule("db1", "@daily") };
        let schedule = catalog.create_schedule(schedule).await.unwrap().value;
        let why = refused(catalog.delete_target(&acme(), &id("planned")).await, FailureKind::Conflict);
        assert!(why.starts_with("1 schedule keeps its backups in target `planned`"), "{why}");
        catalog.update_target(&acme(), &id("planned"), elsewhere(1)).await.unwrap();
        catalog.delete_schedule(&acme(), schedule.id).await.unwrap();
        catalog.delete_target(&acme(), &id("planned")).await.unwrap();

        // So does a copy, and a schedule that makes copies.
        let copies = vec![id("planned")];
        catalog.create_target(new_target(acme(), "planned")).await.unwrap();
        let copied = NewBackup { copies: copies.clone(), ..new_backup("db2", "full") };
        let (_, job) = scene.schedule_new(copied).await;
        let why = refused(catalog.delete_target(&acme(), &id("planned")).await, FailureKind::Conflict);
        assert!(why.starts_with("1 backup lies in target `planned`"), "{why}");
        catalog.request_cancel(&acme(), &job.id).await.unwrap();
        let schedule = NewSchedule { copies, ..new_schedule("db2", "@daily") };
        let schedule = catalog.create_schedule(schedule).await.unwrap().value;
        refused(catalog.delete_target(&acme(), &id("planned")).await, FailureKind::Conflict);
        // The name of another one is not in the list because a part of it is.
        catalog.create_target(new_target(acme(), "plan")).await.unwrap();
        catalog.delete_target(&acme(), &id("plan")).await.unwrap();
        catalog.delete_schedule(&acme(), schedule.id).await.unwrap();
        catalog.delete_target(&acme(), &id("planned")).await.unwrap();

        // A backup that failed or is deleted holds nothing.
        let (_, job) = scene.schedule_new(NewBackup { target: id("failed"), ..new_backup("db1", "full") }).await;
        refused(catalog.delete_target(&acme(), &id("failed")).await, FailureKind::Conflict);
        catalog.request_cancel(&acme(), &job.id).await.unwrap();
        catalog.delete_target(&acme(), &id("failed")).await.unwrap();
        catalog.schedule_job(new_job(bulkhead_model::JobKind::Expire, &backup.id)).await.unwrap();
        refused(catalog.delete_target(&acme(), &id("own")).await, FailureKind::Conflict);
        let (_, attempt) = scene.claim(&["db1"]).await.unwrap();
        catalog.finish_expire(&attempt.id).await.unwrap();
        catalog.delete_target(&acme(), &id("own")).await.unwrap();
        assert_eq!(catalog.targets(&acme()).await.unwrap(), []);
    });
}

#[test]
fn what_a_test_found_is_kept_until_the_target_is_another_one() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let catalog = &scene.catalog;
        catalog.create_target(new_target(acme(), "own")).await.unwrap();
        let test = |revision| TargetTest { revision, at: scene.now(), found: json!({ "ok": true }) };
        let tested = async || catalog.target(&acme(), &id("own")).await.unwrap().unwrap().test;
        catalog.keep_target_test(&acme(), &id("own"), test(2)).await.unwrap();
        assert_eq!(tested().await, None, "a test of another revision");
        catalog.keep_target_test(&acme(), &id("own"), test(1)).await.unwrap();
        assert_eq!(tested().await, Some(json!({ "ok": true })));
        let default = TargetChange { default: Some(true), revision: 1, ..TargetChange::default() };
        catalog.update_target(&acme(), &id("own"), default).await.unwrap();
        assert_eq!(tested().await, Some(json!({ "ok": true })));
        let sealed_credentials = Some(Sealed::from("v1.new".to_owned()));
        let rotated = TargetChange { sealed_credentials, revision: 2, ..TargetChange::default() };
        catalog.update_target(&acme(), &id("own"), rotated).await.unwrap();
        assert_eq!(tested().await, None);
    });
}

#[test]
fn each_target_is_swept_once_in_a_while_by_one_host() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let (catalog, clock) = (&scene.catalog, &scene.clock);
        catalog.create_target(new_target(acme(), "a")).await.unwrap();
        catalog.create_target(new_target(globex(), "g")).await.unwrap();
        let hour = Duration::from_hours(1);
        let mut taken = Vec::new();
        while let Some((organization, target)) = catalog.target_to_sweep(hour).await.unwrap() {
            taken.push(format!("{organization}/{target}"));
            assert!(taken.len() <= 2, "{taken:?}");
        }
        taken.sort();
        assert_eq!(taken, ["acme/a", "globex/g"]);
        clock.advance(hour);
        assert!(catalog.target_to_sweep(hour).await.unwrap().is_some());
        // A host whose clock was a year ahead has swept it: that must not hold it back for a year.
        let ahead = scene.now().plus(hour * 8760).as_micros();
        scene.database.execute(&format!("UPDATE targets SET swept_at_us = {ahead}")).await;
        assert!(catalog.target_to_sweep(hour).await.unwrap().is_some());

        // Of the operator's, each by its name.
        for name in ["managed", "offsite"] {
            assert!(catalog.take_sweep(name, hour).await.unwrap());
            assert!(!catalog.take_sweep(name, hour).await.unwrap(), "two hosts sweep {name}");
        }
        scene.clock.advance(hour);
        assert!(catalog.take_sweep("managed", hour).await.unwrap());
        scene.database.execute(&format!("UPDATE target_sweeps SET swept_at_us = {ahead}")).await;
        assert!(catalog.take_sweep("managed", hour).await.unwrap());
    });
}
