//! The command line as a user meets it.

use std::process::Command;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::BulkheadHost;
use super::settings::JWT_SECRET;
use crate::problem::{Problem, Result};
use crate::process;
use crate::workspace;

/// No command may take longer, restores that wait included.
const COMMAND_DEADLINE: Duration = Duration::from_secs(1200);

/// Half of what a token is good for.
const TOKEN_AGE: Duration = Duration::from_mins(30);

/// What a command printed and how it ended.
#[derive(Debug)]
pub struct CommandOutput {
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl CommandOutput {
    /// Itself when the command succeeded, else what it said.
    pub fn ok(self) -> Result<Self> {
        match self.code {
            Some(0) => Ok(self),
            code => Err(Problem::new(format!("exit code {code:?}\n{}{}", self.stderr, self.stdout))),
        }
    }

    /// Standard output as JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.stdout)
            .map_err(|error| Problem::new(format!("no JSON ({error}): {}{}", self.stdout, self.stderr)))
    }
}

impl BulkheadHost {
    /// `bulkhead ARGUMENTS` as administrator of `acme`, `BULKHEAD_SERVICE` being the first service.
    pub fn run(&self, arguments: &[&str]) -> Result<CommandOutput> {
        let token = self.token("acme", "administrator")?;
        self.run_with(&[("BULKHEAD_TOKEN", &token)], arguments)
    }

    /// Like [`BulkheadHost::run`], with this environment over the usual one (no token unless given).
    pub fn run_with(&self, environment: &[(&str, &str)], arguments: &[&str]) -> Result<CommandOutput> {
        let mut command = self.client(arguments);
        command.envs(environment.iter().copied());
        let finished = process::run(&mut command, b"", COMMAND_DEADLINE)?;
        let stdout = String::from_utf8_lossy(&finished.stdout).into_owned();
        Ok(CommandOutput { code: finished.code, stdout, stderr: finished.stderr })
    }

    /// `bulkhead ARGUMENTS` ready to be started, without a token.
    pub fn client(&self, arguments: &[&str]) -> Command {
        let mut command = self.binary();
        command.args(arguments).env("BULKHEAD_URL", self.url());
        if let Some(service) = self.options.services.first() {
            command.env("BULKHEAD_SERVICE", &service.id);
        }
        command
    }

    /// A token, as `bulkhead token create` prints it; the same one again while it is good for long enough, as most commands need one.
    pub fn token(&self, organization: &str, role: &str) -> Result<String> {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let whose = (organization.to_owned(), role.to_owned());
        if let Some((token, made)) = tokens.get(&whose)
            && made.elapsed() < TOKEN_AGE
        {
            return Ok(token.clone());
        }
        let arguments = ["token", "create", "--organization", organization, "--role", role];
        let output = self.run_with(&[], &arguments)?.ok()?;
        let token = output.stdout.trim().to_owned();
        tokens.insert(whose, (token.clone(), Instant::now()));
        Ok(token)
    }

    /// A command that must succeed, asked for JSON.
    pub fn json(&self, arguments: &[&str]) -> Result<Value> {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        let command = arguments.join(" ");
        let output =
            self.run(&arguments)?.ok().map_err(|problem| Problem::new(format!("bulkhead {command}: {problem}")))?;
        output.json()
    }

    /// Starts a backup and gives its id.
    pub fn create_backup(&self, service: &str, method: &str) -> Result<String> {
        let answer = self.json(&["backup", "create", "--service", service, "--type", method])?;
        text(&answer, "id").map(str::to_owned)
    }

    /// Waits until a backup or job (`noun`) has ended, and gives what `show` says then.
    pub fn wait_for(&self, noun: &str, id: &str, deadline: Duration) -> Result<Value> {
        process::wait_until("the job ends", deadline, || {
            let shown = self.json(&[noun, "show", id])?;
            let ended = matches!(text(&shown, "status")?, "Succeeded" | "Failed" | "Cancelled");
            Ok(ended.then_some(shown))
        })
    }

    /// A backup from request to success; gives its id.
    pub fn backup(&self, service: &str, method: &str) -> Result<String> {
        let id = self.create_backup(service, method)?;
        let shown = self.wait_for("backup", &id, Duration::from_secs(600))?;
        if text(&shown, "status")? == "Succeeded" {
            Ok(id)
        } else {
            Err(Problem::new(format!("the backup did not succeed: {shown}\n{}", self.log_tail())))
        }
    }

    /// A restore from request to its end; fails unless it completed.
    pub fn restore(&self, backup: &str, service: &str) -> Result<Value> {
        self.json(&["backup", "restore", backup, "--service", service, "--wait"])
            .map_err(|problem| Problem::new(format!("{problem}\n{}", self.log_tail())))
    }

    pub(super) fn binary(&self) -> Command {
        let program = self.options.binary.clone().unwrap_or_else(workspace::bulkhead_binary);
        let mut command = process::command(program);
        command.current_dir(self.dir()).env("BULKHEAD_JWT_SECRET", JWT_SECRET);
        // One for all hosts of the tests: what the first one compiles, the others find.
        command.env("BULKHEAD_PLUGINS__CACHE_DIR", workspace::component_cache());
        for service in &self.options.services {
            command.env(service.password_variable(), service.account.password);
        }
        let more = self.options.environment.iter().map(|(name, value)| (name, value));
        command.envs(more);
        command
    }
}

/// A text of a JSON object.
fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value.get(key).and_then(Value::as_str).ok_or_else(|| Problem::new(format!("`{key}` is missing in {value}")))
}
