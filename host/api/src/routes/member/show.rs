use axum::Json;
use axum::extract::State;

use crate::Api;
use crate::auth::OrgAdministrator;
use crate::dto::MemberDto;
use crate::path::{Id, missing};
use crate::problem::Answer;

/// `GET /members/{subject}`: one member.
#[utoipa::path(get, path = "/members/{subject}", operation_id = "members.show", tag = "access",
    params(("subject" = String, Path, min_length = 1, description = "The claim `sub` of their tokens")),
    responses((status = 200, description = "The member", body = MemberDto)))]
pub async fn show(
    State(api): State<Api>,
    OrgAdministrator(caller): OrgAdministrator,
    Id(subject): Id,
) -> Answer<Json<MemberDto>> {
    let member = api.engine.catalog().member(&caller.organization, &subject).await?;
    Ok(Json(member.ok_or_else(|| missing("member", &subject))?.into()))
}
