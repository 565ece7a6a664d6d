//! Notices: what happened, written for each webhook that wants to hear of it in the transaction that makes it true. So
//! none is lost with a host, and none tells of what was rolled back.

use bulkhead_model::{
    DeliveryId, Failure, JobKind, JobState, NoticeEvent, OrganizationId, Result, Timestamp, WebhookId,
};
use serde_json::{Value, json};

use crate::catalog::Catalog;
use crate::fields::{self, Fields};
use crate::job::Job;
use crate::schedule::Schedule;
use crate::session::{Session, Sql, sql};
use crate::webhook::DeliveryRecord;

/// Which webhooks want to hear of an event. (Each word of an event stands in quotes in the JSON.)
const LISTENERS: &str =
    "SELECT id FROM webhooks WHERE organization = $1 AND enabled = 1 AND events LIKE $2 ORDER BY id";

impl Catalog {
    /// Writes a notice for each of the organization's webhooks that wants the event; answers for how many. Of several
    /// notices with one `dedup_key`, a webhook gets the first. A key is forgotten with its delivery, see
    /// [`prune_deliveries`](Self::prune_deliveries): what is still so then is told again.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn record_notice(
        &self,
        organization: &OrganizationId,
        event: NoticeEvent,
        subject: &Value,
        dedup_key: Option<&str>,
    ) -> Result<u64> {
        // Mostly nobody listens; that is found without taking the writer's turn.
        if self.rows(listeners(organization, event)).await?.is_empty() {
            return Ok(0);
        }
        let mut session = self.begin().await?;
        let mut written = 0;
        for webhook in heard_by(&mut session, organization, event).await? {
            written += insert(&mut session, organization, &webhook, event, subject, dedup_key).await?;
        }
        session.commit().await?;
        Ok(written)
    }

    /// Writes a notice that tells nothing, to one webhook, whatever events it wants.
    ///
    /// # Errors
    /// `not-found` when the organization has no such webhook, `conflict` when that is disabled.
    pub async fn test_webhook(&self, organization: &OrganizationId, id: &WebhookId) -> Result<DeliveryRecord> {
        if !self.webhook(organization, id).await?.enabled {
            return Err(Failure::conflict("the webhook is disabled").with_hint("enable it first"));
        }
        let mut session = self.begin().await?;
        let subject = json!({ "message": "This is a test." });
        let delivery = DeliveryId::new();
        let new = New { id: &delivery, organization, webhook: id, event: NoticeEvent::Test, subject: &subject };
        insert_as(&mut session, &new, None).await?;
        let query = sql("SELECT * FROM webhook_deliveries WHERE id = $1").bind(delivery.as_str());
        let Some(row) = session.row(query).await? else {
            return Err(Failure::internal("a new delivery was not written"));
        };
        let record = DeliveryRecord::from_row(&row)?;
        session.commit().await?;
        Ok(record)
    }
}

/// Writes a notice for each of the organization's webhooks that wants the event, within a transaction.
pub(crate) async fn record(
    session: &mut Session,
    organization: &OrganizationId,
    event: NoticeEvent,
    subject: &Value,
) -> Result<()> {
    for webhook in heard_by(session, organization, event).await? {
        insert(session, organization, &webhook, event, subject, None).await?;
    }
    Ok(())
}

/// Tells of a job that has just become final, when that is worth telling: a backup, restore or reset that succeeded
/// or failed. To be called when the rows of what the job makes are written.
pub(crate) async fn record_job(session: &mut Session, job: &Job) -> Result<()> {
    let event = match (job.kind, job.state) {
        (JobKind::Backup, JobState::Succeeded) => NoticeEvent::BackupSucceeded,
        (JobKind::Backup, JobState::Failed) => NoticeEvent::BackupFailed,
        (JobKind::Copy, JobState::Failed) => NoticeEvent::CopyFailed,
        (JobKind::Restore, JobState::Succeeded) => NoticeEvent::RestoreSucceeded,
        (JobKind::Restore, JobState::Failed) => NoticeEvent::RestoreFailed,
        (JobKind::Reset, JobState::Succeeded) => NoticeEvent::ResetSucceeded,
        (JobKind::Reset, JobState::Failed) => NoticeEvent::ResetFailed,
        _ => return Ok(()),
    };
    // What goes on and on ends well each minute, which nobody wants to hear; and when it fails, it does so again and again.
    let endless = job.kind == JobKind::Backup && job.schedule.is_none();
    if endless && event == NoticeEvent::BackupSucceeded {
        return Ok(());
    }
    let webhooks = heard_by(session, &job.organization, event).await?;
    if webhooks.is_empty() {
        return Ok(());
    }
    let once = if endless { Some(episode(session, job).await?) } else { None };
    let subject = subject_of_job(session, job).await?;
    for webhook in webhooks {
        insert(session, &job.organization, &webhook, event, &subject, once.as_deref()).await?;
    }
    Ok(())
}

