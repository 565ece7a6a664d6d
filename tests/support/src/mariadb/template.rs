//! A data directory made once by `mariadb-install-db` and copied for every server.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use crate::problem::{Problem, Result};
use crate::process;
use crate::workspace;

/// Copies the template to `data_dir`, sharing blocks where the file system can.
pub(super) fn copy_to(data_dir: &Path) -> Result<()> {
    static TEMPLATE: OnceLock<std::result::Result<PathBuf, String>> = OnceLock::new();
    let template = TEMPLATE.get_or_init(|| make().map_err(|problem| problem.to_string()));
    let template = template.as_ref().map_err(|message| Problem::new(message.clone()))?;
    let mut copy = process::command("cp");
    copy.args(["-a", "--reflink=auto", "--sparse=always"]).arg(template).arg(data_dir);
    let finished = process::run(&mut copy, b"", Duration::from_secs(60))?;
    if finished.code == Some(0) {
        Ok(())
    } else {
        Err(Problem::new(format!("copying the template: {}", finished.stderr)))
    }
}

/// The template of this server version and this user under the target directory. Two processes may make it at
/// once: each makes its own and the first rename wins.
fn make() -> Result<PathBuf> {
    let server = process::program("mariadbd")?;
    let version = process::run(process::command(server).arg("--version"), b"", Duration::from_secs(20))?;
    let version: String = String::from_utf8_lossy(&version.stdout)
        .split_whitespace()
        .find(|word| word.starts_with(|first: char| first.is_ascii_digit()))
        .unwrap_or("unknown")
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' })
        .collect();
    let user = rustix::process::geteuid().as_raw();
    let parent = workspace::target_dir().join("test-support");
    let template = parent.join(format!("mariadb-{version}-uid{user}"));
    if template.is_dir() {
        return Ok(template);
    }
    fs::create_dir_all(&parent)?;
    let fresh = tempfile::Builder::new().prefix("mariadb-new-").tempdir_in(&parent)?;
    let data = fresh.path().join("data");
    let mut install = process::command(process::program("mariadb-install-db")?);
    install.arg("--no-defaults");
    if user == 0 {
        install.arg("--user=root");
    }
    install
        .arg(format!("--datadir={}", data.display()))
        .args(["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"])
        .process_group(0);
    let finished = process::run(&mut install, b"", Duration::from_secs(120))?;
    if finished.code != Some(0) {
        let output = String::from_utf8_lossy(&finished.stdout).into_owned();
        return Err(Problem::new(format!("mariadb-install-db failed: {}{output}", finished.stderr)));
    }
    match fs::rename(&data, &template) {
        Err(_) if template.is_dir() => Ok(template),
        Err(error) => Err(error.into()),
        Ok(()) => Ok(template),
    }
}
