//! The way between a simulated host and the catalog, and the host's clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bulkhead_catalog::{Call, Later, Line};
use bulkhead_model::{Clock, Failure, Timestamp};

use super::stage::{CallKind, Pass, Stage, Verdict};

/// The true time, and how far a host's clock is from it. Each look takes a microsecond: no two things happen at once.
pub struct HostClock {
    pub time: Arc<AtomicI64>,
    pub wrong_by: AtomicI64,
}

impl Clock for HostClock {
    fn now(&self) -> Timestamp {
        let now = self.time.fetch_add(1, Ordering::Relaxed);
        Timestamp::from_micros(now.saturating_add(self.wrong_by.load(Ordering::Relaxed)))
    }
}

/// The line of one host.
pub struct HostLine {
    pub stage: Arc<Stage>,
    pub host: usize,
}

impl Line for HostLine {
    fn ask(&self, writes: bool) -> Later<'_, Box<dyn Call>> {
        Box::pin(async move {
            let kind = if writes { CallKind::Write } else { CallKind::Read };
            let word = if writes { "changes the catalog" } else { "reads the catalog" };
            let pass = self.stage.gate(self.host, kind, |_| word.to_owned()).await?;
            if pass.verdict == Verdict::Fail {
                return Err(Failure::unavailable("the catalog cannot be reached"));
            }
            Ok(Box::new(OnTheLine(Some(pass))) as Box<dyn Call>)
        })
    }
}

struct OnTheLine(Option<Pass>);

impl Call for OnTheLine {
    fn answer(&mut self) -> Later<'_, ()> {
        Box::pin(async move {
            let Some(pass) = self.0.take() else { return Ok(()) };
            pass.stage.soil();
            pass.answer(()).await
        })
    }
}
