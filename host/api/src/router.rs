//! Which address does what. The same routes lie under `/v1` and, for clients of SkySQL's API, under `/skybackup/v1`.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bulkhead_engine::Engine;
use tokio::sync::watch;

use crate::auth::Authenticator;
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

/// The whole API.
pub fn router(api: Api) -> Router {
    let routes = Router::new()
        .route("/backups/schedules", post(schedule::create).get(schedule::list))
        .route("/backups/schedules/{id}", get(schedule::show))
        .route("/backups", get(backup::list))
        .route("/backups/{id}", get(backup::show).delete(backup::delete))
        .route("/backups/{id}/verify", post(backup::verify))
        .route("/restores", post(restore::create).get(restore::list))
        .route("/restores/{id}", get(restore::show).delete(restore::hide))
        .route("/services", get(service::list))
        .route("/services/{id}", get(service::show))
        .route("/jobs/{id}", get(job::show))
        .route("/jobs/{id}/events", get(job::events))
        .route("/jobs/{id}/cancel", post(job::cancel))
        .route("/plugins", get(plugin::list));
    Router::new()
        .nest("/v1", routes.clone())
        .nest("/skybackup/v1", routes)
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
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
