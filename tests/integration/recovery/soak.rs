//! The long random test, for a short while.

use std::time::Duration;

use bulkhead_test_support::soak::Soak;

#[test]
fn random_moments_of_a_random_history_come_back_as_they_were() {
    // Another one each day, and the same again when it is asked for.
    let day = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() / 86_400;
    let seed = std::env::var("BULKHEAD_SOAK_SEED").ok().map_or(day, |seed| seed.parse().unwrap());
    let soak = Soak { seed, writing: Duration::from_secs(30), restores: 8 };
    let report = soak.run(&|line| println!("{line}")).unwrap_or_else(|problem| panic!("seed {seed}: {problem}"));
    assert_eq!(report.restored, 8, "{report:?}");
    for method in ["full", "incremental", "binarylog", "dump"] {
        println!("{method}: {}", report.backups.get(method).copied().unwrap_or_default());
    }
    assert!(report.backups.values().sum::<usize>() >= 3, "{report:?}");
}
