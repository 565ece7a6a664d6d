//! Connections to addresses that have been looked at.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bulkhead_model::is_public_address;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;
use url::Host;

use super::Trust;
use super::origin::Origin;

/// The most time for one name to be resolved, and for one address to answer.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);

/// Addresses of one name that are tried.
const MOST_ADDRESSES: usize = 8;

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoConnection {
    #[error("the address is not an endpoint of this target")]
    NotAllowed,
    #[error("the name leads to a private address")]
    Private,
    #[error("the name cannot be resolved")]
    Unresolved,
    #[error("nothing answers in time")]
    Late,
    #[error("the connection is refused")]
    Refused,
}

type Resolve = dyn Fn(String, u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync;

/// Connects to the origins of one target.
#[derive(Clone)]
pub(super) struct Connect {
    origins: Arc<BTreeMap<Origin, Trust>>,
    resolve: Arc<Resolve>,
}

impl Connect {
    pub(super) fn new(origins: Arc<BTreeMap<Origin, Trust>>) -> Self {
        let resolve = |name: String, port| {
            async move { tokio::net::lookup_host((name, port)).await.map(Iterator::collect) }.boxed()
        };
        Self { origins, resolve: Arc::new(resolve) }
    }

    async fn connect(self, uri: Uri) -> Result<TcpStream, NoConnection> {
        let origin = Origin::of_request(&uri).ok_or(NoConnection::NotAllowed)?;
        let trust = *self.origins.get(&origin).ok_or(NoConnection::NotAllowed)?;
        let addresses = match origin.host() {
            Host::Ipv4(address) => vec![SocketAddr::new(IpAddr::V4(*address), origin.port())],
            Host::Ipv6(address) => vec![SocketAddr::new(IpAddr::V6(*address), origin.port())],
            Host::Domain(name) => {
                match tokio::time::timeout(CONNECT_DEADLINE, (self.resolve)(name.clone(), origin.port())).await {
                    Ok(Ok(addresses)) if !addresses.is_empty() => addresses,
                    Ok(_) => return Err(NoConnection::Unresolved),
                    Err(_) => return Err(NoConnection::Late),
                }
            }
        };
        // All of them: a name with one address inside was not made by accident.
        if trust == Trust::Tenant && !addresses.iter().all(|address| is_public_address(address.ip())) {
            return Err(NoConnection::Private);
        }
        let mut why = NoConnection::Refused;
        for address in addresses.into_iter().take(MOST_ADDRESSES) {
            match tokio::time::timeout(CONNECT_DEADLINE, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // A nicety: small requests are not held back.
                    let _best_effort = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(_)) => why = NoConnection::Refused,
                Err(_) => why = NoConnection::Late,
            }
        }
        Err(why)
    }
}

impl Service<Uri> for Connect {
    type Response = TokioIo<TcpStream>;
    type Error = NoConnection;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connect = self.clone();
        async move { connect.connect(uri).await.map(TokioIo::new) }.boxed()
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// What a connection to `url` comes to when its name resolves to `addresses` and the origin is trusted as said.
    async fn connect(url: &str, addresses: &[SocketAddr], trust: Option<Trust>) -> Result<SocketAddr, NoConnection> {
        let uri: Uri = url.parse().unwrap();
        let origin = Origin::of_request(&uri).unwrap();
        let addresses = addresses.to_vec();
        let connect = Connect {
            origins: Arc::new(trust.map(|trust| (origin, trust)).into_iter().collect()),
            resolve: Arc::new(move |_, _| {
                let addresses = addresses.clone();
                async move { Ok(addresses) }.boxed()
            }),
        };
        connect.connect(uri).await.map(|stream| stream.peer_addr().unwrap())
    }

    #[tokio::test]
    async fn the_connection_goes_to_the_address_that_was_looked_at() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let inside = listener.local_addr().unwrap();
        let outside: SocketAddr = "93.184.216.34:443".parse().unwrap();
        let url = "https://bucket.example.com/";
        assert_eq!(connect(url, &[inside], Some(Trust::Operator)).await, Ok(inside));
        // Neither alone, nor behind a public address, nor by an address that only looks public.
        let mapped = SocketAddr::new("::ffff:127.0.0.1".parse().unwrap(), inside.port());
        for addresses in
            [vec![inside], vec![outside, inside], vec![mapped], vec!["169.254.169.254:80".parse().unwrap()]]
        {
            assert_eq!(
                connect(url, &addresses, Some(Trust::Tenant)).await,
                Err(NoConnection::Private),
                "{addresses:?}"
            );
        }
        assert_eq!(connect(url, &[], Some(Trust::Tenant)).await, Err(NoConnection::Unresolved));
        assert_eq!(connect(url, &[inside], None).await, Err(NoConnection::NotAllowed));
        let literal = format!("https://{inside}/");
        assert_eq!(connect(&literal, &[], Some(Trust::Tenant)).await, Err(NoConnection::Private));
        // One of the two that were meant to connect has; nobody else was let in.
        listener.accept().await.unwrap();
        assert!(futures::poll!(Box::pin(listener.accept())).is_pending());
    }
}
