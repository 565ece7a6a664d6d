//! Which address does what. The same routes lie under `/v1` and, for clients of SkySQL's API, under `/skybackup/v1`.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bulkhead_engine::Engine;
use tokio::sync::watch;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::auth::{Authenticator, authenticate};
use crate::document::Document;
use crate::fields::BODY_LIMIT;
use crate::problem::Problem;
use crate::routes::{backup, health, job, plugin, restore, schedule, service};

/// What every handler works with. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    /// Does what is asked.
    pub engine: Engine,
    /// Recognises callers.
    pub authenticator: Arc<Authenticator>,
    /// The most time a request may take until its answer begins.
    pub request_deadline: Duration,
    /// Becomes true when the process is about to stop: streams of events end then.
    pub closing: watch::Receiver<bool>,
}

/// Serves the API until `closing` becomes true and every answer has been sent.
///
/// # Errors
/// When the listener breaks.
pub async fn serve(listener: tokio::net::TcpListener, api: Api) -> std::io::Result<()> {
    let mut closing = api.closing.clone();
    let stop = async move {
        let _sender_gone = closing.wait_for(|closing| *closing).await;
    };
    axum::serve(listener, router(api)).with_graceful_shutdown(stop).await
}

#[derive(OpenApi)]
#[openapi(components(schemas(Problem)))]
struct Base;

/// What callers with a credential can do.
fn guarded() -> OpenApiRouter<Api> {
    [backup::routes(), schedule::routes(), restore::routes(), service::routes(), job::routes(), plugin::routes()]
        .into_iter()
        .fold(OpenApiRouter::default(), OpenApiRouter::merge)
}

/// What everybody can do.
fn open() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(health::alive)).routes(routes!(health::ready))
}

/// The document of the API.
pub fn document() -> Document {
    let (_, collected) = OpenApiRouter::with_openapi(Base::openapi()).merge(guarded()).merge(open()).split_for_parts();
    Document::new(collected)
}

/// The whole API.
pub fn router(api: Api) -> Router {
    let document = document();
    let guarded = Router::from(guarded()).route_layer(from_fn_with_state(api.clone(), authenticate));
    let routes = guarded.merge(Router::from(open()));
    let json = document.json.clone();
    let openapi = move || async move { ([(header::CONTENT_TYPE, "application/json")], json) };
    Router::new()
        .nest("/v1", routes.clone())
        .nest("/skybackup/v1", routes)
        .merge(Router::from(open()))
        .route("/openapi.json", get(openapi))
        .merge(SwaggerUi::new("/docs").config(Config::from("/openapi.json")))
        .fallback(no_route)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn_with_state(api.clone(), within_deadline))
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
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    match tokio::time::timeout(api.request_deadline, next.run(request)).await {
        Ok(response) => {
            tracing::debug!(%method, path, status = response.status().as_u16(), "request");
            response
        }
        Err(_) => {
            tracing::warn!(%method, path, "a request took longer than the deadline");
            Problem::deadline().into_response()
        }
    }
}
