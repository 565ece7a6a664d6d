//! `[[organization]]`: the tenants.

use bulkhead_engine::{EncryptionConfig, JobLimits};
use bulkhead_model::OrganizationId;

use super::limits::running_jobs;
use super::reader::Section;
use super::{Context, encryption};

/// Reads every `[[organization]]`; their limits go to `jobs`, to whom their artifacts are encrypted to `encryption`.
pub fn read(
    root: &Section<'_>,
    context: &Context,
    encryption: &mut EncryptionConfig,
    jobs: &mut JobLimits,
) -> Vec<OrganizationId> {
    let mut organizations = Vec::new();
    let sections = root.tables("organization");
    if sections.is_empty() {
        root.wrong("organization", "there is none", "add [[organization]] with id = \"main\"");
    }
    for section in sections {
        let running = running_jobs(&section, "max_running_jobs");
        let to = encryption::read_to(&section, context);
        if let Some(id) = section.required::<OrganizationId>("id", "main") {
            encryption.organizations.extend(to.map(|to| (id.clone(), to)));
            jobs.organizations.extend(running.map(|running| (id.clone(), running)));
            if organizations.contains(&id) {
                section.wrong("id", format!("`{id}` is there twice"), "remove one of the two");
            } else {
                organizations.push(id);
            }
        }
        section.finish();
    }
    organizations
}
