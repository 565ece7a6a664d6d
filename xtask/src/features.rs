//! Checks that every command compiles the same dependencies with the same features, so that each is compiled once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Stdio;

use bulkhead_test_support::{Problem, Result, workspace as place};

use crate::cargo::{Workspace, cargo};
use crate::terminal::note;

/// A set of features of one version of a crate, by the names of the commands that compile it with them.
type Sets = BTreeMap<String, BTreeSet<String>>;

/// Fails with the crates that two commands compile with different features.
pub fn check() -> Result<()> {
    let workspace = Workspace::load()?;
    let (known, now) = (workspace.target.join("features-checked"), manifests()?);
    if fs::read_to_string(&known).is_ok_and(|checked| checked == now) {
        note("the manifests are those that were checked before");
        return Ok(());
    }
    let mut crates: BTreeMap<String, Sets> = BTreeMap::new();
    for (command, edges, selected) in commands(workspace) {
        for (name, features) in resolved(edges, &selected)? {
            crates.entry(name).or_default().entry(features).or_default().insert(command.clone());
        }
    }
    let twice: Vec<String> =
        crates.iter().filter(|(_, sets)| sets.len() > 1).map(|(name, sets)| described(name, sets)).collect();
    if twice.is_empty() {
        note(&format!("{} dependencies, each with one set of features", crates.len()));
        fs::create_dir_all(&workspace.target)?;
        return Ok(fs::write(&known, now)?);
    }
    Err(Problem::new(format!(
        "{} dependencies are compiled with more than one set of features:\n{}\nhint: `cargo hakari generate` writes \
         xtask/hack/Cargo.toml again; see CONTRIBUTING.md, \"Compiled once\"",
        twice.len(),
        twice.join("\n")
    )))
}

/// All that the answer depends on: the lock file and the manifests, as one text.
fn manifests() -> Result<String> {
    let root = place::root();
    let mut found = vec![root.join("Cargo.lock"), root.join("Cargo.toml")];
    found.extend(Workspace::load()?.manifests.iter().cloned());
    let texts: std::io::Result<Vec<String>> = found.iter().map(fs::read_to_string).collect();
    Ok(texts?.concat())
}

/// What the demo, the tests, the checks and the work on one crate compile for this machine.
fn commands(workspace: &Workspace) -> Vec<(String, &'static str, Vec<String>)> {
    const PROGRAMS: &str = "normal,build";
    const TESTS: &str = "normal,build,dev";
    let package = |name: &str| vec!["--package".to_owned(), name.to_owned()];
    let mut commands = vec![
        ("cargo xtask".to_owned(), PROGRAMS, package("xtask")),
        ("cargo xtask demo".to_owned(), PROGRAMS, package("bulkhead")),
        ("cargo xtask test".to_owned(), TESTS, workspace.native()),
    ];
    commands.extend(workspace.hosts.iter().map(|name| (format!("cargo test -p {name}"), TESTS, package(name))));
    commands
}

/// The external crates with their versions, and their features. A crate that is compiled for build scripts and macros as well as for
/// the program is there twice if the features differ.
fn resolved(edges: &str, selected: &[String]) -> Result<Vec<(String, String)>> {
    let arguments = ["tree", "--locked", "--prefix", "none", "--no-dedupe", "--format", "{p}|{f}", "--edges", edges];
    let output = cargo(&arguments).args(selected).stdout(Stdio::piped()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(Problem::new(format!("`cargo tree {}` failed", selected.join(" "))));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text.lines().filter_map(|line| line.split_once('|'));
    // A path in brackets marks our own crates.
    let external = lines.filter(|(package, _)| !package.contains("(/"));
    Ok(external.map(|(package, features)| (package.replace(" (proc-macro)", ""), features.to_owned())).collect())
}

fn described(name: &str, sets: &Sets) -> String {
    let sets = sets.iter().map(|(features, commands)| {
        let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
        format!("\n    [{features}] in {}", commands.join(", "))
    });
    format!("  {name}{}", sets.collect::<String>())
}
