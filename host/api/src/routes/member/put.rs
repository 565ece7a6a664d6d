use axum::Json;
use axum::extract::State;
use bulkhead_catalog::NewMember;
use utoipa::ToSchema;

use crate::Api;
use crate::auth::OrgAdministrator;
use crate::dto::{MemberDto, RoleWord};
use crate::fields::{Fields, printable};
use crate::path::Id;
use crate::problem::Answer;

/// Longer ones are no names.
const SUBJECT_LENGTH: usize = 200;

/// What a member may do.
#[derive(ToSchema)]
#[schema(as = PutMember)]
#[expect(dead_code, reason = "the shape of the body, for its document and the list of known fields")]
struct PutMemberBody {
    role: RoleWord,
    /// Only on these services; all when left out.
    #[schema(min_items = 1, max_items = 1000)]
    services: Option<Vec<String>>,
}

/// `PUT /members/{subject}`: makes somebody a member, or gives a member another role and other services.
#[utoipa::path(put, path = "/members/{subject}", operation_id = "members.put", tag = "access",
    params(("subject" = String, Path, min_length = 1, max_length = 200, description = "The claim `sub` of their tokens")),
    request_body = PutMemberBody, responses((status = 200, description = "The member as they are now", body = MemberDto)))]
pub async fn put(
    State(api): State<Api>,
    OrgAdministrator(caller): OrgAdministrator,
    Id(subject): Id,
    body: Fields,
) -> Answer<Json<MemberDto>> {
    let body = body.only_of::<PutMemberBody>()?;
    let subject = printable(&subject, SUBJECT_LENGTH).map_err(|failure| failure.context("`subject`"))?;
    let grant = body.grant(&api.engine.services(&caller.organization))?;
    let new = NewMember {
        organization: caller.organization,
        subject,
        role: grant.role,
        services: grant.services.map(Vec::from_iter),
        created_by: caller.subject.clone(),
    };
    let member = api.engine.catalog().put_member(new).await?;
    tracing::info!(subject = caller.subject, member = member.subject, role = %member.role, "member written");
    Ok(Json(member.into()))
}
