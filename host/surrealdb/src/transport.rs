//! Requests to one server, and why they do not reach it.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bulkhead_model::{Failure, Result};
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use tokio::time::Instant;

use crate::server::{Login, Scope, Server};
use crate::session::{self, Session};
use crate::words;

/// How long a server may take to accept a connection.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// How long a connection is kept for the next request.
const IDLE: Duration = Duration::from_secs(30);
/// Connections kept.
const MOST_IDLE: usize = 8;
/// The most of an answer that is held in memory.
const ANSWER_BYTES: usize = 256 << 20;

pub(crate) type Body = UnsyncBoxBody<Bytes, Failure>;

/// A body that is there in whole.
pub(crate) fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// Sends requests over connections that are kept.
#[derive(Clone)]
pub(crate) struct Transport {
    client: legacy::Client<HttpsConnector<HttpConnector>, Body>,
    pub server: Arc<Server>,
    identity: HeaderMap,
    session: Arc<Session>,
}

impl Transport {
    pub fn new(server: &Server) -> Result<Self> {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_DEADLINE));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls()?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MOST_IDLE)
            .build(connector);
        Ok(Self { client, server: Arc::new(server.clone()), identity: identity(server)?, session: Arc::default() })
    }

    /// Sends a request; answers when the head of the answer is there and says that it was taken.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        scope: Option<&Scope>,
        body: Body,
        within: Duration,
    ) -> Result<Response<Incoming>> {
        let response = self.ask(method, path, scope, body, within).await?;
        self.taken(response, within).await
    }

    /// Posts JSON to a database, as [`send`](Self::send) does text.
    pub async fn send_json(
        &self,
        path: &str,
        scope: &Scope,
        body: &serde_json::Value,
        within: Duration,
    ) -> Result<Response<Incoming>> {
        let mut request = self.request(Method::POST, path, Some(scope), whole(body.to_string()))?;
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let response = self.exchange(request, within).await?;
        self.taken(response, within).await
    }

    async fn taken(&self, response: Response<Incoming>, within: Duration) -> Result<Response<Incoming>> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = self.read(response, within).await?;
        Err(words::request_failure(&self.server, status, &body))
    }

    /// As [`send`](Self::send), whatever the status.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        scope: Option<&Scope>,
        body: Body,
        within: Duration,
    ) -> Result<Response<Incoming>> {
        self.exchange(self.request(method, path, scope, body)?, within).await
    }

    /// Posts statements, with a token where the server gives one.
    pub async fn statements(&self, scope: Option<&Scope>, sql: Bytes, within: Duration) -> Result<Response<Incoming>> {
        if let Some(token) = self.session.token(Instant::now(), self.sign_in(within)).await {
            let mut request = self.request(Method::POST, "/sql", scope, whole(sql.clone()))?;
            request.headers_mut().insert(AUTHORIZATION, token.clone());
            let response = self.exchange(request, within).await?;
            // Refused as a whole, so nothing of it has run.
            if response.status() != StatusCode::UNAUTHORIZED {
                return Ok(response);
            }
            self.session.forget(&token).await;
        }
        self.ask(Method::POST, "/sql", scope, whole(sql), within).await
    }

    async fn sign_in(&self, within: Duration) -> Option<serde_json::Value> {
        let body = whole(session::credentials(&self.server).to_string());
        let mut request = self.request(Method::POST, "/signin", None, body).ok()?;
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // What stands there is tried by itself first.
        request.headers_mut().remove(AUTHORIZATION);
        let response = self.exchange(request, within).await.ok().filter(|response| response.status().is_success())?;
        serde_json::from_slice(&self.read(response, within).await.ok()?).ok()
    }

    fn request(&self, method: Method, path: &str, scope: Option<&Scope>, body: Body) -> Result<Request<Body>> {
        let scheme = if self.server.tls { "https" } else { "http" };
        let uri: Uri = format!("{scheme}://{}{path}", self.server.address()).parse().map_err(|_| {
            Failure::invalid(format!("{:?} is no host", self.server.host)).with_hint("check `host` of the service")
        })?;
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = self.identity.clone();
        if let Some(scope) = scope {
            insert(request.headers_mut(), "surreal-ns", &scope.namespace, "namespace")?;
            insert(request.headers_mut(), "surreal-db", &scope.database, "database")?;
        }
        Ok(request)
    }

    async fn exchange(&self, request: Request<Body>, within: Duration) -> Result<Response<Incoming>> {
        match tokio::time::timeout(within, self.client.request(request)).await {
            Ok(answer) => answer.map_err(|error| self.explain(&error)),
            Err(_) => Err(self.late(within)),
        }
    }

    /// The body of an answer, if it ends in time and is not too large.
    pub async fn read(&self, response: Response<Incoming>, within: Duration) -> Result<Bytes> {
        let body = Limited::new(response.into_body(), ANSWER_BYTES).collect();
        match tokio::time::timeout(within, body).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
                Err(Failure::invalid(format!("{} answers with more than {ANSWER_BYTES} bytes", self.server.address()))
                    .with_hint("ask for less at a time"))
            }
            Ok(Err(error)) => Err(self.explain(&*error)),
            Err(_) => Err(self.late(within)),
        }
    }

    /// What to say when nothing comes in time.
    pub fn late(&self, within: Duration) -> Failure {
        Failure::unavailable(format!("{} did not answer within {} s", self.server.address(), within.as_secs_f32()))
    }

    /// What to say when the connection fails.
    pub fn explain(&self, error: &(dyn Error + 'static)) -> Failure {
        let address = self.server.address();
        let mut cause = Some(error);
        while let Some(link) = cause {
            // What the request's own body failed with.
            if let Some(failure) = link.downcast_ref::<Failure>() {
                return failure.clone();
            }
            if let Some(io) = link.downcast_ref::<io::Error>() {
                if let Some(tls) = io.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                    return Failure::unavailable(format!("{address} cannot be spoken to over TLS: {tls}"))
                        .with_hint("check `tls` of the service, and that its certificate is valid for this host");
                }
                return match io.kind() {
                    io::ErrorKind::TimedOut => Failure::unavailable(format!("{address} does not answer")),
                    // Of a name that cannot be resolved there is no number.
                    _ if io.raw_os_error().is_none() => {
                        Failure::unavailable(format!("{address} cannot be reached: {io}"))
                    }
                    kind => Failure::unavailable(format!("{address} cannot be reached: {kind}")),
                };
            }
            cause = link.source();
        }
        Failure::unavailable(format!("{address} ended the connection before it had answered"))
    }
}

