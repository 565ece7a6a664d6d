use bulkhead_catalog::Member;
use serde::Serialize;
use utoipa::ToSchema;

use super::RoleWord;

/// What somebody may do when their token names no roles.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Member)]
pub struct MemberDto {
    /// The claim `sub` of their tokens.
    subject: String,
    role: RoleWord,
    /// Only on these services; null: on all of them, and on what belongs to none.
    services: Option<Vec<String>>,
    #[schema(format = DateTime)]
    created_at: String,
    /// The subject that made them a member.
    created_by: String,
}

/// A part of a listing.
#[derive(Debug, Serialize, ToSchema)]
pub struct MemberPage {
    /// By subject.
    pub members: Vec<MemberDto>,
    /// Of all pages together; 10,001 means more than 10,000.
    pub members_count: u64,
    /// Zero when there is no member.
    pub pages_count: u64,
}

impl From<Member> for MemberDto {
    fn from(member: Member) -> Self {
        Self {
            subject: member.subject,
            role: member.role.into(),
            services: member.services.map(|services| services.into_iter().map(String::from).collect()),
            created_at: member.created_at.to_seconds_string(),
            created_by: member.created_by,
        }
    }
}
