//! Expires what retention no longer keeps: a reconciler without memory, run after each backup and with each sweep.
//!
//! Each backup is under one policy: that of the schedule that made it, when this has one of its own, or else its service's. So a
//! schedule that keeps little takes nothing from one that keeps much. A schedule that is deleted leaves its policy behind:
//! otherwise deleting it would expire its backups.
//!
//! What only its age lets go, stays while the host's clock cannot be believed, and goes a part at a time: a clock that has jumped ahead
//! for a minute must not empty a target.
//!
//! Logs are under no policy: they stay as long as a backup that stays needs them, and no longer.

use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::time::Duration;

use bulkhead_catalog::RetainedBackup;
use bulkhead_model::recovery::{History, Record};
use bulkhead_model::{
    BackupId, Candidate, Failure, FailureKind, JobKind, LogKeepers, Method, OrganizationId, Reason, Result,
    RetentionPolicy, ScheduleId, ServiceId, Timestamp, Verdict, Zone, hold_all, hold_most, plan_logs, retention_plan,
};
use bulkhead_runtime::ChainKind;

use crate::engine::Inner;
use crate::history;
use crate::steady;

/// Expiries scheduled in one run for one group; the next run takes the rest.
const BATCH: usize = 1000;

/// How long retention leaves a service alone after a backup of it was found in a target and registered: the others of its chain may
/// come later, and a person may want to pin some.
const REGISTERED_HOLD: Duration = Duration::from_hours(24);

/// What retention keeps and lets go, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct RetentionPlan {
    /// By which policy; `None` keeps all.
    pub policy: Option<RetentionPolicy>,
    /// Whose policy that is.
    pub source: PolicySource,
    /// Whose days, weeks, months and years are meant.
    pub zone: Zone,
    /// The backups under that policy, newest first.
    pub backups: Vec<PlannedBackup>,
}

/// Whose policy a plan follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicySource {
    /// The schedule's own; it covers the backups of this schedule.
    Schedule,
    /// The service's; it covers all backups of the method that are under no schedule's own policy.
    Service,
}

/// One backup of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedBackup {
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Whether no verify has found it damaged.
    pub good: bool,
    /// Which it is, and why it is kept.
    pub verdict: Verdict,
    /// Whether it would go. Without a policy everything is kept, also without a reason.
    pub expires: bool,
}

/// Expires what no longer is to be kept of a service and method. `asked` stands for the service's own policy, this once.
pub(crate) async fn apply(
    engine: &Inner,
    organization: &OrganizationId,
    service: &ServiceId,
    method: &Method,
    asked: Option<&RetentionPolicy>,
) -> Result<()> {
    let retained = engine.catalog.retained_backups(organization, service, method).await?;
    if retained.backups.is_empty() {
        return Ok(());
    }
    if retained.registered_at.is_some_and(|at| engine.clock.now() < at.plus(REGISTERED_HOLD)) {
        // What is registered next may be restored on top of what would go now.
        tracing::info!(%service, "retention waits: backups of the service were registered within the last day");
        return Ok(());
    }
    let known = Known::of(engine, organization, service, method, |method| {
        engine.services.get(service).is_some_and(|service| engine.is_log(&service.engine, method))
    });
    let known = known.await?;
    if known.logs.contains(method) {
        let verdicts = known.judge_logs(&retained.all());
        expire(engine, organization, verdicts, "logs that no backup needs").await?;
        engine.wake();
        return Ok(());
    }
    let settled = steady::is_settled(engine, retained.backups.iter().map(|backup| backup.created_at)).await?;
    let judge = |policy: &RetentionPolicy, zone: &Zone, backups: &[&RetainedBackup]| {
        let (verdicts, held) = judged(engine.clock.now(), settled, policy, zone, &known.candidates(backups));
        match held {
            0 => {}
            held if settled => tracing::warn!(
                %service, %method, %policy, held,
                "many backups are old enough to go at a time: some go now, the others with later runs"
            ),
            held => tracing::warn!(
                %service, %method, %policy, held,
                "backups are old enough to go, and are kept: nothing shows yet that the clock of this host is right"
            ),
        }
        verdicts
    };
    for keeper in &retained.keepers {
        let verdicts = judge(&keeper.policy, &keeper.zone, &retained.of(Some(keeper.schedule)));
        expire(engine, organization, verdicts, &keeper.policy).await?;
    }
    let configured = engine.services.get(service).and_then(|service| service.retention.as_ref());
    if let Some(policy) = asked.or(configured) {
        let verdicts = judge(policy, &service_zone(engine, service), &retained.of(None));
        expire(engine, organization, verdicts, policy).await?;
    }
    engine.wake();
    Ok(())
}

