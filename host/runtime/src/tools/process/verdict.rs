//! Whether a run was a success, and if not, what a person should read.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use bulkhead_model::{Failure, FailureKind, Result};

use super::Exit;
use super::lines::{self, Said};
use crate::tools::launch::LOCKED_IN;
use crate::tools::policy::Success;

/// Judges everything but the standard output.
pub(super) fn of_exit(tool: &str, status: ExitStatus, said: &Said, success: Success) -> Result<Exit> {
    let launched = said.report.as_deref().is_some_and(|report| report.starts_with(LOCKED_IN));
    if !launched && status.signal().is_none() {
        let report = said.report.as_deref().or_else(|| said.newest().next()).unwrap_or("the launcher said nothing");
        return Err(Failure::internal(format!("{tool} was not started: {report}")));
    }
    if let Some(signal) = status.signal() {
        let name = signal_name(signal).map(|name| format!(" ({name})")).unwrap_or_default();
        let mut failure =
            Failure::new(tool_kind(), format!("{tool} was killed by signal {signal}{name}")).with_retry(true);
        if signal == 9 {
            failure = failure.with_hint("the kernel kills so when memory runs out; its log would say so");
        }
        return Err(failure);
    }
    let code = status.code().unwrap_or(-1);
    if code != 0 && success != Success::Any {
        return Err(explain(tool, &format!("failed with exit code {code}"), said));
    }
    if success == Success::Silence && said.newest().next().is_some() {
        return Err(explain(tool, "ended with exit code 0 but complained", said));
    }
    if let Success::StderrEnds(words) = success
        && !said.newest().next().is_some_and(|line| line.ends_with(words))
    {
        return Err(explain(tool, &format!("ended with exit code 0 but without saying `{words}`"), said));
    }
    Ok(Exit { code, stderr: said.tail() })
}

/// Judges the end of the standard output.
pub(super) fn of_output(tool: &str, tail: &[u8], success: Success) -> Result<()> {
    let Success::StdoutEnds(words) = success else { return Ok(()) };
    let last = tail.trim_ascii_end().rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    if last.starts_with(words.as_bytes()) {
        Ok(())
    } else {
        Err(Failure::corrupt(format!("{tool} ended with exit code 0 but its output does not end with `{words}`"))
            .with_retry(true))
    }
}

fn tool_kind() -> FailureKind {
    FailureKind::Other("tool".to_owned())
}

/// The failure that the tool's own words make of it.
fn explain(tool: &str, what: &str, said: &Said) -> Failure {
    let line = said.newest().find(|line| lines::complains(line)).or_else(|| said.newest().next());
    let message = match line {
        Some(line) => format!("{tool} {what}: {}", without_clock(line)),
        None => format!("{tool} {what}"),
    };
    let has = |words: &[&str]| said.newest().any(|line| words.iter().any(|word| line.contains(word)));
    if has(&["Access denied"]) {
        return Failure::denied(message)
            .with_hint("check the service's user, its password and the grants of that user");
    }
    if has(&["missing required privilege", "need (at least one of) the"]) {
        return Failure::denied(message).with_hint(
            "grant the service's user RELOAD, PROCESS, LOCK TABLES, BINLOG MONITOR, REPLICATION SLAVE, SHOW VIEW, TRIGGER, EVENT, SELECT ON *.*",
        );
    }
    if has(&["No space left on device"]) {
        return Failure::unavailable(message)
            .with_hint("free space on the disk that holds the data directory and the scratch directories");
    }
    if has(&["Can't connect", "Lost connection", "server has gone away", "Unknown server host"]) {
        return Failure::unavailable(message);
    }
    if tool == "mariadb-dump" && line.is_some_and(|line| names_error(line, &CHANGED_MEANWHILE)) {
        return Failure::new(tool_kind(), message)
            .with_hint("tables were made, dropped or changed while they were dumped: back up at another time than that")
            .with_retry(true);
    }
    Failure::new(tool_kind(), message)
}

/// What a dump meets when something else changes definitions: a lock not obtained in time, a table that is not the one that the dump's
/// view of the data knows, and a database, table, view, routine, trigger or event that was listed and is gone.
const CHANGED_MEANWHILE: [u32; 9] = [1205, 1213, 1412, 1049, 1146, 1305, 1356, 1360, 1539];

/// Whether a line of `mariadb-dump` gives one of these numbers of the server's errors, in one of its ways to.
fn names_error(line: &str, codes: &[u32]) -> bool {
    let ways = |code: &u32| [format!("({code})"), format!("rror {code}:"), format!("rror: {code}:")];
    codes.iter().flat_map(ways).any(|way| line.contains(&way))
}

/// Cuts `[00] 2026-11-20 13:24:15 `, with which `mariadb-backup` begins its lines.
fn without_clock(line: &str) -> &str {
    let is_clock = |c: char| c.is_ascii_digit() || matches!(c, '[' | ']' | '-' | ':' | ' ');
    match line.strip_prefix('[') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => line.trim_start_matches(is_clock),
        _ => line,
    }
}

fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        2 => "SIGINT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{CHANGED_MEANWHILE, names_error};

    #[test]
    fn a_dump_beside_changes_of_tables_is_told_from_one_that_never_works() {
        let passing = [
            "mariadb-dump: Error 1412: Table definition has changed, please retry transaction when dumping table `t` at row: 0",
            "mariadb-dump: Couldn't execute 'show create table `t`': Table 'a.t' doesn't exist (1146)",
            "mariadb-dump: Got error: 1205: \"Lock wait timeout exceeded; try restarting transaction\" when doing LOCK TABLES",
        ];
        for line in passing {
            assert!(names_error(line, &CHANGED_MEANWHILE), "{line}");
        }
        let lasting = [
            "mariadb-dump: Error 1814: Tablespace has been discarded for table `d` when dumping table `d` at row: 1412",
            "mariadb-dump: Couldn't execute 'show create table `t`': Incorrect file format 't' (130)",
        ];
        for line in lasting {
            assert!(!names_error(line, &CHANGED_MEANWHILE), "{line}");
        }
    }
}
