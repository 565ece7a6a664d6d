//! Which address does what. The same routes lie under `/v1` and, for clients of SkySQL's API, under `/skybackup/v1`.

mod cors;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use bulkhead_engine::Engine;
use bulkhead_model::{Clock, Result};
use tokio::sync::watch;
use tower::util::option_layer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::audit::trail;
use crate::auth::{AuthMode, Authenticator, Limits, authenticate};
use crate::document::{self, Document, Operation};
use crate::fields::{BODY_LIMIT, QueryFields};
use crate::http::HttpConfig;
use crate::observe::observe;
use crate::problem::Problem;
use crate::routes::job::Streams;
use crate::routes::{guarded, host};

/// What every handler works with. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    /// Does what is asked.
    pub engine: Engine,
    /// Recognises callers.
    pub authenticator: Arc<Authenticator>,
    /// How the API is offered.
    pub http: Arc<HttpConfig>,
    /// The document of the API.
    pub document: Document,
    /// Counts requests.
    pub limits: Arc<Limits>,
    /// Streams of events that are open.
    pub streams: Streams,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Becomes true when the process is about to stop: streams of events end then.
    pub closing: watch::Receiver<bool>,
}

impl Api {
    /// The API of an engine.
    ///
    /// # Errors
    /// `invalid` when the configuration cannot be followed.
    pub fn new(
        engine: Engine,
        auth: AuthMode,
        http: HttpConfig,
        clock: Arc<dyn Clock>,
        closing: watch::Receiver<bool>,
    ) -> Result<Self> {
        cors::check(&http.cors_origins)?;
        Ok(Self {
            engine,
            authenticator: Arc::new(Authenticator::open(auth, Arc::clone(&clock))?),
            document: document(),
            limits: Arc::new(Limits::new(http.rate, http.failures)),
            streams: Streams::new(http.streams_max),
            http: Arc::new(http),
            clock,
            closing,
        })
    }
}

#[derive(OpenApi)]
#[openapi(components(schemas(Problem)))]
struct Base;

/// The document of the API.
pub fn document() -> Document {
    let (_, collected) =
        OpenApiRouter::with_openapi(Base::openapi()).merge(guarded()).merge(host::routes()).split_for_parts();
    Document::new(collected)
}

/// The whole API.
pub fn router(api: Api) -> Router {
    // The layer that is added last sees a request first.
    let guarded = Router::from(guarded())
        .route_layer(from_fn(known_parameters))
        .route_layer(from_fn_with_state(api.clone(), trail))
        .route_layer(from_fn_with_state(api.clone(), authenticate));
    let open = Router::from(host::routes()).route_layer(from_fn(known_parameters));
    let routes = guarded.merge(open.clone());
    let cors = cors::layer(&api.http.cors_origins);
    Router::new()
        .nest("/v1", routes.clone())
        .nest("/skybackup/v1", routes)
        // Where those look who watch processes.
        .merge(open)
        .merge(document::page())
        .fallback(no_route)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn_with_state(api.clone(), within_deadline))
        .layer(option_layer(cors))
        .layer(from_fn_with_state(api.clone(), observe))
        .with_state(api)
}

async fn no_route(request: Request) -> Problem {
    Problem::no_route(request.uri().path())
}

async fn method_not_allowed(request: Request) -> Problem {
    Problem::method_not_allowed(request.method().as_str(), request.uri().path())
}

/// Bounds the time until an answer begins; the events of a job may flow on.
async fn within_deadline(State(api): State<Api>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(api.http.request_deadline, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            tracing::warn!("a request took longer than the deadline");
            Problem::deadline().into_response()
        }
    }
}

/// Refuses parameters in the query string that an operation does not have: one that was ignored would have been meant.
async fn known_parameters(request: Request, next: Next) -> Response {
    let known = request.extensions().get::<Operation>().map(|operation| operation.query.clone()).unwrap_or_default();
    let query = QueryFields::of(request.uri());
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    match query.and_then(|query| query.only(&known)) {
        Ok(_) => next.run(request).await,
        Err(failure) => Problem::from(failure).into_response(),
    }
}
