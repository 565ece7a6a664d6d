//! Serves connections: HTTP/1.1, bounded in number and in the time a head may take, ended without cutting answers off.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tower::ServiceExt as _;

use crate::router::{Api, router};

/// Head and buffers of one connection.
const BUFFER_BYTES: usize = 64 * 1024;
const HEADERS_MAX: usize = 100;
/// A host that has no file descriptors left tries again after this.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves the API until `closing` becomes true and every answer has been sent.
///
/// # Errors
/// None that is known; a listener that fails is tried again.
pub async fn serve(listener: TcpListener, api: Api) -> std::io::Result<()> {
    let mut closing = api.closing.clone();
    let config = Arc::clone(&api.http);
    let places = Arc::new(Semaphore::new(config.connections_max.max(1)));
    let router = router(api);
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(config.header_deadline)
        .max_buf_size(BUFFER_BYTES)
        .max_headers(HEADERS_MAX);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = closed(&mut closing) => break,
        };
        let (stream, address, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Small answers leave at once.
        let _slower = stream.set_nodelay(true);
        let service = of_connection(router.clone(), address);
        let connection = http.serve_connection(TokioIo::new(stream), service);
        let watched = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = watched.await {
                tracing::debug!(%address, %error, "a connection broke");
            }
            drop(place);
        });
    }
    drop(listener);
    graceful.shutdown().await;
    Ok(())
}

type Place = tokio::sync::OwnedSemaphorePermit;

/// The next connection, once there is a place for it.
async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> std::io::Result<(TcpStream, SocketAddr, Place)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, address) = listener.accept().await?;
    Ok((stream, address, place))
}

fn of_connection(
    router: Router,
    address: SocketAddr,
) -> TowerToHyperService<
    impl tower::Service<
        axum::http::Request<hyper::body::Incoming>,
        Response = axum::response::Response,
        Error = std::convert::Infallible,
        Future: Send,
    > + Clone
    + Send,
> {
    let service = tower::ServiceBuilder::new()
        .layer(Extension(ConnectInfo(address)))
        .service(router)
        .map_request(|request: axum::http::Request<hyper::body::Incoming>| request.map(axum::body::Body::new));
    TowerToHyperService::new(service)
}

async fn closed(closing: &mut watch::Receiver<bool>) {
    let _sender_gone = closing.wait_for(|closing| *closing).await;
}