/// The failures of a backup without a schedule since the last one that succeeded, under one name.
async fn episode(session: &mut Session, job: &Job) -> Result<String> {
    let query = sql("SELECT MAX(finished_at_us) AS finished_at_us FROM backups
         WHERE service = $1 AND method = $2 AND state = 'succeeded' AND suspect IS NULL")
    .bind(job.service.as_str().to_owned())
    .bind(job.method.as_str().to_owned());
    let last = match session.row(query).await? {
        Some(row) => Fields(&row).optional_number("finished_at_us")?.unwrap_or(0),
        None => 0,
    };
    Ok(format!("failed:{}:{}:{last}", job.service, job.method))
}

/// Tells of damage that a verify has found.
pub(crate) async fn record_suspect(session: &mut Session, job: &Job, level: &str, damage: &Failure) -> Result<()> {
    let event = NoticeEvent::BackupSuspect;
    let webhooks = heard_by(session, &job.organization, event).await?;
    if webhooks.is_empty() {
        return Ok(());
    }
    let mut subject = subject_of_job(session, job).await?;
    subject["message"] = json!(damage.message);
    subject["verified_level"] = json!(level);
    for webhook in webhooks {
        insert(session, &job.organization, &webhook, event, &subject, None).await?;
    }
    Ok(())
}

/// Tells of a schedule that was due while nobody could run it.
pub(crate) async fn record_missed(session: &mut Session, schedule: &Schedule, due: Timestamp) -> Result<()> {
    let due = due.to_seconds_string();
    let subject = json!({
        "service_id": schedule.service,
        "schedule_id": schedule.id,
        "type": schedule.method,
        "name": schedule.name,
        "due_time": due,
        "message": format!("The backup that was due at {due} was not made: no host could start it in time."),
    });
    record(session, &schedule.organization, NoticeEvent::BackupMissed, &subject).await
}

/// What a receiver learns of a job, in the words of the API.
async fn subject_of_job(session: &mut Session, job: &Job) -> Result<Value> {
    let Some(backup) = &job.backup else { return Ok(subject_of_reset(job)) };
    let query = sql("SELECT name, stored_bytes, started_at_us, finished_at_us FROM backups WHERE id = $1")
        .bind(backup.as_str().to_owned());
    let Some(backup) = session.row(query).await? else {
        return Err(Failure::internal(format!("the backup of job {} is not in the catalog", job.id)));
    };
    let backup = Fields(&backup);
    let (message, started_at, finished_at) = match job.restore {
        None => {
            let message = job.failure.as_ref().map_or("Backup has succeeded!", |failure| failure.message.as_str());
            (message.to_owned(), backup.optional_time("started_at_us")?, backup.optional_time("finished_at_us")?)
        }
        Some(id) => {
            let query = sql("SELECT message, started_at_us, finished_at_us FROM restores WHERE id = $1").bind(id.0);
            let Some(row) = session.row(query).await? else {
                return Err(Failure::internal(format!("restore {id} is not in the catalog")));
            };
            let row = Fields(&row);
            (row.text("message")?, row.optional_time("started_at_us")?, row.optional_time("finished_at_us")?)
        }
    };
    let mut subject = json!({
        "service_id": job.service,
        "backup_id": job.backup,
        "job_id": job.id,
        "schedule_id": job.schedule,
        "type": job.method,
        "status": job.state.api_word(),
        "message": message,
        "name": backup.optional_text("name")?,
        "start_time": started_at.map(Timestamp::to_seconds_string),
        "end_time": finished_at.map(Timestamp::to_seconds_string),
        "backup_size": backup.unsigned::<u64>("stored_bytes")?,
    });
    if let Some(id) = job.restore {
        subject["restore_id"] = json!(id);
    }
    Ok(subject)
}

fn subject_of_reset(job: &Job) -> Value {
    let message = job.failure.as_ref().map_or("Reset has succeeded!", |failure| failure.message.as_str());
    json!({
        "service_id": job.service,
        "job_id": job.id,
        "type": job.method,
        "status": job.state.api_word(),
        "message": message,
        "start_time": job.started_at.map(Timestamp::to_seconds_string),
        "end_time": job.finished_at.map(Timestamp::to_seconds_string),
    })
}

fn listeners<'q>(organization: &OrganizationId, event: NoticeEvent) -> Sql<'q> {
    sql(LISTENERS).bind(organization.as_str().to_owned()).bind(format!("%\"{event}\"%"))
}

async fn heard_by(session: &mut Session, organization: &OrganizationId, event: NoticeEvent) -> Result<Vec<WebhookId>> {
    let rows = session.rows(listeners(organization, event)).await?;
    rows.iter().map(|row| Fields(row).parsed("id")).collect()
}

async fn insert(
    session: &mut Session,
    organization: &OrganizationId,
    webhook: &WebhookId,
    event: NoticeEvent,
    subject: &Value,
    dedup_key: Option<&str>,
) -> Result<u64> {
    let id = DeliveryId::new();
    insert_as(session, &New { id: &id, organization, webhook, event, subject }, dedup_key).await
}

struct New<'a> {
    id: &'a DeliveryId,
    organization: &'a OrganizationId,
    webhook: &'a WebhookId,
    event: NoticeEvent,
    subject: &'a Value,
}

