//! The audit trail.

use std::time::Duration;

use bulkhead_catalog::{AuditEntry, AuditFilter, NewAudit};
use bulkhead_model::{AuditId, FailureKind};

use crate::databases::on_both;
use crate::scene::{Scene, acme, globex, refused};

fn new_audit(subject: &str, action: &str) -> NewAudit {
    NewAudit {
        organization: acme(),
        subject: subject.to_owned(),
        credential: "key:abcd1234".to_owned(),
        action: action.to_owned(),
        object: None,
        address: Some("127.0.0.1".to_owned()),
        request_id: "r-1".to_owned(),
    }
}

#[test]
fn an_entry_begins_and_ends_once_and_shows_to_its_organization_alone() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let catalog = &scene.catalog;
        let begun = scene.now();
        let id = catalog.begin_audit(new_audit("ada\0", "restores.create")).await.unwrap();
        let only = async || catalog.audit(&acme(), &AuditFilter::default()).await.unwrap().0.pop().unwrap();
        let entry = only().await;
        assert_eq!((&entry.id, entry.at, entry.ended_at, entry.status), (&id, begun, None, None));
        assert_eq!((entry.subject.as_str(), entry.address.as_deref()), ("ada\u{fffd}", Some("127.0.0.1")));

        scene.clock.advance(Duration::from_secs(1));
        catalog.end_audit(&id, 409, Some("conflict"), Some("47")).await.unwrap();
        let ended = AuditEntry {
            ended_at: Some(scene.now()),
            status: Some(409),
            code: Some("conflict".to_owned()),
            object: Some("47".to_owned()),
            ..entry
        };
        assert_eq!(only().await, ended);
        refused(catalog.end_audit(&id, 200, None, None).await, FailureKind::Conflict);
        refused(catalog.end_audit(&AuditId::new(), 200, None, None).await, FailureKind::Conflict);
        assert_eq!(only().await, ended);
        assert_eq!(catalog.audit(&globex(), &AuditFilter::default()).await.unwrap(), (vec![], 0));
    });
}

#[test]
fn the_trail_is_filtered_and_paged_newest_first() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let catalog = &scene.catalog;
        let mut ids = Vec::new();
        let start = scene.now();
        for (subject, action) in
            [("ada", "backups.delete"), ("bob", "backups.delete"), ("ada", "members.put"), ("ada", "backups.delete")]
        {
            ids.push(catalog.begin_audit(new_audit(subject, action)).await.unwrap());
            scene.clock.advance(Duration::from_secs(1));
        }
        let elsewhere = NewAudit { organization: globex(), ..new_audit("ada", "backups.delete") };
        catalog.begin_audit(elsewhere).await.unwrap();
        let found = async |filter: AuditFilter| {
            let (entries, total) = catalog.audit(&acme(), &filter).await.unwrap();
            let places = entries.iter().map(|entry| ids.iter().position(|id| *id == entry.id).unwrap());
            (places.collect::<Vec<_>>(), total)
        };
        let (ada, delete) = (Some("ada".to_owned()), Some("backups.delete".to_owned()));
        let all = AuditFilter::default();
        let at = |seconds| Some(start.plus(Duration::from_secs(seconds)));
        assert_eq!(found(all.clone()).await, (vec![3, 2, 1, 0], 4));
        assert_eq!(found(AuditFilter { subject: ada.clone(), ..all.clone() }).await, (vec![3, 2, 0], 3));
        assert_eq!(found(AuditFilter { action: delete.clone(), ..all.clone() }).await, (vec![3, 1, 0], 3));
        let both = AuditFilter { subject: ada, action: delete, since: at(1), ..all.clone() };
        assert_eq!(found(both).await, (vec![3], 1));
        assert_eq!(found(AuditFilter { since: at(1), until: at(3), ..all.clone() }).await, (vec![2, 1], 2));
        assert_eq!(found(AuditFilter { page: 2, page_size: 3, ..all.clone() }).await, (vec![0], 4));
        assert_eq!(found(AuditFilter { page: u32::MAX, page_size: u32::MAX, ..all }).await, (vec![], 4));
    });
}

#[test]
fn a_long_trail_is_counted_and_paged_only_so_far() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        scene
            .database
            .execute(
                "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 10049)
                 INSERT INTO audit (id, at_us, organization, subject, credential, action, request_id)
                 SELECT '000000000000000' || CAST(10000000000000000 + i AS TEXT), i, 'acme', 'ada', 'token', 'a', 'r' FROM n",
            )
            .await;
        let at_most = |page| AuditFilter { page, page_size: 100, ..AuditFilter::default() };
        let (last, total) = scene.catalog.audit(&acme(), &at_most(101)).await.unwrap();
        assert_eq!((last.len(), last[49].at.as_micros(), total), (50, 0, 10_001));
        refused(scene.catalog.audit(&acme(), &at_most(102)).await, FailureKind::Invalid);
        let older = AuditFilter { until: Some(last[0].at), ..at_most(1) };
        assert_eq!(scene.catalog.audit(&acme(), &older).await.unwrap().1, 49);
    });
}
