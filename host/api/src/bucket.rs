//! Buckets of one's own, as SkySQL's requests name them.

use bulkhead_engine::ExternalBucket as Bucket;
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
    /// `s3://...`, `gs://...` or `azure://ACCOUNT/CONTAINER...`.
    #[schema(pattern = "^(s3|gs|azure)://[^/]+", example = "s3://my_backup_bucket")]
    path: String,
    /// In base64: an AWS credentials file, a GCP service-account key, or for Azure JSON with `account_key` or `sas_token`.
    #[schema(min_length = 1)]
    credentials: String,
}

/// Where a backup lies that Bulkhead does not know.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape of the object, for its document and the list of known fields")]
pub struct ExternalSource {
    /// `s3://...`, `gs://...` or `azure://ACCOUNT/CONTAINER...`.
    #[schema(pattern = "^(s3|gs|azure)://[^/]+", example = "s3://my_backup_bucket")]
    bucket: String,
    #[schema(inline)]
    method: SourceMethod,
    /// In base64: an AWS credentials file, a GCP service-account key, or for Azure JSON with `account_key` or `sas_token`.
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

/// Reads `external_storage`.
///
/// # Errors
/// `invalid`, naming the field.
pub fn read_storage(storage: Fields) -> Result<Bucket> {
    let storage = storage.only_of::<ExternalStorage>()?;
    let bucket = storage.object("bucket")?.ok_or_else(|| {
        let hint = "add \"bucket\": {\"path\": \"s3://...\", \"credentials\": \"<base64>\"}";
        storage.wrong("bucket", "is missing").with_hint(hint)
    })?;
    let bucket = bucket.only_of::<ExternalBucket>()?;
    read_bucket(&bucket, "path")
}

/// Checks the form of `external_source`.
///
/// # Errors
/// `invalid`, naming the field.
pub fn check_source(source: Fields) -> Result<()> {
    let source = source.only_of::<ExternalSource>()?;
    let _bucket = read_bucket(&source, "bucket")?;
    let method = |text: &str| match text {
        "mariabackup" | "mysqldump" => Ok(()),
        other => Err(Failure::invalid(format!("`{}` is no way to read a backup", other.escape_debug()))
            .with_hint("use mariabackup or mysqldump")),
    };
    source
        .read("method", method)?
        .ok_or_else(|| source.wrong("method", "is missing").with_hint("add \"method\": \"mariabackup\""))?;
    source.text("encryption_key").map(|_| ())
}

/// The address of a bucket and the credentials beside it.
fn read_bucket(fields: &Fields, name: &str) -> Result<Bucket> {
    let missing = || fields.wrong(name, "is missing").with_hint(format!("add \"{name}\": \"s3://my_backup_bucket\""));
    let mut bucket = fields.read(name, Bucket::at)?.ok_or_else(missing)?;
    let missing = || fields.wrong("credentials", "is missing").with_hint("add the credentials file in base64");
    fields.read("credentials", |text| bucket.take_credentials(text))?.ok_or_else(missing)?;
    Ok(bucket)
}
