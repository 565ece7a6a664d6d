//! `[[organization]]`: the tenants.

use bulkhead_model::OrganizationId;

use super::reader::Section;

/// Reads every `[[organization]]`.
pub fn read(root: &Section<'_>) -> Vec<OrganizationId> {
    let mut organizations = Vec::new();
    let sections = root.tables("organization");
    if sections.is_empty() {
        root.wrong("organization", "there is none", "add [[organization]] with id = \"main\"");
    }
    for section in sections {
        if let Some(id) = section.required::<OrganizationId>("id", "main") {
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
