//! Builds the components and puts them where the host and the tests look for them.

use std::fs;
use std::path::Path;

use bulkhead_test_support::{Problem, Result};

use crate::cargo::{self, WASM, Workspace};
use crate::terminal;

/// Builds plugins, examples and guests into `target/plugins`, `target/examples-wasm` and `target/guests`.
pub fn build() -> Result<()> {
    let workspace = Workspace::load()?;
    let built = workspace.target.join(WASM).join("plugin");
    let libraries: Vec<&String> = workspace.plugins.iter().chain(&workspace.examples).collect();
    compile(&libraries, "--lib")?;
    copy(&built, &workspace.plugins, &workspace.target.join("plugins"))?;
    copy(&built, &workspace.examples, &workspace.target.join("examples-wasm"))?;

    // By themselves: building examples brings the development dependencies of every package named.
    compile(&workspace.guests.iter().collect::<Vec<_>>(), "--examples")?;
    copy(&built.join("examples"), &workspace.guest_names, &workspace.target.join("guests"))?;
    let (plugins, examples, guests) = (workspace.plugins.len(), workspace.examples.len(), workspace.guest_names.len());
    terminal::note(&format!(
        "{plugins} plugins, {examples} examples, {guests} guests in {}",
        workspace.target.display()
    ));
    Ok(())
}

fn compile(packages: &[&String], what: &str) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    let mut command = cargo::cargo(&["build", "--locked", "--target", WASM, "--profile", "plugin", what]);
    for package in packages {
        command.args(["-p", package]);
    }
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
