//! `[encryption]`: to whom artifacts are encrypted, and under what the catalog's secrets are sealed. Organizations and targets may say
//! otherwise for their own artifacts.

use std::path::Path;

use bulkhead_engine::{EncryptTo, EncryptionConfig, MasterKeySource, SecretText};

use super::Context;
use super::reader::Section;

/// Reads `[encryption]`.
pub fn read(root: &Section<'_>, context: &Context) -> EncryptionConfig {
    let Some(section) = root.table("encryption") else { return EncryptionConfig::default() };
    let to = read_to(&section, context).unwrap_or_default();
    let identities = files(&section, "identities", context, "name a file that `age-keygen -o FILE` made");
    let old = files(&section, "old_passphrase_files", context, "name a file that holds a passphrase of before");
    let old_passphrases = old.iter().filter_map(|file| passphrase_in(&section, "old_passphrase_files", file)).collect();
    let old_master_keys = files(&section, "old_master_key_files", context, "name a master key of before");
    let old_master_keys = old_master_keys.into_iter().map(MasterKeySource::File).collect();
    let master_key = master_key(&section, context);
    section.finish();
    EncryptionConfig { to, identities, old_passphrases, master_key, old_master_keys, ..EncryptionConfig::default() }
}

/// `recipients`, or a passphrase, of any section that may have them; `None` when it says nothing.
pub fn read_to(section: &Section<'_>, context: &Context) -> Option<EncryptTo> {
    let recipients = section.texts("recipients");
    for recipient in recipients.iter().filter(|recipient| !recipient.starts_with("age1")) {
        let hint = "`age-keygen` prints the public key that belongs here";
        // Somebody may have put the secret key here by mistake: only its kind is repeated.
        let shown = if recipient.starts_with("AGE-SECRET-KEY") { "a secret key" } else { recipient.as_str() };
        section.wrong("recipients", format!("{shown} is no age recipient (age1...)"), hint);
    }
    let (key, passphrase) = match (section.file("passphrase_file", &context.base), section.text("passphrase_env")) {
        (Some(_), Some(_)) => {
            section.wrong("passphrase_file", "stands beside passphrase_env", "keep one of the two");
            return None;
        }
        (Some(file), None) => ("passphrase_file", passphrase_in(section, "passphrase_file", &file)),
        (None, Some(variable)) => {
            let found = context.environment.get(&variable).filter(|text| !text.is_empty()).map(SecretText::new);
            if found.is_none() {
                let message = format!("the environment variable {variable} is not set");
                section.wrong("passphrase_env", message, format!("set {variable}, or use passphrase_file"));
            }
            ("passphrase_env", found)
        }
        (None, None) => return (!recipients.is_empty()).then_some(EncryptTo::Recipients(recipients)),
    };
    if !recipients.is_empty() {
        section.wrong(
            key,
            "stands beside recipients",
            "keep one of the two: age allows no recipient beside a passphrase",
        );
    }
    passphrase.map(EncryptTo::Passphrase)
}

/// The first line of a file.
fn passphrase_in(section: &Section<'_>, key: &str, file: &Path) -> Option<SecretText> {
    let wrong =
        |why: String| section.wrong(key, why, "make a file with one line, readable only for the user of this host");
    match std::fs::read_to_string(file) {
        Ok(text) => match text.lines().next().filter(|line| !line.is_empty()) {
            Some(line) => return Some(SecretText::new(line)),
            None => wrong(format!("{} is empty", file.display())),
        },
        Err(error) => wrong(format!("{} cannot be read: {error}", file.display())),
    }
    None
}

fn files(section: &Section<'_>, key: &str, context: &Context, hint: &str) -> Vec<std::path::PathBuf> {
    let files: Vec<_> = section.texts(key).into_iter().map(|file| context.base.join(file)).collect();
    for file in files.iter().filter(|file| !file.is_file()) {
        section.wrong(key, format!("{} is no file", file.display()), hint);
    }
    files
}

/// The key under which the catalog's secrets are sealed.
fn master_key(section: &Section<'_>, context: &Context) -> MasterKeySource {
    match (section.file("master_key_file", &context.base), section.text("master_key_env")) {
        (Some(_), Some(_)) => {
            section.wrong("master_key_file", "stands beside master_key_env", "keep one of the two");
            MasterKeySource::DataDir
        }
        (Some(file), None) => MasterKeySource::File(file),
        (None, Some(variable)) => match context.environment.get(&variable) {
            Some(key) => MasterKeySource::Given(SecretText::new(key)),
            None => {
                let hint = format!("set {variable} to 32 bytes; make them with `openssl rand -hex 32`");
                section.wrong("master_key_env", format!("the environment variable {variable} is not set"), hint);
                MasterKeySource::DataDir
            }
        },
        (None, None) => MasterKeySource::DataDir,
    }
}
