//! `[[service]]`: the database servers.

use std::collections::BTreeMap;
use std::time::Duration;

use bulkhead_engine::{AutomaticConfig, DrillConfig, JobLimits, ServiceConfig, ServiceScope};
use bulkhead_model::{Method, OrganizationId, ServiceId};
use bulkhead_runtime::Connection;

use super::front_door::FrontDoor;
use super::limits::running_jobs;
use super::reader::Section;
use super::target::known_organization;
use super::{Context, automatic, drills, front_door, surrealdb};

/// How long a started server may take to answer, unless the configuration says otherwise.
const START_DEADLINE: Duration = Duration::from_mins(2);
/// How long a server may take to shut down: more than the 15 minutes after which MariaDB's own unit has it killed.
const STOP_DEADLINE: Duration = Duration::from_mins(20);

/// What services refer to, and what they add to.
pub struct Surroundings<'a> {
    /// The tenants.
    pub organizations: &'a [OrganizationId],
    /// What services get that say nothing of it.
    pub automatic: &'a AutomaticConfig,
    /// The same of drills.
    pub drills: &'a DrillConfig,
    /// Their limits go here.
    pub jobs: &'a mut JobLimits,
    /// What stands before them goes here.
    pub front_doors: &'a mut Vec<FrontDoor>,
}

/// Reads every `[[service]]`.
pub fn read(root: &Section<'_>, context: &Context, surroundings: &mut Surroundings<'_>) -> Vec<ServiceConfig> {
    let mut services: Vec<ServiceConfig> = Vec::new();
    for section in root.tables("service") {
        if let Some(service) = read_one(&section, context, surroundings) {
            // One id names one service, on all hosts and for all organizations.
            if services.iter().any(|other| other.id == service.id) {
                section.wrong(
                    "id",
                    format!("`{}` is there twice", service.id),
                    "give each [[service]] an id of its own",
                );
            }
            services.push(service);
        }
        section.finish();
    }
    services
}

fn read_one(section: &Section<'_>, context: &Context, surroundings: &mut Surroundings<'_>) -> Option<ServiceConfig> {
    let id = section.required::<ServiceId>("id", "db1");
    let organization = known_organization(section, surroundings.organizations, true);
    let engine = section.text("engine").unwrap_or_else(|| "mariadb".to_owned());
    let scope = surrealdb::scope(section);
    let surrealdb = (engine == surrealdb::ENGINE).then(|| surrealdb::server(section, context, &scope));
    let connection = match &surrealdb {
        Some(server) => surrealdb::connection(server),
        None => connection(section, context),
    };
    if surrealdb.is_none() && scope != ServiceScope::default() {
        section.wrong("namespace", "is for services of engine surrealdb", "remove namespace and database");
    }
    let server_name = section
        .text("server_name")
        .unwrap_or_else(|| if connection.socket.is_some() { "localhost".to_owned() } else { connection.host.clone() });
    let data_dir = section.file("data_dir", &context.base);
    let (stop, start, start_deadline, stop_deadline) = match section.table("server") {
        None => (Vec::new(), Vec::new(), START_DEADLINE, STOP_DEADLINE),
        Some(server) => {
            let stop = command(&server, "stop");
            let start = command(&server, "start");
            let start_deadline = server.duration("start_deadline", START_DEADLINE);
            let stop_deadline = server.duration("stop_deadline", STOP_DEADLINE);
            server.finish();
            (stop, start, start_deadline, stop_deadline)
        }
    };
    let migrations = section.file("migrations", &context.base);
    let front_door = front_door::read(section, context, id.as_ref(), surrealdb.as_ref(), &scope);
    surroundings.front_doors.extend(front_door);
    let retention = automatic::retention(section);
    let automatic = section.table("automatic").map(|table| {
        let automatic = automatic::read_keys(&table, surroundings.automatic);
        table.finish();
        automatic
    });
    let drills = section.table("drills").map(|table| {
        let drills = drills::read_keys(&table, surroundings.drills);
        table.finish();
        drills
    });
    let max_age = Some(section.duration("max_age", Duration::ZERO)).filter(|age| !age.is_zero());
    if let (Some(id), Some(running)) = (&id, running_jobs(section, "max_running_jobs")) {
        surroundings.jobs.services.insert(id.clone(), running);
    }
    let mut methods = BTreeMap::new();
    if let Some(table) = section.table("methods") {
        for name in table.keys() {
            match name.parse::<Method>() {
                Ok(method) => {
                    methods.insert(method, table.json(name));
                }
                Err(message) => {
                    table.json(name);
                    table.wrong(name, message, "write e.g. [service.methods.full]");
                }
            }
        }
    }
    if surrealdb.is_some()
        && let Ok(export) = "export".parse()
    {
        let config = methods.entry(export).or_insert_with(|| serde_json::json!({}));
        scope.fill(config);
    }
    Some(ServiceConfig {
        id: id?,
        organization: organization?,
        engine,
        connection,
        server_name,
        data_dir,
        stop,
        start,
        start_deadline,
        stop_deadline,
        retention,
        automatic,
        drills,
        max_age,
        methods,
        surrealdb,
        scope,
        migrations,
    })
}

