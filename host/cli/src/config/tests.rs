//! What an operator reads when the configuration is wrong.

use std::path::PathBuf;

use super::*;

const SECRET: (&str, &str) = ("BULKHEAD_JWT_SECRET", "0123456789abcdef0123456789abcdef");
const METRICS_TOKEN: (&str, &str) = ("METRICS_TOKEN", "a token for tests only, longer than thirty-two bytes");
const FRONT_DOOR_TOKEN: (&str, &str) = ("FRONT_DOOR_TOKEN", "another token, no shorter than thirty-two bytes");

const GOOD: &str = r#"[server]
listen = "127.0.0.1:0"
data_dir = "state"

[[organization]]
id = "acme"

[[target]]
id = "managed"
plugin = "filesystem"
config = { root = "backups" }

[[service]]
id = "db1"
organization = "acme"
user = "backup"
password_env = "DB1_PASSWORD"
data_dir = "/var/lib/mysql"
server = { stop = ["systemctl", "stop", "mariadb"], start = ["systemctl", "start", "mariadb"] }

[service.methods.full]
parallel = 2

[limits]
lease = "1m"
scratch = "2GiB"
"#;

/// A directory that is gone after the test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("bulkhead-config-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn load(&self, text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
        let path = self.0.join("bulkhead.toml");
        std::fs::write(&path, text).unwrap();
        let given =
            [SECRET, METRICS_TOKEN, FRONT_DOOR_TOKEN, ("DB1_PASSWORD", "hunter2"), ("SURREALDB_PASSWORD", "hunter2")];
        let variables = variables.iter().chain(&given);
        let environment = variables.rev().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Config::load(&path, environment)
            .map_err(|errors| errors.to_string().replace(&format!("{}/", self.0.display()), ""))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _left = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_good_file_is_understood_and_its_paths_start_at_its_directory() {
    let directory = Directory::new("good");
    let config = directory.load(GOOD, &[]).unwrap();
    assert_eq!(config.server.data_dir, directory.0.join("state"));
    assert_eq!(config.catalog_url, format!("sqlite:{}/catalog.db", directory.0.join("state").display()));
    assert!(config.targets[0].default);
    let service = &config.services[0];
    assert_eq!((service.connection.port, service.connection.password.as_str()), (3306, "hunter2"));
    assert_eq!(service.methods[&"full".parse().unwrap()], serde_json::json!({ "parallel": 2 }));
    assert_eq!(config.limits.engine.scratch_bytes, 2 << 30);
    assert!(!format!("{config:?}").contains("hunter2") && !format!("{config:?}").contains(SECRET.1));
}

#[test]
fn drills_are_off_until_asked_for_and_a_service_may_differ() {
    let directory = Directory::new("drills");
    let none = directory.load(GOOD, &[]).unwrap();
    assert_eq!(none.drills.when, bulkhead_engine::DrillConfig::default());
    assert!(none.drills.directory.is_none() && none.services[0].drills.is_none());
    assert!(!none.drills.when.after_backup && none.drills.when.expression.is_none());

    let all =
        "[drills]\nafter_backup = true\nschedule = \"0 5 * * 6\"\ntimezone = \"Europe/Berlin\"\ndirectory = \"d\"\n";
    let own = "drills = { schedule = \"off\" }\n";
    let text = format!("{all}{}", GOOD.replace("user = \"backup\"\n", &format!("user = \"backup\"\n{own}")));
    let config = directory.load(&text, &[("BULKHEAD_DRILLS__AFTER_BACKUP", "false")]).unwrap();
    assert_eq!(config.drills.directory, Some(directory.0.join("d")));
    assert!(!config.drills.when.after_backup);
    let drills = config.services[0].drills.clone().unwrap();
    // What it does not say is as for all.
    assert_eq!((drills.expression, drills.zone), (None, config.drills.when.zone.clone()));
    assert_eq!(config.drills.when.expression.unwrap().to_string(), "0 5 * * 6");
}

