//! Where things lie: the checkout, the target directory, the binary and the built components.

use std::env;
use std::path::{Path, PathBuf};

/// The root of the checkout this crate was compiled in.
pub fn root() -> PathBuf {
    let support = Path::new(env!("CARGO_MANIFEST_DIR"));
    support.ancestors().nth(2).unwrap_or(support).to_path_buf()
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
    target_dir().join("plugins").join(name).with_extension("wasm")
}

/// A misbehaving guest: the name of its file in `tests/guests/examples`, e.g. `endless_loop`.
pub fn guest(name: &str) -> PathBuf {
    target_dir().join("guests").join(name).with_extension("wasm")
}

/// An example component, e.g. `minimal-storage`.
pub fn example(name: &str) -> PathBuf {
    target_dir().join("examples-wasm").join(name).with_extension("wasm")
}

/// Where hosts of the tests keep what they compile.
pub fn component_cache() -> PathBuf {
    target_dir().join("component-cache")
}

/// The directory of the running executable's profile, e.g. `target/debug`.
fn profile_dir() -> Option<PathBuf> {
    let executable = env::current_exe().ok()?;
    let dir = executable.parent()?;
    let nested = dir.ends_with("deps") || dir.ends_with("examples");
    if nested { dir.parent().map(Path::to_path_buf) } else { Some(dir.to_path_buf()) }
}
