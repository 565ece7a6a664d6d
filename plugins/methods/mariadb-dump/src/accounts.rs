//! Accounts and roles as SQL.
//!
//! `mariadb-dump --system=users` is not used: it ends with an error at the first account that the server lists and does not know (any
//! `user@hostname` under `skip_name_resolve`), states no order in which grants on tables would work, and a restore from it drops accounts
//! before it makes them again.

use bulkhead_plugin_sdk::method::database::Rows;
use bulkhead_plugin_sdk::method::{Failure, Result, database, warn};

use mariadb_check::{identifier, quoted};

use crate::statement::{Scope, on_package, scope, without_quoted};

/// Begins the statements of an account; the account follows as `CURRENT_USER()` would state it.
const MARK: &str = "-- account ";
/// How a script begins. `NO_BACKSLASH_ESCAPES` is off in it, as in what the server states.
const HEADER: &str = "SET NAMES utf8mb4;\nSET SESSION sql_mode = '';\n";
/// The server's own accounts, and the superuser's: they belong to the server that runs, not to its data. A superuser of another host
/// than the server's own is in a backup all the same, for a server that has none: statements in the log may name it.
const KEPT_BY_SERVER: &str = "('root', 'mariadb.sys', 'mysql', 'PUBLIC', '')";

/// Where the server keeps accounts and rights.
const TABLES: &str = "mysql.global_priv, mysql.db, mysql.tables_priv, mysql.columns_priv, mysql.procs_priv, mysql.roles_mapping, \
     mysql.proxies_priv";

/// Changes when any account does.
pub async fn fingerprint() -> Result<String> {
    let rows = database::query(&format!("CHECKSUM TABLE {TABLES}")).await.map_err(denied)?;
    let sums: Vec<_> = rows.column("Checksum")?.map(Option::unwrap_or_default).collect();
    Ok(sums.join(" "))
}

fn denied(failure: Failure) -> Failure {
    failure.context("cannot read the accounts").with_hint("grant SELECT ON mysql.* to the backup account")
}

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
            "SELECT user, host, is_role FROM mysql.user WHERE user NOT IN {KEPT_BY_SERVER} \
             OR user = 'root' AND host <> 'localhost' ORDER BY is_role DESC, user, host"
        ))
        .await
        .map_err(denied)?;
        let members = database::query("SELECT User, Host, Role, Admin_option FROM mysql.roles_mapping ORDER BY Role")
            .await
            .map_err(denied)?;
        let mut scripts = Scripts::default();
        for row in rows.rows {
            let [user, host, is_role] = values(row);
            let account = Account { user, host, is_role: is_role == "Y" };
            if account.shown().contains(char::is_control) {
                warn!("left out an account whose name holds a control character"; "account" => account.shown().escape_debug());
            } else if account.user == "root" {
                account.state_if_missing(&mut scripts).await?;
            } else if !account.state(&members, &mut scripts).await? {
                warn!("left out an account that the server lists and does not know"; "account" => account.shown());
            }
        }
        scripts.add_memberships_of_others(&members);
        scripts.mark("PUBLIC@");
        if let Some(rows) = known(database::query("SHOW GRANTS FOR PUBLIC").await).or_else(older_than_public)? {
            scripts.add_grants(rows);
        }
        // Roles before rights in them; memberships, which are rows, before what asks for them.
        let Scripts { makes, rights, defaults, grants } = scripts;
        Ok(Self {
            users: format!("{HEADER}{makes}{rights}{MARK}\nFLUSH PRIVILEGES;\n{defaults}"),
            grants: format!("{HEADER}{grants}"),
        })
    }
}

/// The statements of all accounts, by the order in which they have to run.
#[derive(Default)]
struct Scripts {
    makes: String,
    rights: String,
    defaults: String,
    grants: String,
}

impl Scripts {
    /// Begins the statements of an account.
    fn mark(&mut self, account: &str) {
        for script in [&mut self.makes, &mut self.rights, &mut self.defaults, &mut self.grants] {
            script.push_str(&format!("{MARK}{account}\n"));
        }
    }

