//! Events that the replica did not take: kept beside the log, one a line, so that none is dropped in silence.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use bulkhead_model::{Failure, Result};
use serde::Serialize;

use crate::event::{Change, Event};

/// A replica that lacks more than this is no copy any more.
const MOST: usize = 1000;

#[derive(Debug)]
pub(super) struct Refused {
    path: PathBuf,
    count: usize,
}

#[derive(Serialize)]
struct Line<'a> {
    sequence: u64,
    why: &'a str,
    #[serde(flatten)]
    change: &'a Change,
}

impl Refused {
    pub fn open(directory: &Path) -> Result<Self> {
        let path = directory.join("refused.jsonl");
        let count = match File::open(&path) {
            Ok(file) => BufReader::new(file).lines().count(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(failed(&path, &error)),
        };
        Ok(Self { path, count })
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// Puts an event aside.
    ///
    /// # Errors
    /// `unavailable` when it cannot be written, or too many are there already.
    pub fn push(&mut self, event: &Event, why: &str) -> Result<()> {
        if self.count >= MOST {
            return Err(Failure::unavailable(format!("the replica has refused {MOST} events and is no copy any more"))
                .with_hint("find out why (see refused.jsonl), then restore the service, or start the front door with an empty replica"));
        }
        let write = || {
            let mut line = serde_json::to_vec(&Line { sequence: event.sequence, why, change: &event.change })?;
            line.push(b'\n');
            let mut file = OpenOptions::new().create(true).append(true).open(&self.path)?;
            file.write_all(&line)?;
            file.sync_all()
        };
        write().map_err(|error| failed(&self.path, &error))?;
        self.count += 1;
        Ok(())
    }

    /// The replica was made anew.
    pub fn clear(&mut self) -> Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(&self.path, &error)),
            _ => {
                self.count = 0;
                Ok(())
            }
        }
    }
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    Failure::unavailable(format!("`{}` cannot be used: {error}", path.display()))
}
