//! `[[target]]`: where artifacts are kept.

use bulkhead_engine::{EncryptionConfig, JobLimits, SecretText, TargetConfig, operators_credentials};
use bulkhead_model::{OrganizationId, TargetId, nearest};

use serde_json::Value;

use super::limits::running_jobs;
use super::reader::Section;
use super::{Context, encryption};

/// Reads every `[[target]]`. A relative directory in `config` is resolved later, when the plugin has said which keys are directories.
/// Their limits go to `jobs`.
pub fn read(
    root: &Section<'_>,
    context: &Context,
    organizations: &[OrganizationId],
    encryption: &mut EncryptionConfig,
    jobs: &mut JobLimits,
) -> Vec<TargetConfig> {
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
        let mut config = section.json("config");
        if !config.is_object() {
            section.wrong("config", "expected a table", "write e.g. config = { root = \"data/backups\" }");
        }
        let credentials = credentials(&section, context, plugin.as_deref().unwrap_or_default(), &mut config);
        let organization = known_organization(&section, organizations, false);
        let running = running_jobs(&section, "max_running_jobs");
        let to = encryption::read_to(&section, context);
        if let Some(id) = &id {
            encryption.targets.extend(to.map(|to| (id.clone(), to)));
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
            (Some(id), Some(plugin)) => {
                targets.push(TargetConfig { id, plugin, default, config, credentials, organization })
            }
            _ => incomplete = true,
        }
    }
    if !incomplete && !targets.is_empty() && !targets.iter().any(|target| target.default) {
        root.wrong("target", "none is the default", "add default = true to one [[target]]");
    }
    targets
}

/// Credentials are in a file or in a variable of the environment: the file that the provider gave, or the same in base64.
fn credentials(section: &Section<'_>, context: &Context, plugin: &str, config: &mut Value) -> Option<SecretText> {
    if section.text("credentials").is_some() {
        section.wrong(
            "credentials",
            "credentials do not belong into this file",
            "name a file with credentials_file, or an environment variable with credentials_env",
        );
        return None;
    }
    let (key, text) = match (section.text("credentials_env"), section.file("credentials_file", &context.base)) {
        (None, None) => return None,
        (Some(_), Some(_)) => {
            section.wrong("credentials_file", "stands beside credentials_env", "keep one of the two");
            return None;
        }
        (Some(variable), None) => match context.environment.get(&variable) {
            Some(text) => ("credentials_env", text.to_owned()),
            None => {
                let message = format!("the environment variable {variable} is not set");
                section.wrong("credentials_env", message, format!("set {variable}, or use credentials_file"));
                return None;
            }
        },
        (None, Some(file)) => match std::fs::read_to_string(&file) {
            Ok(text) => ("credentials_file", text),
            Err(error) => {
                let message = format!("{} cannot be read: {error}", file.display());
                let hint = "make the file, readable only for the user that runs bulkhead";
                section.wrong("credentials_file", message, hint);
                return None;
            }
        },
    };
    let read = operators_credentials(plugin, &text, config.as_object_mut()?);
    read.inspect_err(|failure| section.wrong(key, &failure.message, failure.hint.clone().unwrap_or_default())).ok()
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
