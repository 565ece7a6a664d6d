//! Builds the components and puts them where the host and the tests look for them.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use bulkhead_test_support::{Problem, Result};

use crate::cargo::{self, WASM, Workspace};
use crate::terminal;

/// Builds plugins, examples and guests into `target/plugins`, `target/examples-wasm` and `target/guests`.
pub fn build() -> Result<()> {
    let workspace = Workspace::load()?;
    compile(workspace.components(), &["--lib", "--examples"])?;
    let built = built(workspace);
    copy(&built, &workspace.plugins, &workspace.target.join("plugins"))?;
    copy(&built, &workspace.examples, &workspace.target.join("examples-wasm"))?;
    copy(&built.join("examples"), &workspace.guest_names, &workspace.target.join("guests"))?;
    let (plugins, examples, guests) = (workspace.plugins.len(), workspace.examples.len(), workspace.guest_names.len());
    terminal::note(&format!(
        "{plugins} plugins, {examples} examples, {guests} guests in {}",
        workspace.target.display()
    ));
    Ok(())
}

/// Builds only what a host needs.
pub fn build_first_party() -> Result<()> {
    let workspace = Workspace::load()?;
    compile(workspace.plugins.iter(), &["--lib"])?;
    copy(&built(workspace), &workspace.plugins, &workspace.target.join("plugins"))
}

fn built(workspace: &Workspace) -> PathBuf {
    workspace.target.join(WASM).join("plugin")
}

/// Builds the components while `native` builds what runs on this machine: neither keeps all processors busy for long.
pub fn beside<T>(components: fn() -> Result<()>, native: impl FnOnce() -> Result<T>) -> Result<T> {
    thread::scope(|scope| {
        let components = scope.spawn(components);
        let built = native()?;
        components.join().unwrap_or_else(|_| Err(Problem::new("the build of the components panicked")))?;
        Ok(built)
    })
}

/// One build for all of them: each crate that they share is compiled once. Quiet, as another build may be speaking.
fn compile<'a>(packages: impl Iterator<Item = &'a String>, what: &[&str]) -> Result<()> {
    let mut command = cargo::cargo(&["build", "--quiet", "--locked", "--target", WASM, "--profile", "plugin"]);
    command.args(what).args(packages.flat_map(|package| ["-p", package]));
    cargo::succeed(&mut command)
}

/// Copies what changed, and removes what is no longer built: the host loads everything it finds.
fn copy(from: &Path, packages: &[String], to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    let mut kept = Vec::new();
    for package in packages {
        let file = component_name(package);
        let source = from.join(format!("{}.wasm", package.replace('-', "_")));
        let bytes = fs::read(&source).map_err(|error| Problem::new(format!("{}: {error}", source.display())))?;
        let target = to.join(&file);
        if fs::read(&target).is_ok_and(|old| old == bytes) {
            kept.push(file);
            continue;
        }
        // A host that is running sees the old file or the new one, never a part.
        let partial = to.join(format!("{file}.new"));
        fs::write(&partial, bytes)?;
        fs::rename(partial, target)?;
        kept.push(file);
    }
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        if !kept.iter().any(|file| entry.file_name() == file.as_str()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// `plugin-mariadb-full` is `mariadb-full.wasm`; a guest keeps its name.
fn component_name(package: &str) -> String {
    let short = package.strip_prefix("plugin-").or_else(|| package.strip_prefix("example-")).unwrap_or(package);
    format!("{short}.wasm")
}
