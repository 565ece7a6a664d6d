use std::io::Write;

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::Cli;
use crate::exit::Exit;

/// `bulkhead completions`.
#[derive(Args)]
pub struct Completions {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self) -> Result<(), Exit> {
        // Written at once: a reader that goes away (`| head`) would end the generator with a panic.
        let mut script = Vec::new();
        generate(self.shell, &mut Cli::command(), "bulkhead", &mut script);
        let _gone = std::io::stdout().write_all(&script);
        Ok(())
    }
}
