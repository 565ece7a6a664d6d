//! Collations and character sets that a statement names: another server may not have them.

use std::collections::BTreeSet;

use super::super::sql::Token;

/// Names that are kept of each; a server has some hundreds.
const NAMES_MAX: usize = 4096;

/// Watches the tokens of a statement.
#[derive(Default)]
pub(super) struct Words {
    /// The tokens before, the last one at the end.
    before: [Option<Token>; 3],
}

impl Words {
    /// Takes the next token. Only definitions of tables and databases name character sets by `CHARSET`; elsewhere it may be a column.
    pub(super) fn take(
        &mut self,
        token: &Token,
        defines: bool,
        collations: &mut BTreeSet<String>,
        charsets: &mut BTreeSet<String>,
    ) {
        if let Token::Word(name) | Token::Text(name) = token {
            let before: Vec<&Token> = self.before.iter().flatten().collect();
            let before = match before.as_slice() {
                [before @ .., Token::Sign(b'=')] => before,
                before => before,
            };
            match before {
                [.., word] if word.is("COLLATE") => keep(name, collations),
                [.., word] if defines && word.is("CHARSET") => keep(name, charsets),
                [.., first, second] if defines && first.is("CHARACTER") && second.is("SET") => keep(name, charsets),
                _ => {}
            }
        }
        self.before.rotate_left(1);
        self.before[2] = Some(token.clone());
    }
}

pub(super) fn keep(name: &str, names: &mut BTreeSet<String>) {
    let name = name.to_ascii_lowercase();
    if !matches!(name.as_str(), "default" | "binary") && names.len() < NAMES_MAX {
        names.insert(name);
    }
}
