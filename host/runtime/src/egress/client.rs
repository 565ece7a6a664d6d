//! The pooled client of one target.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bulkhead_model::{Failure, Result};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use wasmtime_wasi_http::{Error, WasiBody};

use super::Trust;
use super::connect::{Connect, NoConnection};
use super::origin::Origin;

/// How long a connection is kept for the next request.
const IDLE: Duration = Duration::from_secs(30);
/// Connections kept for each origin.
const MOST_IDLE: usize = 16;

/// Sends requests over connections that are kept. Its connections are never another target's.
#[derive(Clone)]
pub(super) struct Client(legacy::Client<HttpsConnector<Connect>, WasiBody>);

impl Client {
    pub(super) fn new(tls: Arc<ClientConfig>, origins: Arc<BTreeMap<Origin, Trust>>) -> Self {
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(ClientConfig::clone(&tls))
            .https_or_http()
            .enable_http1()
            .wrap_connector(Connect::new(origins));
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MOST_IDLE)
            .build(connector);
        Self(client)
    }

    pub(super) async fn send(&self, request: Request<WasiBody>) -> std::result::Result<Response<Incoming>, Error> {
        self.0.request(request).await.map_err(explain)
    }
}

/// TLS with the authorities of the public internet and the operator's own.
///
/// # Errors
/// `invalid` when a file holds no certificates.
pub(super) fn tls(ca_files: &[PathBuf]) -> Result<ClientConfig> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
    for file in ca_files {
        let wrong = |why: String| {
            Failure::invalid(format!("[egress] ca_files: {}: {why}", file.display()))
                .with_hint("name a PEM file with the certificates of an authority")
        };
        let certificates = CertificateDer::pem_file_iter(file).map_err(|error| wrong(error.to_string()))?;
        let mut found = 0_usize;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
            roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
            found += 1;
        }
        if found == 0 {
            return Err(wrong("holds no certificate".to_owned()));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::internal(format!("TLS is not available: {error}")))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// What went wrong, in the words that plugins know: they decide by them what to try again.
fn explain(error: legacy::Error) -> Error {
    let mut cause = error.source();
    while let Some(link) = cause {
        if let Some(no) = link.downcast_ref::<NoConnection>() {
            return match no {
                NoConnection::NotAllowed => Error::HttpRequestDenied,
                NoConnection::Private => Error::DestinationIpProhibited,
                NoConnection::Unresolved => Error::DnsError { rcode: None, info_code: None },
                NoConnection::Late => Error::ConnectionTimeout,
                NoConnection::Refused => Error::ConnectionRefused,
            };
        }
        // What the request's own body failed with.
        if let Some(Error::HttpRequestBodySize(size)) = link.downcast_ref::<Error>() {
            return Error::HttpRequestBodySize(*size);
        }
        if let Some(io) = link.downcast_ref::<io::Error>()
            && let Some(tls) = io.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>())
        {
            return match tls {
                rustls::Error::InvalidCertificate(_) => Error::TlsCertificateError,
                _ => Error::TlsProtocolError,
            };
        }
        cause = link.source();
    }
    match error.is_connect() {
        // The server was reached; what is left of connecting is the handshake.
        true => Error::TlsProtocolError,
        // Broken off before the answer: the connection ended, or was reset.
        false => Error::ConnectionTerminated,
    }
}
