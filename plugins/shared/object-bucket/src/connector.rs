//! Between `object_store` and the network: adds what it leaves out, signs each try anew, tries again what passes, and turns answers that
//! say no into faults.

use std::sync::Arc;

use async_trait::async_trait;
use bulkhead_plugin_sdk::{Failure, debug};
use http::header::CONTENT_LENGTH;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};

use crate::{Fault, Operation, PutToken, Refusal, Retry, Service, ask, text, xml};

/// Connects one store, for one put or for anything else.
#[derive(Debug)]
pub struct Connector<S> {
    service: Arc<S>,
    token: Option<PutToken>,
}

impl<S> Clone for Connector<S> {
    fn clone(&self) -> Self {
        Self { service: self.service.clone(), token: self.token.clone() }
    }
}

impl<S: Service> Connector<S> {
    /// `token` belongs to the put that the requests are for.
    pub fn new(service: Arc<S>, token: Option<PutToken>) -> Self {
        Self { service, token }
    }

    /// Sends a request that `object_store` does not know, the same way, and reads the answer.
    ///
    /// # Errors
    /// What the service said, or that it said nothing.
    pub async fn question(&self, request: HttpRequest) -> Result<String, Fault> {
        let operation = self.service.operation(&request);
        text(self.send(&request).await?.into_body(), operation).await
    }

    /// Sends a request, as often as it makes sense.
    async fn send(&self, request: &HttpRequest) -> Result<HttpResponse, Fault> {
        let operation = self.service.operation(request);
        let mut retry = Retry::default();
        loop {
            match self.once(request.clone(), operation).await {
                Ok(answer) => return Ok(answer),
                Err(fault) => {
                    debug!("a request did not succeed"; "operation" => format!("{operation:?}"), "why" => fault.failure.message);
                    retry.wait(fault).await?;
                    if let Some(token) = self.token.as_ref().filter(|_| operation == Operation::Begin) {
                        token.doubt();
                    }
                }
            }
        }
    }

    async fn once(&self, mut request: HttpRequest, operation: Operation) -> Result<HttpResponse, Fault> {
        self.service.dress(&mut request, operation, self.token.as_ref())?;
        self.service.sign(&mut request).await?;
        let answer = ask(request, operation).await?;
        let (parts, body) = answer.into_parts();
        let status = parts.status;
        if status.is_success() && matches!(operation, Operation::Get | Operation::Head) {
            if parts.headers.contains_key(CONTENT_LENGTH) {
                return Ok(HttpResponse::from_parts(parts, body));
            }
            let message = format!("{}: the service does not say how large it is", operation.failing());
            return Err(Fault::passing(Failure::unavailable(message)));
        }
        // All of it, so that an answer that breaks off is tried again as well.
        let body = text(body, operation).await?;
        // A service that takes long to put parts together has said `200` when it finds out that it cannot.
        let late = operation == Operation::Complete && xml::element(&body, "Code").is_some();
        if status.is_success() && !late {
            return Ok(HttpResponse::from_parts(parts, HttpResponseBody::from(body.trim_start().to_owned())));
        }
        let status = if status.is_success() { http::StatusCode::INTERNAL_SERVER_ERROR } else { status };
        let refusal = Refusal::read(operation, status, parts.headers, &body, &self.service.secrets());
        Err(self.service.explain(&refusal))
    }
}

#[async_trait]
impl<S: Service> HttpService for Connector<S> {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        // Not a kind that `object_store` would try again.
        self.send(&request).await.map_err(|fault| HttpError::new(HttpErrorKind::Unknown, fault))
    }
}

impl<S: Service> HttpConnector for Connector<S> {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        fault.failure
    }
}
