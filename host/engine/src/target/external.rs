//! Buckets as SkySQL's requests name them: `s3://name/prefix/`, and a credentials file in base64.
//!
//! Beside `s3://` and `gs://` there is `azure://account/container/prefix`. A bucket becomes what its storage plugin takes: a plugin's
//! name, its configuration, and credentials in its own form.

use bulkhead_model::{Failure, Result};
use bulkhead_runtime::Bucket;
use serde_json::{Map, Value};

use super::credentials;
use crate::config::SecretText;
use crate::engine::Inner;

/// A bucket of somebody else's, and who may use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalBucket {
    /// The storage plugin's name.
    pub plugin: String,
    /// The plugin's configuration.
    pub config: Value,
    /// In the plugin's own form.
    pub credentials: Option<SecretText>,
}

/// The longest address of a bucket.
const ADDRESS_BYTES: usize = 1024;

impl ExternalBucket {
    /// Reads an address and its credentials. Nothing is asked of anybody.
    ///
    /// # Errors
    /// `invalid`, naming `bucket` or `credentials`; never with the credentials in it.
    pub fn read(bucket: &str, credentials: Option<&str>) -> Result<Self> {
        let mut read = Self::at(bucket).map_err(|failure| failure.context("`bucket`"))?;
        if let Some(text) = credentials {
            read.take_credentials(text).map_err(|failure| failure.context("`credentials`"))?;
        }
        Ok(read)
    }

    /// Reads an address alone.
    ///
    /// # Errors
    /// `invalid`, without the name of a field before it.
    pub fn at(address: &str) -> Result<Self> {
        let wrong = |what: &str| {
            Failure::invalid(format!("`{}` {what}", shown(address))).with_hint(
                "write s3://BUCKET, gs://BUCKET or azure://ACCOUNT/CONTAINER, and a path after it if there is one",
            )
        };
        if address.len() > ADDRESS_BYTES {
            return Err(wrong("is too long"));
        }
        let no_bucket = || wrong("is no bucket");
        let (scheme, rest) = address.split_once("://").ok_or_else(no_bucket)?;
        let (plugin, place) = match scheme {
            "s3" => ("s3", &["bucket"][..]),
            "gs" => ("gcs", &["bucket"][..]),
            "azure" => ("azure", &["account", "container"][..]),
            _ => return Err(no_bucket()),
        };
        if rest.contains('@') {
            return Err(wrong("must not hold a user or a password"));
        }
        // One slash at the end means a folder, as SkySQL writes it.
        let mut parts = rest.strip_suffix('/').unwrap_or(rest).split('/');
        let mut config = Map::new();
        for key in place {
            let name = parts.next().unwrap_or_default();
            check_name(key, name).map_err(|what| wrong(&what))?;
            config.insert((*key).to_owned(), name.into());
        }
        let prefix: Vec<&str> = parts.collect();
        let folder = |part: &&str| !part.is_empty() && !matches!(*part, "." | "..") && !part.contains(is_control);
        if !prefix.iter().all(folder) {
            return Err(wrong("has a path with an empty part, with `.`, `..`, or with characters that do not print"));
        }
        if !prefix.is_empty() {
            config.insert("prefix".to_owned(), prefix.join("/").into());
        }
        Ok(Self { plugin: plugin.to_owned(), config: Value::Object(config), credentials: None })
    }

    /// The address of a plugin's configuration, if it names a bucket.
    pub(super) fn address(plugin: &str, config: &Value) -> Option<String> {
        let said =
            |key: &str| config.get(key)?.as_str().map(|text| text.trim_matches('/')).filter(|text| !text.is_empty());
        let place = match plugin {
            "s3" => format!("s3://{}", said("bucket")?),
            "gcs" => format!("gs://{}", said("bucket")?),
            "azure" => format!("azure://{}/{}", said("account")?, said("container")?),
            _ => return None,
        };
        Some(said("prefix").map_or(place.clone(), |prefix| format!("{place}/{prefix}")))
    }

    /// Takes a credentials file in base64. What such a file says of the place, its region and endpoint, goes to the configuration.
    ///
    /// # Errors
    /// `invalid`, without the name of a field before it, and never with the credentials in it.
    pub fn take_credentials(&mut self, base64: &str) -> Result<()> {
        let read = credentials::from_base64(&self.plugin, base64)?;
        self.credentials = Some(match &mut self.config {
            Value::Object(config) => read.into_config(config)?,
            _ => read.credentials,
        });
        Ok(())
    }
}

impl Inner {
    /// Lets the plugin look at a bucket that a tenant has named. Nothing is asked of the bucket.
    ///
    /// # Errors
    /// What the plugin finds wrong; `invalid` when this host has none for it.
    pub(crate) async fn check_external(&self, bucket: &ExternalBucket) -> Result<()> {
        let credentials = bucket.credentials.as_ref().map(SecretText::expose);
        self.storage_for_tenants(&bucket.plugin)?.validate(&bucket.config, credentials).await
    }

