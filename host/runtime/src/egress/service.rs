//! The job's own service, which a method plugin reaches under a name that is no address.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bulkhead_model::{Failure, Result};
use http::header::{AUTHORIZATION, COOKIE, HOST, PROXY_AUTHORIZATION};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use wasmtime_wasi_http::{Error, WasiBody};

use super::client::Client;
use super::hooks::Deadlines;
use super::origin::Origin;
use super::session::Session;
use crate::{Connection, HttpAccess};

/// What plugins call their service.
pub(super) const SERVICE_ORIGIN: &str = "http://service.internal";

/// Who a request comes from is the host's affair: headers that say it are not taken from a plugin.
const IDENTITY: [HeaderName; 4] = [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, HOST];
const IDENTITY_PREFIX: &str = "surreal-auth-";

/// A restored table's index is made in one request that says nothing until it is done. The attempt's own deadline ends it at last.
pub(super) const DEADLINES: Deadlines =
    Deadlines { answer: Duration::from_secs(6 * 60 * 60), between_bytes: Duration::from_secs(600) };

/// Where the service is, and what it knows the host by.
pub(super) struct Door {
    scheme: Scheme,
    authority: Authority,
    headers: HeaderMap,
    /// For the time of one call of a plugin: an attempt signs in once.
    session: Option<Session>,
}

impl Door {
    /// # Errors
    /// `invalid` for an address that is none.
    pub(super) fn new(connection: &Connection, access: &HttpAccess) -> Result<(Self, Origin)> {
        let Connection { host, port, user, password, .. } = connection;
        let wrong = || {
            Failure::invalid(format!("the service's address `{host}`, port {port}, is none"))
                .with_hint("set host to a name or an address, and port to a number, of the [[service]]")
        };
        let scheme = if access.tls { Scheme::HTTPS } else { Scheme::HTTP };
        let bare = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.clone() };
        let authority: Authority = format!("{bare}:{port}").parse().map_err(|_| wrong())?;
        let origin = Origin::parse(&format!("{scheme}://{authority}")).ok_or_else(wrong)?;

        let mut headers = HeaderMap::new();
        let secret = BASE64_STANDARD.encode(format!("{user}:{password}"));
        let mut basic = HeaderValue::try_from(format!("Basic {secret}"))
            .map_err(|_| Failure::invalid("the service's user or password cannot be sent"))?;
        basic.set_sensitive(true);
        headers.insert(AUTHORIZATION, basic);
        for (name, value) in &access.headers {
            let header = HeaderName::try_from(name).ok().zip(HeaderValue::try_from(value).ok());
            let (name, value) = header.ok_or_else(|| {
                Failure::invalid(format!("the service's `{name}` cannot be sent"))
                    .with_hint("names that go into a header have no control characters")
            })?;
            headers.insert(name, value);
        }
        let session = access.sign_in.as_ref().map(|sign_in| Session::new(connection, sign_in));
        Ok((Self { scheme, authority, headers, session }, origin))
    }

    /// Sends a request that is [dressed](Self::dress), with a token in the place of the password where the server gives one.
    ///
    /// # Errors
    /// As the client's; `ConnectionTerminated` for a request that its sender has to make again, as its token is not taken any more.
    pub(super) async fn send(
        &self,
        client: &Client,
        mut request: Request<WasiBody>,
    ) -> Result<Response<Incoming>, Error> {
        let Some(session) = &self.session else { return client.send(request).await };
        let Some(token) = session.token(client, request.uri()).await else { return client.send(request).await };
        // What a body held is gone when the answer comes; a `GET` has none that means anything.
        let again = (request.method() == Method::GET).then(|| without_body(&request));
        request.headers_mut().insert(AUTHORIZATION, token.clone());
        let answer = client.send(request).await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        // The user's password was changed, say, or the server has forgotten who it gave tokens to.
        session.refuse(&token).await;
        match again {
            Some(again) => client.send(again).await,
            None => Err(Error::ConnectionTerminated),
        }
    }

    /// Sends a request to the service, as the host: whatever the plugin said of these things does not count.
    ///
    /// # Errors
    /// When the request's address cannot be written.
    pub(super) fn dress<B>(&self, request: &mut http::Request<B>) -> Result<(), http::Error> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()?;
        let headers = request.headers_mut();
        let foreign: Vec<_> = headers
            .keys()
            .filter(|name| IDENTITY.contains(name) || name.as_str().starts_with(IDENTITY_PREFIX))
            .cloned()
            .collect();
        for name in foreign {
            headers.remove(name);
        }
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
        Ok(())
    }
}

/// The same request, of which the body has nothing.
fn without_body(request: &Request<WasiBody>) -> Request<WasiBody> {
    let mut again = Request::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
    again.method_mut().clone_from(request.method());
    again.uri_mut().clone_from(request.uri());
    again.headers_mut().clone_from(request.headers());
    again
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(host: &str) -> Connection {
        Connection {
            host: host.to_owned(),
            port: 8000,
            socket: None,
            user: "root".to_owned(),
            password: "secret".to_owned(),
            throw_away: false,
            http: None,
        }
    }

    #[test]
    fn a_request_goes_to_the_service_as_the_host() {
        let headers = vec![("surreal-auth-ns".to_owned(), "app".to_owned())];
        let access = HttpAccess { tls: false, headers, sign_in: None };
        let (door, origin) = Door::new(&connection("127.0.0.1"), &access).unwrap();
        assert_eq!(Some(origin), Origin::parse("http://127.0.0.1:8000"));
        let mut request = http::Request::get("http://service.internal/export?a=b")
            .header("Authorization", "Basic bWU6bWU=")
            .header("Host", "elsewhere")
            .header("Surreal-Auth-NS", "other")
            .header("surreal-auth-db", "other")
            .header("surreal-ns", "mine")
            .body(())
            .unwrap();
        door.dress(&mut request).unwrap();
        assert_eq!(request.uri(), "http://127.0.0.1:8000/export?a=b");
        let mut sent: Vec<_> =
            request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        sent.sort_unstable();
        assert_eq!(
            sent,
            [
                ("authorization", b"Basic cm9vdDpzZWNyZXQ=".as_slice()),
                ("surreal-auth-ns", b"app"),
                ("surreal-ns", b"mine"),
            ]
        );
        assert!(!format!("{request:?}").contains("cm9vdDpzZWNyZXQ"), "the password is in no log");
    }

    #[test]
    fn addresses_of_all_kinds_are_reached_and_none_leads_elsewhere() {
        for (host, tls, expected) in [
            ("::1", false, "http://[::1]:8000"),
            ("[::1]", true, "https://[::1]:8000"),
            ("Db.Internal", true, "https://db.internal:8000"),
        ] {
            let access = HttpAccess { tls, ..HttpAccess::default() };
            let (_, origin) = Door::new(&connection(host), &access).unwrap();
            assert_eq!(Some(origin), Origin::parse(expected), "{host}");
        }
        for host in ["", "a/b", "me@elsewhere", "a b"] {
            assert!(Door::new(&connection(host), &HttpAccess::default()).is_err(), "{host:?}");
        }
    }
}
