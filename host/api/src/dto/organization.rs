use serde::Serialize;
use utoipa::ToSchema;

use super::RoleWord;
use crate::auth::Caller;

/// An organization, and what the caller may do in it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Organization)]
pub struct OrganizationDto {
    id: String,
    /// How many of its services this host can reach and the caller may see.
    services_count: u64,
    /// The caller's name.
    subject: String,
    grants: Vec<CallerGrant>,
}

/// A role of the caller.
#[derive(Debug, Serialize, ToSchema)]
struct CallerGrant {
    role: RoleWord,
    /// Only on these services; null: on all of them, and on what belongs to none.
    services: Option<Vec<String>>,
}

/// A part of a listing.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrganizationPage {
    /// The caller's, and no other.
    pub organizations: Vec<OrganizationDto>,
    /// Of all pages together.
    pub organizations_count: u64,
    pub pages_count: u64,
}

impl OrganizationDto {
    /// A caller's own.
    pub fn of(caller: &Caller, services_count: u64) -> Self {
        let grants = caller.grants.iter().map(|grant| CallerGrant {
            role: grant.role.into(),
            services: grant.services.as_ref().map(|services| services.iter().map(ToString::to_string).collect()),
        });
        let (id, subject) = (caller.organization.to_string(), caller.subject.clone());
        Self { id, services_count, subject, grants: grants.collect() }
    }
}
