//! A configuration file that is wrong, key by key.

use std::fs;

use bulkhead_test_support::{BulkheadHost, HostOptions, workspace};

use super::hosts::refused;

/// A line of the documented sample, what is written instead, the key as the error names it, and what the error says.
const ROWS: &[(&str, &str, &str, &str)] = &[
    (
        "listen = \"127.0.0.1:7070\"",
        "listen = \"everywhere\"",
        "server.listen",
        "write e.g. listen = \"127.0.0.1:7070\"",
    ),
    ("data_dir = \"data\"", "data_dir = 7", "server.data_dir", "expected text in quotes, found a whole number"),
    ("host = \"backup-1\"", "host = \"\"", "server.host", "write e.g. host = \"backup-1\""),
    (
        "request_deadline = \"30s\"",
        "request_deadline = \"0s\"",
        "server.request_deadline",
        "must be longer than nothing",
    ),
    (
        "shutdown_deadline = \"30s\"",
        "shutdown_deadline = 30",
        "server.shutdown_deadline",
        "write e.g. shutdown_deadline = \"30s\"",
    ),
    ("format = \"text\"", "format = \"xml\"", "log.format", "use \"text\" or \"json\""),
    ("filter = \"info\"", "filter = \"a=b=c\"", "log.filter", "write e.g. filter = \"info\""),
    ("url = \"sqlite:data/catalog.db\"", "url = \"mysql://x\"", "catalog.url", "is neither SQLite nor PostgreSQL"),
    ("mode = \"jwt\"", "mode = \"open\"", "auth.mode", "use \"jwt\" or \"none\""),
    ("mode = \"jwt\"", "mode = \"none\"", "auth.mode", "remove the mode or the others"),
    (
        "jwt_secret_env = \"BULKHEAD_JWT_SECRET\"",
        "jwt_secret_env = \"NOWHERE\"",
        "auth.jwt_secret_env",
        "make one with `openssl rand -hex 32`",
    ),
    (
        "jwt_secret_env = \"BULKHEAD_JWT_SECRET\"",
        "jwt_secret_file = \"nowhere\"",
        "auth.jwt_secret_file",
        "cannot be read",
    ),
    ("recipients = [\"age1", "recipients = [\"agf1", "encryption.recipients", "`age-keygen` prints the public key"),
    (
        "identities = [\"keys/restore.key\"]",
        "identities = [\"nowhere\"]",
        "encryption.identities",
        "name a file that `age-keygen -o FILE` made",
    ),
    ("dir = \"components\"", "dir = \"nowhere\"", "plugins.dir", "make it, or remove the key"),
    (
        "grants = [\"scratch\", \"tool:mariadb-dump\"]",
        "grants = \"scratch\"",
        "plugins.my-method.grants",
        "write e.g. grants = [\"one\", \"two\"]",
    ),
    ("memory = \"128MiB\"", "memory = \"much\"", "plugins.my-method.memory", "write e.g. memory = \"64MiB\""),
    ("compute = \"10s\"", "compute = 10", "plugins.my-method.compute", "write e.g. compute = \"30s\""),
    ("deadline = \"6h\"", "deadline = \"6 o'clock\"", "plugins.my-method.deadline", "write e.g. deadline = \"30s\""),
    ("log_lines = 10000", "log_lines = -1", "plugins.my-method.log_lines", "expected a whole number from 0 to"),
    ("log_bytes = \"4MiB\"", "log_bytes = -4", "plugins.my-method.log_bytes", "is negative"),
    (
        "path = \"/usr/bin/mariadb-backup\"",
        "path = \"/nowhere\"",
        "tools.mariadb-backup.path",
        "remove the table to search it on PATH",
    ),
    (
        "read = [\"keys/at-rest\"]",
        "read = [\"nowhere\"]",
        "tools.mariadb-backup.read",
        "name a file or directory that the tool may read",
    ),
    (
        "cors_origins = [\"https://console.example.org\"]",
        "cors_origins = [\"*\"]",
        "server.cors_origins",
        "write e.g. cors_origins",
    ),
    ("otlp_endpoint = \"http:", "otlp_endpoint = \"ftp:", "log.otlp_endpoint", "write e.g. otlp_endpoint"),
    ("jwks_url = \"https:", "jwks_url = \"file:", "auth.jwks_url", "write e.g. jwks_url"),
    ("issuer = \"https://login.example.org/\"", "issuer = 1", "auth.issuer", "expected text in quotes"),
    ("audience = \"bulkhead\"", "audience = 1", "auth.audience", "expected text in quotes"),
    ("master_key_file = \"data/master.key\"", "master_key_file = \"\"", "encryption.master_key_file", "write a path"),
    ("token_env = \"METRICS_TOKEN\"", "token_env = \"NOWHERE\"", "metrics.token_env", "set NOWHERE to a token"),
    (
        "allow_private_hosts = [\"hooks.internal\"]",
        "allow_private_hosts = \"hooks.internal\"",
        "webhooks.allow_private_hosts",
        "expected a list of texts",
    ),
    ("deadline = \"10s\"", "deadline = \"0s\"", "webhooks.deadline", "must be longer than nothing"),
    ("endpoints = [\"https:", "endpoints = [\"minio.internal\", \"https:", "egress.endpoints", "is no origin"),
    ("ca_files = [\"keys/internal-ca.pem\"]", "ca_files = [\"nowhere.pem\"]", "egress.ca_files", "name a PEM file"),
    ("schedule = \"0 2 * * *\"", "schedule = \"0 0 30 2 *\"", "automatic.schedule", "never fires"),
    ("timezone = \"UTC\"", "timezone = \"Mars/Base\"", "automatic.timezone", "write e.g. timezone"),
    ("jitter = \"1h\"", "jitter = \"some\"", "automatic.jitter", "write e.g. jitter"),
    ("retention = 7", "retention = 0", "automatic.retention", "1"),
    ("retention = 14", "retention = { dayly = 3 }", "service[0].automatic.retention", "did you mean `daily`?"),
    ("after_backup = false", "after_backup = \"no\"", "drills.after_backup", "expected true or false, found text"),
    ("schedule = \"0 5 * * 6\"", "schedule = \"weekly\"", "drills.schedule", "write e.g. schedule = \"0 5 * * 6\""),
    ("directory = \"data/drills\"", "directory = \"\"", "drills.directory", "write a path or leave the key out"),
    ("after_backup = true", "directory = \"x\"", "service[0].drills.directory", "known here: schedule, after_backup"),
    ("schedule = \"off\"", "schedule = \"never\"", "service[0].drills.schedule", "write e.g. schedule = \"0 5 * * 6\""),
    (
        "throw_away_memory = \"256MiB\"",
        "throw_away_memory = \"x\"",
        "limits.throw_away_memory",
        "write e.g. throw_away_memory",
    ),
    ("max_age = \"26h\"", "max_age = 26", "service[0].max_age", "write e.g. max_age"),
    (
        "max_running_jobs_per_organization = 50",
        "max_running_jobs_per_organization = 0",
        "limits.max_running_jobs_per_organization",
        "expected a whole number from 1 to",
    ),
    (
        "max_running_jobs_per_target = 100",
        "max_running_jobs_per_target = 0",
        "limits.max_running_jobs_per_target",
        "expected a whole number from 1 to",
    ),
    (
        "max_running_jobs_per_service = 2",
        "max_running_jobs_per_service = 0",
        "limits.max_running_jobs_per_service",
        "expected a whole number from 1 to",
    ),
    ("requests_per_minute = 6000", "requests_per_minute = 0", "limits.requests_per_minute", "from 1 to"),
    ("request_burst = 200", "request_burst = 0", "limits.request_burst", "from 1 to"),
    ("refusals_per_minute = 30", "refusals_per_minute = 0", "limits.refusals_per_minute", "from 1 to"),
    ("keep_job_events = \"30d\"", "keep_job_events = 30", "limits.keep_job_events", "write e.g. keep_job_events"),
    ("keep_ended = \"90d\"", "keep_ended = 90", "limits.keep_ended", "write e.g. keep_ended"),
    ("keep_deliveries = \"7d\"", "keep_deliveries = 7", "limits.keep_deliveries", "write e.g. keep_deliveries"),
    ("max_running_jobs = 4", "max_running_jobs = 0", "limits.max_running_jobs", "expected a whole number from 1 to"),
    ("max_running_archives = 64", "max_running_archives = 0", "limits.max_running_archives", "from 1 to"),
    ("attempts_max = 3", "attempts_max = \"3\"", "limits.attempts_max", "write it without quotes"),
    (
        "attempt_deadline = \"24h\"",
        "attempt_deadline = \"0s\"",
        "limits.attempt_deadline",
        "must be longer than nothing",
    ),
    ("retry_after = \"30s\"", "retry_after = \"later\"", "limits.retry_after", "write e.g. retry_after = \"30s\""),
    ("lease = \"30s\"", "lease = \"5s\"", "limits.lease", "lengthen lease or shorten heartbeat"),
    ("heartbeat = \"2s\"", "heartbeat = \"0s\"", "limits.heartbeat", "must be longer than nothing"),
    ("poll = \"1s\"", "poll = \"0s\"", "limits.poll", "must be longer than nothing"),
    ("scratch = \"1GiB\"", "scratch = \"1 cup\"", "limits.scratch", "write e.g. scratch = \"64MiB\""),
    ("compression_level = 3", "compression_level = 22", "limits.compression_level", "from 1 to 19, found 22"),
    ("compression_threads = 0", "compression_threads = 1000", "limits.compression_threads", "from 0 to 256"),
    ("sweep_grace = \"24h\"", "sweep_grace = true", "limits.sweep_grace", "write e.g. sweep_grace"),
    ("sweep_every = \"1h\"", "sweep_every = \"0s\"", "limits.sweep_every", "must be longer than nothing"),
    ("plugin_memory = \"128MiB\"", "plugin_memory = \"x\"", "limits.plugin_memory", "write e.g. plugin_memory"),
    ("plugin_compute = \"10s\"", "plugin_compute = \"x\"", "limits.plugin_compute", "write e.g. plugin_compute"),
    ("plugin_deadline = \"24h\"", "plugin_deadline = \"x\"", "limits.plugin_deadline", "write e.g. plugin_deadline"),
    ("plugin_log_lines = 10000", "plugin_log_lines = \"x\"", "limits.plugin_log_lines", "write it without quotes"),
    ("plugin_log = \"4MiB\"", "plugin_log = \"x\"", "limits.plugin_log", "write e.g. plugin_log"),
    ("id = \"acme\"", "id = \"a b\"", "organization[0].id", "write e.g. id = \"main\""),
    ("id = \"managed\"", "id = \"acme-archive\"", "target[1].id", "remove one of the two"),
    ("plugin = \"filesystem\"", "plugin = \"\"", "target[0].plugin", "write e.g. plugin = \"filesystem\""),
    ("default = true", "default = \"yes\"", "target[0].default", "expected true or false, found text"),
    ("organization = \"acme\"", "organization = \"amce\"", "target[1].organization", "did you mean `acme`?"),
    ("config = { root = \"data/backups\" }", "config = \"data/backups\"", "target[0].config", "expected a table"),
    (
        "old_passphrase_files = [\"secrets/passphrase-of-2025\"]",
        "old_passphrase_files = [\"nowhere\"]",
        "encryption.old_passphrase_files",
        "name a file that holds a passphrase of before",
    ),
    (
        "old_master_key_files = [\"keys/master-of-2025.key\"]",
        "old_master_key_files = [\"nowhere\"]",
        "encryption.old_master_key_files",
        "nowhere is no file",
    ),
    (
        "credentials_file = \"secrets/offsite.aws\"",
        "credentials_file = \"secrets/nowhere\"",
        "target[2].credentials_file",
        "readable only for the user",
    ),
    (
        "credentials_file = \"secrets/offsite.aws\"",
        "credentials_file = \"keys/at-rest\"",
        "target[2].credentials_file",
        "the text is not base64",
    ),
    (
        "credentials_file = \"secrets/offsite.aws\"",
        "credentials_env = \"NOWHERE\"",
        "target[2].credentials_env",
        "set NOWHERE, or use credentials_file",
    ),
    (
        "credentials_file = \"secrets/offsite.aws\"",
        "credentials = \"hunter2\"",
        "target[2].credentials",
        "credentials do not belong into this file",
    ),
    ("id = \"db1\"", "id = \"db2\"", "service[1].id", "give each [[service]] an id of its own"),
    ("engine = \"mariadb\"", "engine = 1", "service[0].engine", "expected text in quotes"),
    ("host = \"127.0.0.1\"", "host = \"user@host\"", "service[0].host", "is no host name or address"),
    ("port = 3306", "port = 99999", "service[0].port", "from 1 to 65535, found 99999"),
    ("user = \"backup\"", "user = \"\"", "service[0].user", "write e.g. user = \"backup\""),
    (
        "password_env = \"DB1_PASSWORD\"",
        "password_env = \"NOWHERE\"",
        "service[0].password_env",
        "set NOWHERE to the password",
    ),
    (
        "password_env = \"DB1_PASSWORD\"",
        "password = \"hunter2\"",
        "service[0].password",
        "name an environment variable with password_env",
    ),
    ("server_name = \"db1.example.org\"", "server_name = 1", "service[0].server_name", "expected text in quotes"),
    ("data_dir = \"/var/lib/mysql\"", "data_dir = \"\"", "service[0].data_dir", "write a path or leave the key out"),
    ("stop = [\"systemctl\", \"stop\", \"mariadb\"]", "stop = []", "service[0].server.stop", "no shell is involved"),
    (
        "start = [\"systemctl\", \"start\", \"mariadb\"]",
        "start = \"x\"",
        "service[0].server.start",
        "expected a list of texts",
    ),
    (
        "start_deadline = \"2m\"",
        "start_deadline = \"x\"",
        "service[0].server.start_deadline",
        "write e.g. start_deadline",
    ),
    ("stop_deadline = \"20m\"", "stop_deadline = 20", "service[0].server.stop_deadline", "write e.g. stop_deadline"),
    ("socket = \"/run/mysqld/mysqld.sock\"", "socket = \"\"", "service[1].socket", "write a path or leave the key out"),
    (
        "password_file = \"secrets/db2.password\"",
        "password_file = \"nowhere\"",
        "service[1].password_file",
        "readable only for the user that runs bulkhead",
    ),
    ("tls = false", "tls = \"no\"", "service[2].tls", "true or false"),
    ("login = \"root\"", "login = \"viewer\"", "service[2].login", "namespace"),
    ("namespace = \"app\"", "namespace = \"\"", "service[2].namespace", "write e.g. namespace"),
    ("namespace = \"app\"\n", "", "service[2].namespace", "is missing beside database"),
    ("database = \"main\"", "database = \"a\\u0007\"", "service[2].database", "control characters"),
    ("database = \"main\"\n", "", "service[2].front_door.replica", "add namespace and database"),
    ("migrations = \"migrations\"", "migrations = 1", "service[2].migrations", "expected text in quotes"),
    ("listen = \"127.0.0.1:7171\"", "listen = \"here\"", "service[2].front_door.listen", "127.0.0.1:7171"),
    ("token_env = \"FRONT_DOOR_TOKEN\"", "token_env = \"NOWHERE\"", "service[2].front_door.token_env", "set NOWHERE"),
    ("fsync = \"always\"", "fsync = \"never\"", "service[2].front_door.fsync", "write fsync = \"always\""),
    ("buffer_events = 10000", "buffer_events = 0", "service[2].front_door.buffer_events", "from 1 to"),
    ("ssp_buffer_events = 10000", "ssp_buffer_events = 0", "service[2].front_door.ssp_buffer_events", "from 1 to"),
    ("apply_every = \"1s\"", "apply_every = \"0s\"", "service[2].front_door.apply_every", "longer than nothing"),
    ("heartbeat_timeout = \"30s\"", "heartbeat_timeout = 1", "service[2].front_door.heartbeat_timeout", "write e.g."),
    ("bootstrap_timeout = \"120s\"", "bootstrap_timeout = \"0s\"", "service[2].front_door.bootstrap_timeout", "longer"),
    ("ssp_deadline = \"10s\"", "ssp_deadline = \"0s\"", "service[2].front_door.ssp_deadline", "longer than nothing"),
    (
        "query_deadline = \"60s\"",
        "query_deadline = \"0s\"",
        "service[2].front_door.query_deadline",
        "longer than nothing",
    ),
    (
        "host = \"replica.internal\"\nport = 8001",
        "host = \"127.0.0.1\"\nport = 8000",
        "service[2].front_door.replica.port",
        "is the service's own server",
    ),
    // Unknown keys name the nearest known one.
    ("listen = ", "lisen = ", "server.lisen", "did you mean `listen`?"),
    ("[limits]", "[limit]", "limit", "did you mean `limits`?"),
    ("grants = ", "grant = ", "plugins.my-method.grant", "did you mean `grants`?"),
    ("[tools.mariadb-backup]", "[tools.mariabackup]", "tools.mariabackup", "did you mean `mariadb-backup`?"),
    ("password_env = ", "pasword_env = ", "service[0].pasword_env", "did you mean `password_env`?"),
];

