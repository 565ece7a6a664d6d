//! Members: what a person whose token names no roles may do in an organization.

use bulkhead_model::{Failure, OrganizationId, Result, Role, ServiceId, Timestamp};
use sqlx::any::AnyRow;

use crate::catalog::Catalog;
use crate::fields::{Fields, optional_json};
use crate::page::Page;
use crate::session::sql;

/// What somebody may do in an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Where.
    pub organization: OrganizationId,
    /// Who: the claim `sub` of their tokens.
    pub subject: String,
    /// How much.
    pub role: Role,
    /// Only on these services; `None`: on all of them, and on what belongs to the organization as a whole.
    pub services: Option<Vec<ServiceId>>,
    /// When they became a member.
    pub created_at: Timestamp,
    /// The subject that made them one.
    pub created_by: String,
}

impl Member {
    fn from_row(row: &AnyRow) -> Result<Self> {
        let row = Fields(row);
        Ok(Self {
            organization: row.parsed("organization")?,
            subject: row.text("subject")?,
            role: row.parsed("role")?,
            services: row.optional_json("services")?,
            created_at: row.time("created_at_us")?,
            created_by: row.text("created_by")?,
        })
    }
}

/// Somebody to become a member, or a member to be changed.
#[derive(Clone, Debug)]
pub struct NewMember {
    /// Where.
    pub organization: OrganizationId,
    /// Who.
    pub subject: String,
    /// How much.
    pub role: Role,
    /// Only on these services.
    pub services: Option<Vec<ServiceId>>,
    /// The subject that does it; kept when the member is new.
    pub created_by: String,
}

impl Catalog {
    /// Makes somebody a member, or gives a member another role and other services.
    ///
    /// # Errors
    /// `invalid` for a subject that no database can hold.
    pub async fn put_member(&self, new: NewMember) -> Result<Member> {
        if new.subject.is_empty() || new.subject.contains('\0') {
            return Err(Failure::invalid("`subject` must be a text without a NUL character"));
        }
        let mut session = self.begin().await?;
        let query = sql("INSERT INTO members (organization, subject, role, services, created_at_us, created_by)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (organization, subject) DO UPDATE SET role = excluded.role, services = excluded.services
             RETURNING *")
        .bind(new.organization.as_str())
        .bind(new.subject)
        .bind(new.role.to_string())
        .bind(optional_json(new.services.as_ref())?)
        .bind(session.now().as_micros())
        .bind(crate::fields::plain(&new.created_by));
        let Some(row) = session.row(query).await? else {
            return Err(Failure::internal("a member was not written"));
        };
        let member = Member::from_row(&row)?;
        session.commit().await?;
        Ok(member)
    }

    /// What a subject may do in the organization; `None` when it is no member: nothing.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn member(&self, organization: &OrganizationId, subject: &str) -> Result<Option<Member>> {
        if subject.contains('\0') {
            return Ok(None);
        }
        let query = sql("SELECT * FROM members WHERE organization = $1 AND subject = $2")
            .bind(organization.as_str())
            .bind(subject.to_owned());
        self.rows(query).await?.first().map(Member::from_row).transpose()
    }

    /// The organization's members by subject, one page; and how many there are.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn members(&self, organization: &OrganizationId, page: Page) -> Result<(Vec<Member>, u64)> {
        let (rows, total) =
            self.counted_page("members", "organization = $1", &[organization.as_str().into()], "subject", page).await?;
        Ok((rows.iter().map(Member::from_row).collect::<Result<_>>()?, total))
    }

    /// Ends a membership. It holds from the next request on; a token that names roles itself is not affected. The last
    /// administrator may go too: the host can always mint another token.
    ///
    /// # Errors
    /// `not-found` when the subject is no member.
    pub async fn delete_member(&self, organization: &OrganizationId, subject: &str) -> Result<Member> {
        let missing = || Failure::not_found(format!("there is no member `{subject}`"));
        if subject.contains('\0') {
            return Err(missing());
        }
        let mut session = self.begin().await?;
        let query = sql("DELETE FROM members WHERE organization = $1 AND subject = $2 RETURNING *")
            .bind(organization.as_str())
            .bind(subject.to_owned());
        let Some(row) = session.row(query).await? else { return Err(missing()) };
        let member = Member::from_row(&row)?;
        session.commit().await?;
        Ok(member)
    }
}
