//! The binary `bulkhead`: the host, and the command line that talks to it.

mod client;
mod command;
mod config;
mod credentials;
mod exit;
mod follow;
mod paint;
mod question;
mod render;
mod telemetry;
mod wiring;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // A tool's launcher comes first: nothing else of this process may run before it has locked itself in.
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == bulkhead_runtime::LAUNCH_COMMAND) {
        let code = bulkhead_runtime::launcher_main(arguments);
        return ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX));
    }
    let cli = command::Cli::parse();
    let json = cli.global.json;
    match command::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(json),
    }
}
