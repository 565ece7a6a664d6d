//! Encryption at rest: the server's plugin `file_key_management` and two keys.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::problem::{Problem, Result};
use crate::workspace;

const PLUGIN: &str = "file_key_management.so";

/// Where the plugin lies: in the server's own directory, or where `cargo xtask` unpacked the package that has it
/// (it is not in the packages that bring the bare server).
pub(super) fn plugin_dir() -> Option<PathBuf> {
    let unpacked = workspace::target_dir().join("mariadb-plugins/usr/lib/mysql/plugin");
    [PathBuf::from("/usr/lib/mysql/plugin"), PathBuf::from("/usr/lib64/mysql/plugin"), unpacked]
        .into_iter()
        .find(|dir| dir.join(PLUGIN).is_file())
}

/// Writes the key file into `dir` and gives the server's arguments.
pub(super) fn arguments(dir: &Path) -> Result<Vec<String>> {
    let plugins = plugin_dir().ok_or_else(|| {
        Problem::new(format!("{PLUGIN} is not there; hint: `cargo xtask doctor` tells how to get it"))
    })?;
    let path = dir.join("keys");
    // Keys of a throw-away server: nothing is kept under them.
    fs::write(&path, format!("1;{}\n2;{}\n", "a7".repeat(32), "5c".repeat(32)))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    Ok(vec![
        format!("--plugin-dir={}", plugins.display()),
        "--plugin-load-add=file_key_management".into(),
        format!("--file-key-management-filename={}", path.display()),
        "--innodb-encrypt-log=ON".into(),
    ])
}
