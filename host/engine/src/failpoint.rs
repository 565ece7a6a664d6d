//! Places where a test may stop the host dead, to prove that whatever was under way is absent, restorable or recoverable.
//!
//! Always compiled in: what is tested is what runs. Armed once at start by the configuration (the binary takes it from
//! `BULKHEAD_FAIL_AT=<name>[:abort|error]`); a disarmed point costs one comparison.

use std::sync::OnceLock;

use bulkhead_model::{Failure, Result};

/// Every fail point: its name and what has just happened there. The crash tests enumerate this table.
pub const ALL: &[(&str, &str)] = &[
    ("backup.claimed", "the attempt holds its lease; nothing is written"),
    ("backup.object-stored", "one data object lies in the target; no manifest"),
    ("backup.objects-stored", "all data objects lie in the target; no manifest"),
    ("backup.manifest-stored", "the manifest lies in the target; the catalog does not know"),
    ("backup.recorded", "the catalog says succeeded"),
    ("restore.claimed", "the attempt holds its lease; nothing is touched"),
    ("restore.checked", "the stored bytes are checked as far as the method needs; nothing is touched"),
    ("restore.closed", "the front door is closed; nothing is touched"),
    ("restore.loaded", "a dump is in a server beside the live one; nothing is touched"),
    ("restore.begun", "the catalog says closed; nothing is touched"),
    ("restore.main", "the service holds the new data; its replica the old"),
    ("restore.replica", "service and replica hold the new data; the front door waits with what came before"),
    ("restore.cleared", "the front door has forgotten what came before; the migrations have not run"),
    ("restore.migrated", "the migrations have run; the catalog says closed"),
    ("restore.settled", "the catalog says open, and that nothing is left to do; the front door is closed"),
    ("reset.claimed", "the attempt holds its lease; nothing is touched"),
    ("restore.replayed", "what is asked for lies in a throw-away server; the live one is untouched"),
    ("drill.restored", "the backup lies in a throw-away server; nothing is checked"),
    ("restore.swap.journaled", "staged data is ready; the journal is written; the server runs"),
    ("restore.swap.stopped", "the server is down; both directories at their places"),
    ("restore.swap.renamed-old", "the live directory is moved aside; none at its place"),
    ("restore.swap.renamed-new", "the restored directory is at its place; the server is down"),
    ("restore.swap.started", "the start command was given; the server has not answered"),
    ("restore.swap.answered", "the restored server answers; the journal says so; the old directory lies aside"),
    ("restore.swap.discarded", "the old directory is marked for removal; the journal still lies there"),
    ("restore.swap.rolled-back", "after a failed start the old directory is back; its server is not started yet"),
    ("restore.done", "the restore is complete; the catalog does not know"),
    ("copy.object-stored", "one data object lies in the other target; no manifest there"),
    ("copy.manifest-stored", "the manifest lies in the other target; the catalog does not know"),
    ("expire.claimed", "the catalog says deleting; all objects lie there"),
    ("expire.object-deleted", "one data object is deleted; the manifest lies there"),
    ("expire.objects-deleted", "all data objects are deleted; the manifest lies there"),
    ("expire.manifest-deleted", "everything is deleted; the catalog says deleting"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Abort,
    Error,
}

/// The fail points of one engine.
#[derive(Clone, Copy, Debug, Default)]
pub struct FailPoints(Option<(&'static str, Mode)>);

impl FailPoints {
    /// Parses `<name>[:abort|error]`; `abort`, the default, is `kill -9` to the own process.
    ///
    /// # Errors
    /// `invalid` for a name or mode that does not exist.
    pub fn parse(spec: &str) -> Result<Self> {
        let (name, mode) = match spec.split_once(':') {
            None | Some((_, "abort")) => (spec.split(':').next().unwrap_or(spec), Mode::Abort),
            Some((name, "error")) => (name, Mode::Error),
            Some((_, mode)) => {
                return Err(Failure::invalid(format!("`{mode}` is no fail point mode: use abort or error")));
            }
        };
        let known = ALL.iter().find(|(known, _)| *known == name);
        let (name, _) = known.ok_or_else(|| Failure::invalid(format!("`{name}` is no fail point")))?;
        Ok(Self(Some((name, mode))))
    }

    /// Call where the thing named by `name` has just happened.
    ///
    /// # Errors
    /// `internal` when armed in mode `error`. Does not return when armed in mode `abort`.
    pub fn hit(self, name: &'static str) -> Result<()> {
        debug_assert!(ALL.iter().any(|(known, _)| *known == name), "fail point `{name}` is not in the table");
        match self.0 {
            Some((armed, mode)) if armed == name => match mode {
                Mode::Abort => die(),
                Mode::Error => Err(Failure::internal(format!("fail point `{name}`"))),
            },
            _ => Ok(()),
        }
    }
}

/// As `kill -9` from outside: no destructor, no exit handler runs.
fn die() -> ! {
    let _certain = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    std::process::abort()
}

static ARMED: OnceLock<FailPoints> = OnceLock::new();

/// Arms the process, once, at start.
///
/// # Errors
/// As [`FailPoints::parse`].
pub fn arm(spec: Option<&str>) -> Result<()> {
    if let Some(spec) = spec {
        let points = FailPoints::parse(spec)?;
        tracing::warn!(fail_at = spec, "this host will fail on purpose");
        let _first_wins = ARMED.set(points);
    }
    Ok(())
}

/// What the process is armed with.
pub fn armed() -> FailPoints {
    ARMED.get().copied().unwrap_or_default()
}

/// [`FailPoints::hit`] of what the process is armed with, for callers that can fail.
///
/// # Errors
/// As [`FailPoints::hit`].
pub fn fail_point(name: &'static str) -> Result<()> {
    armed().hit(name)
}
