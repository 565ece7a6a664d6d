//! Objects that others have thought of.

use bulkhead_test_support::zoo::Zoo;

/// A slice of `cargo xtask zoo`, another one with another number in `BULKHEAD_TEST_SEED`.
#[test]
fn what_mariadbs_own_test_files_make_comes_back_from_each_method() {
    let seed = std::env::var("BULKHEAD_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let seen = Zoo { files: 16, seed }.run(&|line| println!("{line}")).unwrap();
    assert_eq!((seen.files, seen.restored.len()), (16, 3), "{seen:?}");
    assert!(seen.objects > 50, "{seen:?}");
}