#[test]
fn the_environment_overrides_the_file() {
    let directory = Directory::new("environment");
    let variables = [
        ("BULKHEAD_SERVER__LISTEN", "127.0.0.1:7171"),
        ("BULKHEAD_SERVICE__DB1__PORT", "3307"),
        ("BULKHEAD_SERVICE__0__HOST", "db.example"),
        ("BULKHEAD_LIMITS__MAX_RUNNING_JOBS", "2"),
        ("BULKHEAD_URL", "http://elsewhere"),
        ("BULKHEAD_FAIL_AT", "x"),
    ];
    let config = directory.load(GOOD, &variables).unwrap();
    assert_eq!(config.server.listen.port(), 7171);
    assert_eq!((config.services[0].connection.host.as_str(), config.services[0].connection.port), ("db.example", 3307));
    assert_eq!(config.limits.engine.max_running_jobs, 2);
    let errors = directory.load(GOOD, &[("BULKHEAD_SERVR__LISTEN", "x"), ("BULKHEAD_SERVICE__DB9__PORT", "1")]);
    assert_eq!(
        errors.unwrap_err(),
        "BULKHEAD_SERVICE__DB9__PORT: service.db9.port: the list has no entry `db9`\n  \
         hint: name a section and a key, e.g. BULKHEAD_SERVER__LISTEN, or an entry of a list by its id\n\
         BULKHEAD_SERVR__LISTEN: servr: unknown section `servr`\n  hint: did you mean `server`?"
    );
}

