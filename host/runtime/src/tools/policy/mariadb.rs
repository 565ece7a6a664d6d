//! `mariadb`: runs the SQL that comes on standard input.

use super::value::Value::{Identifier, Number, OneOf, SessionSettings, Size};
use super::{Policy, Seen, Shape, Success, Terms};

pub(super) static POLICY: Policy = Policy {
    tool: "mariadb",
    shapes: &[
        Shape::Flag("--batch"),
        Shape::Flag("--binary-mode"),
        Shape::Flag("--comments"),
        Shape::Flag("--quick"),
        Shape::Flag("--unbuffered"),
        Shape::Flag("--skip-column-names"),
        Shape::Equals("--default-character-set", OneOf(&["utf8mb4", "utf8mb3", "utf8", "latin1", "binary"])),
        Shape::Equals("--max-allowed-packet", Size),
        Shape::Equals("--net-buffer-length", Size),
        Shape::Equals("--connect-timeout", Number(1, 3600)),
        Shape::Equals("--database", Identifier),
        Shape::Equals(
            "--init-command",
            SessionSettings(&["foreign_key_checks=0", "unique_checks=0", "sql_log_bin=0", "autocommit=0"]),
        ),
    ],
    conclude,
};

fn conclude(_seen: &Seen) -> Result<Terms, &'static str> {
    Ok(Terms {
        connects: Some("client"),
        no_defaults: false,
        settings_of_backup: false,
        raw_to_stdout: false,
        reads_data: false,
        reads_stdin: true,
        // The SQL is as little trusted as the plugin: no shell escapes (`loose`: releases before 2024 do not know the sandbox),
        // no file that a server asks for. After a reconnect the settings of `--init-command` and of the dump itself would be gone.
        // Without `--comments` the client takes comments out of what it sends: routines, triggers and events would lose theirs, or would
        // not load at all, as it cuts a trigger that a dump keeps in `/*!50003 ... */` at the first comment in it.
        host_arguments: &["--loose-sandbox", "--local-infile=0", "--skip-reconnect", "--comments", "--batch"],
        success: Success::Code,
    })
}
