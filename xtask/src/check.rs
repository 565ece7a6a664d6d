//! `cargo xtask check`: what a developer runs at each step. Everything but the tests that start the built binary.

use bulkhead_test_support::Result;

use crate::nextest::Nextest;
use crate::stage::Stages;
use crate::{install, lint, nextest, plugins};

/// The tests of one crate or one component: all but those of the whole product, and those that start servers of buckets or SurrealDB.
const SMALL: &str = "not package(bulkhead-tests) and not binary(object_stores) and not package(bulkhead-test-support) \
                     and not binary(gateway) and not binary(server)";

/// Checks, builds, tests; true when all tests pass.
pub fn run() -> Result<bool> {
    let mut stages = Stages::begin(false);
    let passed = checked(&mut stages);
    stages.close(passed)
}

fn checked(stages: &mut Stages) -> Result<bool> {
    nextest::forget()?;
    stages.run("packages", install::ensure_prebuilt)?;
    lint::run(stages)?;
    let tests = Nextest { packages: Vec::new(), arguments: vec!["-E".to_owned(), SMALL.to_owned()] };
    stages.run("build", || plugins::beside(plugins::build, || tests.build()))?;
    stages.run("small tests", || tests.run())
}
