//! Waiting before another try.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant};

use bulkhead_plugin_sdk::storage::sleep;

use crate::{Fault, Verdict};

/// Tries in all.
const TRIES: u32 = 6;
/// The wait before the second try; it doubles from try to try.
const FIRST_WAIT: Duration = Duration::from_millis(400);
/// The longest wait, also when a service asks for more.
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// No further try begins so long after the first one.
const TIME: Duration = Duration::from_secs(60);

/// The tries of one request.
#[derive(Debug)]
pub struct Retry {
    began: Instant,
    tries: u32,
}

impl Default for Retry {
    fn default() -> Self {
        Self { began: Instant::now(), tries: 1 }
    }
}

impl Retry {
    /// Waits before the next try, or gives the fault back when there is to be none.
    ///
    /// # Errors
    /// The fault: it does not pass, or has been tried often and long enough.
    pub async fn wait(&mut self, fault: Fault) -> Result<(), Fault> {
        let wait = self.next(&fault);
        if fault.verdict != Verdict::Passing || self.tries >= TRIES || self.began.elapsed() + wait > TIME {
            return Err(fault);
        }
        self.tries += 1;
        sleep(wait).await;
        Ok(())
    }

    /// Doubled from try to try, half of it by chance so that many do not come back at once; at least what the service asks for.
    fn next(&self, fault: &Fault) -> Duration {
        let whole = FIRST_WAIT * 2_u32.saturating_pow(self.tries - 1);
        let chance = (RandomState::new().build_hasher().finish() % 1000) as f64 / 1000.0;
        let wait = whole.mul_f64(0.5 + chance / 2.0);
        wait.max(fault.wait.unwrap_or_default()).min(LONGEST_WAIT)
    }
}