    /// Adds the roles of accounts that belong to the server and so to no backup, where these accounts exist: roles without their
    /// administrators could be granted to nobody.
    fn add_memberships_of_others(&mut self, members: &Rows) {
        for row in &members.rows {
            let [user, host, role, admin] = values(row.clone());
            if user != "root" || host.is_empty() || [&host, &role].iter().any(|name| name.contains(char::is_control)) {
                continue;
            }
            self.mark(&format!("{user}@{host}"));
            let [user, host, role, admin] = [user, host, role, admin].map(|text| quoted(&text));
            self.rights.push_str(&format!(
                "REPLACE INTO mysql.roles_mapping (User, Host, Role, Admin_option) SELECT User, Host, {role}, {admin} FROM mysql.user \
                 WHERE User = {user} AND Host = {host};\n"
            ));
        }
    }

    /// Adds the answer of `SHOW GRANTS`, but for memberships.
    fn add_grants(&mut self, rows: Rows) {
        for grant in rows.rows.into_iter().filter_map(|row| row.into_iter().next().flatten()) {
            let script = match scope(&grant) {
                Scope::Account => &mut self.rights,
                Scope::DefaultRole => &mut self.defaults,
                Scope::Object => &mut self.grants,
                Scope::Membership => continue,
            };
            script.push_str(&statement(&grant));
        }
    }
}

impl Account {
    fn name(&self) -> String {
        if self.is_role { identifier(&self.user) } else { format!("{}@{}", quoted(&self.user), quoted(&self.host)) }
    }

    /// As `CURRENT_USER()` states it. Roles have no host, and no session is one.
    fn shown(&self) -> String {
        format!("{}@{}", self.user, self.host)
    }

    /// Adds what makes the account as it is, also where it exists. False for one that the server does not know.
    async fn state(&self, members: &Rows, scripts: &mut Scripts) -> Result<bool> {
        let name = self.name();
        let make = if self.is_role {
            self.create_role(members)
        } else {
            let Some(attributes) = self.attributes().await? else { return Ok(false) };
            format!("CREATE USER IF NOT EXISTS {name};\n{}", attributes_of(&name, &attributes))
        };
        let Some(rows) = known(database::query(&format!("SHOW GRANTS FOR {name}")).await)? else { return Ok(false) };
        scripts.mark(&self.shown());
        scripts.makes.push_str(&make);
        scripts.rights.push_str(&self.revoke());
        scripts.rights.push_str(&self.memberships(members));
        scripts.add_grants(rows);
        Ok(true)
    }

    /// Adds what makes a superuser where there is none, and changes none that is there: how a server is reached in an emergency is not a
    /// restore's to change. Where the account that restores may not grant as much, none is made, rather than one of fewer rights.
    async fn state_if_missing(&self, scripts: &mut Scripts) -> Result<()> {
        let name = self.name();
        let Some(attributes) = self.attributes().await? else { return Ok(()) };
        let Some(rows) = known(database::query(&format!("SHOW GRANTS FOR {name}")).await)? else { return Ok(()) };
        let grants = rows.rows.into_iter().filter_map(|row| row.into_iter().next().flatten());
        let grants: String =
            grants.filter(|grant| scope(grant) == Scope::Account).map(|grant| format!(" {grant};")).collect();
        scripts.mark(&self.shown());
        // 1044, 1045, 1227: what one has not, one may not grant.
        scripts.makes.push_str(&format!(
            "DELIMITER //\nIF NOT EXISTS (SELECT 1 FROM mysql.user WHERE user = {} AND host = {}) THEN BEGIN NOT ATOMIC \
             DECLARE EXIT HANDLER FOR 1044, 1045, 1227 DROP USER IF EXISTS {name}; CREATE USER {attributes};{grants} END; \
             END IF//\nDELIMITER ;\n",
            quoted(&self.user),
            quoted(&self.host)
        ));
        Ok(())
    }