/// Who asks, in the headers of every request.
fn identity(server: &Server) -> Result<HeaderMap> {
    if server.user.contains(':') {
        return Err(Failure::invalid("a user with a colon in its name cannot log in over HTTP")
            .with_hint("define another user and set `user` of the service"));
    }
    let mut headers = HeaderMap::new();
    let basic = format!("Basic {}", STANDARD.encode(format!("{}:{}", server.user, server.password)));
    // Base64 is always a header's value.
    let mut basic = HeaderValue::try_from(basic).map_err(|_| Failure::internal("a header could not be made"))?;
    basic.set_sensitive(true);
    headers.insert(AUTHORIZATION, basic);
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    match &server.login {
        Login::Root => {}
        Login::Namespace(namespace) => insert(&mut headers, "surreal-auth-ns", namespace, "namespace")?,
        Login::Database { namespace, database } => {
            insert(&mut headers, "surreal-auth-ns", namespace, "namespace")?;
            insert(&mut headers, "surreal-auth-db", database, "database")?;
        }
    }
    Ok(headers)
}

/// The server takes these names in headers only, and reads nothing but visible ASCII there.
fn insert(headers: &mut HeaderMap, header: &'static str, name: &str, field: &str) -> Result<()> {
    let value = HeaderValue::from_str(name).ok().filter(|_| name.is_ascii() && !name.is_empty());
    let value = value.ok_or_else(|| {
        Failure::invalid(format!("{field} {name:?} cannot be named over HTTP"))
            .with_hint("SurrealDB takes it in a header, where only ASCII without control characters can stand")
    })?;
    headers.insert(HeaderName::from_static(header), value);
    Ok(())
}

fn tls() -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::internal(format!("TLS is not available: {error}")))?;
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
