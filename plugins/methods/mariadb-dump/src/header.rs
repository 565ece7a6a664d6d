//! The position in the binary log that a dump states near its beginning.

/// Bytes of a dump's beginning that are kept to look for it.
pub const LENGTH: usize = 64 << 10;

/// File and position, from a line like `-- CHANGE MASTER TO MASTER_LOG_FILE='binlog.000001', MASTER_LOG_POS=27073;`.
pub fn position(beginning: &[u8]) -> Option<(String, u64)> {
    let text = String::from_utf8_lossy(beginning);
    let line =
        text.lines().take_while(|line| !line.starts_with("CREATE")).find(|line| line.contains("MASTER_LOG_FILE='"))?;
    let (_, rest) = line.split_once("MASTER_LOG_FILE='")?;
    let (file, rest) = rest.split_once('\'')?;
    let (_, rest) = rest.split_once("MASTER_LOG_POS=")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    Some((file.to_owned(), rest[..digits].parse().ok()?))
}

#[cfg(test)]
mod tests {
    #[test]
    fn reads_the_position() {
        let dump = "-- CHANGE MASTER TO MASTER_USE_GTID=slave_pos;\n\n\
            -- CHANGE MASTER TO MASTER_LOG_FILE='binlog.000001', MASTER_LOG_POS=27073;\n\nCREATE DATABASE";
        assert_eq!(super::position(dump.as_bytes()), Some(("binlog.000001".to_owned(), 27073)));
        assert_eq!(super::position(b"CREATE DATABASE x;\n-- MASTER_LOG_FILE='a', MASTER_LOG_POS=4"), None);
    }
}