    /// The account and its attributes as the server states them. `None` for one that the server does not know.
    async fn attributes(&self) -> Result<Option<String>> {
        let Some(rows) = known(database::query(&format!("SHOW CREATE USER {}", self.name())).await)? else {
            return Ok(None);
        };
        let create = rows.rows.first().and_then(|row| row.first()).and_then(Option::as_deref);
        let attributes = create.and_then(|create| create.strip_prefix("CREATE USER "));
        let unknown = || Failure::unsupported("the server states accounts in an unknown way");
        Ok(Some(attributes.ok_or_else(unknown)?.to_owned()))
    }

    /// Makes a role, if it is not there. Its creator becomes its administrator, and stays it only if the backup says so.
    fn create_role(&self, members: &Rows) -> String {
        let (name, role) = (self.name(), quoted(&self.user));
        let members = members.rows.iter().map(|row| values(row.clone())).filter(|[_, _, role, _]| *role == self.user);
        let members: Vec<_> = members.map(|[user, host, ..]| quoted(&format!("{user}@{host}"))).collect();
        let stays = if members.is_empty() { "''".to_owned() } else { members.join(", ") };
        format!(
            "DELIMITER //\nIF NOT EXISTS (SELECT 1 FROM mysql.user WHERE user = {role} AND is_role = 'Y') THEN CREATE ROLE {name}; \
             DELETE FROM mysql.roles_mapping WHERE Role = {role} AND CONCAT(User, '@', Host) = CURRENT_USER() \
             AND CONCAT(User, '@', Host) NOT IN ({stays}); END IF//\nDELIMITER ;\n"
        )
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

    /// Sets the roles that the account may take, as rows: `GRANT role` is refused to everybody who is not an administrator of that very
    /// role, however much else they may do, and a role has those administrators whom its creator named.
    fn memberships(&self, members: &Rows) -> String {
        let (user, host) = (quoted(&self.user), quoted(&self.host));
        let mut script = format!("DELETE FROM mysql.roles_mapping WHERE User = {user} AND Host = {host};\n");
        for row in &members.rows {
            let [member, member_host, role, admin] = values(row.clone());
            if (&member, &member_host) == (&self.user, &self.host) && !role.contains(char::is_control) {
                let (role, admin) = (quoted(&role), quoted(&admin));
                script.push_str(&format!(
                    "INSERT INTO mysql.roles_mapping (User, Host, Role, Admin_option) VALUES ({user}, {host}, {role}, {admin});\n"
                ));
            }
        }
        script
    }
}

/// Sets all attributes of an account. `stated` is the account and its attributes as the server states them, which leaves out those that
/// have their default: they are set first, while the account is locked, as it may have no password for that moment.
fn attributes_of(name: &str, stated: &str) -> String {
    let bare = without_quoted(stated);
    let password = if bare.contains(" IDENTIFIED ") { "" } else { " IDENTIFIED VIA mysql_native_password USING ''" };
    let unlock = if bare.contains(" ACCOUNT LOCK") { "" } else { " ACCOUNT UNLOCK" };
    format!(
        "ALTER USER {name}{password} REQUIRE NONE WITH MAX_QUERIES_PER_HOUR 0 MAX_UPDATES_PER_HOUR 0 MAX_CONNECTIONS_PER_HOUR 0 \
         MAX_USER_CONNECTIONS 0 MAX_STATEMENT_TIME 0 ACCOUNT LOCK PASSWORD EXPIRE DEFAULT;\nALTER USER {stated}{unlock};\n"
    )
}

/// A row's values; missing ones and NULL are empty.
fn values<const N: usize>(row: Vec<Option<String>>) -> [String; N] {
    let mut values = row.into_iter().map(Option::unwrap_or_default);
    std::array::from_fn(|_| values.next().unwrap_or_default())
}

/// A line of `SHOW GRANTS` as a statement. Those on packages the server states in every mode and understands in one alone.
fn statement(grant: &str) -> String {
    if on_package(grant) {
        format!("SET SESSION sql_mode = 'ORACLE';\n{grant};\nSET SESSION sql_mode = '';\n")
    } else {
        format!("{grant};\n")
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
