//! `[encryption]`: to whom artifacts are encrypted.

use bulkhead_engine::EncryptionConfig;

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
    section.finish();
    EncryptionConfig { recipients, identities }
}
