//! From a file to a linked component, compiled at most once per machine.
//!
//! Compiled code runs with the rights of the host, so it is only taken from files that this host has made itself, in a directory
//! that nobody else can write to, and after their checksum agreed.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::hash::{Hash, Hasher};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bulkhead_model::{Digest, Failure, Result};
use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

/// Larger files are no plugins.
const MOST_COMPONENT_BYTES: u64 = 256 << 20;

/// The longest wait for another host that compiles; after it, the same work is done twice.
const PATIENCE: Duration = Duration::from_mins(1);

/// Between two looks whether it is done.
const POLL: Duration = Duration::from_millis(20);

/// Where compiled components are kept.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    /// `None` when no directory can be trusted.
    dir: Option<PathBuf>,
}

/// The component files in a directory, by name. A directory that does not exist holds none.
pub(crate) fn discover(dir: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error| Failure::unavailable(format!("plugin directory {} cannot be read: {error}", dir.display()));
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "wasm") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

impl Cache {
    /// Uses `dir`, made when it is missing. Without a directory that only this user can write to, nothing is cached.
    pub(crate) fn open(dir: &Path) -> Self {
        let usable = DirBuilder::new().recursive(true).mode(0o700).create(dir).and_then(|()| {
            let metadata = std::fs::metadata(dir)?;
            let own = metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o022 == 0;
            if own { Ok(()) } else { Err(std::io::Error::other("others can write to it")) }
        });
        match usable {
            Ok(()) => Self { dir: Some(dir.to_owned()) },
            Err(error) => {
                tracing::warn!(dir = %dir.display(), %error, "plugins are compiled at each start: the cache directory cannot be used");
                Self { dir: None }
            }
        }
    }

    /// Reads and compiles a component, or takes the compiled form from the cache. Blocks.
    pub(crate) fn load(&self, engine: &Engine, path: &Path) -> Result<(Digest, Component)> {
        let unreadable = |error: std::io::Error| Failure::unavailable(format!("the file cannot be read: {error}"));
        if std::fs::metadata(path).map_err(unreadable)?.len() > MOST_COMPONENT_BYTES {
            return Err(Failure::invalid("the file is too large for a plugin"));
        }
        let bytes = std::fs::read(path).map_err(unreadable)?;
        let digest = Digest::new(Sha256::digest(&bytes).into());
        let key = format!("{digest}-{}", compatibility(engine));
        if let Some(component) = self.find(engine, &key) {
            return Ok((digest, component));
        }
        // Hosts that share a cache and start together compile each component once, as compiling takes all processors for seconds.
        let _turn = self.turn();
        if let Some(component) = self.find(engine, &key) {
            return Ok((digest, component));
        }
        let component = Component::new(engine, &bytes)
            .map_err(|error| Failure::invalid(format!("the file is no component that can be compiled: {error:#}")))?;
        if let Err(error) = self.keep(&component, &key) {
            tracing::warn!(%error, plugin = %path.display(), "a compiled plugin could not be kept");
        }
        Ok((digest, component))
    }

    /// A compiled component whose checksum, the last part of its name, agrees. Damaged ones are removed.
    fn find(&self, engine: &Engine, key: &str) -> Option<Component> {
        let entries = std::fs::read_dir(self.dir.as_ref()?).ok()?;
        for path in entries.flatten().map(|entry| entry.path()) {
            let Some(checksum) = path
                .file_name()
                .and_then(|name| name.to_str()?.strip_prefix(key)?.strip_prefix('-')?.strip_suffix(".cwasm"))
            else {
                continue;
            };
            let sound = std::fs::read(&path).is_ok_and(|bytes| blake3::hash(&bytes).to_hex().as_str() == checksum);
            match sound.then(|| deserialize(engine, &path)) {
                Some(Ok(component)) => return Some(component),
                Some(Err(error)) => tracing::warn!(path = %path.display(), %error, "a compiled plugin cannot be used"),
                None => tracing::warn!(path = %path.display(), "a compiled plugin is damaged and compiled again"),
            }
            let _gone_or_compiled_again = std::fs::remove_file(&path);
        }
        None
    }

    /// Waits until nobody else compiles for this directory. The lock is the directory's own and goes with the file, or the process.
    fn turn(&self) -> Option<File> {
        let dir = File::open(self.dir.as_ref()?).ok()?;
        let end = Instant::now() + PATIENCE;
        loop {
            match dir.try_lock() {
                Ok(()) => return Some(dir),
                Err(TryLockError::WouldBlock) if Instant::now() < end => std::thread::sleep(POLL),
                Err(_) => return None,
            }
        }
    }

    fn keep(&self, component: &Component, key: &str) -> wasmtime::Result<()> {
        let Some(dir) = &self.dir else { return Ok(()) };
        let compiled = component.serialize()?;
        let name = format!("{key}-{}.cwasm", blake3::hash(&compiled).to_hex());
        // Nobody else writes to a name that nobody can guess, not even the same process in another container or thread.
        let mut unique = [0; 8];
        getrandom::fill(&mut unique)?;
        let partial = dir.join(format!(".{name}.{}", hex::encode(unique)));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
        let written = file.write_all(&compiled).and_then(|()| std::fs::rename(&partial, dir.join(name)));
        if written.is_err() {
            let _was_there = std::fs::remove_file(&partial);
        }
        Ok(written?)
    }
}

#[expect(
    unsafe_code,
    reason = "wasmtime cannot check compiled code; see the module's comment for why this file can be trusted"
)]
fn deserialize(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
    // SAFETY: the file was made by `Component::serialize` of this host, has the recorded checksum, and lies where nobody else can
    // write.
    unsafe { Component::deserialize_file(engine, path) }
}

/// What compiled code depends on: the version of wasmtime, the engine's settings and the features of the CPU.
fn compatibility(engine: &Engine) -> String {
    struct Sha(Sha256);
    impl Hasher for Sha {
        fn finish(&self) -> u64 {
            0
        }

        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
    }
    let mut hasher = Sha(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hex::encode(&hasher.0.finalize()[..16])
}
