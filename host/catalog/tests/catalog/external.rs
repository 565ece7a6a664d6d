//! Restores from files that Bulkhead has not made.

use std::time::Duration;

use bulkhead_catalog::{BackupFilter, Idempotency, NewExternalRestore, RestoreSource};
use bulkhead_model::{BackupId, BackupState, Failure, FailureKind, JobState};
use serde_json::json;

use crate::databases::on_both;
use crate::scene::{Scene, acme, refused};

fn file(service: &str, key: Option<&str>) -> NewExternalRestore {
    let service = service.parse().unwrap();
    NewExternalRestore {
        organization: acme(),
        backup: BackupId::new(&service, "s1"),
        service,
        engine: "mariadb".to_owned(),
        method: "full".parse().unwrap(),
        target: "external-source".parse().unwrap(),
        source: RestoreSource {
            bucket: "s3://theirs/".to_owned(),
            key: "/backup.tar.gz".to_owned(),
            method: "mariabackup".to_owned(),
            plugin: "s3".to_owned(),
            config: json!({"bucket": "theirs"}),
        },
        sealed: "v1.sealed".to_owned(),
        after: None,
        request: json!({}),
        attempts_max: 2,
        idempotency: key.map(|key| Idempotency { key: key.to_owned(), fingerprint: "same".to_owned() }),
    }
}

#[test]
fn what_opens_a_file_is_kept_while_the_restore_may_be_tried_and_no_longer() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let catalog = &scene.catalog;
        let secrets = async |id| catalog.restore_secrets(&acme(), id).await.unwrap();
        for (service, end) in [("db1", JobState::Succeeded), ("db2", JobState::Failed), ("db3", JobState::Cancelled)] {
            let (restore, job) = catalog.schedule_external_restore(file(service, None)).await.unwrap().value;
            assert_eq!(restore.source.as_ref().map(|source| source.key.as_str()), Some("/backup.tar.gz"));
            assert_eq!((job.backup.as_ref(), job.method.as_str()), (Some(&restore.backup), "full"));
            assert_eq!(secrets(restore.id).await.as_deref(), Some("v1.sealed"));
            let (_, attempt) = scene.claim(&[service]).await.unwrap();
            catalog.fail(&attempt.id, &Failure::unavailable("gone"), Some(Duration::ZERO)).await.unwrap();
            assert_eq!(secrets(restore.id).await.as_deref(), Some("v1.sealed"), "another attempt needs it");
            if end == JobState::Cancelled {
                catalog.request_cancel(&acme(), &job.id).await.unwrap();
            } else {
                let (_, attempt) = scene.claim(&[service]).await.unwrap();
                if end == JobState::Failed {
                    catalog.fail(&attempt.id, &Failure::corrupt("cut"), None).await.unwrap();
                } else {
                    catalog.finish_restore(&attempt.id, "done", None).await.unwrap();
                }
            }
            let ended = catalog.restore(&acme(), restore.id).await.unwrap();
            assert_eq!((ended.state, secrets(restore.id).await), (end, None));
            assert_eq!(ended.source, restore.source);
        }
        refused(
            catalog.restore_secrets(&"other".parse().unwrap(), bulkhead_model::RestoreId(1)).await,
            FailureKind::NotFound,
        );
    });
}

#[test]
fn a_file_is_no_backup_that_anybody_could_list_or_restore_again() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let catalog = &scene.catalog;
        let first = catalog.schedule_external_restore(file("db1", Some("1"))).await.unwrap();
        let again = catalog.schedule_external_restore(file("db1", Some("1"))).await.unwrap();
        assert!(!first.replayed && again.replayed && first.value.0.id == again.value.0.id);
        assert_eq!(catalog.backups(&acme(), &BackupFilter::default()).await.unwrap(), (Vec::new(), 0));
        let stands_for = catalog.backup(&acme(), &first.value.0.backup).await.unwrap();
        assert_eq!(stands_for.state, BackupState::Deleted);
        refused(catalog.resolve_backup(&acme(), first.value.0.backup.as_str()).await, FailureKind::NotFound);
        refused(catalog.begin_deleting(&acme(), &stands_for.id).await, FailureKind::NotFound);
        let history = catalog.history(&acme(), &"db1".parse().unwrap()).await.unwrap();
        assert!(history.backups.is_empty());
    });
}
