//! The service: its store, its headers, its signature.

use std::sync::Arc;

use async_trait::async_trait;
use bulkhead_plugin_sdk::storage::{Failure, Result};
use chrono::{SecondsFormat, TimeDelta, Utc};
use http::{HeaderName, HeaderValue};
use object_bucket::{
    Connector, Crypto, Fault, Listed, Operation, PutToken, Refusal, S3Dialect, Service, Unfinished, s3_operation,
};
use object_store::RetryConfig;
use object_store::aws::{AmazonS3, AmazonS3Builder, AwsAuthorizer, Checksum};
use object_store::client::HttpRequest;
use url::Url;

use crate::config::Config;
use crate::explain;
use crate::keys::Keys;

/// A bucket of S3 or of a service that speaks its language.
#[derive(Debug)]
pub struct S3Service {
    pub config: Config,
    place: Url,
    keys: Keys,
}

impl S3Service {
    /// # Errors
    /// `invalid` when the configuration names no place.
    pub fn new(config: Config, keys: Keys) -> Result<Self> {
        Ok(Self { place: config.place()?, config, keys })
    }

    /// Where the bucket is, for messages.
    pub fn host(&self) -> &str {
        self.place.host_str().unwrap_or_default()
    }

    fn dialect(&self) -> S3Dialect {
        S3Dialect { bucket: self.place.clone() }
    }
}

#[async_trait]
impl Service for S3Service {
    type Store = AmazonS3;

    const MARK: &'static str = "bulkhead-put";

    fn store(&self, connector: Connector<Self>) -> object_store::Result<AmazonS3> {
        let builder = AmazonS3Builder::new()
            .with_bucket_name(&self.config.bucket)
            .with_region(&self.config.region)
            // The bucket's own address, its name included.
            .with_endpoint(self.place.as_str().trim_end_matches('/'))
            .with_virtual_hosted_style_request(true)
            .with_allow_http(true)
            .with_skip_signature(true)
            .with_disable_bulk_delete(true)
            .with_crypto_provider(Arc::new(Crypto))
            .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() })
            .with_http_connector(connector);
        let builder =
            if self.config.checked() { builder.with_checksum_algorithm(Checksum::CRC64NVME) } else { builder };
        builder.build()
    }

    fn operation(&self, request: &HttpRequest) -> Operation {
        s3_operation(request)
    }

    fn dress(&self, request: &mut HttpRequest, operation: Operation, token: Option<&PutToken>) -> Result<()> {
        let mut add = |name: &'static str, value: &str| {
            let value = HeaderValue::from_str(value)
                .map_err(|_| Failure::invalid(format!("no header holds the value of {name}")))?;
            request.headers_mut().insert(HeaderName::from_static(name), value);
            Ok::<_, Failure>(())
        };
        let Some(token) = token else { return Ok(()) };
        if token.if_absent && operation.publishes() {
            add("if-none-match", "*")?;
        }
        if !matches!(operation, Operation::Put | Operation::Begin) {
            return Ok(());
        }
        add("x-amz-meta-bulkhead-put", &token.mark)?;
        if let Some(class) = &self.config.storage_class {
            add("x-amz-storage-class", class)?;
        }
        if let Some(encryption) = &self.config.server_side_encryption {
            add("x-amz-server-side-encryption", encryption)?;
        }
        if let Some(key) = &self.config.kms_key_id {
            add("x-amz-server-side-encryption-aws-kms-key-id", key)?;
        }
        if let Some(lock) = &self.config.object_lock {
            let until = Utc::now() + TimeDelta::days(lock.days.into());
            add("x-amz-object-lock-mode", &lock.mode.to_ascii_uppercase())?;
            add("x-amz-object-lock-retain-until-date", &until.to_rfc3339_opts(SecondsFormat::Secs, true))?;
        }
        Ok(())
    }

    async fn sign(&self, request: &mut HttpRequest) -> Result<(), Fault> {
        let keys = self.keys.get().await?;
        // The bytes are guarded by the checksum and by TLS; hashing each of them for the signature is what a sandbox does slowly.
        let authorizer =
            AwsAuthorizer::new(&keys, "s3", &self.config.region).with_sign_payload(false).with_crypto(&Crypto);
        authorizer
            .try_authorize(request, None)
            .map_err(|_| Fault::ended(Failure::invalid("the request cannot be signed")))
    }

    fn explain(&self, refusal: &Refusal) -> Fault {
        explain::fault(self, refusal)
    }

    fn secrets(&self) -> Vec<&str> {
        self.keys.secrets()
    }

    async fn list(self: Arc<Self>, prefix: &str, after: Option<&str>, limit: u32) -> Result<Listed> {
        self.dialect().list(Connector::new(self, None), prefix, after, limit).await
    }

    async fn unfinished(self: Arc<Self>, prefix: &str, after: Option<&Unfinished>) -> Result<Vec<Unfinished>> {
        self.dialect().unfinished(Connector::new(self, None), prefix, after).await
    }
}
