//! Functions and triggers that a server with a binary log may not let in. What a backup holds of them is written down when it is made;
//! before a restore drops anything, the server is asked whether it will take them.

use bulkhead_plugin_sdk::method::{Failure, Report, Result, database};
use mariadb_check::SYSTEM;

use crate::names::{NAMED, bounded};
use crate::rights::Rights;

/// Positions in the report.
const FUNCTIONS: &str = "functions";
const UNSAFE_FUNCTIONS: &str = "functions.unsafe";
const TRIGGERS: &str = "triggers";

/// Writes down what a server with a binary log asks of functions and triggers.
pub async fn record(report: &mut Report) -> Result<()> {
    let rows = database::query(&format!(
        "SELECT (SELECT COUNT(*) FROM information_schema.routines WHERE routine_type = 'FUNCTION' AND routine_schema NOT IN {SYSTEM}) \
         AS functions, (SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema NOT IN {SYSTEM}) AS triggers"
    ))
    .await?;
    let undeclared = database::query(&format!(
        "SELECT CONCAT(routine_schema, '.', routine_name) FROM information_schema.routines WHERE routine_type = 'FUNCTION' \
         AND routine_schema NOT IN {SYSTEM} AND is_deterministic = 'NO' AND sql_data_access NOT IN ('NO SQL', 'READS SQL DATA') \
         ORDER BY 1 LIMIT {}",
        NAMED + 1
    ))
    .await?;
    let names: Vec<_> = undeclared.rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect();
    report.add(FUNCTIONS, rows.first("functions").unwrap_or_default());
    report.add(TRIGGERS, rows.first("triggers").unwrap_or_default());
    if !names.is_empty() {
        report.add(UNSAFE_FUNCTIONS, bounded(&names));
    }
    Ok(())
}

/// Fails when the server that is restored would refuse something of the backup, which a dump would find out half way.
pub async fn check(report: &Report, rights: &Rights) -> Result<()> {
    let asked = "SELECT @@GLOBAL.log_bin, @@GLOBAL.log_bin_trust_function_creators";
    let answer = database::query(asked).await?.rows.into_iter().next().unwrap_or_default();
    let [Some(logs), Some(trusts)] = answer.as_slice() else { return Ok(()) };
    if logs != "1" || trusts != "0" {
        return Ok(());
    }
    let held = |name: &str| report.position(name).filter(|held| !held.is_empty() && *held != "0");
    let hint = "for the restore: SET GLOBAL log_bin_trust_function_creators = 1";
    if let Some(names) = held(UNSAFE_FUNCTIONS) {
        return Err(Failure::unsupported(format!(
            "the server would not let in functions of the backup: {names}. They are declared neither DETERMINISTIC nor NO SQL nor \
             READS SQL DATA, it keeps a binary log, and log_bin_trust_function_creators is off (error 1418)"
        ))
        .with_hint(hint));
    }
    let kinds: Vec<String> = [FUNCTIONS, TRIGGERS]
        .into_iter()
        .filter_map(|kind| held(kind).map(|number| format!("{number} {kind}")))
        .collect();
    if kinds.is_empty() || rights.has("SUPER").unwrap_or(true) {
        return Ok(());
    }
    Err(Failure::denied(format!(
        "the server would not let in {} of the backup: it keeps a binary log, log_bin_trust_function_creators is off, and the \
         service's user lacks SUPER (error 1419)",
        kinds.join(" and ")
    ))
    .with_hint(format!("{hint}, or GRANT SUPER ON *.* TO the service's user")))
}
