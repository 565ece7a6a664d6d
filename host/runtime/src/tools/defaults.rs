//! The option file that carries address and credentials to a tool.

use std::fmt::Write;

use bulkhead_model::{Failure, Result};

use crate::Connection;

/// A line of an option file is cut at 4 KiB by its readers.
const MAX_VALUE: usize = 1024;

/// The file's text, with everything in the one section that the tool reads.
///
/// # Errors
/// `invalid` for values that no option file can carry.
pub(super) fn text(connection: &Connection, section: &str) -> Result<String> {
    let mut text = format!("[{section}]\n");
    let mut line = |name: &str, value: &str| -> Result<()> {
        if value.len() > MAX_VALUE || value.contains('\0') {
            return Err(Failure::invalid(format!("the service's {name} is too long or holds a zero byte")));
        }
        // Writing to a string cannot fail.
        let _never = writeln!(text, "{name}=\"{}\"", escape(value));
        Ok(())
    };
    match &connection.socket {
        Some(socket) => {
            let socket =
                socket.to_str().ok_or_else(|| Failure::invalid("the path of the service's socket is not UTF-8"))?;
            line("protocol", "socket")?;
            line("socket", socket)?;
        }
        None => {
            line("protocol", "tcp")?;
            line("host", &connection.host)?;
            line("port", &connection.port.to_string())?;
        }
    }
    line("user", &connection.user)?;
    line("password", &connection.password)?;
    Ok(text)
}

/// The escapes of <https://mariadb.com/kb/en/configuring-mariadb-with-option-files/>; inside quotes `#` is no comment.
fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '"' => escaped.push_str("\\\""),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            other => escaped.push(other),
        }
    }
    escaped
}
