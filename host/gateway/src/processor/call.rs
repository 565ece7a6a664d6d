//! Requests to stream processors.

use std::sync::Arc;
use std::time::Duration;

use bulkhead_model::{Failure, Result};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;

use super::Queued;
use crate::config::Token;
use crate::event::Change;

/// The most of an answer that is read.
const ANSWER_BYTES: usize = 64 << 10;

/// Speaks to stream processors; each gets the front door's own token.
#[derive(Clone)]
pub(crate) struct Caller {
    client: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    bearer: Option<HeaderValue>,
    deadline: Duration,
}

/// An event as it is sent.
#[derive(serde::Serialize)]
struct Body<'a> {
    #[serde(flatten)]
    change: &'a Change,
    #[serde(skip_serializing_if = "Option::is_none")]
    job_assignee: Option<&'a str>,
}

/// What came of an event that was sent.
pub(super) enum Delivery {
    Taken,
    /// It would refuse the same again.
    Refused(String),
    /// Another try may help.
    Failed(String),
}

impl Caller {
    pub fn new(token: Option<&Token>, deadline: Duration) -> Result<Self> {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(deadline));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls()?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = legacy::Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
        let bearer = |token: &Token| {
            let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.expose()))
                .map_err(|_| Failure::invalid("the front door's token has characters that no header can carry"))?;
            bearer.set_sensitive(true);
            Ok(bearer)
        };
        Ok(Self { client, bearer: token.map(bearer).transpose()?, deadline })
    }

    /// What a stream processor says of itself at `/health`: `bootstrapping`, `ready` or `failed`.
    pub async fn health(&self, url: &str) -> Result<String> {
        let (_, body) = self.ask(Method::GET, format!("{url}/health"), Bytes::new()).await?;
        let answer: Option<Value> = serde_json::from_slice(&body).ok();
        let status = answer.as_ref().and_then(|answer| answer.get("status")).and_then(Value::as_str);
        status.map(str::to_owned).ok_or_else(|| Failure::unavailable("its /health says no status"))
    }

    pub(super) async fn deliver(&self, url: &str, queued: &Queued) -> Delivery {
        let body = Body { change: &queued.event.change, job_assignee: queued.assignee.as_deref() };
        let body = match serde_json::to_vec(&body) {
            Ok(body) => body,
            Err(error) => return Delivery::Refused(format!("an event cannot be written as JSON: {error}")),
        };
        match self.ask(Method::POST, format!("{url}/ingest"), body.into()).await {
            Ok((status, _)) if status.is_success() => Delivery::Taken,
            Ok((status, _)) if says_no(status) => {
                Delivery::Refused(format!("it refuses an event (status {})", status.as_u16()))
            }
            Ok((status, _)) => Delivery::Failed(format!("it answers with status {}", status.as_u16())),
            Err(failure) => Delivery::Failed(failure.message),
        }
    }

    async fn ask(&self, method: Method, url: String, body: Bytes) -> Result<(StatusCode, Bytes)> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = url.parse().map_err(|_| Failure::invalid(format!("{url:?} is no address")))?;
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(bearer) = &self.bearer {
            request.headers_mut().insert(AUTHORIZATION, bearer.clone());
        }
        let exchange = async {
            let response =
                self.client.request(request).await.map_err(|_| Failure::unavailable("it cannot be reached"))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await;
            // Of a long answer only the status counts.
            Ok((status, body.map(|body| body.to_bytes()).unwrap_or_default()))
        };
        let late = || Failure::unavailable(format!("it did not answer within {} s", self.deadline.as_secs_f32()));
        tokio::time::timeout(self.deadline, exchange).await.map_err(|_| late())?
    }
}

fn says_no(status: StatusCode) -> bool {
    status.is_client_error() && !matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
}

fn tls() -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::internal(format!("TLS is not available: {error}")))?;
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
