//! Serves connections: HTTP/1.1, bounded in number and in the time a head may take.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower::ServiceExt as _;

const BUFFER_BYTES: usize = 64 << 10;
const HEADERS_MAX: usize = 100;
/// Holds for connections that are kept as well. Longer than clients keep them (SurrealDB: 90 s), so that none is closed here in the very
/// moment in which an event is sent over it, which would fail somebody's transaction.
const HEAD_DEADLINE: Duration = Duration::from_secs(120);
/// A host that has no file descriptors left tries again after this.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves what stands before `service` until `stopping` becomes true and every answer has been sent.
pub(crate) async fn serve(
    listener: TcpListener,
    (service, router): (String, Router),
    connections: usize,
    mut stopping: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(connections.max(1)));
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_DEADLINE)
        .max_buf_size(BUFFER_BYTES)
        .max_headers(HEADERS_MAX);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            _ = stopping.wait_for(|stopping| *stopping) => break,
        };
        let (stream, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(service, %error, "a connection to the front door could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Small answers leave at once.
        let _slower = stream.set_nodelay(true);
        let handle = router
            .clone()
            .map_request(|request: http::Request<hyper::body::Incoming>| request.map(axum::body::Body::new));
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(handle)));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to the front door broke");
            }
            drop(place);
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

/// The next connection, once there is a place for it.
async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> std::io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, place))
}
