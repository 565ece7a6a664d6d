//! The content of tables.
//!
//! Each row becomes one digest over the exact bytes of its columns (lengths first, so that no two rows look the same), each table the
//! sum of its rows' digests: independent of their order, of engine, page format, compression and encryption, unlike `CHECKSUM TABLE`.

use std::collections::BTreeMap;

use super::{Snapshot, TableSum, of_users, qualified, quoted};
use crate::mariadb::Session;
use crate::problem::{Problem, Result};

struct Table {
    versioned: bool,
    /// Expressions over the columns that hold data.
    columns: Vec<String>,
    /// Expressions over the columns that say when a row was valid.
    periods: Vec<String>,
}

pub(super) fn tables(session: &mut Session, into: &mut Snapshot) -> Result<()> {
    for (name, table) in columns(session)? {
        let sum = sum(session, &name, "", &table.columns)?;
        into.tables.insert(name.clone(), sum);
        if table.versioned {
            let everything: Vec<String> = table.columns.iter().chain(&table.periods).cloned().collect();
            let sum = self::sum(session, &name, "FOR SYSTEM_TIME ALL", &everything)?;
            into.histories.insert(name, sum);
        }
    }
    Ok(())
}

fn columns(session: &mut Session) -> Result<BTreeMap<String, Table>> {
    let rows = session.query(&format!(
        "SELECT t.table_schema, t.table_name, t.table_type, c.column_name, c.data_type,
           COALESCE(c.generation_expression, '') IN ('ROW START', 'ROW END')
         FROM information_schema.tables t JOIN information_schema.columns c USING (table_schema, table_name)
         WHERE {} AND t.table_type NOT IN ('VIEW', 'SEQUENCE')
         ORDER BY t.table_schema, t.table_name, c.ordinal_position",
        of_users("t.table_schema")
    ))?;
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    for row in rows {
        let [database, table, table_type, column, data_type, period] = row.as_slice() else {
            return Err(Problem::new(format!("six columns expected: {row:?}")));
        };
        let table = tables.entry(qualified(database, table)).or_insert_with(|| Table {
            versioned: table_type == "SYSTEM VERSIONED",
            columns: Vec::new(),
            periods: Vec::new(),
        });
        let list = if period == "1" { &mut table.periods } else { &mut table.columns };
        list.push(bytes_of(&quoted(column), data_type));
    }
    for table in tables.values_mut().filter(|table| table.versioned && table.periods.is_empty()) {
        // Not declared, so not listed, but there.
        table.periods = ["ROW_START", "ROW_END"].map(|column| bytes_of(column, "timestamp")).to_vec();
    }
    Ok(tables)
}

/// An expression for the exact value of a column: its length and bytes, or `-` for NULL.
fn bytes_of(column: &str, data_type: &str) -> String {
    // As text a FLOAT has six digits of the seven to nine it holds.
    let value = match data_type {
        "float" => format!("CAST(CAST({column} AS DOUBLE) AS BINARY)"),
        _ => format!("CAST({column} AS BINARY)"),
    };
    let long =
        ["blob", "text", "geometry", "point", "polygon", "linestring"].iter().any(|long| data_type.contains(long));
    if long {
        // A row of several long values would pass the longest string the server makes, and be NULL.
        format!("IFNULL(MD5({value}), '-')")
    } else {
        format!("IFNULL(CONCAT(OCTET_LENGTH({value}), ':', {value}), '-')")
    }
}

fn sum(session: &mut Session, name: &str, period: &str, columns: &[String]) -> Result<TableSum> {
    let digest = format!("CAST(CONV(LEFT(MD5(CONCAT({})), 16), 16, 10) AS DECIMAL(20))", columns.join(", "));
    let rows = session
        .query(&format!("SELECT COUNT(*), IFNULL(SUM({digest}), 0) MOD 18446744073709551616 FROM {name} {period}"))?;
    let numbers: Vec<u64> = rows.iter().flatten().filter_map(|number| number.parse().ok()).collect();
    match numbers.as_slice() {
        [rows, checksum] => Ok(TableSum { rows: *rows, checksum: *checksum }),
        _ => Err(Problem::new(format!("the checksum of {name} is no number: {rows:?}"))),
    }
}
