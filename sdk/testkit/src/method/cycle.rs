//! Rule: success means that a backup restores; everything else is a failure, and no trap.

use bulkhead_model::{Failure, Report};
use bulkhead_runtime::MethodPlugin;

use super::Cycle;
use super::bench::{Bench, Reading};

pub async fn a_failing_writer_fails_the_backup(plugin: &MethodPlugin) {
    let bench = Bench::failing(plugin, Failure::unavailable("no space left in the target"));
    let failure = bench.backup().await.expect_err("a backup whose writer fails is no success");
    in_good_order(&failure, "a backup whose writer fails");
}

pub async fn an_impossible_chain_is_refused(plugin: &MethodPlugin) {
    let bench = Bench::new(plugin);
    let failure = bench.restore(Vec::new()).await.expect_err("a restore of an empty chain is no success");
    in_good_order(&failure, "a restore of an empty chain");
    let bare = bench.link(Report { server_version: "1.0.0".to_owned(), ..Report::default() });
    let failure = bench.restore(vec![bare]).await.expect_err("a restore of a backup without objects is no success");
    in_good_order(&failure, "a restore of a backup without objects");
}

pub async fn what_was_backed_up_restores(plugin: &MethodPlugin) -> Cycle {
    let bench = Bench::new(plugin);
    let report = match bench.backup().await {
        Ok(report) => report,
        Err(failure) => {
            in_good_order(&failure, "a backup without a server");
            return Cycle::NoServer;
        }
    };
    assert!(!report.server_version.is_empty(), "a report states the server's version");
    let link = bench.link(report);
    assert!(!link.objects.is_empty(), "a backup that succeeds has objects");
    bench.restore(vec![link.clone()]).await.unwrap_or_else(|failure| panic!("what was backed up restores: {failure}"));
    for reading in [Reading::EndsBadly, Reading::NotFound] {
        let outcome = bench.reading(reading).restore(vec![link.clone()]).await;
        let failure = outcome.expect_err("a restore whose objects cannot be read well is no success");
        in_good_order(&failure, "a restore whose objects cannot be read well");
    }
    Cycle::Done
}

/// A failure that the plugin has returned itself: no trap, and words that a person can read.
fn in_good_order(failure: &Failure, when: &str) {
    assert_ne!(failure.kind.code(), "trap", "{when} fails in good order: {failure}");
    assert!(!failure.message.trim().is_empty(), "{when} fails with a message");
}
