//! The audit trail: whatever changes something is written down before it is done, and how it ended afterwards; so is what was refused.

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bulkhead_catalog::NewAudit;
use bulkhead_model::{AuditId, Failure};
use tracing::Instrument as _;

use crate::Api;
use crate::auth::{Caller, peer};
use crate::document::Operation;
use crate::observe::RequestId;
use crate::problem::{Code, Problem};

/// Keeps the trail. Without an entry nothing is done.
pub async fn trail(
    State(api): State<Api>,
    parameters: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
    next: Next,
) -> Response {
    let extensions = request.extensions();
    let (Some(caller), Some(operation)) = (extensions.get::<Caller>(), extensions.get::<Operation>()) else {
        return next.run(request).await;
    };
    let entry = NewAudit {
        organization: caller.organization.clone(),
        subject: caller.subject.clone(),
        credential: caller.credential.to_string(),
        action: operation.id.clone(),
        object: parameters.ok().and_then(|all| all.iter().next().map(|(_, value)| shortened(value))),
        address: peer(&request).map(|address| address.to_string()),
        request_id: extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default(),
    };
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        let response = next.run(request).await;
        if response.status() == StatusCode::FORBIDDEN {
            refused(&api, entry, Outcome::of(&response)).await;
        }
        return response;
    }
    let id = match api.engine.catalog().begin_audit(entry).await {
        Ok(id) => id,
        Err(failure) => {
            tracing::error!(error = %failure, "the audit trail cannot be written: nothing is done");
            return Problem::no_audit().into_response();
        }
    };
    // In a task of its own: a caller who hangs up does not keep the end from being written down.
    let done = async move {
        let response = next.run(request).await;
        end(&api, &id, Outcome::of(&response)).await;
        response
    };
    let ended = tokio::spawn(done.in_current_span()).await;
    ended.unwrap_or_else(|_| Problem::from(Failure::internal("a handler broke down")).into_response())
}

/// Reading is not written down, being refused is.
async fn refused(api: &Api, entry: NewAudit, outcome: Outcome) {
    match api.engine.catalog().begin_audit(entry).await {
        Ok(id) => end(api, &id, outcome).await,
        Err(failure) => tracing::error!(error = %failure, "a refusal is missing in the audit trail"),
    }
}

/// What the trail keeps of an answer.
struct Outcome {
    status: u16,
    code: Option<&'static str>,
    object: Option<String>,
}

impl Outcome {
    fn of(response: &Response) -> Self {
        // What was made says where it is.
        let made = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
        Self {
            status: response.status().as_u16(),
            code: response.extensions().get::<Code>().map(|code| code.0),
            object: made.and_then(|location| location.rsplit('/').next()).map(str::to_owned),
        }
    }
}

async fn end(api: &Api, id: &AuditId, Outcome { status, code, object }: Outcome) {
    if let Err(failure) = api.engine.catalog().end_audit(id, status, code, object.as_deref()).await {
        tracing::error!(entry = %id, status, error = %failure, "the end of an audit entry was not written");
    }
}

/// Ids are short; what is not one need not be kept whole.
fn shortened(text: &str) -> String {
    text.chars().take(255).collect()
}