/// The plan, and how many backups it keeps that are old enough to go.
fn judged(
    now: Timestamp,
    settled: bool,
    policy: &RetentionPolicy,
    zone: &Zone,
    candidates: &[Candidate],
) -> (Vec<Verdict>, usize) {
    let mut verdicts = retention_plan(policy, zone, now, candidates);
    // The other rules count backups, and ask for no time.
    let held = match (policy.keep_within, settled) {
        (None, _) => 0,
        (Some(_), false) => hold_all(&mut verdicts),
        (Some(_), true) => hold_most(&mut verdicts, candidates),
    };
    (verdicts, held)
}

/// Applies every policy to the services of this host.
pub(crate) async fn apply_all(engine: &Inner) -> Result<()> {
    for service in engine.services.values() {
        // Logs after what they continue: what has just gone no longer keeps them.
        let mut methods: Vec<(bool, Method)> = Vec::new();
        for plugin in engine.runtime.plugins() {
            let Some(method) = plugin.method.filter(|_| plugin.engines.contains(&service.engine)) else { continue };
            methods.push((plugin.chain == Some(ChainKind::Log), method));
        }
        methods.sort();
        for (_, method) in methods {
            apply(engine, &service.organization, &service.id, &method, None).await?;
        }
    }
    Ok(())
}

/// The plan for what a schedule's policy covers; with `policy`, as if that were its own.
pub(crate) async fn show(
    engine: &Inner,
    organization: &OrganizationId,
    id: ScheduleId,
    policy: Option<RetentionPolicy>,
) -> Result<RetentionPlan> {
    let schedule = engine.catalog.schedule(organization, id).await?;
    let retained = engine.catalog.retained_backups(organization, &schedule.service, &schedule.method).await?;
    let own = policy.or(schedule.retention);
    let (policy, source, zone, backups) = if let Some(own) = own {
        (Some(own), PolicySource::Schedule, schedule.zone, retained.made_by(id))
    } else {
        let Some(service) = engine.services.get(&schedule.service) else {
            return Err(Failure::unavailable(format!(
                "the retention of service `{}` is known to the host that serves it, not to this one",
                schedule.service
            ))
            .with_hint("ask that host, or give the schedule a retention of its own"));
        };
        let zone = service_zone(engine, &service.id);
        (service.retention.clone(), PolicySource::Service, zone, retained.of(None))
    };
    let settled = steady::is_settled(engine, retained.backups.iter().map(|backup| backup.created_at)).await?;
    let is_log = |method: &Method| engine.is_log(&schedule.engine, method);
    let known = Known::of(engine, organization, &schedule.service, &schedule.method, is_log).await?;
    let logs = known.logs.contains(&schedule.method);
    let verdicts: Vec<Verdict> = if logs {
        known.judge_logs(&backups)
    } else if let Some(policy) = &policy {
        judged(engine.clock.now(), settled, policy, &zone, &known.candidates(&backups)).0
    } else {
        let kept = |backup: &&RetainedBackup| Verdict { id: backup.id.clone(), keep: Vec::new(), removal: None };
        backups.iter().map(kept).collect()
    };
    let planned = backups.iter().zip(verdicts).map(|(backup, verdict)| PlannedBackup {
        created_at: backup.created_at,
        good: backup.good,
        expires: (logs || policy.is_some()) && verdict.expires(),
        verdict,
    });
    Ok(RetentionPlan { source, zone, backups: planned.collect(), policy })
}

