//! `logs.json`: what is in which object.

use bulkhead_plugin_sdk::method::{Failure, Link, Reader, Result, Source, Writer};
use serde::{Deserialize, Serialize};

/// Its name.
pub const NAME: &str = "logs.json";
/// Its media type.
pub const MEDIA_TYPE: &str = "application/json";
/// The most bytes that it may have.
const MOST: u64 = 64 << 20;
/// The version that is written.
const VERSION: u32 = 1;

/// The logs of one backup.
#[derive(Serialize, Deserialize)]
pub struct Index {
    version: u32,
    /// The run of backups that this one belongs to.
    pub timeline: String,
    /// In the order in which they were written.
    pub logs: Vec<Entry>,
}

/// One object.
#[derive(Clone, Serialize, Deserialize)]
pub struct Entry {
    /// Its name.
    pub object: String,
    /// The name of the server's file.
    pub file: String,
    /// Position in the file of the first event after the format event; 4 for a whole file.
    pub from: u64,
    /// Position up to which it holds whole transactions.
    pub to: u64,
    /// Bytes of the object.
    pub bytes: u64,
    /// What was logged before.
    pub gtid_start: String,
    /// What is logged at its end.
    pub gtid_end: String,
    /// Stamp of the first transaction.
    pub time_first: Option<String>,
    /// The latest stamp of a transaction.
    pub time_last: Option<String>,
    /// Whole transactions.
    pub transactions: u64,
    /// How the file ended: `rotate`, `stop`, `crash`; absent when it goes on.
    pub closed: Option<String>,
}

impl Index {
    /// Of a timeline.
    pub fn new(timeline: String, logs: Vec<Entry>) -> Self {
        Self { version: VERSION, timeline, logs }
    }

    /// Keeps it, as the last object.
    ///
    /// # Errors
    /// The writer's.
    pub async fn write(&self, writer: &Writer) -> Result<()> {
        let mut text = serde_json::to_vec_pretty(self).map_err(|error| Failure::invalid(error.to_string()))?;
        text.push(b'\n');
        writer.write(NAME, MEDIA_TYPE, Source::from_bytes(text)).await.map(drop)
    }

    /// Reads that of a backup.
    ///
    /// # Errors
    /// The reader's, and `corrupt` or `unsupported` for what is no such index.
    pub async fn read(link: &Link, reader: &Reader) -> Result<Self> {
        let context = |failure: Failure| failure.context(format!("{NAME} of {}", link.backup));
        let text = reader.open(&link.backup, NAME).await.map_err(context)?.read_all(MOST).await.map_err(context)?;
        let index: Self =
            serde_json::from_slice(&text).map_err(|error| context(Failure::corrupt(error.to_string())))?;
        if index.version != VERSION {
            return Err(context(Failure::unsupported(format!("version {} is not known", index.version)))
                .with_hint("use the version of the plugin that made the backup, or a newer one"));
        }
        Ok(index)
    }
}
