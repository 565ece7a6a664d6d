//! Requests that are carried out once, however often they arrive.

use bulkhead_model::{Failure, OrganizationId, Result, Timestamp};
use sqlx::any::AnyRow;

use crate::catalog::Catalog;
use crate::fields::Fields;
use crate::job::{self, Job};
use crate::session::{Session, Sql, sql};

/// What a caller calls a request, to be able to send it again without its being carried out again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The caller's word for it, unique within the organization.
    pub key: String,
    /// Of the request itself: another one under the same key is a mistake.
    pub fingerprint: String,
}

/// What a request made, now or when it first arrived.
#[derive(Clone, Debug, PartialEq)]
pub struct Made<T> {
    /// What was made, as it is now.
    pub value: T,
    /// Made by an earlier request with the same key; this one has changed nothing.
    pub replayed: bool,
}

impl<T> Made<T> {
    pub(crate) fn now(value: T) -> Self {
        Self { value, replayed: false }
    }

    pub(crate) fn before(value: T) -> Self {
        Self { value, replayed: true }
    }
}

impl Catalog {
    /// The job that this very request has made before, under its key. What the request says may mean something else by now, or
    /// nothing: whoever looks that up asks this first.
    ///
    /// # Errors
    /// `conflict` when the key stands for another request.
    pub async fn job_made_before(
        &self,
        organization: &OrganizationId,
        idempotency: Option<&Idempotency>,
    ) -> Result<Option<Job>> {
        let Some(idempotency) = idempotency else { return Ok(None) };
        let rows = self.rows(find(organization, idempotency)).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let id = job::made_before(&object(row, idempotency)?)?;
        self.job(organization, &id).await.map(Some)
    }

    /// Forgets the keys of requests that were carried out before an instant; answers how many.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn forget_idempotency_keys(&self, before: Timestamp) -> Result<u64> {
        let mut session = self.begin().await?;
        let query = sql("DELETE FROM idempotency_keys WHERE created_at_us < $1").bind(before.as_micros());
        let forgotten = session.execute(query).await?;
        session.commit().await?;
        Ok(forgotten)
    }
}

/// The first statement of a transaction that carries out a request. When that was done before: what it made, and the
/// transaction must end without a change. A request with the same key that is being carried out elsewhere is waited for.
///
/// # Errors
/// `conflict` when the key stands for another request.
pub(crate) async fn begin(
    session: &mut Session,
    organization: &OrganizationId,
    idempotency: Option<&Idempotency>,
    kind: &'static str,
) -> Result<Option<String>> {
    let Some(idempotency) = idempotency else { return Ok(None) };
    let query = sql("INSERT INTO idempotency_keys (organization, key, fingerprint, kind, object, created_at_us)
             VALUES ($1, $2, $3, $4, '', $5) ON CONFLICT (organization, key) DO NOTHING")
    .bind(organization.as_str())
    .bind(idempotency.key.clone())
    .bind(idempotency.fingerprint.clone())
    .bind(kind)
    .bind(session.now().as_micros());
    if session.execute(query).await? == 1 {
        return Ok(None);
    }
    match session.row(find(organization, idempotency)).await? {
        Some(row) if Fields(&row).text("kind")? == kind => object(&row, idempotency).map(Some),
        Some(_) => Err(another()),
        None => Err(Failure::unavailable("the idempotency key was being forgotten; send the request again")),
    }
}

fn find<'q>(organization: &OrganizationId, idempotency: &Idempotency) -> Sql<'q> {
    sql("SELECT fingerprint, kind, object FROM idempotency_keys WHERE organization = $1 AND key = $2")
        .bind(organization.as_str().to_owned())
        .bind(idempotency.key.clone())
}

/// What the request has made, when it was this one.
fn object(row: &AnyRow, idempotency: &Idempotency) -> Result<String> {
    let row = Fields(row);
    if row.text("fingerprint")? == idempotency.fingerprint { row.text("object") } else { Err(another()) }
}

fn another() -> Failure {
    Failure::conflict("the idempotency key was used for another request")
        .with_hint("use a new key for each request, and the same one only to send a request again")
}

/// Writes down what the request has made, for those that come again.
pub(crate) async fn settle(
    session: &mut Session,
    organization: &OrganizationId,
    idempotency: Option<&Idempotency>,
    object: &str,
) -> Result<()> {
    let Some(idempotency) = idempotency else { return Ok(()) };
    let query = sql("UPDATE idempotency_keys SET object = $1 WHERE organization = $2 AND key = $3")
        .bind(object.to_owned())
        .bind(organization.as_str())
        .bind(idempotency.key.clone());
    session.execute_one("an idempotency key", query).await
}
