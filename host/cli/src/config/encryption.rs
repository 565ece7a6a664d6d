//! `[encryption]`: to whom artifacts are encrypted.

use bulkhead_engine::{EncryptionConfig, MasterKeySource, SecretText};

use super::Context;
use super::reader::Section;

/// Reads `[encryption]`.
pub fn read(root: &Section<'_>, context: &Context) -> EncryptionConfig {
    let Some(section) = root.table("encryption") else { return EncryptionConfig::default() };
    let recipients = section.texts("recipients");
    for recipient in recipients.iter().filter(|recipient| !recipient.starts_with("age1")) {
        let hint = "`age-keygen` prints the public key that belongs here";
        // Somebody may have put the secret key here by mistake: only its kind is repeated.
        let shown = if recipient.starts_with("AGE-SECRET-KEY") { "a secret key" } else { recipient.as_str() };
        section.wrong("recipients", format!("{shown} is no age recipient (age1...)"), hint);
    }
    let identities: Vec<_> = section.texts("identities").into_iter().map(|file| context.base.join(file)).collect();
    for file in identities.iter().filter(|file| !file.is_file()) {
        let hint = "name a file that `age-keygen -o FILE` made";
        section.wrong("identities", format!("{} is no file", file.display()), hint);
    }
    let master_key = master_key(&section, context);
    section.finish();
    EncryptionConfig { recipients, identities, master_key }
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