    /// Opens a bucket that a tenant has named. Its endpoint has to be a public one, unless the operator allowed it.
    ///
    /// # Errors
    /// Those of the plugin; `invalid` when this host has none for it.
    pub(crate) async fn open_external(&self, bucket: &ExternalBucket) -> Result<Bucket> {
        self.open_storage(&bucket.plugin, &bucket.config, bucket.credentials.clone()).await
    }
}

/// Names of buckets, containers and accounts become parts of addresses.
fn check_name(key: &str, name: &str) -> std::result::Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let fits = (3..=255).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(plain)
        && !name.contains("..");
    match (fits, name.is_empty()) {
        (true, _) => Ok(()),
        (false, true) => Err(format!("names no {key}")),
        (false, false) => Err(format!("names the {key} `{}`, which none can be called", name.escape_debug())),
    }
}

fn is_control(c: char) -> bool {
    c.is_control() || c == '\\'
}

/// As much of an address as fits into a sentence. A password before an `@` is not for the eyes of others.
fn shown(address: &str) -> String {
    let address = match address.split_once("://") {
        Some((scheme, rest)) if rest.contains('@') => {
            format!("{scheme}://...@{}", rest.rsplit_once('@').map_or("", |(_, host)| host))
        }
        _ => address.to_owned(),
    };
    address.chars().take(100).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use serde_json::json;

    use super::*;

    #[test]
    fn addresses_are_taken_apart_with_or_without_a_slash_at_the_end() {
        for (address, plugin, config) in [
            ("s3://my_backup_bucket", "s3", json!({"bucket": "my_backup_bucket"})),
            ("s3://my-bucket/", "s3", json!({"bucket": "my-bucket"})),
            ("s3://my-bucket/sky sql/nightly/", "s3", json!({"bucket": "my-bucket", "prefix": "sky sql/nightly"})),
            ("gs://my-bucket/a", "gcs", json!({"bucket": "my-bucket", "prefix": "a"})),
            ("azure://acct/box/a/b", "azure", json!({"account": "acct", "container": "box", "prefix": "a/b"})),
        ] {
            let read = ExternalBucket::read(address, None).unwrap();
            assert_eq!((read.plugin.as_str(), read.config), (plugin, config), "{address}");
        }
    }

    #[test]
    fn what_is_no_bucket_is_refused_with_what_to_write() {
        for (address, why) in [
            ("", "`bucket`: `` is no bucket"),
            ("my-bucket", "`bucket`: `my-bucket` is no bucket"),
            ("http://my-bucket", "`bucket`: `http://my-bucket` is no bucket"),
            ("s3://", "`bucket`: `s3://` names no bucket"),
            ("s3:///x", "`bucket`: `s3:///x` names no bucket"),
            ("s3://x", "`bucket`: `s3://x` names the bucket `x`, which none can be called"),
            ("s3://a b c", "`bucket`: `s3://a b c` names the bucket `a b c`"),
            ("s3://127.0.0.1:9000/x", "`bucket`: `s3://127.0.0.1:9000/x` names the bucket"),
            ("s3://key:hunter2@bucket", "`bucket`: `s3://...@bucket` must not hold a user"),
            ("s3://bucket//x", "`bucket`: `s3://bucket//x` has a path with an empty part"),
            ("s3://bucket/../x", "`bucket`: `s3://bucket/../x` has a path"),
            ("s3://bucket/a\nb", "`bucket`: `s3://bucket/a\\nb` has a path"),
            ("azure://account", "`bucket`: `azure://account` names no container"),
        ] {
            let failure = ExternalBucket::read(address, None).unwrap_err();
            assert!(failure.message.starts_with(why), "{address}: {failure}");
            assert!(failure.hint.is_some() && !failure.to_string().contains("hunter2"), "{failure}");
        }
        assert!(ExternalBucket::read(&format!("s3://bucket/{}", "a".repeat(2000)), None).is_err());
    }

    #[test]
    fn an_aws_file_says_who_and_where() {
        let file = "[default]\naws_access_key_id = AKIA1\naws_secret_access_key=hunter2\nregion = eu-central-1\n\
                    endpoint_url = https://s3.example.com\n";
        let read = ExternalBucket::read("s3://bucket/x", Some(&STANDARD.encode(file))).unwrap();
        let place = json!({"bucket": "bucket", "prefix": "x", "region": "eu-central-1",
            "endpoint": "https://s3.example.com"});
        assert_eq!(read.config, place);
        let credentials: Value = serde_json::from_str(read.credentials.as_ref().unwrap().expose()).unwrap();
        assert_eq!(credentials, json!({"access_key_id": "AKIA1", "secret_access_key": "hunter2"}));
        assert!(!format!("{read:?}").contains("hunter2"));
    }
}
