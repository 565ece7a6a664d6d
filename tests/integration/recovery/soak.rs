//! The long random test, for a short while.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use bulkhead_test_support::soak::Soak;

#[test]
fn random_moments_of_a_random_history_come_back_as_they_were() {
    // Another one each time, which a failure names; the same again when it is asked for.
    let any = RandomState::new().build_hasher().finish() % 1_000_000;
    let seed = std::env::var("BULKHEAD_SOAK_SEED").ok().map_or(any, |seed| seed.parse().unwrap());
    let soak = Soak { seed, writing: Duration::from_secs(30), restores: 8 };
    let report = soak.run(&|line| println!("{line}")).unwrap_or_else(|problem| panic!("seed {seed}: {problem}"));
    assert_eq!(report.restored + report.refused.values().sum::<usize>(), 8, "{report:?}");
    for method in ["full", "incremental", "binarylog", "dump"] {
        println!("{method}: {}", report.backups.get(method).copied().unwrap_or_default());
    }
    assert!(report.backups.values().sum::<usize>() >= 1, "{report:?}");
}
