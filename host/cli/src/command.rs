//! The commands: one file each.

mod api_key;
mod audit;
mod backup;
mod catalog;
mod completions;
mod doctor;
mod job;
mod member;
mod plugin;
mod restore;
mod schedule;
mod serve;
mod service;
mod target;
mod token;
mod webhook;

use clap::{Args, Parser, Subcommand};
use serde_json::Value;

use crate::client::{Client, segment};
use crate::exit::{Exit, ExitKind};
use crate::render::{list, text};

/// Makes, keeps, proves and restores database backups.
#[derive(Parser)]
#[command(name = "bulkhead", version, propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Args)]
pub struct Global {
    /// Address of the host
    #[arg(long, global = true, env = "BULKHEAD_URL", default_value = "http://127.0.0.1:7070", value_name = "URL")]
    url: String,
    /// Who calls: a token (`bulkhead token create` makes one) or an API key
    #[arg(long, global = true, env = "BULKHEAD_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
    /// The database service meant
    #[arg(long, global = true, env = "BULKHEAD_SERVICE", value_name = "ID")]
    service: Option<String>,
    /// Print JSON instead of text
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Run the host
    Serve(serve::Serve),
    /// Make, list, restore, verify and delete backups
    #[command(subcommand)]
    Backup(backup::BackupCommand),
    /// Say when backups are made by themselves
    #[command(subcommand)]
    Schedule(schedule::ScheduleCommand),
    /// Look at restores
    #[command(subcommand)]
    Restore(restore::RestoreCommand),
    /// Look at services
    #[command(subcommand)]
    Service(service::ServiceCommand),
    /// Say where backups are kept
    #[command(subcommand)]
    Target(target::TargetCommand),
    /// Compare the catalog with what lies in a target, and rebuild it from there
    #[command(subcommand)]
    Catalog(catalog::CatalogCommand),
    /// Look at plugins
    #[command(subcommand)]
    Plugin(plugin::PluginCommand),
    /// Look at jobs and cancel them
    #[command(subcommand)]
    Job(job::JobCommand),
    /// Say who may do what
    #[command(subcommand)]
    Member(member::MemberCommand),
    /// Make and revoke keys for programs
    #[command(subcommand)]
    ApiKey(api_key::ApiKeyCommand),
    /// See who did what
    Audit(audit::Audit),
    /// Be told of what happens
    #[command(subcommand)]
    Webhook(webhook::WebhookCommand),
    /// Make tokens for callers
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Check configuration, tools, services and targets
    Doctor(doctor::Doctor),
    /// Print what a shell needs to complete these commands
    Completions(completions::Completions),
}

/// What a client command works with.
pub struct Session {
    /// The host.
    pub client: Client,
    /// `--service`.
    pub service: Option<String>,
    /// `--json`.
    pub json: bool,
}

impl Session {
    fn new(global: Global) -> Result<Self, Exit> {
        // An empty variable is as good as none.
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let client = Client::new(&global.url, given(global.token))?;
        Ok(Self { client, service: given(global.service), json: global.json })
    }

    /// `--service`, or the only one there is.
    ///
    /// # Errors
    /// There is none, or there are several.
    pub fn service_or_only(&self) -> Result<String, Exit> {
        match &self.service {
            Some(service) => Ok(service.clone()),
            None => only_service(&self.client.get("/services")?),
        }
    }

    /// The method whose backups restore alone, by the engine of the service.
    ///
    /// # Errors
    /// There is no such service, or the host does not answer.
    pub fn usual_method(&self, service: &str) -> Result<String, Exit> {
        let service = self.client.get(&format!("/services/{}", segment(service)))?;
        let method = match text(&service, "engine") {
            "surrealdb" => "export",
            _ => "full",
        };
        Ok(method.to_owned())
    }
}

/// Whoever has one service need not name it.
fn only_service(services: &Value) -> Result<String, Exit> {
    match list(services) {
        [service] => Ok(text(service, "id").to_owned()),
        [] => Err(Exit::new(ExitKind::NotFound, "your organization has no service on this host")
            .with_hint("add a [[service]] to the host's configuration")),
        several => {
            let ids: Vec<_> = several.iter().map(|service| text(service, "id")).collect();
            Err(Exit::new(ExitKind::Usage, "which service is meant?")
                .with_hint(format!("name it with --service: {}", ids.join(", "))))
        }
    }
}

/// Runs what was asked for.
///
/// # Errors
/// What went wrong, with the exit code.
pub fn run(cli: Cli) -> Result<(), Exit> {
    let Cli { global, command } = cli;
    match command {
        Command::Serve(serve) => serve.run(),
        Command::Token(token) => token.run(global.json),
        Command::Doctor(doctor) => doctor.run(global.json),
        Command::Completions(completions) => completions.run(),
        Command::Backup(backup) => backup.run(&Session::new(global)?),
        Command::Schedule(schedule) => schedule.run(&Session::new(global)?),
        Command::Restore(restore) => restore.run(&Session::new(global)?),
        Command::Service(service) => service.run(&Session::new(global)?),
        Command::Target(target) => target.run(&Session::new(global)?),
        Command::Catalog(catalog) => catalog.run(&Session::new(global)?),
        Command::Plugin(plugin) => plugin.run(&Session::new(global)?),
        Command::Job(job) => job.run(&Session::new(global)?),
        Command::Member(member) => member.run(&Session::new(global)?),
        Command::ApiKey(api_key) => api_key.run(&Session::new(global)?),
        Command::Audit(audit) => audit.run(&Session::new(global)?),
        Command::Webhook(webhook) => webhook.run(&Session::new(global)?),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }

    /// What is given under the name of a global argument would be taken for that one: a token would go to a stranger.
    #[test]
    fn no_command_has_an_argument_of_a_global_ones_name() {
        fn check(command: &clap::Command, globals: &[&str], path: &str) {
            for sub in command.get_subcommands() {
                let path = format!("{path} {}", sub.get_name());
                for argument in sub.get_arguments() {
                    assert!(!globals.contains(&argument.get_id().as_str()), "{path}: {}", argument.get_id());
                }
                check(sub, globals, &path);
            }
        }
        let command = super::Cli::command();
        let globals: Vec<_> =
            command.get_arguments().filter(|argument| argument.is_global_set()).map(|a| a.get_id().as_str()).collect();
        assert_eq!(globals, ["url", "token", "service", "json"]);
        check(&command, &globals, "bulkhead");
    }
}
