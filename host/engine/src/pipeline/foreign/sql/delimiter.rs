//! `DELIMITER`, a command of the client: what ends a statement from there on.

use bulkhead_model::{Failure, Result};

/// The command, in any case.
const WORD: &[u8] = b"DELIMITER";
/// What the client keeps of its line.
pub(super) const LINE_BYTES: usize = 255;
/// The longest that the client takes, in bytes.
const DELIMITER_BYTES: usize = 15;

/// Whether a statement begins with the command.
pub(super) fn comes(bytes: &[u8]) -> bool {
    bytes.get(..WORD.len()).is_some_and(|word| word.eq_ignore_ascii_case(WORD))
}

/// What `DELIMITER` says: up to a blank, or between quotes.
pub(super) fn delimiter_of(line: &[u8]) -> Result<Vec<u8>> {
    let said = line.iter().position(|byte| is_blank(*byte)).and_then(|end| line.get(end..)).unwrap_or_default();
    let said = said.iter().position(|byte| !is_blank(*byte)).and_then(|start| said.get(start..)).unwrap_or_default();
    let delimiter: Vec<u8> = match said.first() {
        Some(quote @ (b'\'' | b'"' | b'`')) => {
            said.iter().skip(1).copied().take_while(|byte| byte != quote).take(DELIMITER_BYTES).collect()
        }
        // A carriage return is part of it, as the client has it in binary mode.
        _ => said.iter().copied().take_while(|byte| *byte != b' ').take(DELIMITER_BYTES).collect(),
    };
    if delimiter.is_empty() || delimiter.contains(&b'\\') {
        return Err(strange("a `DELIMITER` that names none"));
    }
    Ok(delimiter)
}

pub(super) fn strange(what: &str) -> Failure {
    Failure::unsupported(format!("it holds {what}"))
        .with_hint("restore it as mariadb-dump or mysqldump wrote it, without changes by hand")
}

/// A blank, as the client has it.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}
