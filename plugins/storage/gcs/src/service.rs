//! The service: its store, its headers, its token.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bulkhead_plugin_sdk::storage::{Failure, Result};
use crc_fast::{CrcAlgorithm, Digest};
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use object_bucket::{
    Connector, Crypto, Fault, Listed, Operation, PutToken, Refusal, S3Dialect, Service, Unfinished, body_pieces,
    s3_operation,
};
use object_store::client::HttpRequest;
use object_store::gcp::{GcpCredential, GoogleCloudStorage, GoogleCloudStorageBuilder};
use object_store::{RetryConfig, StaticCredentialProvider};

use crate::account::Account;
use crate::config::Config;
use crate::explain;
use crate::tokens::Tokens;

/// A bucket of Google Cloud Storage.
#[derive(Debug)]
pub struct GcsService {
    pub config: Config,
    pub tokens: Tokens,
}

impl GcsService {
    pub fn new(config: Config, account: Account) -> Self {
        Self { config, tokens: Tokens::new(account) }
    }

    fn dialect(&self) -> Result<S3Dialect> {
        let mut bucket = self.config.place()?;
        if let Ok(mut path) = bucket.path_segments_mut() {
            path.pop_if_empty().push(&self.config.bucket);
        }
        Ok(S3Dialect { bucket })
    }
}

#[async_trait]
impl Service for GcsService {
    type Store = GoogleCloudStorage;

    const MARK: &'static str = "bulkhead-put";

    fn store(&self, connector: Connector<Self>) -> object_store::Result<GoogleCloudStorage> {
        let place = self.config.place().map(String::from).unwrap_or_default();
        // Each try is signed by the connector, with a token that may be another one than at the try before.
        let unsigned = StaticCredentialProvider::new(GcpCredential { bearer: String::new() });
        GoogleCloudStorageBuilder::new()
            .with_bucket_name(&self.config.bucket)
            .with_base_url(place.trim_end_matches('/'))
            .with_credentials(Arc::new(unsigned))
            .with_crypto_provider(Arc::new(Crypto))
            .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() })
            .with_http_connector(connector)
            .build()
    }

    fn operation(&self, request: &HttpRequest) -> Operation {
        s3_operation(request)
    }

    fn dress(&self, request: &mut HttpRequest, operation: Operation, token: Option<&PutToken>) -> Result<()> {
        let sum = matches!(operation, Operation::Put | Operation::Part).then(|| {
            let mut digest = Digest::new(CrcAlgorithm::Crc32Iscsi);
            body_pieces(request.body()).for_each(|piece| digest.update(&piece));
            let sum = u32::try_from(digest.finalize()).unwrap_or_default();
            format!("crc32c={}", BASE64_STANDARD.encode(sum.to_be_bytes()))
        });
        let mut add = |name: &'static str, value: &str| {
            let wrong = |_| Failure::invalid(format!("no header holds the value of {name}"));
            request.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_str(value).map_err(wrong)?);
            Ok::<_, Failure>(())
        };
        if let Some(sum) = sum {
            add("x-goog-hash", &sum)?;
        }
        let Some(token) = token else { return Ok(()) };
        if token.if_absent && operation.publishes() {
            add("x-goog-if-generation-match", "0")?;
        }
        if matches!(operation, Operation::Put | Operation::Begin) {
            add("x-goog-meta-bulkhead-put", &token.mark)?;
            if let Some(class) = &self.config.storage_class {
                add("x-goog-storage-class", class)?;
            }
        }
        Ok(())
    }

    async fn sign(&self, request: &mut HttpRequest) -> Result<(), Fault> {
        let bearer = format!("Bearer {}", self.tokens.get().await?);
        let mut bearer = HeaderValue::from_str(&bearer)
            .map_err(|_| Fault::ended(Failure::invalid("the request cannot be signed")))?;
        bearer.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, bearer);
        Ok(())
    }

    fn explain(&self, refusal: &Refusal) -> Fault {
        explain::fault(self, refusal)
    }

    fn secrets(&self) -> Vec<&str> {
        Vec::new()
    }

    async fn list(self: Arc<Self>, prefix: &str, after: Option<&str>, limit: u32) -> Result<Listed> {
        self.dialect()?.list(Connector::new(self, None), prefix, after, limit).await
    }

    async fn unfinished(self: Arc<Self>, prefix: &str, after: Option<&Unfinished>) -> Result<Vec<Unfinished>> {
        self.dialect()?.unfinished(Connector::new(self, None), prefix, after).await
    }
}