#[test]
fn every_key_with_a_bad_value_is_named_with_what_to_write_instead() {
    let document = fs::read_to_string(workspace::root().join("docs/configuration.md")).unwrap();
    let (_, sample) = document.split_once("```toml\n").unwrap();
    let (sample, _) = sample.split_once("```").unwrap();
    let host = BulkheadHost::prepare(HostOptions {
        environment: [
            ("DB1_PASSWORD", "hunter2"),
            ("SURREALDB_PASSWORD", "hunter2"),
            ("METRICS_TOKEN", "a token of more than thirty-two bytes"),
            ("FRONT_DOOR_TOKEN", "a token of more than thirty-two bytes"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into(),
        ..HostOptions::default()
    })
    .unwrap();
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
        let path = host.dir().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let sample = sample.replace("path = \"/usr/bin/mariadb-backup\"", "path = \"/bin/sh\"");
    let key = |line: &str| line.split(" = ").next().map(str::to_owned);
    for line in sample.lines().filter(|line| {
        line.contains(" = ") && !line.starts_with('#') && !["parallel = 2", "continuous = true"].contains(line)
    }) {
        assert!(ROWS.iter().any(|(from, ..)| key(from) == key(line)), "no row breaks the line `{line}`");
    }
    for (from, to, key, says) in ROWS {
        let from = from.replace("/usr/bin/mariadb-backup", "/bin/sh");
        assert!(sample.contains(&format!("\n{from}")) || sample.starts_with(&from), "`{from}` is not in the sample");
        fs::write(host.dir().join("bad.toml"), sample.replacen(&format!("\n{from}"), &format!("\n{to}"), 1)).unwrap();
        let (code, said) = refused(&host, "bad.toml");
        assert_eq!(code, Some(2), "{to}: {said}");
        assert!(
            said.contains(&format!(": {key}: ")) && said.contains("bad.toml:"),
            "{to}: `{key}` is not named in {said}"
        );
        assert!(said.contains(says), "{to}: `{says}` is not in {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    assert!(!host.dir().join("data").exists(), "a host that does not start makes nothing");
}