/// Where a service's days begin.
fn service_zone(engine: &Inner, service: &ServiceId) -> Zone {
    let own = engine.services.get(service).and_then(|service| service.automatic.as_ref());
    own.unwrap_or(&engine.config.automatic).zone.clone()
}

/// What of a service belongs together.
struct Known {
    history: History,
    /// The methods that archive logs.
    logs: Vec<Method>,
    /// Backups whose chain is damaged or not there.
    broken: HashSet<BackupId>,
    /// Since when a backup is being made that logs may continue.
    making_since: Option<Timestamp>,
}

impl Known {
    /// What matters to backups of one method: all bases, and logs only to logs.
    async fn of(
        engine: &Inner,
        organization: &OrganizationId,
        service: &ServiceId,
        method: &Method,
        is_log: impl Fn(&Method) -> bool,
    ) -> Result<Self> {
        // Before the history: what is done meanwhile is in one of them.
        let being_made = engine.catalog.being_made(organization, service).await?;
        let wanted = |other: &Method| other == method || is_log(method) || !is_log(other);
        let rows = engine.catalog.history_of(organization, service, wanted).await?;
        let records: Vec<Record> = rows.backups.into_iter().map(history::record).collect();
        let mut logs: Vec<Method> = records.iter().filter(|it| it.is_log()).map(|it| it.method.clone()).collect();
        logs.sort_unstable();
        logs.dedup();
        let history = history::from_records(engine, organization, &records, rows.restores).await?;
        let broken = history.bases.iter().filter(|base| !base.good).map(|base| base.backup.clone()).collect();
        let bases = being_made.into_iter().filter(|(method, _)| !logs.contains(method));
        let making_since = bases.map(|(_, since)| since).min();
        Ok(Self { history, logs, broken, making_since })
    }

    fn candidates(&self, backups: &[&RetainedBackup]) -> Vec<Candidate> {
        let candidate = |backup: &&RetainedBackup| Candidate {
            id: backup.id.clone(),
            at: backup.created_at,
            // One that is on top of something damaged is no better than that.
            good: backup.good && !self.broken.contains(&backup.id),
            pinned: backup.pinned,
            needed_by: backup.needed_by.clone(),
        };
        backups.iter().map(candidate).collect()
    }

    /// Of backups of logs, which are kept; in the same order.
    fn judge_logs(&self, backups: &[&RetainedBackup]) -> Vec<Verdict> {
        let pinned = backups.iter().filter(|backup| backup.pinned).map(|backup| backup.id.clone()).collect();
        let keepers = LogKeepers { pinned, making_since: self.making_since };
        let judged = plan_logs(&self.history, &keepers);
        let mut judged: HashMap<BackupId, Verdict> =
            judged.into_iter().map(|verdict| (verdict.id.clone(), verdict)).collect();
        let verdict = |backup: &&RetainedBackup| {
            let unclear = || Verdict { id: backup.id.clone(), keep: vec![Reason::Unclear], removal: None };
            judged.remove(&backup.id).unwrap_or_else(unclear)
        };
        backups.iter().map(verdict).collect()
    }
}

async fn expire(
    engine: &Inner,
    organization: &OrganizationId,
    verdicts: Vec<Verdict>,
    policy: impl Display,
) -> Result<()> {
    let doomed = verdicts.into_iter().rev().filter(Verdict::expires).map(|verdict| verdict.id);
    let mut left: Vec<BackupId> = doomed.take(BATCH).collect();
    // What others are restored on top of goes after them: again and again, as long as that gets somewhere.
    loop {
        let before = left.len();
        let mut refused = Vec::new();
        for backup in left {
            match engine.catalog.schedule_job(engine.new_job(organization, JobKind::Expire, &backup)).await {
                Ok(made) => tracing::info!(%backup, job = %made.value.id, %policy, "expired by retention"),
                Err(failure) if failure.kind == FailureKind::Conflict => refused.push((backup, failure)),
                // Somebody else was faster.
                Err(failure) if failure.kind == FailureKind::NotFound => {}
                Err(failure) => return Err(failure),
            }
        }
        if refused.is_empty() {
            return Ok(());
        }
        if refused.len() == before {
            for (backup, failure) in refused {
                // Being restored, or pinned a moment ago: a later run finds it again.
                tracing::info!(%backup, reason = %failure, "kept beyond its retention");
            }
            return Ok(());
        }
        left = refused.into_iter().map(|(backup, _)| backup).collect();
    }
}

