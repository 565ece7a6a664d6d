//! Questions to a person at a terminal, before anything is replaced or deleted.

use std::io::{BufRead, IsTerminal, Write};

use crate::exit::{Exit, ExitKind};
use crate::paint::harmless;

/// Whether anybody could answer.
pub fn somebody_sits_there() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// A question that is answered with yes or no.
pub struct YesOrNo<'a> {
    /// What is asked, with its question mark.
    pub question: &'a str,
    /// What an empty line means.
    pub default: bool,
    /// How a script would have answered.
    pub hint: &'a str,
}

impl YesOrNo<'_> {
    /// Asks until there is an answer.
    ///
    /// # Errors
    /// Nobody answered.
    pub fn ask(&self) -> Result<bool, Exit> {
        self.ask_over(&mut std::io::stdin().lock(), &mut std::io::stderr())
    }

    fn ask_over(&self, input: &mut dyn BufRead, output: &mut dyn Write) -> Result<bool, Exit> {
        let choice = if self.default { "[Y/n]" } else { "[y/N]" };
        loop {
            let typed = read(&format!("{} {choice} ", self.question), self.hint, input, output)?;
            match typed.to_lowercase().as_str() {
                "y" | "yes" => return Ok(true),
                "n" | "no" => return Ok(false),
                "" => return Ok(self.default),
                _ => {}
            }
        }
    }
}

/// Goes on only when the word is typed as it is.
///
/// # Errors
/// Something else was typed, or nothing.
pub fn confirm(question: &str, word: &str, hint: &str) -> Result<(), Exit> {
    confirm_over(question, word, hint, &mut std::io::stdin().lock(), &mut std::io::stderr())
}

fn confirm_over(
    question: &str,
    word: &str,
    hint: &str,
    input: &mut dyn BufRead,
    output: &mut dyn Write,
) -> Result<(), Exit> {
    match read(&format!("{question} "), hint, input, output)? {
        typed if typed == word => Ok(()),
        typed => {
            let typed = typed.escape_debug();
            Err(Exit::new(ExitKind::Usage, format!("`{typed}` is not `{word}`, and nothing was done")))
        }
    }
}

fn read(prompt: &str, hint: &str, input: &mut dyn BufRead, output: &mut dyn Write) -> Result<String, Exit> {
    let _gone = write!(output, "{}", harmless(prompt)).and_then(|()| output.flush());
    let mut line = String::new();
    match input.read_line(&mut line) {
        // The end of the input is no answer, and nothing that replaces data begins without one.
        Ok(0) | Err(_) => {
            Err(Exit::new(ExitKind::Usage, "the question was not answered, and nothing was done").with_hint(hint))
        }
        Ok(_) => Ok(line.trim().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_is_one() {
        let ask = |default: bool, typed: &str| {
            let mut asked = Vec::new();
            let question = YesOrNo { question: "Back up db1 first?", default, hint: "say --no-backup" };
            let answer = question.ask_over(&mut typed.as_bytes(), &mut asked).ok();
            let prompt = if default { "Back up db1 first? [Y/n] " } else { "Back up db1 first? [y/N] " };
            (answer, String::from_utf8(asked).unwrap().matches(prompt).count())
        };
        for (default, typed, answer) in [
            (false, "y\n", (Some(true), 1)),
            (false, "YES\n", (Some(true), 1)),
            (false, "\n", (Some(false), 1)),
            (true, "\n", (Some(true), 1)),
            (true, "n\n", (Some(false), 1)),
            (false, "what?\ny\n", (Some(true), 2)),
            (true, "", (None, 1)),
            (true, "perhaps", (None, 2)),
        ] {
            assert_eq!(ask(default, typed), answer, "{typed:?}");
        }
    }

    #[test]
    fn only_the_very_word_confirms() {
        let confirm = |typed: &str| {
            let mut asked = Vec::new();
            confirm_over("Type `db1`:", "db1", "say --yes", &mut typed.as_bytes(), &mut asked)
                .map_err(|e| e.to_string())
        };
        assert_eq!(confirm(" db1 \n"), Ok(()));
        assert_eq!(confirm("y\n"), Err("error: `y` is not `db1`, and nothing was done".to_owned()));
        assert_eq!(confirm("DB1\n"), Err("error: `DB1` is not `db1`, and nothing was done".to_owned()));
        let unanswered = "error: the question was not answered, and nothing was done\nhint: say --yes";
        assert_eq!(confirm(""), Err(unanswered.to_owned()));
    }
}
