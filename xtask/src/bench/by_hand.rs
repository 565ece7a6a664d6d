//! What a person would type instead.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use bulkhead_test_support::{Account, MariaDb, Problem, Result, process};

/// No run may take longer.
const DEADLINE: Duration = Duration::from_secs(1800);

/// Runs a pipeline of which every part has to succeed; gives the seconds it took.
pub fn shell(pipeline: &str) -> Result<f64> {
    let started = Instant::now();
    let finished = process::run(process::command("bash").args(["-o", "pipefail", "-c", pipeline]), b"", DEADLINE)?;
    let took = started.elapsed().as_secs_f64();
    if finished.code == Some(0) {
        Ok(took)
    } else {
        Err(Problem::new(format!("{pipeline}\n{}", tail(&finished.stderr))))
    }
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}

/// `--defaults-file=...` with the login, and where the server is.
pub fn login(server: &MariaDb, dir: &Path) -> Result<String> {
    let Account { user, password } = Account::BACKUP;
    let options = dir.join("by-hand.cnf");
    let escaped = password.replace('\\', "\\\\").replace('"', "\\\"");
    let login = format!("user={user}\npassword=\"{escaped}\"\n");
    fs::write(&options, format!("[client]\n{login}[mariadb-backup]\n{login}"))?;
    Ok(format!("--defaults-file='{}' --host=127.0.0.1 --port={}", options.display(), server.port()))
}

/// `mariadb-backup --backup --stream=xbstream` of this server, with more arguments.
pub fn stream(server: &MariaDb, dir: &Path, more: &str) -> Result<String> {
    let login = login(server, dir)?;
    Ok(format!("mariadb-backup {login} --backup --stream=xbstream {more} 2>/dev/null"))
}

/// Restores an unencrypted backup in place of the server's data directory; gives the seconds it took.
pub fn restore(server: &MariaDb, file: &Path) -> Result<f64> {
    let fresh = server.dir().join("by-hand");
    fs::create_dir(&fresh)?;
    let started = Instant::now();
    let (dir, file) = (fresh.display(), file.display());
    shell(&format!(
        "zstd -dc '{file}' | mbstream -x -C '{dir}' && mariadb-backup --prepare --use-memory=256M --target-dir='{dir}' 2>/dev/null"
    ))?;
    server.stop()?;
    let old = server.dir().join("by-hand.old");
    fs::rename(server.data_dir(), &old)?;
    fs::rename(&fresh, server.data_dir())?;
    server.launch()?;
    let took = started.elapsed().as_secs_f64();
    fs::remove_dir_all(old)?;
    Ok(took)
}
