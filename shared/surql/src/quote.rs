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

/// Reads the identifier that a text begins with, quoted or not: the name, and what follows. `None` for a text that begins with none.
pub fn unquote(text: &str) -> Option<(String, &str)> {
    let first = text.chars().next()?;
    let end = match first {
        '`' => '`',
        '⟨' => '⟩',
        _ => {
            let end = text.find(|char: char| !char.is_alphanumeric() && char != '_').unwrap_or(text.len());
            let (name, rest) = text.split_at(end);
            return (!name.is_empty()).then(|| (name.to_owned(), rest));
        }
    };
    let mut rest = text.get(first.len_utf8()..)?.chars();
    let mut name = String::new();
    while let Some(char) = rest.next() {
        if char == end {
            return Some((name, rest.as_str()));
        }
        name.push(if char == '\\' { escaped(rest.next()?, &mut rest)? } else { char });
    }
    None
}

/// What stands behind a backslash.
fn escaped(char: char, rest: &mut std::str::Chars<'_>) -> Option<char> {
    Some(match char {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        '0' => '\0',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'u' => {
            let (hex, behind) = match rest.as_str().strip_prefix('{') {
                Some(braced) => braced.split_once('}')?,
                None => rest.as_str().split_at_checked(4)?,
            };
            *rest = behind.chars();
            char::from_u32(u32::from_str_radix(hex, 16).ok()?)?
        }
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statements;

    #[test]
    fn names_are_read_back() {
        for name in ["a", "a b", "`", "\\", "é⟩", "a\nb", ""] {
            let text = format!("{}:1", ident(name));
            assert_eq!(unquote(&text), Some((name.to_owned(), ":1")), "{text}");
        }
        assert_eq!(unquote("a_1é TYPE"), Some(("a_1é".to_owned(), " TYPE")));
        assert_eq!(unquote(r"`a\nb\u{8}\u0041`"), Some(("a\nb\u{8}A".to_owned(), "")));
        for no in ["", " a", "`a", "⟨a`", r"`\u{zz}`", r"`a\"] {
            assert_eq!(unquote(no), None, "{no}");
        }
    }

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
