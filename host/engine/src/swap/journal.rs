//! What a swap is about to do, on disk beside the data directory.

use std::fs::{self, File};
use std::io::{self, Write};

use bulkhead_model::{AttemptId, Failure, Result, ServiceId};
use serde::{Deserialize, Serialize};

use super::places::Places;

const FORMAT: u32 = 1;

/// How far a swap may have come. Written before the step it names is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Step {
    /// Staged data is ready; nothing has been touched.
    Prepared,
    /// The server is told to stop.
    Stopping,
    /// The live directory is moved aside.
    MovingOld,
    /// The restored directory takes its place.
    MovingNew,
    /// The server is told to start.
    Starting,
    /// It has answered: the old directory is no longer needed. There is no way back from here.
    Answered,
    /// The old directory is put back.
    RollingBack,
}

/// The journal of one swap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Journal {
    format: u32,
    pub service: ServiceId,
    pub attempt: AttemptId,
    pub step: Step,
    /// Whether there was a live directory at the beginning.
    pub had_old: bool,
    /// Whether the server answered at the beginning; only then is it started again after the way back.
    pub was_running: bool,
}

impl Journal {
    pub fn new(service: ServiceId, attempt: AttemptId, had_old: bool, was_running: bool) -> Self {
        Self { format: FORMAT, service, attempt, step: Step::Prepared, had_old, was_running }
    }

    /// Writes that `step` is about to be made, atomically and for good.
    pub fn enter(&mut self, step: Step, places: &Places) -> Result<()> {
        self.step = step;
        let temporary = places.journal.with_extension("json.tmp");
        let write = || -> io::Result<()> {
            let mut file = File::create(&temporary)?;
            file.write_all(&serde_json::to_vec_pretty(self)?)?;
            file.sync_all()?;
            fs::rename(&temporary, &places.journal)
        };
        write().map_err(|error| {
            Failure::unavailable(format!(
                "the restore's journal `{}` cannot be written: {error}",
                places.journal.display()
            ))
        })?;
        places.sync_parent()
    }

    /// The journal that lies there, if any.
    pub fn read(places: &Places) -> Result<Option<Self>> {
        let failed = |what: String| {
            Failure::internal(format!("the restore's journal `{}` cannot be read: {what}", places.journal.display()))
                .with_hint("do not remove it before the data directory, or its `.bulkhead-old-*` copy, is at its place")
        };
        let bytes = match fs::read(&places.journal) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error.to_string())),
        };
        let journal: Self = serde_json::from_slice(&bytes).map_err(|error| failed(error.to_string()))?;
        if journal.format > FORMAT {
            return Err(failed(format!("a newer release wrote it (format {})", journal.format)));
        }
        Ok(Some(journal))
    }

    pub fn remove(places: &Places) -> Result<()> {
        match fs::remove_file(&places.journal) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Failure::unavailable(format!(
                "the restore's journal `{}` cannot be removed: {error}",
                places.journal.display()
            ))),
            _ => places.sync_parent(),
        }
    }
}
