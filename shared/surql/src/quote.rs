//! Names and strings as SurrealQL.

/// A name (of a namespace, database, table, field, ...) as an identifier, whatever characters it holds. The same for 2.x and 3.x, whose
/// servers know these two escapes and take everything else as it is.
pub fn ident(name: &str) -> String {
    quoted(name, '`')
}

/// A text as a string.
pub fn string(text: &str) -> String {
    quoted(text, '\'')
}

fn quoted(text: &str, quote: char) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push(quote);
    for char in text.chars() {
        if char == quote || char == '\\' {
            quoted.push('\\');
        }
        quoted.push(char);
    }
    quoted.push(quote);
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statements;

    #[test]
    fn nothing_gets_out_of_its_quotes() {
        for text in ["a", "", "`", "'", "\\", "\\`", "\\'", "a`; REMOVE NAMESPACE b; --", "⟩", "\n\0é", "'\\", "`\\"]
        {
            for quoted in [ident(text), string(text)] {
                let sql = format!("USE DB {quoted}; RETURN 1");
                let found: Vec<_> = statements(&sql).unwrap().into_iter().map(|statement| statement.text).collect();
                assert_eq!(found, [format!("USE DB {quoted}").as_str(), "RETURN 1"], "{text:?}");
            }
        }
        assert_eq!(ident(r"a`b\c'd"), r"`a\`b\\c'd`");
        assert_eq!(string(r"a`b\c'd"), r"'a`b\\c\'d'");
    }
}
