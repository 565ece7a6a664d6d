//! A drill: the backup is restored by the same code as ever, into a throw-away server, and that is asked what it holds.

use std::sync::Arc;

use bulkhead_catalog::Backup;
use bulkhead_model::{Failure, FailureKind, Result};
use bulkhead_runtime::{Attempt, CheckRequest, Finding, Observer as _, Severity};
use tokio::time::Instant;

use crate::engine::require_drillable;
use crate::executor::{Outcome, Run};
use crate::failpoint::fail_point;
use crate::pipeline::NOT_OUR_KEY;
use crate::request::VerifyLevel;
use crate::swap::Apart;
use crate::verb::artifacts::ChainReader;
use crate::verb::backup::method_service;
use crate::verb::links::Links;
use crate::verb::throw_away::{Place, ThrowAway};

/// Findings that are told one by one.
const TOLD: usize = 20;

pub(super) async fn run(run: &Run, backup: &Backup) -> Result<Outcome> {
    let before = Instant::now();
    match drill(run, backup).await {
        Ok(findings) => Ok(judge(&findings, before)),
        Err(failure) if blames_the_backup(&failure) => {
            let evidence = vec![format!("it does not restore: {failure}")];
            Ok(Outcome::Verify { level: VerifyLevel::Drill, damage: Some(failure), evidence })
        }
        Err(failure) => Err(failure),
    }
}

async fn drill(run: &Run, backup: &Backup) -> Result<Vec<Finding>> {
    let service = run.engine.service(&run.job.organization, &run.job.service)?;
    require_drillable(Some(service))?;
    let ids = run.engine.chain_of(&run.job.organization, backup).await?;
    let chain = Links::read(run, &ids).await?;
    let last = chain.links.last().ok_or_else(|| Failure::internal("an empty chain is drilled"))?;
    run.observer.expect(chain.plain_bytes());
    let apart = Apart::new(&run.engine.drill_dir(), &run.attempt.id)?;
    let throw_away = ThrowAway::new(run, service, Place::Apart(apart), last, &[]).await?;
    let keys = run.engine.keys.clone();
    let reader = Arc::new(ChainReader::new(chain.stored.clone(), keys, Arc::clone(&run.meter)));
    let checked = async {
        throw_away.restore(run, service, &chain, &reader).await?;
        fail_point("drill.restored")?;
        run.observer.phase("check");
        let plugin = run.engine.runtime.method(&service.engine, &last.method)?;
        let attempt = Attempt { reader: Some(Arc::clone(&reader) as _), ..throw_away.attempt(run, service) };
        plugin.check(attempt, CheckRequest { service: method_service(service), link: last.clone() }).await
    };
    let checked = checked.await;
    throw_away.kill().await;
    checked
}

/// Whether a failed drill says something of the backup, and not of this machine or of a target that does not answer.
fn blames_the_backup(failure: &Failure) -> bool {
    match &failure.kind {
        FailureKind::Corrupt => true,
        // Not every refusal: a target whose credentials have run out says nothing of what lies there.
        FailureKind::Denied => failure.message.contains(NOT_OUR_KEY),
        FailureKind::Other(code) => code != "internal",
        _ => false,
    }
}

fn judge(findings: &[Finding], before: Instant) -> Outcome {
    let errors: Vec<&Finding> = findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
    let damage = errors.first().map(|first| {
        let more = match errors.len() {
            1 => String::new(),
            number => format!(" (and {} more)", number - 1),
        };
        Failure::corrupt(format!(
            "the restored server does not hold what was backed up: {}: {}{more}",
            first.subject, first.message
        ))
    });
    let mut evidence = vec![format!("restored and checked in {} s", before.elapsed().as_secs().max(1))];
    let told = errors.iter().copied().chain(findings.iter().filter(|finding| finding.severity != Severity::Error));
    evidence.extend(told.take(TOLD).map(|finding| {
        let word = match finding.severity {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        format!("{word}: {}: {}", finding.subject, finding.message)
    }));
    Outcome::Verify { level: VerifyLevel::Drill, damage, evidence }
}
