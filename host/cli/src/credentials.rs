//! Credentials of buckets come from a file or from standard input, never from the command line, which everybody on the machine can
//! see.

use std::io::Read;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::exit::{Exit, ExitKind};

/// Longer ones are no credentials.
const BYTES_MAX: u64 = 64 << 10;

/// Reads a credentials file as requests carry it: in base64. `-` reads standard input.
///
/// # Errors
/// The file cannot be read, or cannot be what it should.
pub fn read(file: &Path) -> Result<String, Exit> {
    let hint = "--credentials-file names the file that the bucket's provider gave; - reads standard input";
    read_text(file, "credentials", hint).map(|text| encoded(&text))
}

/// Reads the file with what a backup is encrypted with, as it is. `-` reads standard input.
///
/// # Errors
/// As [`read`].
pub fn read_key(file: &Path) -> Result<String, Exit> {
    let hint =
        "--encryption-key-file names a file with the password, or with an identity of age; - reads standard input";
    read_text(file, "encryption key", hint)
}

fn read_text(file: &Path, what: &str, hint: &str) -> Result<String, Exit> {
    let unreadable = |error: std::io::Error| {
        Exit::new(ExitKind::Usage, format!("the {what} {} cannot be read: {error}", file.display())).with_hint(hint)
    };
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().take(BYTES_MAX + 1).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(BYTES_MAX + 1).read_to_string(&mut text))
    };
    read.map_err(unreadable)?;
    if text.len() as u64 > BYTES_MAX {
        return Err(Exit::new(ExitKind::Usage, format!("{} is too long to hold the {what}", file.display())));
    }
    Ok(text)
}

/// Who has them in base64 already, as SkySQL's documents say, need not undo it.
fn encoded(text: &str) -> String {
    let packed: String = text.split_ascii_whitespace().collect();
    let plain = text.trim_start_matches('\u{feff}').trim_start().starts_with(['{', '[', '#', ';']);
    if !plain && STANDARD.decode(&packed).is_ok() { packed } else { STANDARD.encode(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_sent_in_base64_once() {
        let file = "[default]\naws_access_key_id=AK\naws_secret_access_key=SK\n";
        let once = encoded(file);
        assert_eq!(STANDARD.decode(&once).unwrap(), file.as_bytes());
        let (front, back) = once.split_at(20);
        assert_eq!(encoded(&format!("{front}\n{back}\n")), once);
        assert_eq!(STANDARD.decode(encoded("{\"account_key\": \"x\"}")).unwrap(), b"{\"account_key\": \"x\"}");
    }
}
