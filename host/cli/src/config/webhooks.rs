//! `[webhooks]`: how organizations are told.

use bulkhead_engine::WebhookConfig;

use super::reader::Section;

/// Reads `[webhooks]`.
pub fn read(root: &Section<'_>) -> WebhookConfig {
    let mut webhooks = WebhookConfig::default();
    let Some(section) = root.table("webhooks") else { return webhooks };
    webhooks.allow_private_hosts = section.texts("allow_private_hosts");
    webhooks.deadline = section.duration("deadline", webhooks.deadline);
    webhooks.poll = section.duration("poll", webhooks.poll);
    for (key, value) in [("deadline", webhooks.deadline), ("poll", webhooks.poll)] {
        if value.is_zero() {
            section.wrong(key, "must be longer than nothing", format!("write e.g. {key} = \"10s\""));
        }
    }
    section.finish();
    webhooks
}
