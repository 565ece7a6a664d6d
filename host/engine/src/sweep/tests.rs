//! Against targets whose listings are otherwise than they should be.

use std::path::Path;

use bulkhead_model::BackupState;
use bulkhead_runtime::ByteSource;
use bulkhead_test_support::workspace;

use super::*;
use crate::inspect::{DiscrepancyKind, Inspect, InspectSide};
use crate::scene::{Scene, acme, manifest, service};
use crate::verb::Stored;

const OBJECTS: &[(&str, &[u8])] = &[("data.sql", b"very much data"), ("users.sql", b"users")];

async fn scene(guest: &str) -> Scene {
    Scene::with_targets(&[workspace::guest(guest)], |config| config.limits.sweep_grace = Duration::ZERO).await
}

async fn put(scene: &Scene, target: &str, key: &str) {
    let source = ByteSource::from_bytes(b"stray".to_vec()).unwrap();
    scene.bucket(target).put(key, source, false).await.unwrap();
}

async fn swept(scene: &Scene, target: &str) -> usize {
    let engine = &scene.engine.inner;
    sweep(engine, &engine.targets[&target.parse().unwrap()], None, None).await.unwrap()
}

/// A key as backups have it, of one that no catalog knows.
fn stray(organization: &str, digit: &str) -> String {
    format!("{organization}/db1/{}:db1:s1/data.sql.zst", digit.repeat(32))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_lists_folder_by_folder_is_swept_to_its_end() {
    let target = "lists-by-folder";
    let scene = scene("lists_by_folder").await;
    let (backup, _) = scene.stored_backup(target, OBJECTS, true).await;
    let foreign = "acme/db1/photo.jpg";
    // In the order of their bytes, `acme-b/` comes before `acme/`.
    for key in [stray("acme", "a").as_str(), &stray("acme-b", "b"), &stray("acme.x", "c"), foreign] {
        put(&scene, target, key).await;
    }
    // What an earlier attempt left beside what is needed.
    let stored = Stored::new(&scene.bucket(target), &backup);
    put(&scene, target, &stored.key("data.sql@2.zst")).await;
    assert_eq!(scene.keys(target).await.len(), 2, "the pages are not as small as they should be");

    assert_eq!(swept(&scene, target).await, 4);
    let manifest = stored.manifest_recorded_as(backup.manifest_sha256.as_deref()).await.unwrap();
    stored.check_sizes(&manifest).await.unwrap();
    assert!(scene.bucket(target).head(foreign).await.unwrap().is_some());
    assert_eq!(swept(&scene, target).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_no_catalog_knows_stays_whole_though_its_manifest_is_not_listed() {
    let target = "hides-manifests";
    let scene = scene("hides_manifests").await;
    let (known, _) = scene.stored_backup(target, OBJECTS, true).await;
    // The same under an id that the catalog does not know.
    let id: bulkhead_model::BackupId = format!("{}:db1:s1", "a".repeat(32)).parse().unwrap();
    let unknown = bulkhead_catalog::Backup { id, ..known };
    let stored = Stored::new(&scene.bucket(target), &unknown);
    let manifest = manifest(&unknown, OBJECTS);
    for (object, (_, bytes)) in manifest.objects.iter().zip(OBJECTS) {
        let source = ByteSource::from_bytes(bytes.to_vec()).unwrap();
        stored.bucket.put(&stored.key(&object.key), source, false).await.unwrap();
    }
    stored.put_manifest(&manifest).await.unwrap();
    assert_eq!(swept(&scene, target).await, 0);
    stored.check_sizes(&manifest).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn manifests_are_read_only_where_there_is_more_than_they_name() {
    let target = "lists-by-folder";
    let scene = scene("lists_by_folder").await;
    let (whole, _) = scene.stored_backup(target, OBJECTS, true).await;
    let (more, _) = scene.stored_backup(target, OBJECTS, true).await;
    put(&scene, target, &Stored::new(&scene.bucket(target), &more).key("data.sql@2.zst")).await;
    let engine = &scene.engine.inner;
    let mut folders = Folders::new(engine, &engine.targets[&target.parse().unwrap()], scene.now());
    let unread = folders.manifests;
    for (backup, gone, read) in [(&whole, 0, 0), (&more, 1, 1), (&more, 0, 1)] {
        let mut listed = Vec::new();
        for entry in Stored::new(&scene.bucket(target), backup).entries().await.unwrap() {
            Folder::add_to(&mut listed, entry);
        }
        assert_eq!(folders.sweep(listed).await.unwrap(), gone);
        assert_eq!(unread - folders.manifests, read, "manifests were read");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_uploads_of_backups_that_nobody_makes_are_ended() {
    let target = "has-uploads";
    let scene = scene("has_uploads").await;
    let root = scene.engine.inner.config.targets[0].config["root"].as_str().unwrap().to_owned();
    let begin = |key: &str, begun: bulkhead_model::Timestamp| {
        let name = format!("{}#upload", key.replace('/', ","));
        std::fs::write(Path::new(&root).join(name), begun.as_micros().to_string()).unwrap();
    };
    let unfinished = async || {
        let (bucket, mut found, mut last) = (scene.bucket(target), Vec::new(), None);
        loop {
            let page = bucket.unfinished("", last.as_ref()).await.unwrap();
            let Some(end) = page.last().cloned() else { return found };
            found.extend(page.into_iter().map(|upload| upload.key));
            last = Some(end);
        }
    };
    let (long_ago, lately) =
        (scene.now().minus(Duration::from_hours(1000)), scene.now().minus(Duration::from_hours(20)));
    let (running, _) = scene.stored_backup(target, OBJECTS, false).await;
    assert_eq!(running.state, BackupState::Running);
    let running = Stored::new(&scene.bucket(target), &running).key("data.sql@2.zst");
    let (old, young, globex) = (stray("acme", "a"), stray("acme", "b"), stray("globex", "c"));
    let others = ["photos/cat.jpg", "acme/db1/photo.jpg", "acme/db1/not-a-backup/data.zst"];
    for key in others.iter().copied().chain([old.as_str(), &globex, &running]) {
        begin(key, long_ago);
    }
    // Another installation may be at it for as long as attempts take.
    begin(&young, lately);

    swept(&scene, target).await;
    let mut left = vec![young.as_str(), &running];
    left.extend(others);
    left.sort_unstable();
    assert_eq!(unfinished().await, left);

    // Of a target that is one organization's, only its own.
    for key in [&old, &globex] {
        begin(key, long_ago);
    }
    let engine = &scene.engine.inner;
    let opened = &engine.targets[&target.parse().unwrap()];
    assert_eq!(uploads::abandon(engine, opened, Some(&acme())).await.unwrap(), 1);
    assert!(unfinished().await.contains(&globex));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_was_stopped_half_way_is_taken_up_by_the_sweep() {
    let target = "lists-by-folder";
    let scene = scene("lists_by_folder").await;
    let backup = scene.stored_backup(target, OBJECTS, true).await.0.id;
    let engine = &scene.engine.inner;
    let found = async || {
        let ask = Inspect {
            target: target.parse().unwrap(),
            side: InspectSide::Catalog,
            after: None,
            register: false,
            from_organization: None,
            services: None,
        };
        let found = scene.engine.inspect(&acme(), &ask).await.unwrap().findings;
        found.into_iter().map(|found| (found.kind, found.backup)).collect::<Vec<_>>()
    };
    let expire = engine.new_job(&acme(), JobKind::Expire, &backup);
    let job = scene.catalog.schedule_job(expire).await.unwrap().value;
    let (_, attempt) = scene.claim().await;
    assert_eq!(found().await, []);
    scene.catalog.request_cancel(&acme(), &job.id).await.unwrap();
    scene.catalog.fail(&attempt.id, &Failure::cancelled(), None).await.unwrap();
    assert_eq!(found().await, [(DiscrepancyKind::Undeleted, backup.clone())]);
    take_up(engine).await.unwrap();
    let waits = async || scene.catalog.claim("x", &[service().id], Duration::from_mins(1)).await.unwrap();
    assert!(waits().await.is_none(), "it is tried again at once");
    scene.clock.advance(engine.config.limits.sweep_every);
    take_up(engine).await.unwrap();
    let (job, _) = waits().await.expect("nobody deletes it");
    assert_eq!((job.kind, job.backup.as_ref()), (JobKind::Expire, Some(&backup)));
}
