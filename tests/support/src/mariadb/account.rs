//! The accounts Bulkhead uses.

use super::MariaDb;
use crate::problem::Result;

/// A login of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Name, from any host.
    pub user: &'static str,
    /// Password: with characters that break what quotes an option file carelessly.
    pub password: &'static str,
}

impl Account {
    /// May do what a backup needs and no more.
    pub const BACKUP: Self = Self { user: "bulkhead_backup", password: "back #up \"pw'1" };
    /// May do everything: restoring a dump creates users, routines with definers and databases.
    pub const ADMIN: Self = Self { user: "bulkhead_admin", password: "adm #in \"pw'2" };
}

/// What a physical backup, a dump and the binary log need.
const BACKUP_GRANTS: &str =
    "RELOAD, PROCESS, LOCK TABLES, BINLOG MONITOR, REPLICATION SLAVE, SHOW VIEW, TRIGGER, EVENT, SELECT";

impl MariaDb {
    pub(super) fn create_accounts(&self) -> Result<()> {
        let create = |account: Account, grants: &str| {
            let (user, password) = (account.user, account.password.replace('\'', "''"));
            format!("CREATE USER {user}@'%' IDENTIFIED BY '{password}'; GRANT {grants};\n")
        };
        let backup = create(Account::BACKUP, &format!("{BACKUP_GRANTS} ON *.* TO {}@'%'", Account::BACKUP.user));
        let admin = create(Account::ADMIN, &format!("ALL ON *.* TO {}@'%' WITH GRANT OPTION", Account::ADMIN.user));
        // `mariadb-install-db` makes a root for the machine's name too, which a server that resolves no names does not know.
        self.execute(&format!(
            "DELETE FROM mysql.global_priv WHERE user = 'root' AND host <> 'localhost';
             DELETE FROM mysql.proxies_priv WHERE host <> 'localhost';
             FLUSH PRIVILEGES;
             {backup}{admin}"
        ))
    }
}