fn connection(section: &Section<'_>, context: &Context) -> Connection {
    let socket = section.file("socket", &context.base);
    Connection {
        host: host(section),
        port: port(section, 3306),
        user: section.required_text("user", "backup").unwrap_or_default(),
        password: password(section, context, socket.is_some()),
        socket,
        throw_away: false,
        http: None,
    }
}

/// The port of a database server.
pub fn port(section: &Section<'_>, default: u16) -> u16 {
    section.integer("port", 1..=65_535).and_then(|port| u16::try_from(port).ok()).unwrap_or(default)
}

/// The host of a database server.
pub fn host(section: &Section<'_>) -> String {
    let host = section.text("host").unwrap_or_else(|| "127.0.0.1".to_owned());
    if host.is_empty() || host.contains(['/', '@', ' ']) {
        section.wrong("host", format!("`{host}` is no host name or address"), "write e.g. host = \"127.0.0.1\"");
    }
    host
}

/// The password of a database user, which stands somewhere else.
pub fn password(section: &Section<'_>, context: &Context, over_socket: bool) -> String {
    if section.text("password").is_some() {
        section.wrong(
            "password",
            "passwords do not belong into this file",
            "name an environment variable with password_env, or a file with password_file",
        );
        return String::new();
    }
    match (section.text("password_env"), section.file("password_file", &context.base)) {
        (Some(_), Some(_)) => {
            section.wrong("password_file", "stands beside password_env", "keep one of the two");
        }
        (Some(variable), None) => match context.environment.get(&variable) {
            Some(password) => return password.to_owned(),
            None => section.wrong(
                "password_env",
                format!("the environment variable {variable} is not set"),
                format!("set {variable} to the password, or use password_file"),
            ),
        },
        (None, Some(file)) => match std::fs::read_to_string(&file) {
            Ok(text) => return text.trim_end_matches(['\r', '\n']).to_owned(),
            Err(error) => section.wrong(
                "password_file",
                format!("{} cannot be read: {error}", file.display()),
                "make the file, readable only for the user that runs bulkhead",
            ),
        },
        // Over a Unix socket the server may know the user without a password.
        (None, None) if over_socket => {}
        (None, None) => {
            section.wrong("password_env", "is missing", "add password_env = \"NAME\" or password_file = \"FILE\"")
        }
    }
    String::new()
}

fn command(section: &Section<'_>, key: &str) -> Vec<String> {
    let command = section.texts(key);
    if section.keys().any(|name| name == key) && command.first().is_none_or(String::is_empty) {
        let hint = format!("write e.g. {key} = [\"systemctl\", \"{key}\", \"mariadb\"]; no shell is involved");
        section.wrong(key, "names no program", hint);
    }
    command
}
