//! Servers and hosts to measure, in one directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use bulkhead_test_support::{BulkheadHost, HostOptions, MariaDb, MariaDbOptions, Result, ServiceEntry, dataset};

use super::SERVICE;
use crate::terminal::{bytes, done, step};

/// Where everything lies while it is measured: on one disk.
pub struct Place {
    /// For servers and hosts.
    pub parent: PathBuf,
    /// For what is made by hand.
    pub dir: PathBuf,
    /// The program to measure.
    pub binary: PathBuf,
}

impl Place {
    /// In a directory, with a program to measure.
    pub fn new(parent: PathBuf, binary: PathBuf) -> Result<Self> {
        let dir = parent.join("by-hand");
        fs::create_dir_all(&dir)?;
        Ok(Self { parent, dir, binary })
    }

    /// A server, filled.
    pub fn server(&self, data: u64, arguments: &[&str]) -> Result<Arc<MariaDb>> {
        step(&format!("A private MariaDB with {}", bytes(data)));
        let started = Instant::now();
        let mut all = vec!["--innodb-buffer-pool-size=512M".to_owned(), "--innodb-log-file-size=512M".to_owned()];
        all.extend(arguments.iter().map(ToString::to_string));
        let options = MariaDbOptions { parent: Some(self.parent.clone()), arguments: all, ..MariaDbOptions::default() };
        let server = Arc::new(MariaDb::start_with(&options)?);
        dataset::bulk(&server, data)?;
        settle(&server)?;
        done("filled", started.elapsed());
        Ok(server)
    }

    /// A host that serves it, with more lines of the service's section.
    pub fn host(&self, server: &Arc<MariaDb>, service: &str, options: HostOptions) -> Result<BulkheadHost> {
        let mut entry = ServiceEntry::of(SERVICE, server);
        service.clone_into(&mut entry.extra);
        BulkheadHost::start(HostOptions {
            parent: Some(self.parent.clone()),
            binary: Some(self.binary.clone()),
            services: vec![entry],
            ..options
        })
    }

    /// A directory of that name, empty.
    pub fn empty(&self, name: &str) -> Result<PathBuf> {
        let dir = self.dir.join(name);
        remove(&dir)?;
        fs::create_dir_all(&dir)?;
        Ok(dir)
    }
}

/// Dirty pages go to disk and old versions of rows away now, rather than while something is measured.
pub fn settle(server: &MariaDb) -> Result<()> {
    server.execute("SET GLOBAL innodb_fast_shutdown = 0")?;
    server.stop()?;
    server.launch()
}

/// Removes a directory if it is there.
pub fn remove(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
