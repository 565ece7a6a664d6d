//! Data directories made once and copied for every server.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{MariaDb, MariaDbOptions, account, scripts};
use crate::problem::{Problem, Result};
use crate::process;
use crate::template;

/// Its log is small, as tests copy it; a server makes it as large as it wants.
const INSTALL: &[&str] =
    &["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve", "--innodb-log-file-size=4M"];

/// Copies what `mariadb-install-db` makes: no database and no account but root, who needs no password.
pub(super) fn copy_bare(to: &Path) -> Result<()> {
    template::copy(&bare()?, to)
}

/// Copies the data of a server that has run once, to be given Bulkhead's accounts.
pub(super) fn copy_with_accounts(to: &Path) -> Result<()> {
    template::copy(&with_accounts()?, to)
}

fn bare() -> Result<PathBuf> {
    template::directory("mariadb-bare", &bare_recipe()?, |data| {
        let mut install = process::command(process::program("mariadb-install-db")?);
        install.arg("--no-defaults");
        if rustix::process::geteuid().is_root() {
            install.arg("--user=root");
        }
        install.arg(format!("--datadir={}", data.display())).args(INSTALL).process_group(0);
        if let Some(parent) = data.parent() {
            // Servers that start at the same time remove each other's temporary tables otherwise.
            install.env("TMPDIR", parent);
        }
        let finished = process::run(&mut install, b"", Duration::from_secs(120))?;
        if finished.code == Some(0) {
            return Ok(());
        }
        let output = String::from_utf8_lossy(&finished.stdout).into_owned();
        Err(Problem::new(format!("mariadb-install-db failed: {}{output}", finished.stderr)))
    })
}

fn bare_recipe() -> Result<Vec<String>> {
    let programs = [process::program("mariadbd")?, process::program("mariadb-install-db")?];
    let programs = programs.iter().map(|program| template::ingredient(program));
    programs.chain(INSTALL.iter().map(|&argument| Ok(argument.to_owned()))).collect()
}

fn with_accounts() -> Result<PathBuf> {
    let mut recipe = bare_recipe()?;
    recipe.extend(scripts::FIXED.iter().map(ToString::to_string));
    recipe.push(account::create());
    template::directory("mariadb", &recipe, |data| {
        let parent = data.parent().map(Path::to_path_buf);
        let server = MariaDb::prepare(&MariaDbOptions { parent, ..MariaDbOptions::default() })?;
        copy_bare(&server.data_dir())?;
        server.launch()?;
        server.execute(&account::create())?;
        server.stop()?;
        // Copied, not renamed: the large log of the server loses its blocks of zeros, and so is copied quickly.
        template::copy(&server.data_dir(), data)?;
        Ok(fs::remove_dir_all(server.data_dir())?)
    })
}
