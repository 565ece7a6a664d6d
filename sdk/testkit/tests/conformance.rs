//! The suites, passed by the plugins of this repository, and failed by guests made to fail them.

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;

use bulkhead_test_support::workspace::{example, guest, plugin};
use bulkhead_testkit::{Cycle, Directory, method_conformance, method_plugin, storage_conformance, storage_plugin};
use futures::FutureExt;

async fn keeps_the_storage_contract(component: PathBuf) {
    let plugin = storage_plugin(component).await;
    storage_conformance(|| Directory::open(&plugin)).await;
}

async fn keeps_the_method_contract(component: PathBuf) -> Cycle {
    method_conformance(&method_plugin(component).await).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filesystem() {
    keeps_the_storage_contract(plugin("filesystem")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn minimal_storage() {
    keeps_the_storage_contract(example("minimal-storage")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn minimal_method() {
    assert_eq!(keeps_the_method_contract(example("minimal-method")).await, Cycle::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb_methods() {
    assert_eq!(keeps_the_method_contract(plugin("mariadb-full")).await, Cycle::NoServer);
    assert_eq!(keeps_the_method_contract(plugin("mariadb-incremental")).await, Cycle::NoServer);
    assert_eq!(keeps_the_method_contract(plugin("mariadb-dump")).await, Cycle::NoServer);
    assert_eq!(keeps_the_method_contract(plugin("mariadb-binlog")).await, Cycle::NoServer);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn surrealdb_methods() {
    assert_eq!(keeps_the_method_contract(plugin("surrealdb-export")).await, Cycle::NoServer);
}

/// The rule at which the suite catches each guest, by the words of its panic.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_storage_is_caught() {
    for (name, rule) in [
        ("lying_size", "a put of 0 bytes under \"size/0\" failed"),
        ("full_disk", "a put of 1048577 bytes under \"size/1048577\" failed"),
        ("loses_data", "a get of \"size/0\" None failed"),
        ("corrupts", "an object of 1 bytes comes back as it was"),
    ] {
        let plugin = storage_plugin(guest(name)).await;
        let suite = AssertUnwindSafe(storage_conformance(|| Directory::open(&plugin)));
        let caught = suite.catch_unwind().await.expect_err("the suite passes bad storage");
        let words = caught.downcast_ref::<String>().cloned().unwrap_or_default();
        assert!(words.contains(rule), "{name} is caught otherwise: {words}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_method_that_writes_nothing_is_caught() {
    let plugin = method_plugin(guest("success_without_writing")).await;
    let caught = AssertUnwindSafe(method_conformance(&plugin)).catch_unwind().await;
    assert!(caught.is_err(), "the suite passes a method that writes nothing");
}