/// Writes one delivery, to be claimed from now on; answers how many were written: none when its key is there already.
/// The webhook may be gone meanwhile; the claim finds that out.
async fn insert_as(session: &mut Session, new: &New<'_>, dedup_key: Option<&str>) -> Result<u64> {
    let now = session.now();
    let payload = json!({
        "type": new.event,
        "id": new.id,
        "timestamp": now.to_seconds_string(),
        "organization": new.organization,
        "data": new.subject,
    });
    let query = sql("INSERT INTO webhook_deliveries (id, webhook, event, payload, dedup_key, state, attempts,
             next_try_at_us, created_at_us)
         VALUES ($1, $2, $3, $4, $5, 'waiting', 0, $6, $7) ON CONFLICT DO NOTHING")
    .bind(new.id.as_str())
    .bind(new.webhook.as_str())
    .bind(new.event.as_str())
    .bind(fields::json(&payload)?)
    .bind(dedup_key.map(fields::plain))
    .bind(now.as_micros())
    .bind(now.as_micros());
    session.execute(query).await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use bulkhead_model::SystemClock;

    use super::*;
    use crate::{NewWebhook, Sealed};

    #[tokio::test]
    async fn what_is_rolled_back_is_not_told() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("catalog.db").display());
        let catalog = Catalog::open(&url, Arc::new(SystemClock)).await.unwrap();
        let organization: OrganizationId = "acme".parse().unwrap();
        let webhook = NewWebhook {
            id: WebhookId::new(),
            organization: organization.clone(),
            url: "https://example.com".to_owned(),
            events: NoticeEvent::ALL.to_vec(),
            enabled: true,
            sealed_secret: Sealed::from(String::new()),
        };
        catalog.create_webhook(webhook).await.unwrap();
        for commit in [false, true] {
            let mut session = catalog.begin().await.unwrap();
            record(&mut session, &organization, NoticeEvent::BackupMissed, &json!({ "told": commit })).await.unwrap();
            if commit {
                session.commit().await.unwrap();
            }
        }
        let claimed = catalog.claim_deliveries("host-1", 10, Duration::from_secs(1)).await.unwrap();
        let told: Vec<_> = claimed.iter().map(|delivery| delivery.payload["data"]["told"].clone()).collect();
        assert_eq!(told, [json!(true)]);
    }
}
