//! The suites, passed by the plugins of this repository, and failed by guests made to fail them.

use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::Command;

use bulkhead_testkit::{Cycle, Directory, method_conformance, method_plugin, storage_conformance, storage_plugin};
use futures::FutureExt;

/// Builds a component and gives its path below the build directory.
fn built(arguments: &[&str], file: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(&root)
        .args(["build", "--quiet", "--target", "wasm32-wasip2", "--profile", "plugin"])
        .args(arguments);
    assert!(cargo.status().unwrap().success(), "{arguments:?} does not build");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    target.join("wasm32-wasip2/plugin").join(file)
}

async fn keeps_the_storage_contract(package: &str) {
    let plugin = storage_plugin(built(&["-p", package], &format!("{}.wasm", package.replace('-', "_")))).await;
    storage_conformance(|| Directory::open(&plugin)).await;
}

async fn keeps_the_method_contract(package: &str) -> Cycle {
    let plugin = method_plugin(built(&["-p", package], &format!("{}.wasm", package.replace('-', "_")))).await;
    method_conformance(&plugin).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filesystem() {
    keeps_the_storage_contract("plugin-filesystem").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn minimal_storage() {
    keeps_the_storage_contract("example-minimal-storage").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn minimal_method() {
    assert_eq!(keeps_the_method_contract("example-minimal-method").await, Cycle::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb_methods() {
    assert_eq!(keeps_the_method_contract("plugin-mariadb-full").await, Cycle::NoServer);
    assert_eq!(keeps_the_method_contract("plugin-mariadb-incremental").await, Cycle::NoServer);
    assert_eq!(keeps_the_method_contract("plugin-mariadb-dump").await, Cycle::NoServer);
    assert_eq!(keeps_the_method_contract("plugin-mariadb-binlog").await, Cycle::NoServer);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn surrealdb_methods() {
    assert_eq!(keeps_the_method_contract("plugin-surrealdb-export").await, Cycle::NoServer);
}

/// The rule at which the suite catches each guest, by the words of its panic.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_storage_is_caught() {
    let guests = built(&["-p", "bulkhead-guests", "--examples"], "examples");
    for (guest, rule) in [
        ("lying_size", "a put of 0 bytes under \"size/0\" failed"),
        ("full_disk", "a put of 1048577 bytes under \"size/1048577\" failed"),
        ("loses_data", "a get of \"size/0\" None failed"),
        ("corrupts", "an object of 1 bytes comes back as it was"),
    ] {
        let plugin = storage_plugin(guests.join(format!("{guest}.wasm"))).await;
        let suite = AssertUnwindSafe(storage_conformance(|| Directory::open(&plugin)));
        let caught = suite.catch_unwind().await.expect_err("the suite passes bad storage");
        let words = caught.downcast_ref::<String>().cloned().unwrap_or_default();
        assert!(words.contains(rule), "{guest} is caught otherwise: {words}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_method_that_writes_nothing_is_caught() {
    let guests = built(&["-p", "bulkhead-guests", "--examples"], "examples");
    let plugin = method_plugin(guests.join("success_without_writing.wasm")).await;
    let caught = AssertUnwindSafe(method_conformance(&plugin)).catch_unwind().await;
    assert!(caught.is_err(), "the suite passes a method that writes nothing");
}
