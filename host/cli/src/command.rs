//! The commands: one file each.

mod backup;
mod doctor;
mod job;
mod plugin;
mod restore;
mod serve;
mod service;
mod token;

use clap::{Args, Parser, Subcommand};

use crate::client::Client;
use crate::exit::Exit;

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
    /// Who calls; `bulkhead token create` makes one
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
    /// Look at restores
    #[command(subcommand)]
    Restore(restore::RestoreCommand),
    /// Look at services
    #[command(subcommand)]
    Service(service::ServiceCommand),
    /// Look at plugins
    #[command(subcommand)]
    Plugin(plugin::PluginCommand),
    /// Look at jobs and cancel them
    #[command(subcommand)]
    Job(job::JobCommand),
    /// Make tokens for callers
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Check configuration, tools, services and targets
    Doctor(doctor::Doctor),
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
        Command::Backup(backup) => backup.run(&Session::new(global)?),
        Command::Restore(restore) => restore.run(&Session::new(global)?),
        Command::Service(service) => service.run(&Session::new(global)?),
        Command::Plugin(plugin) => plugin.run(&Session::new(global)?),
        Command::Job(job) => job.run(&Session::new(global)?),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
