//! What takes long to make and is cheap to copy: made once under the target directory, by the first test that needs it.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::problem::{Problem, Result};
use crate::process;
use crate::workspace;

const COPY_DEADLINE: Duration = Duration::from_secs(60);

/// The directory `name`, which `make` fills when it is not there yet. It outlives this process and belongs to this user; another
/// `recipe` makes another one. Of processes that need it at once, one makes it and the others wait.
pub(crate) fn directory(name: &str, recipe: &[String], make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let parent = workspace::target_dir().join("test-support");
    let user = rustix::process::geteuid().as_raw();
    let recipe = hex::encode(&Sha256::digest(recipe.join("\n"))[..6]);
    let template = parent.join(format!("{name}-{recipe}-uid{user}"));
    if template.is_dir() {
        return Ok(template);
    }
    fs::create_dir_all(&parent)?;
    // The lock goes with its process, however that ends.
    let lock = File::create(template.with_extension("lock"))?;
    lock.lock()?;
    if template.is_dir() {
        return Ok(template);
    }
    let fresh = tempfile::Builder::new().prefix("new-").tempdir_in(&parent)?;
    let made = fresh.path().join("made");
    make(&made)?;
    fs::rename(made, &template)?;
    Ok(template)
}

/// Copies a directory with its owners, sharing blocks where the file system can, and without blocks of zeros.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    let mut copy = process::command("cp");
    copy.args(["-a", "--reflink=auto", "--sparse=always"]).arg(from).arg(to);
    let finished = process::run(&mut copy, b"", COPY_DEADLINE)?;
    if finished.code == Some(0) {
        Ok(())
    } else {
        Err(Problem::new(format!("copying {}: {}", from.display(), finished.stderr)))
    }
}

/// A program as part of a recipe: another version has another size or date. Asking it for its version would take longer.
pub(crate) fn ingredient(program: &Path) -> Result<String> {
    let file = fs::metadata(program)?;
    Ok(format!("{} {} {}", program.display(), file.len(), file.mtime()))
}
