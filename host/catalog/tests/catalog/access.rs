//! Members and API keys.

use std::time::Duration;

use bulkhead_catalog::{ApiKey, NewApiKey, NewMember, Page};
use bulkhead_model::{Digest, FailureKind, Role};

use crate::databases::on_both;
use crate::scene::{Scene, acme, globex, ids, refused};

fn new_member(subject: &str, role: Role) -> NewMember {
    NewMember { organization: acme(), subject: subject.to_owned(), role, services: None, created_by: "root".to_owned() }
}

fn new_key(prefix: &str) -> NewApiKey {
    NewApiKey {
        organization: acme(),
        name: "nightly\0".to_owned(),
        prefix: prefix.to_owned(),
        secret_sha256: Digest::new([9; 32]),
        role: Role::Operator,
        services: Some(ids(&["db1", "db2"])),
        created_by: "ada".to_owned(),
        expires_at: None,
    }
}

#[test]
fn a_member_is_one_of_one_organization_and_can_be_changed() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let catalog = &scene.catalog;
        let ada = catalog.put_member(new_member("ada", Role::Administrator)).await.unwrap();
        scene.clock.advance(Duration::from_secs(5));
        let narrowed = NewMember {
            services: Some(ids(&["db1"])),
            created_by: "eve".to_owned(),
            ..new_member("ada", Role::Viewer)
        };
        let changed = catalog.put_member(narrowed).await.unwrap();
        assert_eq!((changed.role, changed.services.clone()), (Role::Viewer, Some(ids(&["db1"]))));
        assert_eq!((&changed.created_by, changed.created_at), (&ada.created_by, ada.created_at));
        assert_eq!(catalog.member(&acme(), "ada").await.unwrap(), Some(changed.clone()));

        assert_eq!(catalog.member(&acme(), "ADA").await.unwrap(), None);
        assert_eq!(catalog.member(&acme(), "ada\0").await.unwrap(), None);
        assert_eq!(catalog.member(&globex(), "ada").await.unwrap(), None);
        assert_eq!(catalog.members(&globex(), Page::default()).await.unwrap(), (vec![], 0));
        refused(catalog.delete_member(&globex(), "ada").await, FailureKind::NotFound);
        refused(catalog.put_member(new_member("a\0", Role::Viewer)).await, FailureKind::Invalid);

        catalog.put_member(new_member("bob", Role::Operator)).await.unwrap();
        let (second, total) = catalog.members(&acme(), Page { page: 2, page_size: 1 }).await.unwrap();
        assert_eq!((second[0].subject.as_str(), total), ("bob", 2));
        assert_eq!(catalog.delete_member(&acme(), "ada").await.unwrap(), changed);
        refused(catalog.delete_member(&acme(), "ada").await, FailureKind::NotFound);
        assert_eq!(catalog.member(&acme(), "ada").await.unwrap(), None);
    });
}

#[test]
fn a_key_is_found_by_its_prefix_until_it_is_revoked_or_expires() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let catalog = &scene.catalog;
        let end = scene.now().plus(Duration::from_secs(60));
        let key = catalog.create_api_key(NewApiKey { expires_at: Some(end), ..new_key("abcd1234") }).await.unwrap();
        let (found, hash) = catalog.api_key_by_prefix("abcd1234").await.unwrap().unwrap();
        assert_eq!((&found, hash), (&key, Digest::new([9; 32])));
        assert_eq!(found.services, Some(ids(&["db1", "db2"])));
        assert!(found.is_valid(scene.now()) && !found.is_valid(end));
        for wrong in ["ABCD1234", "abcd", "", "abcd123%", "abcd1234\0"] {
            assert!(catalog.api_key_by_prefix(wrong).await.unwrap().is_none(), "{wrong}");
        }
        let taken = NewApiKey { organization: globex(), ..new_key("abcd1234") };
        refused(catalog.create_api_key(taken).await, FailureKind::Conflict);

        refused(catalog.api_key(&globex(), &key.id).await, FailureKind::NotFound);
        refused(catalog.revoke_api_key(&globex(), &key.id).await, FailureKind::NotFound);
        assert_eq!(catalog.api_keys(&globex(), Page::default()).await.unwrap().1, 0);
        assert!(catalog.api_key(&acme(), &key.id).await.unwrap().is_valid(scene.now()));

        let revoked = catalog.revoke_api_key(&acme(), &key.id).await.unwrap();
        assert_eq!(revoked.revoked_at, Some(scene.now()));
        assert!(!revoked.is_valid(scene.now()));
        scene.clock.advance(Duration::from_secs(1));
        assert_eq!(catalog.revoke_api_key(&acme(), &key.id).await.unwrap(), revoked);
        assert_eq!(catalog.api_key_by_prefix("abcd1234").await.unwrap().unwrap().0, revoked);
        let newer = catalog.create_api_key(new_key("wxyz6789")).await.unwrap();
        assert_eq!(catalog.api_keys(&acme(), Page::default()).await.unwrap(), (vec![newer, revoked], 2));
    });
}

#[test]
fn the_last_use_of_a_key_is_written_once_a_minute() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let unused = scene.catalog.create_api_key(new_key("abcd1234")).await.unwrap();
        let touched = async |key: &ApiKey| {
            scene.catalog.touch_api_key(key).await.unwrap();
            scene.catalog.api_key(&acme(), &key.id).await.unwrap()
        };
        let first = scene.now();
        let used = touched(&unused).await;
        assert_eq!(used.last_used_at, Some(first));
        scene.clock.advance(Duration::from_secs(59));
        assert_eq!(touched(&used).await.last_used_at, Some(first));
        assert_eq!(touched(&unused).await.last_used_at, Some(first), "a request that has read the key before");
        scene.clock.advance(Duration::from_secs(1));
        assert_eq!(touched(&used).await.last_used_at, Some(scene.now()));
    });
}
