//! The service: its store, its headers, its signature.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bulkhead_plugin_sdk::storage::{Failure, Result};
use http::{HeaderName, HeaderValue, Method, Request};
use md5::{Digest, Md5};
use object_bucket::{Connector, Crypto, Fault, Listed, Operation, PutToken, Refusal, Service, body_pieces};
use object_store::azure::{AzureAuthorizer, AzureCredential, MicrosoftAzure, MicrosoftAzureBuilder};
use object_store::client::{HttpRequest, HttpRequestBody};
use object_store::path::Path;
use object_store::{RetryConfig, StaticCredentialProvider};
use url::{Url, form_urlencoded};

use crate::config::Config;
use crate::{explain, listing};

/// A container of Azure Blob Storage.
pub struct AzureService {
    pub config: Config,
    place: Url,
    credential: AzureCredential,
    /// Its value in a signature, which no message may repeat.
    secret: Option<String>,
}

impl fmt::Debug for AzureService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AzureService").field("config", &self.config).finish_non_exhaustive()
    }
}

impl AzureService {
    /// # Errors
    /// `invalid` when the configuration names no place.
    pub fn new(config: Config, credential: AzureCredential) -> Result<Self> {
        let secret = match &credential {
            AzureCredential::SASToken(fields) => {
                fields.iter().find(|(name, _)| name == "sig").map(|(_, value)| value.clone())
            }
            _ => None,
        };
        Ok(Self { place: config.place()?, config, credential, secret })
    }

    /// The container, or a blob in it.
    ///
    /// # Errors
    /// `invalid` when there is no such address.
    pub fn address(&self, path: Option<&Path>) -> Result<Url> {
        let mut address = self.place.clone();
        let none = || Failure::invalid("configuration: `endpoint` is no address");
        let mut segments = address.path_segments_mut().map_err(|()| none())?;
        segments.pop_if_empty().push(&self.config.container);
        if let Some(path) = path {
            segments.extend(path.parts().map(|part| part.as_ref().to_owned()));
        }
        drop(segments);
        Ok(address)
    }
}

#[async_trait]
impl Service for AzureService {
    type Store = MicrosoftAzure;

    /// Names of metadata are those of variables.
    const MARK: &'static str = "bulkheadput";

    fn store(&self, connector: Connector<Self>) -> object_store::Result<MicrosoftAzure> {
        MicrosoftAzureBuilder::new()
            .with_account(&self.config.account)
            .with_container_name(&self.config.container)
            .with_endpoint(self.place.as_str().trim_end_matches('/').to_owned())
            .with_allow_http(true)
            .with_credentials(Arc::new(StaticCredentialProvider::new(AzureCredential::BearerToken(String::new()))))
            // Each try is signed by the connector.
            .with_skip_signature(true)
            .with_crypto_provider(Arc::new(Crypto))
            .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() })
            .with_http_connector(connector)
            .build()
    }

    fn operation(&self, request: &HttpRequest) -> Operation {
        let query = request.uri().query().unwrap_or_default();
        let part = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "comp").map(|(_, part)| part);
        match (request.method(), part.as_deref()) {
            (&Method::PUT, Some("block")) => Operation::Part,
            (&Method::PUT, Some("blocklist")) => Operation::Complete,
            (&Method::PUT, _) => Operation::Put,
            (&Method::DELETE, _) => Operation::Delete,
            (&Method::HEAD, _) => Operation::Head,
            (_, Some("list")) => Operation::List,
            _ => Operation::Get,
        }
    }

    fn dress(&self, request: &mut HttpRequest, operation: Operation, token: Option<&PutToken>) -> Result<()> {
        let sum = (self.config.checked() && matches!(operation, Operation::Put | Operation::Part)).then(|| {
            let mut digest = Md5::new();
            body_pieces(request.body()).for_each(|piece| digest.update(&piece));
            BASE64_STANDARD.encode(digest.finalize())
        });
        let mut add = |name: &'static str, value: &str| {
            let wrong = |_| Failure::invalid(format!("no header holds the value of {name}"));
            request.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_str(value).map_err(wrong)?);
            Ok::<_, Failure>(())
        };
        if let Some(sum) = sum {
            add("content-md5", &sum)?;
        }
        let Some(token) = token.filter(|_| operation.publishes()) else { return Ok(()) };
        if token.if_absent {
            add("if-none-match", "*")?;
        }
        add("x-ms-meta-bulkheadput", &token.mark)?;
        if let Some(tier) = &self.config.access_tier {
            add("x-ms-access-tier", tier)?;
        }
        Ok(())
    }

    async fn sign(&self, request: &mut HttpRequest) -> Result<(), Fault> {
        let authorizer = AzureAuthorizer::new(&self.credential, &self.config.account).with_crypto(&Crypto);
        authorizer.try_authorize(request).map_err(|_| Fault::ended(Failure::invalid("the request cannot be signed")))
    }

    fn explain(&self, refusal: &Refusal) -> Fault {
        explain::fault(self, refusal)
    }

    fn secrets(&self) -> Vec<&str> {
        self.secret.as_deref().into_iter().collect()
    }

    async fn list(self: Arc<Self>, prefix: &str, after: Option<&str>, limit: u32) -> Result<Listed> {
        listing::list(&self.address(None)?, Connector::new(self, None), prefix, after, limit as usize).await
    }

    /// `object_store` deletes in batches, each of whose requests it would have to sign itself.
    async fn delete(self: Arc<Self>, path: &Path) -> Result<(), Fault> {
        let request = Request::delete(self.address(Some(path))?.as_str()).body(HttpRequestBody::empty());
        let request = request.map_err(|_| Failure::invalid("the request cannot be written"))?;
        Connector::new(self, None).question(request).await.map(drop)
    }
}
