//! Opening: migrations, the lock, what survives.

use std::sync::Arc;

use bulkhead_catalog::Catalog;
use bulkhead_model::{FailureKind, SystemClock};

use crate::databases::on_both;
use crate::scene::{Scene, acme, refused};

#[test]
fn everything_is_there_again_after_a_reopen() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let backup = scene.backup("db1", "full").await;
        let (waiting, job) = scene.schedule("db1", "dump", 3).await;
        let Scene { catalog, clock, database } = scene;
        catalog.close().await;
        drop(catalog);
        let catalog = Catalog::open(&database.url, clock.clone()).await.unwrap();
        assert_eq!(catalog.backup(&acme(), &backup.id).await.unwrap(), backup);
        assert_eq!(catalog.job(&acme(), &job.id).await.unwrap(), job);
        let scene = Scene { catalog, clock, database };
        let (claimed, _) = scene.claim(&["db1"]).await.unwrap();
        assert_eq!(claimed.backup, Some(waiting.id));
    });
}

#[test]
fn a_second_host_on_a_sqlite_file_is_refused_and_on_postgresql_welcome() {
    on_both(|database| async {
        let scene = Scene::new(database).await;
        let second = Catalog::open(&scene.database.url, Arc::new(SystemClock)).await;
        if scene.database.is_sqlite() {
            let text = refused(second.map(|_| ()), FailureKind::Conflict);
            assert!(text.contains("open in another host"), "{text}");
        } else {
            second.unwrap().ping().await.unwrap();
        }
        scene.catalog.ping().await.unwrap();
    });
}

#[test]
fn hosts_that_start_together_make_the_tables_once() {
    on_both(|database| async move {
        if database.is_sqlite() {
            return;
        }
        let opening: Vec<_> = (0..4)
            .map(|_| {
                let url = database.url.clone();
                tokio::spawn(async move { Catalog::open(&url, Arc::new(SystemClock)).await.map(|_| ()) })
            })
            .collect();
        for opened in opening {
            opened.await.unwrap().unwrap();
        }
    });
}

#[test]
fn what_cannot_be_opened_is_said_without_the_password() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let clock = Arc::new(SystemClock);
        for url in
            ["mysql://localhost/x", "sqlite:", "sqlite::memory:", "sqlite:a.db?mode=ro", "postgres://u:hunter2@:x/"]
        {
            let text = refused(Catalog::open(url, clock.clone()).await.map(|_| ()), FailureKind::Invalid);
            assert!(!text.contains("hunter2"), "{text}");
        }
        let gone = Catalog::open("postgres://u:hunter2@127.0.0.1:1/x", clock.clone()).await.map(|_| ());
        let text = refused(gone, FailureKind::Unavailable);
        assert!(!text.contains("hunter2"), "{text}");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("50% done?#1 ü.db");
        let odd = format!("sqlite://{}", file.display()).replace('?', "");
        Catalog::open(&odd, clock.clone()).await.unwrap().ping().await.unwrap();
        assert!(folder.path().join("50% done#1 ü.db").is_file());
        std::fs::write(
            folder.path().join("text.db"),
            "this is a letter, not a database, and longer than a header of one is: \
            it goes on for more than one hundred bytes",
        )
        .unwrap();
        let text = Catalog::open(&format!("sqlite:{}", folder.path().join("text.db").display()), clock).await;
        refused(text.map(|_| ()), FailureKind::Corrupt);
    });
}
