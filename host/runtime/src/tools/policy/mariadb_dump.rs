//! `mariadb-dump`: logical backups on standard output. No option that writes files, changes rows or leaves the trailer out.

use super::value::Value::{Identifier, ListOf, Number, OneOf, Size, Table};
use super::{Policy, Seen, Shape, Success, Terms};

const CHARACTER_SETS: &[&str] = &["utf8mb4", "utf8mb3", "utf8", "latin1", "binary"];
const SYSTEM: &[&str] = &["all", "users", "plugins", "udfs", "servers", "stats", "timezones"];

pub(super) static POLICY: Policy = Policy {
    tool: "mariadb-dump",
    shapes: &[
        Shape::Flag("--all-databases"),
        Shape::Flag("--databases"),
        Shape::Flag("--single-transaction"),
        Shape::Flag("--lock-all-tables"),
        Shape::Flag("--lock-tables"),
        Shape::Flag("--skip-lock-tables"),
        Shape::Flag("--quick"),
        Shape::Flag("--opt"),
        Shape::Flag("--routines"),
        Shape::Flag("--triggers"),
        Shape::Flag("--skip-triggers"),
        Shape::Flag("--events"),
        Shape::Flag("--gtid"),
        Shape::Flag("--flush-logs"),
        Shape::Flag("--flush-privileges"),
        Shape::Flag("--apply-slave-statements"),
        Shape::Flag("--add-drop-database"),
        Shape::Flag("--add-drop-table"),
        Shape::Flag("--skip-add-drop-table"),
        Shape::Flag("--add-drop-trigger"),
        Shape::Flag("--skip-add-locks"),
        Shape::Flag("--skip-disable-keys"),
        Shape::Flag("--hex-blob"),
        Shape::Flag("--tz-utc"),
        Shape::Flag("--skip-dump-date"),
        Shape::Flag("--skip-log-queries"),
        Shape::Flag("--no-tablespaces"),
        Shape::Flag("--no-autocommit"),
        Shape::Flag("--no-data"),
        Shape::Flag("--no-create-info"),
        Shape::Flag("--no-create-db"),
        Shape::Flag("--complete-insert"),
        Shape::Flag("--extended-insert"),
        Shape::Flag("--skip-extended-insert"),
        Shape::Flag("--insert-ignore"),
        Shape::Flag("--replace"),
        Shape::Flag("--order-by-primary"),
        Shape::Flag("--order-by-size"),
        Shape::Flag("--dump-history"),
        Shape::Flag("--galera-info"),
        Shape::Equals("--master-data", OneOf(&["1", "2"])),
        Shape::Equals("--dump-slave", OneOf(&["1", "2"])),
        Shape::Equals("--system", ListOf(SYSTEM)),
        Shape::Equals("--default-character-set", OneOf(CHARACTER_SETS)),
        Shape::Equals("--max-allowed-packet", Size),
        Shape::Equals("--net-buffer-length", Size),
        Shape::Equals("--max-statement-time", Number(0, 31_536_000)),
        Shape::Many("--ignore-database", Identifier),
        Shape::Many("--ignore-table", Table),
        Shape::Many("--ignore-table-data", Table),
        Shape::Operand("name", Identifier),
    ],
    conclude,
};

fn conclude(seen: &Seen) -> Result<Terms, &'static str> {
    match (seen.has("--all-databases"), seen.has("name"), seen.has("--system")) {
        (true, true, _) => return Err("`--all-databases` takes no names"),
        (false, false, false) => return Err("neither `--all-databases` nor a name is given"),
        _ => {}
    }
    Ok(Terms {
        connects: Some("client"),
        no_defaults: false,
        settings_of_backup: false,
        raw_to_stdout: false,
        reads_data: false,
        reads_stdin: false,
        host_arguments: &[],
        success: Success::StdoutEnds("-- Dump completed"),
    })
}