#[cfg(test)]
mod tests {
    use bulkhead_catalog::BackupFilter;
    use bulkhead_model::BackupState;

    use super::*;
    use crate::scene::{Scene, acme, service, until};

    /// The ids of the backups that are not on their way out, oldest first.
    async fn kept(scene: &Scene) -> Vec<BackupId> {
        let filter = BackupFilter { state: Some(BackupState::Succeeded), ..BackupFilter::default() };
        let (backups, _) = scene.catalog.backups(&acme(), &filter).await.unwrap();
        backups.into_iter().rev().map(|backup| backup.id).collect()
    }

    /// Lets a schedule fire so often; answers its backups.
    async fn fire(scene: &Scene, times: usize) -> Vec<BackupId> {
        let mut made = Vec::new();
        for _ in 0..times {
            let before = kept(scene).await;
            let next = scene.catalog.next_fire_at().await.unwrap().unwrap();
            scene.clock.advance(next.since(scene.now()));
            until("the schedule fires", async || {
                let depth = scene.catalog.queue_depth().await.unwrap();
                depth.iter().any(|(kind, _, jobs)| *kind == JobKind::Backup && *jobs > 0).then_some(())
            })
            .await;
            scene.succeed().await;
            made.extend(kept(scene).await.into_iter().filter(|id| !before.contains(id)));
        }
        made
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn each_backup_is_under_one_policy_and_a_deleted_schedule_leaves_its_own_behind() {
        let two = Some(RetentionPolicy::last(2));
        let scene = Scene::start(|config| config.services[0].retention = two).await;
        let (id, method): (_, Method) = (service().id, "full".parse().unwrap());
        let apply_all = async || apply(&scene.engine.inner, &acme(), &id, &method, None).await.unwrap();

        let mut manual = Vec::new();
        for _ in 0..3 {
            manual.push(scene.backup().await);
            scene.clock.advance(Duration::from_secs(1));
        }
        let schedule = scene.schedule("0 * * * *", Some(RetentionPolicy::last(3))).await;
        let made = fire(&scene, 4).await;

        // The plan says it before it is done, for each group.
        let plan = scene.engine.retention_plan(&acme(), schedule.id).await.unwrap();
        assert_eq!((plan.source, plan.policy.as_ref()), (PolicySource::Schedule, Some(&RetentionPolicy::last(3))));
        let gone = |plan: &RetentionPlan| -> Vec<BackupId> {
            plan.backups.iter().filter(|backup| backup.expires).map(|backup| backup.verdict.id.clone()).collect()
        };
        assert_eq!((plan.backups.len(), gone(&plan)), (4, vec![made[0].clone()]));
        let stricter = scene.engine.retention_plan_with(&acme(), schedule.id, RetentionPolicy::last(1)).await.unwrap();
        assert_eq!(gone(&stricter).len(), 3);
        assert_eq!(kept(&scene).await.len(), 7, "a plan has changed something");

        apply_all().await;
        let left: Vec<BackupId> = manual[1..].iter().chain(&made[1..]).cloned().collect();
        assert_eq!(kept(&scene).await, left);

        scene.engine.delete_schedule(&acme(), schedule.id).await.unwrap();
        apply_all().await;
        assert_eq!(kept(&scene).await, left, "a deleted schedule took its backups along");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_clock_that_jumps_ahead_for_a_while_lets_no_backup_expire() {
        const DAY: Duration = Duration::from_hours(24);
        let month = RetentionPolicy::from_json(&serde_json::json!({"keep_within_days": 30})).unwrap();
        let scene = Scene::start(|_| ()).await;
        let (id, method): (_, Method) = (service().id, "full".parse().unwrap());
        let schedule = scene.schedule("0 3 * * *", Some(month)).await;
        let made = fire(&scene, 30).await;
        let apply_now = async || apply(&scene.engine.inner, &acme(), &id, &method, None).await.unwrap();
        apply_now().await;
        assert_eq!(kept(&scene).await, made);

        scene.clock.advance(DAY * 60);
        apply_now().await;
        // Also not when one is made meanwhile.
        let wrong = scene.backup().await;
        apply_now().await;
        let plan = scene.engine.retention_plan(&acme(), schedule.id).await.unwrap();
        let reasons: Vec<&str> = plan.backups.iter().flat_map(|it| &it.verdict.keep).map(Reason::as_str).collect();
        assert_eq!(reasons.iter().filter(|it| **it == "clock_unsettled").count(), 29, "{reasons:?}");
        scene.clock.set_back(DAY * 60);
        apply_now().await;
        let all: Vec<BackupId> = made.iter().cloned().chain([wrong]).collect();
        assert_eq!(kept(&scene).await, all);

        // When the clock stays there, they go: the oldest first, and not all at a time.
        until("the schedule no longer waits for the wrong time", async || {
            let schedule = scene.catalog.schedule(&acme(), schedule.id).await.unwrap();
            schedule.next_due_at.is_some_and(|due| due <= scene.now().plus(DAY)).then_some(())
        })
        .await;
        fire(&scene, 4).await;
        apply_now().await;
        let left = kept(&scene).await;
        assert!(left.contains(&made[5]) && !left.contains(&made[0]), "{left:?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_pinned_stays_and_what_a_request_asked_for_stands_once() {
        let scene = Scene::start(|_| ()).await;
        let (id, method): (_, Method) = (service().id, "full".parse().unwrap());
        let mut made = Vec::new();
        for _ in 0..4 {
            made.push(scene.backup().await);
            scene.clock.advance(Duration::from_secs(1));
        }
        scene.engine.pin_backup(&acme(), &made[0], true).await.unwrap();
        apply(&scene.engine.inner, &acme(), &id, &method, None).await.unwrap();
        assert_eq!(kept(&scene).await.len(), 4, "without a policy everything is kept");
        apply(&scene.engine.inner, &acme(), &id, &method, Some(&RetentionPolicy::last(1))).await.unwrap();
        assert_eq!(kept(&scene).await, [made[0].clone(), made[3].clone()]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn backups_that_were_registered_expire_after_a_day_in_which_the_rest_is_registered() {
        let scene = Scene::start(|config| config.services[0].retention = Some(RetentionPolicy::last(1))).await;
        let (id, method): (_, Method) = (service().id, "full".parse().unwrap());
        let apply = async || apply(&scene.engine.inner, &acme(), &id, &method, None).await.unwrap();
        let made = scene.backup().await;
        let mut found = scene.catalog.backup(&acme(), &made).await.unwrap();
        found.id = BackupId::new(&id, "s1");
        found.created_at = found.created_at.minus(Duration::from_hours(1));
        let manifest = crate::scene::manifest(&found, &[]);
        let registered = bulkhead_catalog::FoundBackup {
            organization: &acme(),
            service: &id,
            target: &found.target,
            folder: None,
            pinned: false,
            manifest: &manifest,
            manifest_sha256: "ab",
        };
        scene.catalog.register_backup(&registered).await.unwrap().unwrap();
        scene.clock.advance(Duration::from_hours(23));
        apply().await;
        assert_eq!(kept(&scene).await, [found.id.clone(), made.clone()], "what is on top of it may not be known yet");
        scene.clock.advance(Duration::from_hours(1));
        apply().await;
        assert_eq!(kept(&scene).await, [made]);
    }
}
