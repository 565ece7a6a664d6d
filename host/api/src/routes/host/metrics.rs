use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, header};
use bulkhead_model::Failure;
use subtle::ConstantTimeEq;

use crate::Api;
use crate::http::MetricsAccess;
use crate::problem::{Answer, Denied, NotFound, Problem, Unauthenticated};

/// The format's version 0.0.4, as Prometheus asks for it.
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// `GET /metrics`: what the host counts and measures, in Prometheus text.
///
/// Without configuration only for callers on the host's own machine; metrics name the services of all organizations.
#[utoipa::path(get, path = "/metrics", operation_id = "host.metrics", tag = "host", security(()),
    responses(
        (status = 200, description = "Prometheus text", body = String, content_type = "text/plain"),
        Unauthenticated, Denied, NotFound))]
pub async fn metrics(State(api): State<Api>, request: Request) -> Answer<([(HeaderName, &'static str); 1], String)> {
    let Some(render) = &api.http.metrics.render else {
        return Err(Problem::no_route("/metrics"));
    };
    match &api.http.metrics.access {
        MetricsAccess::Off => return Err(Problem::no_route("/metrics")),
        MetricsAccess::Open => {}
        MetricsAccess::Loopback if from_this_machine(&request) => {}
        MetricsAccess::Loopback => {
            return Err(Failure::denied("metrics are for callers on the host's own machine")
                .with_hint("[metrics] token_env names a token for others")
                .into());
        }
        MetricsAccess::Token(wanted) => check_token(request.headers(), wanted)?,
    }
    if let Err(failure) = api.engine.observe().await {
        tracing::warn!(error = %failure, "what the catalog knows is missing in the metrics, or old");
    }
    Ok(([(header::CONTENT_TYPE, PROMETHEUS)], render()))
}

/// A proxy on this machine speaks for others.
fn from_this_machine(request: &Request) -> bool {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let forwarded = ["forwarded", "x-forwarded-for"].iter().any(|name| request.headers().contains_key(*name));
    peer.is_some_and(|ConnectInfo(address)| address.ip().to_canonical().is_loopback()) && !forwarded
}

fn check_token(headers: &HeaderMap, wanted: &str) -> Answer<()> {
    let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let sent = sent.split_once(' ').map_or("", |(_, token)| token.trim());
    match sent.as_bytes().ct_eq(wanted.as_bytes()).into() {
        true => Ok(()),
        false => Err(Problem::unauthenticated("the token for metrics was not sent, or is not the configured one")),
    }
}
