//! A data directory made once by `mariadb-install-db` and copied for every server.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::problem::{Problem, Result};
use crate::process;
use crate::template;

const ARGUMENTS: &[&str] = &["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"];

/// Copies it to `data_dir`. It has never been run, and holds no account but root, who needs no password.
pub(super) fn copy_to(data_dir: &Path, layout: &[String]) -> Result<()> {
    template::copy(&made(layout)?, data_dir)
}

fn made(layout: &[String]) -> Result<PathBuf> {
    let mut recipe = vec![
        template::ingredient(&process::program("mariadbd")?)?,
        template::ingredient(&process::program("mariadb-install-db")?)?,
    ];
    recipe.extend(ARGUMENTS.iter().map(ToString::to_string));
    recipe.extend(layout.iter().cloned());
    template::directory("mariadb", &recipe, |to| {
        let directory = tempfile::Builder::new().prefix("bulkhead-mariadb-").tempdir()?;
        let data = directory.path().join("data");
        let mut install = process::command(process::program("mariadb-install-db")?);
        install.arg("--no-defaults");
        if rustix::process::geteuid().is_root() {
            install.arg("--user=root");
        }
        install
            .arg(format!("--datadir={}", data.display()))
            .args(ARGUMENTS)
            .args(layout)
            // Servers that start at the same time remove each other's temporary tables otherwise.
            .env("TMPDIR", directory.path())
            .process_group(0);
        let finished = process::run(&mut install, b"", Duration::from_secs(120))?;
        if finished.code != Some(0) {
            let output = String::from_utf8_lossy(&finished.stdout).into_owned();
            return Err(Problem::new(format!("mariadb-install-db failed: {}{output}", finished.stderr)));
        }
        // The log is a hundred megabytes of zeros: without them each further copy takes milliseconds.
        template::copy(&data, to)
    })
}
