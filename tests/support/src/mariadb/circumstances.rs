//! How a test's server differs from the next one's: users' servers are not all set alike, and what a test does not care about must not
//! depend on it.

use std::env;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Time zones that differ in what goes wrong: summer time, the other side of UTC, half an hour, a day that was left out.
const ZONES: [&str; 5] = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Apia", "UTC"];
/// `MIXED` is what a server has by default.
const FORMATS: [&str; 3] = ["MIXED", "ROW", "STATEMENT"];

/// What a server is given that its test did not ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Circumstances {
    /// Its time zone.
    pub zone: &'static str,
    /// Arguments, before those of the test.
    pub arguments: Vec<String>,
}

impl Circumstances {
    /// Those of the test that runs, always the same ones; others with another number in `BULKHEAD_TEST_SEED`. Outside of tests
    /// servers are plain.
    pub fn draw() -> Self {
        let Some(test) = test() else { return Self::plain() };
        let mut hasher = DefaultHasher::new();
        env::var("BULKHEAD_TEST_SEED").unwrap_or_default().hash(&mut hasher);
        test.hash(&mut hasher);
        let mut seed = hasher.finish();
        let mut pick = |most: usize| {
            let picked = usize::try_from(seed % most as u64).unwrap_or(0);
            seed /= most as u64;
            picked
        };
        let zone = ZONES[pick(ZONES.len())];
        let arguments = vec![format!("--binlog-format={}", FORMATS[pick(FORMATS.len())])];
        // Shown when the test fails.
        eprintln!("a server in {zone} with {} (by the test's name and BULKHEAD_TEST_SEED)", arguments.join(" "));
        Self { zone, arguments }
    }

    fn plain() -> Self {
        Self { zone: "UTC", arguments: vec!["--binlog-format=ROW".to_owned()] }
    }
}

/// The name of the test that runs: by cargo-nextest, or of its thread.
fn test() -> Option<String> {
    let thread = || std::thread::current().name().filter(|name| *name != "main").map(str::to_owned);
    env::var("NEXTEST_TEST_NAME").ok().or_else(thread)
}
