//! Accounts and roles as SQL.
//!
//! `mariadb-dump --system=users` is not used: it ends with an error at the first account that the server lists and does not know (any
//! `user@hostname` under `skip_name_resolve`), states no order in which grants on tables would work, and a restore from it drops accounts
//! before it makes them again.

use bulkhead_plugin_sdk::method::database::Rows;
use bulkhead_plugin_sdk::method::{Failure, Result, database, warn};

use crate::statement::{Scope, identifier, quoted, scope};

/// Begins the statements of an account; the account follows as `CURRENT_USER()` would state it.
const MARK: &str = "-- account ";
/// How a script begins. `NO_BACKSLASH_ESCAPES` is off in it, as in what the server states.
const HEADER: &str = "SET NAMES utf8mb4;\nSET SESSION sql_mode = '';\n";
/// The server's own accounts, and the superuser's: they belong to the server that runs, not to its data.
const KEPT_BY_SERVER: &str = "('root', 'mariadb.sys', 'mysql', 'PUBLIC', '')";

/// All accounts, as two scripts.
pub struct Accounts {
    /// Accounts, and rights that need nothing else to exist.
    pub users: String,
    /// Rights on tables, columns and routines.
    pub grants: String,
}

struct Account {
    user: String,
    host: String,
    is_role: bool,
}

impl Accounts {
    /// Reads the accounts of the job's server.
    pub async fn read() -> Result<Self> {
        let rows = database::query(&format!(
            "SELECT user, host, is_role FROM mysql.user WHERE user NOT IN {KEPT_BY_SERVER} ORDER BY is_role DESC, user, host"
        ))
        .await
        .map_err(|failure| failure.context("cannot read the accounts").with_hint("grant SELECT ON mysql.* to the backup account"))?;
        let mut makes = HEADER.to_owned();
        let mut rights = String::new();
        let mut grants = HEADER.to_owned();
        for row in rows.rows {
            let mut values = row.into_iter().map(Option::unwrap_or_default);
            let (Some(user), Some(host), Some(is_role)) = (values.next(), values.next(), values.next()) else {
                continue;
            };
            let account = Account { user, host, is_role: is_role == "Y" };
            if account.shown().contains(char::is_control) {
                warn!("left out an account whose name holds a control character"; "account" => account.shown().escape_debug());
                continue;
            }
            let Some(stated) = account.state().await? else {
                warn!("left out an account that the server lists and does not know"; "account" => account.shown());
                continue;
            };
            makes.push_str(&stated.make);
            rights.push_str(&stated.rights);
            grants.push_str(&stated.grants);
        }
        rights.push_str(&format!("{MARK}PUBLIC@\n"));
        grants.push_str(&format!("{MARK}PUBLIC@\n"));
        if let Some(rows) = known(database::query("SHOW GRANTS FOR PUBLIC").await).or_else(older_than_public)? {
            write_grants(rows, &mut rights, &mut grants);
        }
        // First all accounts, as rights name roles.
        Ok(Self { users: makes + &rights, grants })
    }
}

/// The statements of one account.
struct Stated {
    make: String,
    rights: String,
    grants: String,
}

impl Account {
    fn name(&self) -> String {
        if self.is_role { identifier(&self.user) } else { format!("{}@{}", quoted(&self.user), quoted(&self.host)) }
    }

    /// As `CURRENT_USER()` states it. Roles have no host, and no session is one.
    fn shown(&self) -> String {
        format!("{}@{}", self.user, self.host)
    }

    /// Takes all rights away, so that those since the backup go. The server ends this with error 1141 for a role that has rights through
    /// another role alone; it has taken the others away then, which is what was wanted.
    fn revoke(&self) -> String {
        let revoke = format!("REVOKE ALL PRIVILEGES, GRANT OPTION FROM {};", self.name());
        if self.is_role {
            format!(
                "DELIMITER //\nBEGIN NOT ATOMIC DECLARE CONTINUE HANDLER FOR 1141 BEGIN END; {revoke} END//\nDELIMITER ;\n"
            )
        } else {
            format!("{revoke}\n")
        }
    }

    /// What makes the account as it is, also where it exists; `None` for one that the server does not know.
    async fn state(&self) -> Result<Option<Stated>> {
        let name = self.name();
        let mark = format!("{MARK}{}\n", self.shown());
        let make = if self.is_role {
            format!("{mark}CREATE ROLE IF NOT EXISTS {name};\n")
        } else {
            let Some(rows) = known(database::query(&format!("SHOW CREATE USER {name}")).await)? else {
                return Ok(None);
            };
            let create = rows.rows.first().and_then(|row| row.first()).and_then(Option::as_deref);
            let attributes = create
                .and_then(|create| create.strip_prefix("CREATE USER "))
                .ok_or_else(|| Failure::unsupported("the server states accounts in an unknown way"))?;
            format!("{mark}CREATE USER IF NOT EXISTS {name};\nALTER USER {attributes};\n")
        };
        let Some(rows) = known(database::query(&format!("SHOW GRANTS FOR {name}")).await)? else { return Ok(None) };
        let mut rights = mark.clone();
        rights.push_str(&self.revoke());
        let mut grants = mark;
        write_grants(rows, &mut rights, &mut grants);
        Ok(Some(Stated { make, rights, grants }))
    }
}

/// Adds the answer of `SHOW GRANTS` to the scripts.
fn write_grants(rows: Rows, rights: &mut String, grants: &mut String) {
    for grant in rows.rows.into_iter().filter_map(|row| row.into_iter().next().flatten()) {
        let script = match scope(&grant) {
            Scope::Account => &mut *rights,
            Scope::Object => &mut *grants,
        };
        script.push_str(&grant);
        script.push_str(";\n");
    }
}

/// Servers before 10.11 have no `PUBLIC`, and say so in one way or another.
fn older_than_public<T>(failure: Failure) -> Result<Option<T>> {
    if failure.retry { Err(failure) } else { Ok(None) }
}

/// Tells an account that the server does not know from a question that failed.
fn known<T>(answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Ok(rows) => Ok(Some(rows)),
        // ER_PASSWORD_NO_MATCH and ER_NONEXISTING_GRANT
        Err(failure)
            if ["1133", "1141", "matching row", "no such grant"].iter().any(|sign| failure.message.contains(sign)) =>
        {
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

/// A script without the statements of one account, e.g. of the one that runs it.
pub fn without(script: &str, account: &str) -> String {
    let mut kept = String::with_capacity(script.len());
    let mut skipping = false;
    for line in script.split_inclusive('\n') {
        if let Some(marked) = line.strip_prefix(MARK) {
            skipping = marked.trim_end_matches('\n') == account;
        }
        if !skipping {
            kept.push_str(line);
        }
    }
    kept
}
