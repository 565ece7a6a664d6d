//! Names and texts in statements.

/// A name as an SQL identifier.
pub fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A text as an SQL string, for sessions in which the backslash escapes, which is the default.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// A name as a value that means the same under every `sql_mode`. Names lie within the Basic Multilingual Plane.
pub(crate) fn literal(name: &str) -> String {
    if name.is_empty() {
        return "''".to_owned();
    }
    let digits: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("_utf8mb3 0x{digits}")
}
