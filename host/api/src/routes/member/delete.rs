use axum::extract::State;
use axum::http::StatusCode;

use crate::Api;
use crate::auth::OrgAdministrator;
use crate::path::{Id, found};
use crate::problem::Answer;

/// `DELETE /members/{subject}`: from the next request on they may do nothing, unless a token names roles.
#[utoipa::path(delete, path = "/members/{subject}", operation_id = "members.delete", tag = "access",
    params(("subject" = String, Path, min_length = 1, description = "The claim `sub` of their tokens")),
    responses((status = 204, description = "They are no member any more")))]
pub async fn delete(
    State(api): State<Api>,
    OrgAdministrator(caller): OrgAdministrator,
    Id(subject): Id,
) -> Answer<StatusCode> {
    found(api.engine.catalog().delete_member(&caller.organization, &subject).await, "member", &subject)?;
    tracing::info!(subject = caller.subject, member = subject, "member removed");
    Ok(StatusCode::NO_CONTENT)
}