/// Each row: a change to the good file, and all that is said about it.
#[test]
fn every_mistake_is_named_with_its_place_and_its_remedy() {
    let cases: &[(&str, &str, &str)] = &[
        ("listen =", "lisen =", "bulkhead.toml:2: server.lisen: unknown key `lisen`\n  hint: did you mean `listen`?"),
        ("[limits]", "[limit]", "bulkhead.toml:24: limit: unknown section `limit`\n  hint: did you mean `limits`?"),
        (
            "127.0.0.1:0",
            "localhost",
            "bulkhead.toml:2: server.listen: `localhost` is no address and port\n  hint: write e.g. listen = \"127.0.0.1:7070\"; port 0 takes a free one",
        ),
        (
            "\"1m\"",
            "\"soon\"",
            "bulkhead.toml:25: limits.lease: `soon` is no duration: use a number and ms, s, m, h or d\n  hint: write e.g. lease = \"30s\"",
        ),
        (
            "\"1m\"",
            "60",
            "bulkhead.toml:25: limits.lease: expected a number and its unit, found a whole number\n  hint: write e.g. lease = \"30s\"",
        ),
        (
            "\"1m\"",
            "\"5s\"",
            "bulkhead.toml:25: limits.lease: must be at least three heartbeats long\n  hint: lengthen lease or shorten heartbeat",
        ),
        (
            "\"2GiB\"",
            "\"much\"",
            "bulkhead.toml:26: limits.scratch: `much` is no size: use a number and B, KB, MB, GB, TB, KiB, MiB, GiB or TiB\n  hint: write e.g. scratch = \"64MiB\"",
        ),
        ("user = \"backup\"\n", "", "bulkhead.toml:13: service[0].user: is missing\n  hint: add user = \"backup\""),
        (
            "user = \"backup\"",
            "user = \"backup\"\nport = 70000",
            "bulkhead.toml:17: service[0].port: expected a whole number from 1 to 65535, found 70000",
        ),
        (
            "user = \"backup\"",
            "user = \"backup\"\nport = \"3306\"",
            "bulkhead.toml:17: service[0].port: expected a whole number from 1 to 65535, found `3306`\n  hint: write it without quotes",
        ),
        (
            "\"DB1_PASSWORD\"",
            "\"NOT_THERE\"",
            "bulkhead.toml:17: service[0].password_env: the environment variable NOT_THERE is not set\n  hint: set NOT_THERE to the password, or use password_file",
        ),
        (
            "password_env = \"DB1_PASSWORD\"",
            "password = \"hunter2\"",
            "bulkhead.toml:17: service[0].password: passwords do not belong into this file\n  hint: name an environment variable with password_env, or a file with password_file",
        ),
        (
            "password_env = \"DB1_PASSWORD\"\n",
            "",
            "bulkhead.toml:13: service[0].password_env: is missing\n  hint: add password_env = \"NAME\" or password_file = \"FILE\"",
        ),
        (
            "organization = \"acme\"",
            "organization = \"amce\"",
            "bulkhead.toml:15: service[0].organization: there is no organization `amce`\n  hint: did you mean `acme`?",
        ),
        (
            "id = \"db1\"",
            "id = \"../db1\"",
            "bulkhead.toml:14: service[0].id: `../db1` is no service id: use 1 to 63 letters, digits, `-`, `_` or `.`, starting with a letter or digit\n  hint: write e.g. id = \"db1\"",
        ),
        (
            "stop = [\"systemctl\", \"stop\", \"mariadb\"]",
            "stop = \"systemctl stop mariadb\"",
            "bulkhead.toml:19: service[0].server.stop: expected a list of texts, found text\n  hint: write e.g. stop = [\"one\", \"two\"]\nbulkhead.toml:19: service[0].server.stop: names no program\n  hint: write e.g. stop = [\"systemctl\", \"stop\", \"mariadb\"]; no shell is involved",
        ),
        (
            "plugin = \"filesystem\"",
            "plugin = \"filesystem\"\ndefault = false",
            "bulkhead.toml:8: target: none is the default\n  hint: add default = true to one [[target]]",
        ),
        (
            "[[organization]]\nid = \"acme\"",
            "[[organization]]\nid = \"acme\"\n[[organization]]\nid = \"acme\"",
            "bulkhead.toml:8: organization[1].id: `acme` is there twice\n  hint: remove one of the two",
        ),
        (
            "[limits]",
            "[tools.mariadb-bakup]\npath = \"/bin/sh\"\n[limits]",
            "bulkhead.toml:24: tools.mariadb-bakup: there is no tool `mariadb-bakup`\n  hint: did you mean `mariadb-backup`?",
        ),
        (
            "[limits]",
            "[tools.mbstream]\npath = \"/no/such/file\"\n[limits]",
            "bulkhead.toml:25: tools.mbstream.path: /no/such/file is no file\n  hint: name the program itself, or remove the table to search it on PATH",
        ),
        (
            "[limits]",
            "[plugins]\ndir = \"components\"\n[limits]",
            "bulkhead.toml:25: plugins.dir: components is no directory\n  hint: make it, or remove the key",
        ),
        (
            "[limits]",
            "[plugins.mine]\ngrant = [\"server\"]\n[limits]",
            "bulkhead.toml:25: plugins.mine.grant: unknown key `grant`\n  hint: did you mean `grants`?",
        ),
        (
            "[limits]",
            "[encryption]\nrecipients = [\"AGE-SECRET-KEY-1X\"]\n[limits]",
            "bulkhead.toml:25: encryption.recipients: a secret key is no age recipient (age1...)\n  hint: `age-keygen` prints the public key that belongs here",
        ),
        (
            "[limits]",
            "[encryption]\nidentities = [\"key.txt\"]\n[limits]",
            "bulkhead.toml:25: encryption.identities: key.txt is no file\n  hint: name a file that `age-keygen -o FILE` made",
        ),
        (
            "[limits]",
            "[catalog]\nurl = \"mysql://u:hunter2@x/y\"\n[limits]",
            "bulkhead.toml:25: catalog.url: is neither SQLite nor PostgreSQL\n  hint: write url = \"sqlite:data/catalog.db\" or url = \"postgres://user@host/database\"",
        ),
        (
            "[limits]",
            "[log]\nformat = \"xml\"\n[limits]",
            "bulkhead.toml:25: log.format: `xml` is not known\n  hint: use \"text\" or \"json\"",
        ),
        (
            "[limits]",
            "[auth]\njwt_secret_env = \"NOT_THERE\"\n[limits]",
            "bulkhead.toml:25: auth.jwt_secret_env: the environment variable NOT_THERE is not set\n  hint: set it to a secret; make one with `openssl rand -hex 32`",
        ),
        (
            "[limits]",
            "[auth]\njwt_secret_env = \"DB1_PASSWORD\"\n[limits]",
            "bulkhead.toml:25: auth.jwt_secret_env: the secret has 7 bytes, at least 32 are needed\n  hint: make one with `openssl rand -hex 32`",
        ),
        (
            "127.0.0.1:0\"",
            "0.0.0.0:0\"\n[auth]\nmode = \"none\"\n[ignored]",
            "bulkhead.toml:4: auth.mode: \"none\" is only allowed on loopback, and the server listens on 0.0.0.0:0\n  hint: listen on 127.0.0.1, or remove the mode and set a secret\nbulkhead.toml:5: ignored: unknown section `ignored`\n  hint: known here: server, log, catalog, auth, encryption, limits, automatic, drills, organization, target, service, tools, plugins, webhooks, egress, metrics",
        ),
        ("listen =", "listen", "bulkhead.toml:2: this is not TOML: key with no value, expected `=`"),
    ];
    let directory = Directory::new("mistakes");
    for (from, to, expected) in cases {
        assert!(GOOD.contains(from), "{from}");
        let said = directory.load(&GOOD.replacen(from, to, 1), &[]).expect_err(to);
        assert_eq!(said, *expected, "after writing {to}");
    }
}

