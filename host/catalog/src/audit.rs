//! The audit trail: who changed what, or was refused. Entries are written once and ended once, nothing else: nothing
//! here changes or removes one.

use bulkhead_model::{AuditId, Failure, OrganizationId, Result, Timestamp};
use sqlx::any::AnyRow;

use crate::catalog::Catalog;
use crate::fields::{Fields, plain};
use crate::page::{Bound, Page};
use crate::session::sql;

/// Something that somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its id.
    pub id: AuditId,
    /// When it was asked for.
    pub at: Timestamp,
    /// In which organization.
    pub organization: OrganizationId,
    /// By whom.
    pub subject: String,
    /// How they proved it: `token`, `key:<prefix>`, `local`.
    pub credential: String,
    /// What: the operation's id, e.g. `restores.create`.
    pub action: String,
    /// Upon what, as far as known: an id.
    pub object: Option<String>,
    /// From where.
    pub address: Option<String>,
    /// The request's id, as in the logs and in the answer.
    pub request_id: String,
    /// When it was answered. `None` long after [`at`](Self::at): the host died at it.
    pub ended_at: Option<Timestamp>,
    /// The answer's HTTP status.
    pub status: Option<u16>,
    /// The code of the problem that was answered.
    pub code: Option<String>,
}

impl AuditEntry {
    fn from_row(row: &AnyRow) -> Result<Self> {
        let row = Fields(row);
        Ok(Self {
            id: row.parsed("id")?,
            at: row.time("at_us")?,
            organization: row.parsed("organization")?,
            subject: row.text("subject")?,
            credential: row.text("credential")?,
            action: row.text("action")?,
            object: row.optional_text("object")?,
            address: row.optional_text("address")?,
            request_id: row.text("request_id")?,
            ended_at: row.optional_time("ended_at_us")?,
            status: row.optional_unsigned("status")?,
            code: row.optional_text("code")?,
        })
    }
}

/// Something that somebody asks for now. Never holds a secret.
#[derive(Clone, Debug)]
pub struct NewAudit {
    /// In which organization.
    pub organization: OrganizationId,
    /// By whom.
    pub subject: String,
    /// How they proved it.
    pub credential: String,
    /// What.
    pub action: String,
    /// Upon what, as far as known.
    pub object: Option<String>,
    /// From where.
    pub address: Option<String>,
    /// The request's id.
    pub request_id: String,
}

/// Which entries to list.
#[derive(Clone, Debug)]
pub struct AuditFilter {
    /// Only by this subject.
    pub subject: Option<String>,
    /// Only of this action.
    pub action: Option<String>,
    /// Only from this instant on.
    pub since: Option<Timestamp>,
    /// Only before this instant.
    pub until: Option<Timestamp>,
    /// The page, from 1.
    pub page: u32,
    /// Entries on a page, at least 1.
    pub page_size: u32,
}

impl Default for AuditFilter {
    fn default() -> Self {
        Self { subject: None, action: None, since: None, until: None, page: 1, page_size: 50 }
    }
}

impl Catalog {
    /// Writes down what is about to be done, before it is done.
    ///
    /// # Errors
    /// Only those of the database; then it must not be done.
    pub async fn begin_audit(&self, new: NewAudit) -> Result<AuditId> {
        let id = AuditId::new();
        let mut session = self.begin().await?;
        let query =
            sql("INSERT INTO audit (id, at_us, organization, subject, credential, action, object, address, request_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)")
            .bind(id.as_str())
            .bind(session.now().as_micros())
            .bind(new.organization.as_str())
            .bind(plain(&new.subject))
            .bind(plain(&new.credential))
            .bind(plain(&new.action))
            .bind(new.object.as_deref().map(plain))
            .bind(new.address.as_deref().map(plain))
            .bind(plain(&new.request_id));
        session.execute_one("a new audit entry", query).await?;
        session.commit().await?;
        Ok(id)
    }

    /// Writes down how it ended: the answer's status, the code of its problem, and the object when that was not known
    /// before.
    ///
    /// # Errors
    /// `conflict` when that is written down already.
    pub async fn end_audit(&self, id: &AuditId, status: u16, code: Option<&str>, object: Option<&str>) -> Result<()> {
        let mut session = self.begin().await?;
        let query = sql("UPDATE audit SET ended_at_us = $1, status = $2, code = $3, object = COALESCE($4, object)
             WHERE id = $5 AND ended_at_us IS NULL")
        .bind(session.now().as_micros())
        .bind(i64::from(status))
        .bind(code.map(plain))
        .bind(object.map(plain))
        .bind(id.as_str());
        if session.execute(query).await? != 1 {
            return Err(Failure::conflict(format!("audit entry {id} is not one that has yet to end")));
        }
        session.commit().await
    }

    /// The organization's audit trail, newest first, one page; and how many entries there are on all pages. That total is
    /// exact up to 10,000; 10,001 means more.
    ///
    /// # Errors
    /// `invalid` for a page past the first 10,000 entries of a list that is longer.
    pub async fn audit(&self, organization: &OrganizationId, filter: &AuditFilter) -> Result<(Vec<AuditEntry>, u64)> {
        let given = [
            ("subject =", filter.subject.as_deref().map(|subject| plain(subject).as_str().into())),
            ("action =", filter.action.as_deref().map(|action| plain(action).as_str().into())),
            ("at_us >=", filter.since.map(|since| Bound::Number(since.as_micros()))),
            ("at_us <", filter.until.map(|until| Bound::Number(until.as_micros()))),
        ];
        let mut clauses = "organization = $1".to_owned();
        let mut values: Vec<Bound> = vec![organization.as_str().into()];
        for (clause, value) in given {
            if let Some(value) = value {
                values.push(value);
                clauses.push_str(&format!(" AND {clause} ${}", values.len()));
            }
        }
        let page = Page { page: filter.page, page_size: filter.page_size };
        let (rows, total) = self.counted_page("audit", &clauses, &values, "at_us DESC, id DESC", page).await?;
        Ok((rows.iter().map(AuditEntry::from_row).collect::<Result<_>>()?, total))
    }
}
