//! `mariadb-binlog`: turns binary logs below `/scratch` or on standard input into SQL, or fetches logs from the server, as they are also
//! to standard output.

use super::value::Place::Scratch;
use super::value::Value::{Datetime, Identifier, Log, Number, OneOf, Path, Position};
use super::{Policy, Seen, Shape, Success, Terms};

pub(super) static POLICY: Policy = Policy {
    tool: "mariadb-binlog",
    shapes: &[
        Shape::Flag("--read-from-remote-server"),
        Shape::Flag("--raw"),
        Shape::Flag("--to-last-log"),
        Shape::Flag("--stop-never"),
        Shape::Flag("--disable-log-bin"),
        Shape::Flag("--verify-binlog-checksum"),
        Shape::Flag("--gtid-strict-mode"),
        Shape::Flag("--skip-gtid-strict-mode"),
        Shape::Flag("--skip-annotate-row-events"),
        Shape::Flag("--print-table-metadata"),
        Shape::Equals("--base64-output", OneOf(&["auto", "never", "decode-rows"])),
        Shape::Equals("--start-position", Position),
        Shape::Equals("--stop-position", Position),
        Shape::Equals("--start-datetime", Datetime),
        Shape::Equals("--stop-datetime", Datetime),
        Shape::Equals("--database", Identifier),
        Shape::Equals("--result-file", Path(&[Scratch])),
        Shape::Equals("--local-load", Path(&[Scratch])),
        Shape::Equals("--stop-never-slave-server-id", Number(1, u32::MAX as u64)),
        Shape::Flag("-"),
        Shape::Operand("log", Log),
    ],
    conclude,
};

fn conclude(seen: &Seen) -> Result<Terms, &'static str> {
    let remote = seen.has("--read-from-remote-server");
    let reads_stdin = seen.has("-");
    if reads_stdin && (remote || seen.has("log") || seen.has("--raw")) {
        return Err("`-` stands alone: one log on standard input, turned into SQL");
    }
    if !seen.has("log") && !reads_stdin {
        return Err("no log is named");
    }
    if seen.0.iter().any(|(name, text)| *name == "log" && text.starts_with('/') == remote) {
        return Err("with `--read-from-remote-server` logs are names, without they are files below /scratch");
    }
    let raw_to_stdout = seen.has("--raw") && !seen.has("--result-file");
    if raw_to_stdout && !(remote && seen.count("log") == 1 && !seen.has("--to-last-log")) {
        return Err("`--raw` without `--result-file` writes exactly one log of the server to standard output");
    }
    Ok(Terms {
        connects: remote.then_some("client"),
        no_defaults: !remote,
        settings_of_backup: false,
        raw_to_stdout,
        reads_data: false,
        reads_stdin,
        host_arguments: &[],
        success: Success::Code,
    })
}
