//! A directory of its own for data that will never be live.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use bulkhead_model::{AttemptId, Failure, Result};

use super::places::{free_bytes, remove_in_background, room_for};

/// The directories of one attempt below the directory of drills; removed with their owner.
#[derive(Debug)]
pub struct Apart {
    root: PathBuf,
    staging: PathBuf,
    increment: PathBuf,
}

impl Apart {
    /// Makes a directory for an attempt.
    ///
    /// # Errors
    /// `unavailable` when it cannot be made.
    pub fn new(drills: &Path, attempt: &AttemptId) -> Result<Self> {
        let root = drills.join(attempt.as_str());
        DirBuilder::new().mode(0o700).recursive(true).create(&root).map_err(|error| {
            Failure::unavailable(format!("cannot make {}: {error}", root.display()))
                .with_hint("[drills] directory must name a directory that this host may write")
        })?;
        Ok(Self { staging: root.join("data"), increment: root.join("increment"), root })
    }

    /// Where the data lies once [`Apart::stage`] has made it.
    pub fn staging(&self) -> &Path {
        &self.staging
    }

    /// Where an increment lies once [`Apart::stage_increment`] has made it.
    pub fn increment(&self) -> &Path {
        &self.increment
    }

    /// Makes the directory of the data after checking that so many bytes fit.
    ///
    /// # Errors
    /// `unavailable` when they do not.
    pub fn stage(&self, bytes: u64) -> Result<()> {
        self.check_space(bytes)?;
        make(&self.staging)
    }

    /// Makes the directory of an increment, or empties it, after checking that so many bytes fit.
    ///
    /// # Errors
    /// `unavailable` when they do not.
    pub async fn stage_increment(&self, bytes: u64) -> Result<()> {
        self.check_space(bytes)?;
        let increment = self.increment.clone();
        tokio::task::spawn_blocking(move || {
            if increment.exists() {
                fs::remove_dir_all(&increment)
                    .map_err(|error| Failure::unavailable(format!("cannot empty {}: {error}", increment.display())))?;
            }
            make(&increment)
        })
        .await
        .map_err(|error| Failure::internal(format!("making room for an increment broke down: {error}")))?
    }

    fn check_space(&self, bytes: u64) -> Result<()> {
        let (needed, free) = (room_for(bytes), free_bytes(&self.root)?);
        if needed <= free {
            return Ok(());
        }
        Err(Failure::unavailable(format!(
            "not enough disk space in `{}`: {needed} bytes needed, {free} bytes free",
            self.root.display()
        ))
        .with_hint("free some, or name a directory on another disk in [drills] directory")
        .with_retry(false))
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        remove_in_background(self.root.clone());
    }
}

fn make(directory: &Path) -> Result<()> {
    let made = DirBuilder::new().mode(0o700).create(directory);
    made.map_err(|error| Failure::unavailable(format!("cannot make {}: {error}", directory.display())))
}
