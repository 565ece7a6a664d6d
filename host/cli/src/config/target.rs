//! `[[target]]`: where artifacts are kept.

use bulkhead_engine::{JobLimits, TargetConfig};
use bulkhead_model::{OrganizationId, TargetId, nearest};

use super::limits::running_jobs;
use super::reader::Section;

/// Reads every `[[target]]`. A relative directory in `config` is resolved later, when the plugin has said which keys are directories.
/// Their limits go to `jobs`.
pub fn read(root: &Section<'_>, organizations: &[OrganizationId], jobs: &mut JobLimits) -> Vec<TargetConfig> {
    let mut targets: Vec<TargetConfig> = Vec::new();
    let sections = root.tables("target");
    let single = sections.len() == 1;
    if sections.is_empty() {
        root.wrong(
            "target",
            "there is none, so backups have no place to go",
            "add [[target]] with id = \"managed\", plugin = \"filesystem\", default = true, config = { root = \"data/backups\" }",
        );
    }
    let mut incomplete = false;
    for section in sections {
        let id = section.required::<TargetId>("id", "managed");
        let plugin = section.required_text("plugin", "filesystem");
        let default = section.boolean("default", single);
        let config = section.json("config");
        if !config.is_object() {
            section.wrong("config", "expected a table", "write e.g. config = { root = \"data/backups\" }");
        }
        let organization = known_organization(&section, organizations, false);
        let running = running_jobs(&section, "max_running_jobs");
        if let Some(id) = &id {
            jobs.targets.extend(running.map(|running| (id.clone(), running)));
            if targets.iter().any(|target| target.id == *id) {
                section.wrong("id", format!("`{id}` is there twice"), "remove one of the two");
            }
            // An organization's own default stands beside the one for all.
            if default && let Some(other) = targets.iter().find(|t| t.default && t.organization == organization) {
                let message = format!("`{id}` and `{}` are both the default", other.id);
                section.wrong("default", message, "keep default = true on one of them");
            }
        }
        section.finish();
        match (id, plugin) {
            (Some(id), Some(plugin)) => targets.push(TargetConfig { id, plugin, default, config, organization }),
            _ => incomplete = true,
        }
    }
    if !incomplete && !targets.is_empty() && !targets.iter().any(|target| target.default) {
        root.wrong("target", "none is the default", "add default = true to one [[target]]");
    }
    targets
}

/// The section's `organization`, checked against the known ones.
pub fn known_organization(
    section: &Section<'_>,
    organizations: &[OrganizationId],
    required: bool,
) -> Option<OrganizationId> {
    let example = organizations.first().map_or("main", OrganizationId::as_str);
    let id = if required {
        section.required::<OrganizationId>("organization", example)
    } else {
        section.optional::<OrganizationId>("organization", example)
    }?;
    if organizations.contains(&id) {
        return Some(id);
    }
    let known: Vec<_> = organizations.iter().map(OrganizationId::as_str).collect();
    let hint = match nearest(id.as_str(), known.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("add [[organization]] with id = \"{id}\""),
    };
    section.wrong("organization", format!("there is no organization `{id}`"), hint);
    None
}
