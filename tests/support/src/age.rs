//! Keys for encrypted artifacts, made by `age-keygen`.

use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use crate::problem::{Problem, Result};
use crate::process;

/// An identity in a file of its own, and its recipient. The file goes when this is dropped.
#[derive(Debug)]
pub struct AgeKey {
    directory: TempDir,
    /// `age1...`: whom artifacts are encrypted to.
    pub recipient: String,
}

impl AgeKey {
    /// A fresh key.
    pub fn generate() -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("bulkhead-age-").tempdir()?;
        let file = directory.path().join("key.txt");
        let mut keygen = process::command(process::program("age-keygen")?);
        let made = process::run(keygen.arg("-o").arg(&file), b"", Duration::from_secs(20))?;
        // `Public key: age1...`
        let recipient = made.stderr.split_whitespace().find(|word| word.starts_with("age1")).map(str::to_owned);
        let recipient = recipient.ok_or_else(|| Problem::new(format!("age-keygen names no key: {}", made.stderr)))?;
        Ok(Self { directory, recipient })
    }

    /// The file with the identity.
    pub fn identity(&self) -> PathBuf {
        self.directory.path().join("key.txt")
    }
}
