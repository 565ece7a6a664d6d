//! Buckets of one's own, as SkySQL's requests name them.

use bulkhead_engine::{ExternalBucket as Bucket, ExternalFile, FileMethod, SecretText};
use bulkhead_model::Result;
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

/// Where a backup lies that Bulkhead has not made. `key` is the file in it: an xbstream or a tar archive by mariadb-backup, prepared or
/// not, or SQL by mariadb-dump; as it is, or compressed by gzip, zstd, bzip2 or lz4, or encrypted.
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
    /// What the file is encrypted with: the password of `openssl enc -aes-256-cbc`, or an identity or passphrase of age.
    #[schema(min_length = 1)]
    encryption_key: Option<String>,
    /// A dump with the server's own tables (`mysql`) replaces the whole server. Whether databases of the service may go that it does
    /// not hold; without it such a dump is refused, and the failure names them.
    #[schema(default = false)]
    drop_databases: Option<bool>,
}

/// By what a file was made; `mariadb-backup` and `mariadb-dump` are accepted for them.
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

/// Reads `external_source`, of which `key` is the file.
///
/// # Errors
/// `invalid`, naming the field.
pub fn read_source(source: Fields, key: &str) -> Result<ExternalFile> {
    let source = source.only_of::<ExternalSource>()?;
    let bucket = read_bucket(&source, "bucket")?;
    let address = source.text("bucket")?.unwrap_or_default().to_owned();
    let method = source
        .read("method", FileMethod::parse)?
        .ok_or_else(|| source.wrong("method", "is missing").with_hint("add \"method\": \"mariabackup\""))?;
    let encryption_key = source.text("encryption_key")?.map(SecretText::new);
    let drop_databases = source.flag("drop_databases")?.unwrap_or(false);
    Ok(ExternalFile { bucket, address, key: key.to_owned(), method, encryption_key, drop_databases })
}

/// The address of a bucket and the credentials beside it.
fn read_bucket(fields: &Fields, name: &str) -> Result<Bucket> {
    let missing = || fields.wrong(name, "is missing").with_hint(format!("add \"{name}\": \"s3://my_backup_bucket\""));
    let mut bucket = fields.read(name, Bucket::at)?.ok_or_else(missing)?;
    let missing = || fields.wrong("credentials", "is missing").with_hint("add the credentials file in base64");
    fields.read("credentials", |text| bucket.take_credentials(text))?.ok_or_else(missing)?;
    Ok(bucket)
}
