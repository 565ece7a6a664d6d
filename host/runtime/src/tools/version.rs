//! The version that a tool states of itself.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::PoisonError;
use std::time::{Duration, SystemTime};

use bulkhead_model::{Failure, Result};
use tokio_util::sync::CancellationToken;

use super::launch::LaunchOrder;
use super::policy::Success;
use super::process::{self, Invocation};
use super::{Shared, environment};

const DEADLINE: Duration = Duration::from_secs(10);

/// Of an answer that fits on a screen.
const MAX_ANSWER: u64 = 64 * 1024;

/// Versions by file and its time of change.
pub(super) type Versions = HashMap<(PathBuf, Option<SystemTime>), String>;

pub(super) async fn of(shared: &Shared, tool: &'static str, program: PathBuf) -> Result<String> {
    let changed = program.metadata().and_then(|metadata| metadata.modified()).ok();
    let key = (program.clone(), changed);
    if let Some(known) = shared.versions.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return Ok(known.clone());
    }
    let order = LaunchOrder {
        host_pid: rustix::process::getpid().as_raw_nonzero().get(),
        program,
        // The one that knows no `--version`.
        arguments: vec![if tool == "mbstream" { "--help" } else { "--version" }.to_owned()],
        environment: environment(None)?,
        defaults: None,
        read: Vec::new(),
        write: Vec::new(),
        connect_ports: Vec::new(),
    };
    let invocation = Invocation {
        tool,
        order,
        directory: PathBuf::from("/"),
        stdin: None,
        success: Success::Any,
        secret: None,
        observer: None,
        cancel: CancellationToken::new(),
        deadline: DEADLINE,
    };
    let process = process::start(&shared.launcher, invocation).await?;
    let unread = || Failure::internal(format!("the version of {tool} was not read"));
    let stdout = process.stdout().ok_or_else(unread)?;
    let read = tokio::task::spawn_blocking(move || {
        let mut answer = String::new();
        File::from(stdout.data).take(MAX_ANSWER).read_to_string(&mut answer).map(|_| answer)
    });
    let exit = process.wait().await?;
    let answer = read.await.map_err(|_| unread())?.map_err(|_| unread())?;
    // `mariadb-backup` says it on standard error.
    let version = parse(&answer).or_else(|| parse(&exit.stderr)).ok_or_else(|| {
        Failure::unsupported(format!("{tool} says nothing of its version (exit code {})", exit.code))
            .with_hint(format!("is [tools.{tool}] path the right program?"))
    })?;
    shared.versions.lock().unwrap_or_else(PoisonError::into_inner).insert(key, version.clone());
    Ok(version)
}

/// Finds the server's version in `... based on MariaDB server 10.11.19-MariaDB debian-linux-gnu ...`,
/// `... Distrib 10.11.19-MariaDB, ...`, `... from 11.8.6-MariaDB, ...`; a tool that names none has its own: `Ver 3.5 ...`.
fn parse(answer: &str) -> Option<String> {
    ["MariaDB server ", "Distrib ", " from ", " Ver "].iter().find_map(|before| {
        let (_, after) = answer.split_once(before)?;
        let version: String = after.trim_start().chars().take_while(|c| !c.is_whitespace() && *c != ',').collect();
        version.starts_with(|c: char| c.is_ascii_digit()).then_some(version)
    })
}
