//! Taking the next job. Race-free between tasks, processes and machines.

mod turn;

use std::time::Duration;

use bulkhead_model::{AttemptId, Failure, JobId, JobState, Result, ServiceId, Timestamp};

use self::turn::Candidate;
use super::Attempt;
use crate::catalog::Catalog;
use crate::job::{Job, Queue, follow};
use crate::session::{Session, sql, sql_of_parts};

/// How often a claim that lost a race looks again before it leaves the rest for the next call.
const ROUNDS: usize = 16;

/// May job `c` be claimed now (`$1`)? Written once, used to look and, under the locks, to look again.
const CLAIMABLE: &str = "c.state = 'scheduled' AND c.cancel_requested = 0 AND c.run_after_us <= $1
    AND NOT EXISTS (
        SELECT 1 FROM jobs r WHERE r.state = 'running' AND r.service = c.service
        AND (r.kind IN ('restore', 'reset') OR c.kind IN ('restore', 'reset') OR (r.kind = 'backup' AND c.kind = 'backup' AND r.method = c.method)))
    AND NOT EXISTS (SELECT 1 FROM jobs r WHERE r.state = 'running' AND r.backup = c.backup)
    AND (c.kind IN ('restore', 'reset') OR NOT EXISTS (
        SELECT 1 FROM jobs w WHERE w.state = 'scheduled' AND w.kind IN ('restore', 'reset') AND w.service = c.service
        AND w.cancel_requested = 0 AND w.run_after_us <= $1 AND NOT EXISTS (
            SELECT 1 FROM jobs a WHERE a.id = w.after_job AND a.state IN ('scheduled', 'running'))))
    AND NOT EXISTS (SELECT 1 FROM jobs a WHERE a.id = c.after_job AND a.state IN ('scheduled', 'running'))
    AND (c.queue = 'continuous' OR (
        NOT EXISTS (
            SELECT 1 FROM job_limits l WHERE l.scope = 'organization:' || c.organization AND l.running_max <= (
                SELECT COUNT(*) FROM jobs r
                WHERE r.state = 'running' AND r.organization = c.organization AND r.queue <> 'continuous'))
        AND NOT EXISTS (
            SELECT 1 FROM job_limits l WHERE l.scope = 'service:' || c.service AND l.running_max <= (
                SELECT COUNT(*) FROM jobs r
                WHERE r.state = 'running' AND r.service = c.service AND r.queue <> 'continuous'))
        AND NOT EXISTS (
            SELECT 1 FROM job_limits l WHERE l.scope = 'target:' || c.target AND l.running_max <= (
                SELECT COUNT(*) FROM jobs r
                WHERE r.state = 'running' AND r.target = c.target AND r.queue <> 'continuous'))))";

impl Catalog {
    /// Claims a job of any queue, see [`claim_from`](Self::claim_from).
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn claim(&self, host: &str, services: &[ServiceId], lease: Duration) -> Result<Option<(Job, Attempt)>> {
        self.claim_from(&Queue::ALL, host, services, lease).await
    }

    /// Claims a claimable job on one of the services, for `lease`: from the first of the queues that has one, in the order of
    /// [`Queue::ALL`]; there, a job of the organization of which the fewest jobs run, on whatever host; of those, the oldest.
    ///
    /// No limit of [`set_job_limits`](Self::set_job_limits) is ever exceeded. On one service a restore or reset excludes
    /// everything else, and a backup the others of its method; on one backup there is one job at a time; a restore that
    /// waits lets nothing else start before it, unless it waits for another job itself. `None` when there is nothing to do
    /// now.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn claim_from(
        &self,
        queues: &[Queue],
        host: &str,
        services: &[ServiceId],
        lease: Duration,
    ) -> Result<Option<(Job, Attempt)>> {
        for queue in Queue::ALL.into_iter().filter(|queue| queues.contains(queue)) {
            // What other claims are taking just now.
            let mut taken: Vec<JobId> = Vec::new();
            for _ in 0..ROUNDS {
                let candidates = self.in_turn(queue, services, &taken).await?;
                if candidates.is_empty() {
                    break;
                }
                for candidate in candidates {
                    let mut session = self.begin().await?;
                    // Who had to wait for its turn to write need not take what was there before.
                    let candidate = match session.is_alone() {
                        true => turn::first(&mut session, queue, services).await?,
                        false => Some(candidate),
                    };
                    let Some(candidate) = candidate else { break };
                    if let Some(claimed) = claim_candidate(session, &candidate, || self.now(), host, lease).await? {
                        return Ok(Some(claimed));
                    }
                    taken.push(candidate.job);
                }
            }
        }
        Ok(None)
    }
}

