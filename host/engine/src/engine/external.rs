//! Asking for a restore from a file that Bulkhead has not made.

use bulkhead_catalog::{Job, Made, NewExternalRestore, Restore, RestoreSource};
use bulkhead_model::{BackupId, Failure, Method, OrganizationId, Result, TargetId};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Inner;
use crate::config::SecretText;
use crate::pipeline::foreign::EncryptionKey;
use crate::request::{CreateRestore, ExternalFile, FileMethod, RestoreRequestBody};
use crate::swap;

/// The engine whose files are read.
const ENGINE: &str = "mariadb";
/// Stands for all such buckets where targets have their limits.
const TARGET: &str = "external-source";
/// The longest key of an object, in bytes.
const KEY_BYTES: usize = 1024;

/// What keys may hold besides letters and digits, by the contract of storage plugins.
const KEY_SIGNS: &str = "/.-_:=+@";

/// What opens a file, as it is sealed.
#[derive(Serialize, Deserialize)]
struct Secrets {
    credentials: Option<String>,
    encryption_key: Option<String>,
}

impl Inner {
    /// Schedules a restore from a file. Nothing is asked of its bucket yet.
    pub(super) async fn create_external_restore(
        &self,
        organization: &OrganizationId,
        ask: &CreateRestore,
        file: &ExternalFile,
    ) -> Result<Made<(Restore, Job)>> {
        if ask.until.is_some() || ask.only.is_some() {
            return Err(Failure::unsupported("a file of somebody's own is restored whole, as it is")
                .with_hint("leave out what names a moment or a part; restore into another service to pick from it"));
        }
        let service = self.service(organization, &ask.service)?;
        if service.engine != ENGINE {
            return Err(Failure::invalid(format!(
                "service `{}` runs {}, the file is of MariaDB",
                service.id, service.engine
            )));
        }
        check_key(&file.key)?;
        self.check_external(&file.bucket).await.map_err(|failure| failure.context("`external_source`"))?;
        let encryption_key = file.encryption_key.as_ref().map(|key| EncryptionKey::parse(key.expose())).transpose()?;
        let method: Method = method(file.method).parse().map_err(|_| Failure::internal("a method without a name"))?;
        self.runtime.method(&service.engine, &method)?;
        if file.method == FileMethod::Mariabackup {
            swap::require_configured(service)?;
        }
        let safety_backup = match ask.safety_backup {
            true => Some(self.base_backup(service, "before-restore").await?),
            false => None,
        };
        let backup = BackupId::new(&service.id, &service.server_name);
        let secrets = Secrets {
            credentials: file.bucket.credentials.as_ref().map(|secret| secret.expose().to_owned()),
            encryption_key: encryption_key.map(|key| key.expose().to_owned()),
        };
        let unwritten = |_| Failure::internal("the secrets of a restore cannot be written");
        let sealed =
            self.master_key.seal(&purpose(organization, &backup), &serde_json::to_vec(&secrets).map_err(unwritten)?)?;
        let target: TargetId = TARGET.parse().map_err(|_| Failure::internal("a target without a name"))?;
        let body = RestoreRequestBody {
            only: None,
            safety_backup: safety_backup.clone(),
            drop_databases: file.drop_databases,
        };
        let made = self
            .catalog
            .schedule_external_restore(NewExternalRestore {
                organization: organization.clone(),
                service: service.id.clone(),
                engine: service.engine.clone(),
                backup,
                method,
                target,
                source: RestoreSource {
                    bucket: file.address.clone(),
                    key: file.key.clone(),
                    method: file.method.as_str().to_owned(),
                    plugin: file.bucket.plugin.clone(),
                    config: file.bucket.config.clone(),
                },
                sealed,
                after: safety_backup,
                request: json!(body),
                attempts_max: self.config.limits.attempts_max,
                idempotency: ask.idempotency.clone(),
            })
            .await?;
        self.wake();
        Ok(made)
    }

    /// The file of a restore, with what opens it.
    ///
    /// # Errors
    /// `unavailable` when it is sealed under another master key.
    pub(crate) async fn external_file(
        &self,
        restore: &Restore,
        source: &RestoreSource,
        job: &Job,
    ) -> Result<ExternalFile> {
        let body: Option<RestoreRequestBody> = serde_json::from_value(job.request.clone())
            .map_err(|_| Failure::internal("what was asked of a restore is not understood"))?;
        let body = body.unwrap_or_default();
        let sealed = self.catalog.restore_secrets(&restore.organization, restore.id).await?;
        let sealed = sealed.ok_or_else(|| Failure::internal("what opens the file of a restore is gone"))?;
        let plain = self.master_key.open(&purpose(&restore.organization, &restore.backup), &sealed)?;
        let secrets: Secrets = serde_json::from_slice(&plain)
            .map_err(|_| Failure::internal("what opens the file of a restore is not understood"))?;
        Ok(ExternalFile {
            bucket: crate::target::ExternalBucket {
                plugin: source.plugin.clone(),
                config: source.config.clone(),
                credentials: secrets.credentials.map(SecretText::new),
            },
            address: source.bucket.clone(),
            key: source.key.clone(),
            method: FileMethod::parse(&source.method)?,
            encryption_key: secrets.encryption_key.map(SecretText::new),
            drop_databases: body.drop_databases,
        })
    }
}

/// The method of this host that restores such files.
fn method(method: FileMethod) -> &'static str {
    match method {
        FileMethod::Mariabackup => "full",
        FileMethod::Mysqldump => "dump",
    }
}

fn purpose(organization: &OrganizationId, backup: &BackupId) -> String {
    format!("restore:{organization}:{backup}")
}

fn check_key(key: &str) -> Result<()> {
    let wrong = |what: &str| {
        Failure::invalid(format!("`key` {what}"))
            .with_hint("write the name of the file within `bucket`, e.g. \"/nightly/backup.tar.gz\"")
    };
    if key.trim_matches('/').is_empty() {
        return Err(wrong("names no file"));
    }
    if key.len() > KEY_BYTES || key.chars().any(char::is_control) {
        return Err(wrong("is too long, or holds characters that do not print"));
    }
    if key.ends_with('/') {
        return Err(wrong("names a folder: pack it into one file, with tar"));
    }
    if let Some(c) = key.chars().find(|c| !c.is_ascii_alphanumeric() && !KEY_SIGNS.contains(*c)) {
        return Err(Failure::invalid(format!("`key` holds {c:?}, which storage plugins do not read"))
            .with_hint(format!("copy the file in its bucket to a name of letters, digits and `{KEY_SIGNS}`")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_no_plugin_reads_is_refused_before_anything_is_scheduled_with_what_to_do() {
        for key in ["backup.sql.gz", "/nightly/a_b-c:d=e+f@g.tar"] {
            check_key(key).unwrap();
        }
        for (key, why) in [
            ("backup (1).sql.gz", "`key` holds ' ', which storage plugins do not read"),
            ("a#1.sql", "`key` holds '#'"),
            ("gr\u{fc}n.sql", "`key` holds '\u{fc}'"),
            ("a\nb", "`key` is too long, or holds characters that do not print"),
            ("/", "`key` names no file"),
            ("a/", "`key` names a folder"),
        ] {
            let failure = check_key(key).unwrap_err();
            assert!(failure.message.starts_with(why) && failure.hint.is_some(), "{key}: {failure}");
        }
    }
}
