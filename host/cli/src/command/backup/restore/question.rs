//! Before data are replaced, a person is asked whether they want to keep them.

use std::io::{BufRead, IsTerminal, Write};

use crate::exit::{Exit, ExitKind};

/// Whether anybody could answer.
pub fn somebody_sits_there() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Whether the service is to be backed up first.
///
/// # Errors
/// Nobody answered.
pub fn ask(service: &str) -> Result<bool, Exit> {
    ask_over(service, &mut std::io::stdin().lock(), &mut std::io::stderr())
}

fn ask_over(service: &str, input: &mut dyn BufRead, output: &mut dyn Write) -> Result<bool, Exit> {
    loop {
        let _gone = write!(output, "Take a safety backup of {service} first? [y/N] ").and_then(|()| output.flush());
        let mut line = String::new();
        match input.read_line(&mut line) {
            // The end of the input is no answer, and nothing that replaces data begins without one.
            Ok(0) | Err(_) => {
                let exit = Exit::new(ExitKind::Usage, "the question was not answered, and nothing was restored");
                return Err(exit.with_hint("say --safety-backup or --no-safety-backup"));
            }
            Ok(_) => {}
        }
        match line.trim().to_lowercase().as_str() {
            "y" | "yes" => return Ok(true),
            "" | "n" | "no" => return Ok(false),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_is_one() {
        let ask = |typed: &str| {
            let mut asked = Vec::new();
            let answer = ask_over("db1", &mut typed.as_bytes(), &mut asked).ok();
            (answer, String::from_utf8(asked).unwrap().matches("Take a safety backup of db1 first? [y/N] ").count())
        };
        for (typed, answer) in [
            ("y\n", (Some(true), 1)),
            ("YES\n", (Some(true), 1)),
            ("\n", (Some(false), 1)),
            ("n\n", (Some(false), 1)),
            ("what?\ny\n", (Some(true), 2)),
            ("", (None, 1)),
            ("perhaps", (None, 2)),
        ] {
            assert_eq!(ask(typed), answer, "{typed:?}");
        }
    }
}
