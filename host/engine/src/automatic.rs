//! The backup that every service gets without being asked for: a schedule like any other, made once.

use bulkhead_catalog::{NewSchedule, ScheduleOrigin};
use bulkhead_model::{Method, Misfire, Result, RetentionPolicy};
use bulkhead_runtime::{ChainKind, PluginInfo};

use crate::config::{AutomaticConfig, ServiceConfig};
use crate::engine::Inner;

/// The methods to be preferred, the one that restores fastest first.
const PREFERRED: [&str; 3] = ["full", "dump", "export"];

/// Makes the automatic schedule of each service that has none yet. One that an administrator has changed or deleted stays so.
pub(crate) async fn ensure(engine: &Inner) {
    for service in engine.services.values() {
        let config = service.automatic.as_ref().unwrap_or(&engine.config.automatic);
        if let Err(failure) = ensure_one(engine, service, config).await {
            // A service without its automatic backup is no reason to leave the others without theirs.
            tracing::error!(service = %service.id, error = %failure, "the service has no automatic backup");
        }
    }
}

async fn ensure_one(engine: &Inner, service: &ServiceConfig, config: &AutomaticConfig) -> Result<()> {
    let Some(expression) = &config.expression else { return Ok(()) };
    let plugins = engine.runtime.plugins();
    let Some(method) = method_for(service, &plugins) else {
        tracing::warn!(service = %service.id, engine = service.engine, "no plugin can make an automatic backup");
        return Ok(());
    };
    let target = engine.target_named(&service.organization, None).await?;
    let made = engine
        .catalog
        .ensure_automatic(NewSchedule {
            organization: service.organization.clone(),
            service: service.id.clone(),
            method,
            engine: service.engine.clone(),
            server: service.server_name.clone(),
            target,
            copies: Vec::new(),
            expression: expression.to_string(),
            zone: config.zone.clone(),
            enabled: true,
            misfire: Misfire::RunOnce,
            misfire_grace: Misfire::DEFAULT_GRACE,
            jitter: config.jitter,
            retention: retention_for(service, &engine.config.automatic),
            name: None,
            origin: ScheduleOrigin::Automatic,
            idempotency: None,
        })
        .await?;
    if let Some(schedule) = made {
        tracing::info!(
            schedule = %schedule.id, service = %service.id, method = %schedule.method, expression = %expression,
            "the service gets an automatic backup"
        );
    }
    Ok(())
}

/// The policy that the schedule gets for its own. What a service says of its retention counts more than what all get by default.
fn retention_for(service: &ServiceConfig, default: &AutomaticConfig) -> Option<RetentionPolicy> {
    match service.automatic.as_ref().map(|automatic| &automatic.retention) {
        Some(own) if *own != default.retention => own.clone(),
        _ if service.retention.is_some() => None,
        _ => default.retention.clone(),
    }
}

/// The method of a service's automatic backup: one that restores alone.
fn method_for(service: &ServiceConfig, plugins: &[PluginInfo]) -> Option<Method> {
    let serves = |info: &&PluginInfo| {
        info.engines.contains(&service.engine) && info.chain.is_none_or(|chain| chain == ChainKind::Standalone)
    };
    let methods: Vec<&Method> = plugins.iter().filter(serves).filter_map(|info| info.method.as_ref()).collect();
    let preferred = PREFERRED.iter().filter(|name| **name != "full" || service.data_dir.is_some());
    let mut preferred = preferred.filter_map(|name| methods.iter().find(|method| method.as_str() == *name));
    // A physical method without a data directory would fail each night.
    let other = methods.iter().find(|method| method.as_str() != "full");
    preferred.next().or(other).map(|method| (*method).clone())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use bulkhead_model::Digest;
    use bulkhead_runtime::PluginKind;
    use serde_json::json;

    use super::*;
    use crate::scene::service;

    #[test]
    fn the_retention_of_a_service_counts_more_than_that_of_all() {
        let (week, month, year) = (RetentionPolicy::last(7), RetentionPolicy::last(30), RetentionPolicy::last(365));
        let automatic = |policy: &RetentionPolicy| AutomaticConfig {
            retention: Some(policy.clone()),
            ..AutomaticConfig::default()
        };
        let all = automatic(&week);
        let mut of = service();
        assert_eq!(retention_for(&of, &all), Some(week.clone()));
        // The schedule has none of its own then, so that the service's says.
        of.retention = Some(month);
        assert_eq!(retention_for(&of, &all), None);
        of.automatic = Some(automatic(&week));
        assert_eq!(retention_for(&of, &all), None);
        of.automatic = Some(automatic(&year));
        assert_eq!(retention_for(&of, &all), Some(year));
    }

    fn plugin(method: &str, engine: &str, chain: ChainKind) -> PluginInfo {
        PluginInfo {
            name: format!("{engine}-{method}"),
            version: "1".to_owned(),
            kind: PluginKind::Method,
            digest: Digest::new([0; 32]),
            path: PathBuf::new(),
            bundled: true,
            method: Some(method.parse().unwrap()),
            engines: vec![engine.to_owned()],
            media_types: Vec::new(),
            chain: Some(chain),
            config_schema: json!({}),
            grants: Vec::new(),
            load_time: Duration::ZERO,
            instance_time: Duration::ZERO,
        }
    }

    #[test]
    fn the_automatic_backup_restores_alone_and_can_be_made() {
        use ChainKind::{Incremental, Standalone};
        let with_data = ServiceConfig { data_dir: Some(PathBuf::from("/var/lib/mysql")), ..service() };
        let full = plugin("full", "mariadb", Standalone);
        let dump = plugin("dump", "mariadb", Standalone);
        let incremental = plugin("incremental", "mariadb", Incremental);
        let other = plugin("export", "surrealdb", Standalone);
        let own = plugin("pages", "mariadb", Standalone);
        for (service, plugins, method) in [
            (&with_data, vec![&dump, &full, &incremental], Some("full")),
            (&service(), vec![&dump, &full], Some("dump")),
            (&service(), vec![&full, &incremental, &other], None),
            (&service(), vec![&full, &own], Some("pages")),
            (&with_data, vec![], None),
        ] {
            let plugins: Vec<PluginInfo> = plugins.into_iter().cloned().collect();
            let found = method_for(service, &plugins);
            assert_eq!(found.as_ref().map(Method::as_str), method, "{plugins:?}");
        }
    }
}
