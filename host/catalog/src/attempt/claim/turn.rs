//! Whose turn it is.

use std::cmp::Ordering;

use bulkhead_model::{BackupId, JobId, Result, ServiceId, Timestamp};
use sqlx::any::AnyRow;

use super::CLAIMABLE;
use crate::catalog::Catalog;
use crate::fields::Fields;
use crate::job::Queue;
use crate::limit::Scope;
use crate::session::{Session, Sql, sql_of_parts};

/// Service ids in one statement; SQLite takes 32,766 values, PostgreSQL 65,535.
const SERVICES: usize = 4096;
/// Candidates of one look. Each is of another organization.
const CANDIDATES: usize = 16;

/// A job that seems claimable.
pub(super) struct Candidate {
    pub job: JobId,
    pub service: ServiceId,
    pub backup: Option<BackupId>,
    /// What limits may be on; at most three.
    pub scopes: Vec<Scope>,
    /// The jobs of its organization that run, and since when it waits: the least has its turn.
    turn: (i64, Timestamp, Timestamp),
}

impl Candidate {
    fn from_row(row: &AnyRow) -> Result<Self> {
        let row = Fields(row);
        let service: ServiceId = row.parsed("service")?;
        let mut scopes = vec![Scope::Organization(row.parsed("organization")?), Scope::Service(service.clone())];
        scopes.extend(row.optional_parsed("target")?.map(Scope::Target));
        Ok(Self {
            job: row.parsed("id")?,
            service,
            backup: row.optional_parsed("backup")?,
            scopes,
            turn: (row.number("running")?, row.time("run_after_us")?, row.time("created_at_us")?),
        })
    }
}

impl Catalog {
    /// The jobs of a queue whose turn it is, the first one first: of each organization the oldest that seems claimable and is
    /// not `taken`.
    pub(super) async fn in_turn(
        &self,
        queue: Queue,
        services: &[ServiceId],
        taken: &[JobId],
    ) -> Result<Vec<Candidate>> {
        let mut candidates = Vec::new();
        // No service waits for those of an earlier part: each part is asked for its first ones.
        for services in services.chunks(SERVICES) {
            for row in &self.rows(statement(queue, services, taken, self.now())).await? {
                candidates.push(Candidate::from_row(row)?);
            }
        }
        candidates.sort_by(in_order);
        candidates.truncate(CANDIDATES);
        Ok(candidates)
    }
}

/// The one whose turn it is, for a transaction beside which nothing changes.
pub(super) async fn first(session: &mut Session, queue: Queue, services: &[ServiceId]) -> Result<Option<Candidate>> {
    let mut candidates = Vec::new();
    for services in services.chunks(SERVICES) {
        for row in &session.rows(statement(queue, services, &[], session.now())).await? {
            candidates.push(Candidate::from_row(row)?);
        }
    }
    Ok(candidates.into_iter().min_by(in_order))
}

fn in_order(one: &Candidate, other: &Candidate) -> Ordering {
    (one.turn, &one.job).cmp(&(other.turn, &other.job))
}

/// At most [`CANDIDATES`], in no order. From one organization that waits to the next, and of each its oldest claimable job: however many jobs of one wait, the
/// others are not searched for behind them.
fn statement<'q>(queue: Queue, services: &[ServiceId], taken: &[JobId], now: Timestamp) -> Sql<'q> {
    let services: Vec<&str> = services.iter().map(ServiceId::as_str).collect();
    let taken: Vec<&str> = taken.iter().map(JobId::as_str).collect();
    let (services, taken) = (padded(&services), padded(&taken));
    let list = |from: usize, values: &[&str]| -> String {
        let places: Vec<String> = (from..from + values.len()).map(|place| format!("${place}")).collect();
        places.join(", ")
    };
    let others = match taken.len() {
        0 => String::new(),
        _ => format!("AND c.id NOT IN ({})", list(2 + services.len(), &taken)),
    };
    let text = format!(
        "WITH RECURSIVE waiting (organization) AS (
             SELECT MIN(j.organization) FROM jobs j WHERE j.state = 'scheduled' AND j.queue = '{queue}'
             UNION ALL
             SELECT (
                 SELECT MIN(j.organization) FROM jobs j
                 WHERE j.state = 'scheduled' AND j.queue = '{queue}' AND j.organization > w.organization)
             FROM waiting w WHERE w.organization IS NOT NULL),
         heads (id, running) AS MATERIALIZED (
             SELECT (
                 SELECT c.id FROM jobs c
                 WHERE c.queue = '{queue}' AND c.organization = w.organization AND c.service IN ({among}) {others}
                     AND {CLAIMABLE}
                 ORDER BY c.run_after_us, c.created_at_us, c.id LIMIT 1),
                 (SELECT COUNT(*) FROM jobs r
                 WHERE r.state = 'running' AND r.organization = w.organization AND r.queue <> 'continuous')
             FROM waiting w WHERE w.organization IS NOT NULL),
         turns (id, running, run_after_us, created_at_us) AS MATERIALIZED (
             SELECT h.id, h.running, (SELECT j.run_after_us FROM jobs j WHERE j.id = h.id),
                 (SELECT j.created_at_us FROM jobs j WHERE j.id = h.id)
             FROM heads h WHERE h.id IS NOT NULL ORDER BY 2, 3, 4, 1 LIMIT {CANDIDATES})
         SELECT j.id, j.organization, j.service, j.target, j.backup, j.run_after_us, j.created_at_us, t.running
         FROM turns t JOIN jobs j ON j.id = t.id",
        among = list(2, &services),
    );
    // Not kept: PostgreSQL's plan for any services compares each job with them one by one.
    let query = sql_of_parts(text).persistent(false).bind(now.as_micros());
    services.iter().chain(&taken).fold(query, |query, value| query.bind((*value).to_owned()))
}

/// To the next power of two, by repeating the last one: few different statements to prepare.
fn padded<'v>(values: &[&'v str]) -> Vec<&'v str> {
    let mut padded = values.to_vec();
    if let Some(last) = values.last() {
        padded.resize(values.len().next_power_of_two(), last);
    }
    padded
}