/// `None` when another claim came first, or excludes this one by now.
async fn claim_candidate(
    mut session: Session,
    candidate: &Candidate,
    clock: impl Fn() -> Timestamp,
    host: &str,
    lease: Duration,
) -> Result<Option<(Job, Attempt)>> {
    if !lock(&mut session, candidate).await? {
        return Ok(None);
    }
    // Not the transaction's time: it may have queued for longer than a lease lasts, and what it queued for must have ended
    // before this attempt began.
    let now = clock();
    let Some(job) = take(&mut session, &candidate.job, now).await? else { return Ok(None) };
    let attempt = lease_job(&mut session, &job, host, now, lease).await?;
    follow(&mut session, &job, JobState::Scheduled, Some((&attempt.id, attempt.number))).await?;
    session.commit().await?;
    Ok(Some((job, attempt)))
}

/// Queues behind claims on the same service, under the same limit or on the same backup; not behind one of the same job,
/// which is left to it. Always job, service, scopes in their order, backup: no two claims wait for each other. Plain row locks, which everything that speaks PostgreSQL's
/// protocol has.
async fn lock(session: &mut Session, candidate: &Candidate) -> Result<bool> {
    let text = format!("SELECT id FROM jobs WHERE id = $1 AND state = 'scheduled'{}", session.for_update_skipping());
    if session.row(sql_of_parts(text).bind(candidate.job.as_str())).await?.is_none() {
        return Ok(false);
    }
    // Whoever made the job made the row, too; without it, nothing on the service would ever run.
    let query = sql("INSERT INTO service_locks (service, claims) VALUES ($1, 1)
         ON CONFLICT (service) DO UPDATE SET claims = service_locks.claims + 1")
    .bind(candidate.service.as_str());
    session.execute_one("locking a service", query).await?;
    // Where there is no limit, there is no row and nothing to queue for.
    let places = ["$1", "$2", "$3"][..candidate.scopes.len()].join(", ");
    let text = format!("SELECT scope FROM job_limits WHERE scope IN ({places}) ORDER BY scope{}", session.for_update());
    let mut query = sql_of_parts(text);
    for scope in &candidate.scopes {
        query = query.bind(scope.to_string());
    }
    session.rows(query).await?;
    if let Some(backup) = &candidate.backup {
        let text = format!("SELECT id FROM backups WHERE id = $1{}", session.for_update());
        session.row(sql_of_parts(text).bind(backup.as_str())).await?;
    }
    Ok(true)
}

/// The way into running, when it is still open.
async fn take(session: &mut Session, job: &JobId, now: Timestamp) -> Result<Option<Job>> {
    let text = format!(
        "UPDATE jobs AS c SET state = 'running', attempts_made = attempts_made + 1, phase = NULL, plain_bytes = 0,
             stored_bytes = 0, expected_bytes = NULL, failure = NULL, started_at_us = COALESCE(started_at_us, $1)
         WHERE c.id = $2 AND {CLAIMABLE} RETURNING *"
    );
    let query = sql_of_parts(text).bind(now.as_micros()).bind(job.as_str());
    session.row(query).await?.as_ref().map(Job::from_row).transpose()
}

async fn lease_job(session: &mut Session, job: &Job, host: &str, now: Timestamp, lease: Duration) -> Result<Attempt> {
    let query = sql("INSERT INTO attempts (id, job, number, state, host, lease_until_us, started_at_us)
         VALUES ($1, $2, $3, 'leased', $4, $5, $6) RETURNING *")
    .bind(String::from(AttemptId::new()))
    .bind(job.id.as_str())
    .bind(i64::from(job.attempts_made))
    .bind(host.to_owned())
    .bind(now.plus(lease).as_micros())
    .bind(now.as_micros());
    match session.row(query).await? {
        Some(row) => Attempt::from_row(&row),
        None => Err(Failure::internal("a new attempt was not written")),
    }
}
