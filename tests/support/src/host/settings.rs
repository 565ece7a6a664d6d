//! `bulkhead.toml` for a host under test.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::mariadb::{Account, MariaDb};
use crate::surrealdb::SurrealDb;

/// The secret that signs the tokens of hosts under test.
pub const JWT_SECRET: &str = "a secret for tests only, longer than thirty-two bytes";

/// What a host is told.
#[derive(Clone, Debug, Default)]
pub struct HostOptions {
    /// Where its directory is made; the system's temporary directory by default.
    pub parent: Option<PathBuf>,
    /// The program; the one built in the running executable's profile by default.
    pub binary: Option<PathBuf>,
    /// The databases it serves.
    pub services: Vec<ServiceEntry>,
    /// The root of the filesystem target; `bucket` in the host's directory by default.
    pub bucket: Option<PathBuf>,
    /// age recipients artifacts are encrypted to.
    pub recipients: Vec<String>,
    /// Files with age identities, for restores.
    pub identities: Vec<PathBuf>,
    /// A directory with more components.
    pub plugin_dir: Option<PathBuf>,
    /// More TOML: sections that are not written by this crate, e.g. `[limits]`.
    pub extra: String,
    /// The catalog's address; a SQLite file of the host's own by default.
    pub catalog: Option<String>,
    /// More environment for the serving process, in all its runs.
    pub environment: Vec<(String, String)>,
}

/// A `[[service]]` entry.
#[derive(Clone, Debug)]
pub struct ServiceEntry {
    /// Its id.
    pub id: String,
    /// Its organization.
    pub organization: String,
    /// Its engine: `mariadb`, `surrealdb`, or `example` for the example plugins.
    pub engine: String,
    /// The login Bulkhead uses.
    pub account: Account,
    /// More keys of the entry, e.g. `server_name = "x"`; tables such as `methods.full = { ... }` inline.
    pub extra: String,
    port: u16,
    data_dir: PathBuf,
    start: Vec<String>,
    stop: Vec<String>,
}

impl ServiceEntry {
    /// A service of the organization `acme` over `server`, with the login that may back up and no more.
    pub fn of(id: &str, server: &MariaDb) -> Self {
        Self {
            id: id.to_owned(),
            organization: "acme".to_owned(),
            engine: "mariadb".to_owned(),
            account: Account::BACKUP,
            extra: String::new(),
            port: server.port(),
            data_dir: server.data_dir(),
            start: server.start_command(),
            stop: server.stop_command(),
        }
    }

    /// A service of the organization `acme` over `server`, which its root user looks after: `extra` says which namespace and database.
    pub fn surrealdb(id: &str, server: &SurrealDb) -> Self {
        Self { account: SurrealDb::ROOT, ..Self::at_port(id, "surrealdb", server.port()) }
    }

    /// A service without a server, for methods that need none: its engine is `example`, and nothing listens where it says.
    pub fn without_server(id: &str) -> Self {
        // Discard: nobody listens there.
        Self::at_port(id, "example", 9)
    }

    /// A service that is known by its address alone.
    pub fn at_port(id: &str, engine: &str, port: u16) -> Self {
        Self {
            id: id.to_owned(),
            organization: "acme".to_owned(),
            engine: engine.to_owned(),
            account: Account::BACKUP,
            extra: String::new(),
            port,
            data_dir: PathBuf::new(),
            start: Vec::new(),
            stop: Vec::new(),
        }
    }

    /// With another login.
    #[must_use]
    pub fn account(mut self, account: Account) -> Self {
        self.account = account;
        self
    }

    /// Started by another command than the server's own.
    #[must_use]
    pub fn started_by(mut self, command: Vec<String>) -> Self {
        self.start = command;
        self
    }

    /// On a host that can neither stop the server nor replace its files: what is restored is loaded into it as it runs.
    #[must_use]
    pub fn without_swap(mut self) -> Self {
        self.start = Vec::new();
        self
    }

    /// In another organization.
    #[must_use]
    pub fn organization(mut self, organization: &str) -> Self {
        organization.clone_into(&mut self.organization);
        self
    }

    /// The variable that holds its password.
    pub(super) fn password_variable(&self) -> String {
        format!("PASSWORD_OF_{}", self.account.user.to_uppercase())
    }
}

/// The whole file.
pub(super) fn render(options: &HostOptions, bucket: &Path) -> String {
    let mut text = String::from(
        "[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = \"data\"\n\n[auth]\njwt_secret_env = \"BULKHEAD_JWT_SECRET\"\n\n",
    );
    // Writing to a String cannot fail.
    if !options.recipients.is_empty() || !options.identities.is_empty() {
        let identities: Vec<_> = options.identities.iter().map(|path| path.to_string_lossy().into_owned()).collect();
        let _ = writeln!(
            text,
            "[encryption]\nrecipients = {}\nidentities = {}\n",
            list(&options.recipients),
            list(&identities)
        );
    }
    if let Some(url) = &options.catalog {
        let _ = writeln!(text, "[catalog]\nurl = {}\n", string(url));
    }
    // A test that runs at night makes the backups it asks for, and no others.
    if !options.extra.contains("[automatic]") {
        text.push_str("[automatic]\nschedule = \"off\"\n\n");
    }
    if let Some(dir) = &options.plugin_dir {
        let _ = writeln!(text, "[plugins]\ndir = {}\n", string(&dir.to_string_lossy()));
    }
    let mut organizations: Vec<&str> = options.services.iter().map(|service| service.organization.as_str()).collect();
    organizations.push("acme");
    organizations.sort_unstable();
    organizations.dedup();
    for organization in organizations {
        let _ = writeln!(text, "[[organization]]\nid = {}\n", string(organization));
    }
    let root = string(&bucket.to_string_lossy());
    let _ = writeln!(
        text,
        "[[target]]\nid = \"managed\"\nplugin = \"filesystem\"\ndefault = true\nconfig = {{ root = {root} }}\n"
    );
    for service in &options.services {
        let _ = writeln!(
            text,
            "[[service]]\nid = {}\norganization = {}\nengine = {}\nhost = \"127.0.0.1\"\nport = {}\nuser = {}\npassword_env = {}",
            string(&service.id),
            string(&service.organization),
            string(&service.engine),
            service.port,
            string(service.account.user),
            string(&service.password_variable()),
        );
        if !service.start.is_empty() {
            let _ = writeln!(
                text,
                "data_dir = {}\nserver = {{ start = {}, stop = {} }}",
                string(&service.data_dir.to_string_lossy()),
                list(&service.start),
                list(&service.stop),
            );
        }
        let _ = writeln!(text, "{}\n", service.extra);
    }
    text.push_str(&options.extra);
    text
}

/// A TOML string; JSON's escapes are among TOML's.
fn string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn list(texts: &[String]) -> String {
    serde_json::Value::from(texts).to_string()
}