#[test]
fn a_file_that_is_not_there_says_how_to_name_it() {
    let missing = Path::new("/nowhere/bulkhead.toml");
    let errors = Config::load(missing, Environment::default()).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "/nowhere/bulkhead.toml: the configuration cannot be read: No such file or directory (os error 2)\n  hint: name the file with --config FILE"
    );
}

/// The sample that `docs/configuration.md` calls complete.
fn documented_sample() -> (&'static str, String) {
    let document = include_str!("../../../../docs/configuration.md");
    let (_, sample) = document.split_once("```toml\n").unwrap();
    let (sample, _) = sample.split_once("```").unwrap();
    // A program that every machine has.
    (document, sample.replace("/usr/bin/mariadb-backup", "/bin/sh"))
}

fn documented(name: &str) -> Directory {
    let directory = Directory::new(name);
    for (file, text) in [
        ("keys/restore.key", "x"),
        ("keys/at-rest", "x"),
        ("keys/internal-ca.pem", "x"),
        ("keys/master-of-2025.key", "x"),
        ("secrets/passphrase-of-2025", "x"),
        ("secrets/db2.password", "hunter2"),
        ("secrets/offsite.aws", "[default]\naws_access_key_id = AK\naws_secret_access_key = hunter2\n"),
        ("components/x", ""),
    ] {
        let path = directory.0.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    directory
}

#[test]
fn the_documented_sample_is_understood() {
    let directory = documented("sample");
    let config = directory.load(&documented_sample().1, &[]).unwrap();
    assert_eq!(config.services[1].connection.password, "hunter2");
    let credentials = config.targets[2].credentials.as_ref().unwrap();
    assert_eq!(credentials.expose(), r#"{"access_key_id":"AK","secret_access_key":"hunter2"}"#);
    assert_eq!(config.front_doors[0].main.password, "hunter2");
    assert_eq!(
        config.services[2].methods[&"export".parse().unwrap()],
        serde_json::json!({"namespace": "app", "database": "main"})
    );
    let shown = format!("{config:?}");
    assert!(!shown.contains("hunter2") && !shown.contains(FRONT_DOOR_TOKEN.1), "{shown}");
    // It shows the defaults where there are any.
    assert_eq!(format!("{:?}", config.limits.engine), format!("{:?}", bulkhead_engine::EngineLimits::default()));
    assert_eq!(config.limits.plugin, bulkhead_runtime::Limits::default());
}

/// What is known in a section is what an unknown key is answered with.
#[test]
fn every_known_key_is_documented_and_in_the_sample() {
    let directory = documented("keys");
    let (document, sample) = documented_sample();
    // Not in the sample, as another key stands there or the key is refused.
    let unshown = [
        "jwt_secret_file",
        "jwks_file",
        "master_key_env",
        "password",
        "credentials",
        "credentials_env",
        "passphrase_file",
        "passphrase_env",
    ];
    const TABLES: [&str; 6] = ["server", "methods", "automatic", "drills", "front_door", "replica"];
    let mut sections = 0;
    for header in sample.lines().filter(|line| line.starts_with('[') && !line.starts_with("[service.methods")) {
        let said = directory.load(&sample.replacen(header, &format!("{header}\nqqqq = 1"), 1), &[]).unwrap_err();
        // In `[plugins]` a name is a plugin's.
        let Some((_, known)) = said.split_once("known here: ") else {
            assert_eq!(header, "[plugins]", "{said}");
            continue;
        };
        sections += 1;
        for key in known.lines().next().unwrap().split(", ") {
            assert!(document.contains(&format!("| `{key}` |")) || TABLES.contains(&key), "{header} {key}");
            let shown = sample.lines().any(|line| line.starts_with(&format!("{key} = ")));
            assert!(shown || unshown.contains(&key) || TABLES.contains(&key), "{header} {key}");
        }
    }
    assert_eq!(sections, 25);
}
