//! Buckets of one's own, as SkySQL's requests name them. Their form is checked; this version does not use them yet.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bulkhead_model::{Failure, Result};
use utoipa::ToSchema;

use crate::fields::Fields;

/// Where backups go instead of a target.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape of the object, for its document and the list of known fields")]
pub struct ExternalStorage {
    bucket: ExternalBucket,
}

/// A bucket and who may write to it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape of the object, for its document and the list of known fields")]
pub struct ExternalBucket {
    /// `s3://...` or `gs://...`.
    #[schema(pattern = "^(s3|gs)://[^/]+")]
    path: String,
    /// An AWS credentials file or a GCP service-account key, in base64.
    #[schema(min_length = 1)]
    credentials: String,
}

/// Where a backup lies that Bulkhead does not know.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape of the object, for its document and the list of known fields")]
pub struct ExternalSource {
    /// `s3://...` or `gs://...`.
    #[schema(pattern = "^(s3|gs)://[^/]+")]
    bucket: String,
    #[schema(inline)]
    method: SourceMethod,
    /// An AWS credentials file or a GCP service-account key, in base64.
    #[schema(min_length = 1)]
    credentials: String,
    /// What the backup is encrypted with.
    #[schema(min_length = 1)]
    encryption_key: Option<String>,
}

/// By what a backup was made.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "for the document")]
enum SourceMethod {
    Mariabackup,
    Mysqldump,
}

/// Checks the form of `external_storage`.
///
/// # Errors
/// `invalid`, naming the field.
pub fn check_storage(storage: Fields) -> Result<()> {
    let storage = storage.only_of::<ExternalStorage>()?;
    let bucket = storage.object("bucket")?.ok_or_else(|| {
        let hint = "add \"bucket\": {\"path\": \"s3://...\", \"credentials\": \"<base64>\"}";
        storage.wrong("bucket", "is missing").with_hint(hint)
    })?;
    let bucket = bucket.only_of::<ExternalBucket>()?;
    check_bucket(&bucket, "path")?;
    check_credentials(&bucket)
}

/// Checks the form of `external_source`.
///
/// # Errors
/// `invalid`, naming the field.
pub fn check_source(source: Fields) -> Result<()> {
    let source = source.only_of::<ExternalSource>()?;
    check_bucket(&source, "bucket")?;
    let method = |text: &str| match text {
        "mariabackup" | "mysqldump" => Ok(()),
        other => Err(Failure::invalid(format!("`{}` is no way to read a backup", other.escape_debug()))
            .with_hint("use mariabackup or mysqldump")),
    };
    source
        .read("method", method)?
        .ok_or_else(|| source.wrong("method", "is missing").with_hint("add \"method\": \"mariabackup\""))?;
    check_credentials(&source)?;
    source.text("encryption_key").map(|_| ())
}

fn check_bucket(fields: &Fields, name: &str) -> Result<()> {
    let bucket = |text: &str| {
        let rest = text.strip_prefix("s3://").or_else(|| text.strip_prefix("gs://"));
        match rest {
            Some(rest) if !rest.is_empty() && !rest.starts_with('/') => Ok(()),
            _ => Err(Failure::invalid(format!("`{}` is no bucket", text.escape_debug()))
                .with_hint("write s3://BUCKET or gs://BUCKET, and a path after it if there is one")),
        }
    };
    let missing = || fields.wrong(name, "is missing").with_hint(format!("add \"{name}\": \"s3://my_backup_bucket\""));
    fields.read(name, bucket)?.ok_or_else(missing)
}

fn check_credentials(fields: &Fields) -> Result<()> {
    let base64 = |text: &str| {
        // `base64` breaks its lines.
        let text: String = text.split_ascii_whitespace().collect();
        // Never with the text in it.
        STANDARD.decode(text).map(|_| ()).map_err(|_| {
            Failure::invalid("the text is not base64").with_hint("encode the credentials file: `base64 < credentials`")
        })
    };
    let missing = || fields.wrong("credentials", "is missing").with_hint("add the credentials file in base64");
    fields.read("credentials", base64)?.ok_or_else(missing)
}
