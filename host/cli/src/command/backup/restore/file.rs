//! A file in a bucket of one's own, instead of a backup.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value, json};

use crate::credentials;
use crate::exit::Exit;

/// What names the file and opens it.
#[derive(Args)]
pub struct File {
    /// Restore a file of this bucket that mariadb-backup or mariadb-dump made elsewhere: s3://..., gs://... or azure://...
    #[arg(long = "from-bucket", value_name = "ADDRESS", id = "bucket", requires_all = ["key", "method", "credentials_file"],
        conflicts_with_all = ["id", "point_in_time", "gtid", "source", "database", "table", "dry_run"])]
    bucket: Option<String>,
    /// The file in that bucket
    #[arg(long, value_name = "NAME", requires = "bucket")]
    key: Option<String>,
    /// By what it was made: mariabackup or mysqldump
    #[arg(long, value_name = "METHOD", requires = "bucket")]
    method: Option<String>,
    /// Who may read that bucket: the credentials file that its provider gave; - reads it from standard input
    #[arg(long, value_name = "FILE", requires = "bucket")]
    credentials_file: Option<PathBuf>,
    /// What the file is encrypted with: a file with the password, or with an identity of age; - reads it from standard input
    #[arg(long, value_name = "FILE", requires = "bucket")]
    encryption_key_file: Option<PathBuf>,
    /// Let databases of the service go that a dump of the whole server does not hold
    #[arg(long, requires = "bucket")]
    drop_databases: bool,
}

impl File {
    /// The bucket, if one is meant.
    pub fn address(&self) -> Option<&str> {
        self.bucket.as_deref()
    }

    /// What the request says of it.
    pub fn body(&self) -> Result<Map<String, Value>, Exit> {
        let mut body = Map::new();
        let (Some(bucket), Some(key), Some(method), Some(file)) =
            (&self.bucket, &self.key, &self.method, &self.credentials_file)
        else {
            return Ok(body);
        };
        let mut source = json!({ "bucket": bucket, "method": method, "credentials": credentials::read(file)? });
        if let Some(file) = &self.encryption_key_file {
            source["encryption_key"] = credentials::read_key(file)?.into();
        }
        if self.drop_databases {
            source["drop_databases"] = true.into();
        }
        body.insert("key".to_owned(), key.as_str().into());
        body.insert("external_source".to_owned(), source);
        Ok(body)
    }
}
