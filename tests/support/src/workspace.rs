//! Where things are: the checkout, the target directory, the binary and the built components.

use std::env;
use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::problem::Result;

/// The root of the checkout. Cargo and its runners name a package of it when they start a program; several checkouts may share a
/// target directory, and then the one that the program was compiled in can be another one, or gone.
pub fn root() -> PathBuf {
    let running = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let found = running.as_deref().and_then(|package| package.ancestors().find(|dir| dir.join("Cargo.lock").is_file()));
    let compiled = Path::new(env!("CARGO_MANIFEST_DIR"));
    found.or_else(|| compiled.ancestors().nth(2)).unwrap_or(compiled).to_path_buf()
}

/// Cargo's target directory: two or three levels above the running executable
/// (`target/debug/xtask`, `target/debug/deps/integration-...`).
pub fn target_dir() -> PathBuf {
    if let Some(set) = env::var_os("CARGO_TARGET_DIR") {
        return root().join(set);
    }
    profile_dir().and_then(|dir| dir.parent().map(Path::to_path_buf)).unwrap_or_else(|| root().join("target"))
}

/// The `bulkhead` binary: `BULKHEAD_BIN` if set, else the one built in the same profile as the running executable.
pub fn bulkhead_binary() -> PathBuf {
    if let Some(set) = env::var_os("BULKHEAD_BIN") {
        return PathBuf::from(set);
    }
    profile_dir().unwrap_or_else(|| target_dir().join("debug")).join("bulkhead")
}

/// A first-party component as `cargo xtask plugins` leaves it, e.g. `mariadb-full`.
pub fn plugin(name: &str) -> PathBuf {
    built("plugins", name)
}

/// A misbehaving guest: the name of its file in `tests/guests/examples`, e.g. `endless_loop`.
pub fn guest(name: &str) -> PathBuf {
    built("guests", name)
}

/// An example component, e.g. `minimal-storage`; the fixture of the sandbox's tests counts as one.
pub fn example(name: &str) -> PathBuf {
    built("examples-wasm", name)
}

/// Where the hosts of all tests keep what they compile: what the first one compiles, the others find.
/// `BULKHEAD_COMPONENT_CACHE` if set, as for `bulkhead-testkit`. Others cannot write there, or no host would use it.
pub fn component_cache() -> PathBuf {
    let set = env::var_os("BULKHEAD_COMPONENT_CACHE").map(PathBuf::from);
    let cache = set.unwrap_or_else(|| target_dir().join("component-cache"));
    // One that cannot be made is one that a host cannot use either, and it says so.
    let _ = DirBuilder::new().recursive(true).mode(0o700).create(&cache);
    cache
}

/// A directory with these components and no others, for a host to load all of.
pub fn only(components: &[PathBuf]) -> Result<TempDir> {
    let dir = tempfile::Builder::new().prefix("bulkhead-components-").tempdir()?;
    for component in components {
        symlink(component, dir.path().join(component.file_name().unwrap_or_default()))?;
    }
    Ok(dir)
}

/// Panics when it has not been built: no test can do without, and its author wants to read what to do rather than that a file is missing.
fn built(dir: &str, name: &str) -> PathBuf {
    let path = target_dir().join(dir).join(name).with_extension("wasm");
    assert!(path.is_file(), "{} is not there; hint: `cargo xtask plugins`", path.display());
    path
}

/// The directory of the running executable's profile, e.g. `target/debug`.
fn profile_dir() -> Option<PathBuf> {
    let executable = env::current_exe().ok()?;
    let dir = executable.parent()?;
    let nested = dir.ends_with("deps") || dir.ends_with("examples");
    if nested { dir.parent().map(Path::to_path_buf) } else { Some(dir.to_path_buf()) }
}
