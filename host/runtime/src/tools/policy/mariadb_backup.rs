//! `mariadb-backup`: physical backups as a stream, and their preparation. Nothing is copied back by the tool: a restore swaps directories.

use super::value::Place::{Data, Increment, Scratch, Staging};
use super::value::Value::{Identifiers, Number, OneOf, Path, Size};
use super::{Policy, Seen, Shape, Success, Terms};

/// Says that a run did its work; the exit code alone has been seen to be 0 without it.
const COMPLETED: Success = Success::StderrEnds("completed OK!");

pub(super) static POLICY: Policy = Policy {
    tool: "mariadb-backup",
    shapes: &[
        Shape::Flag("--backup"),
        Shape::Flag("--prepare"),
        Shape::Flag("--export"),
        Shape::Flag("--galera-info"),
        Shape::Flag("--slave-info"),
        Shape::Flag("--safe-slave-backup"),
        Shape::Flag("--extended-validation"),
        Shape::Equals("--stream", OneOf(&["xbstream", "mbstream"])),
        Shape::Equals("--target-dir", Path(&[Scratch, Staging])),
        Shape::Equals("--extra-lsndir", Path(&[Scratch])),
        Shape::Equals("--incremental-dir", Path(&[Scratch, Increment])),
        Shape::Equals("--datadir", Path(&[Data])),
        Shape::Equals("--tmpdir", Path(&[Scratch])),
        // 0 and 1 are no log sequence numbers: the tool streams everything and only then fails.
        Shape::Equals("--incremental-lsn", Number(2, u64::MAX)),
        Shape::Equals("--parallel", Number(1, 256)),
        Shape::Equals("--throttle", Number(0, 1_000_000)),
        Shape::Equals("--use-memory", Size),
        Shape::Equals("--open-files-limit", Number(0, 10_000_000)),
        Shape::Equals("--ftwrl-wait-timeout", Number(0, 31_536_000)),
        Shape::Equals("--safe-slave-backup-timeout", Number(0, 31_536_000)),
        Shape::Equals("--binlog-info", OneOf(&["off", "on", "lockless", "auto"])),
        Shape::Equals("--databases", Identifiers),
        Shape::Equals("--databases-exclude", Identifiers),
    ],
    conclude,
};

fn conclude(seen: &Seen) -> Result<Terms, &'static str> {
    let terms = Terms {
        connects: None,
        no_defaults: true,
        settings_of_backup: false,
        raw_to_stdout: false,
        reads_data: false,
        reads_stdin: false,
        host_arguments: &[],
        success: COMPLETED,
    };
    match (seen.has("--backup"), seen.has("--prepare")) {
        (true, false) if seen.has("--stream") => {
            Ok(Terms { connects: Some("mariadb-backup"), no_defaults: false, reads_data: true, ..terms })
        }
        (true, false) => Err("`--backup` needs `--stream`: a backup is never written to a directory"),
        (false, true) if seen.has("--target-dir") => {
            Ok(Terms { no_defaults: false, settings_of_backup: true, ..terms })
        }
        (false, true) => Err("`--prepare` needs `--target-dir`"),
        _ => Err("one of `--backup` and `--prepare` has to be given"),
    }
}
