//! `[[organization]]`: the tenants.

use bulkhead_engine::JobLimits;
use bulkhead_model::OrganizationId;

use super::limits::running_jobs;
use super::reader::Section;

/// Reads every `[[organization]]`; their limits go to `jobs`.
pub fn read(root: &Section<'_>, jobs: &mut JobLimits) -> Vec<OrganizationId> {
    let mut organizations = Vec::new();
    let sections = root.tables("organization");
    if sections.is_empty() {
        root.wrong("organization", "there is none", "add [[organization]] with id = \"main\"");
    }
    for section in sections {
        let running = running_jobs(&section, "max_running_jobs");
        if let Some(id) = section.required::<OrganizationId>("id", "main") {
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
