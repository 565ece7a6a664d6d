//! Method plugins of version 0.1.

use bulkhead_model as model;
use wasmtime::Store;
use wasmtime::component::{Component, Linker};

use super::bindings::bulkhead::host::artifacts;
use super::bindings::exports::bulkhead::method::method as wit;
use super::bindings::{MethodPlugin, MethodPluginPre};
use super::{bounded, host};
use crate::contract::{Description, MethodDescription};
use crate::egress;
use crate::imports::artifacts::{reader, writer};
use crate::method::{BackupRequest, CheckRequest, Finding, Link, RestoreRequest, Restored, Service, Severity, Stop};
use crate::runtime::ChainKind;
use crate::state::PluginState;
use crate::wasi;

/// Findings that are kept of one check.
const MOST_FINDINGS: usize = 1_000;

type Answer<T> = wasmtime::Result<model::Result<T>>;

/// A method plugin, linked.
#[derive(Clone)]
pub(crate) struct MethodContract {
    pre: MethodPluginPre<PluginState>,
}

impl MethodContract {
    pub(crate) fn link(component: &Component) -> wasmtime::Result<Self> {
        let mut linker = Linker::new(component.engine());
        wasi::link(&mut linker)?;
        egress::link(&mut linker)?;
        host::link_common(&mut linker)?;
        host::link_method(&mut linker)?;
        Ok(Self { pre: MethodPluginPre::new(linker.instantiate_pre(component)?)? })
    }

    async fn instance(&self, store: &mut Store<PluginState>) -> wasmtime::Result<MethodPlugin> {
        self.pre.instantiate_async(store).await
    }

    pub(crate) async fn describe(&self, mut store: Store<PluginState>) -> wasmtime::Result<Description> {
        let instance = self.instance(&mut store).await?;
        let plugin = instance.bulkhead_method_method();
        let said = store.run_concurrent(async |accessor| plugin.call_describe(accessor).await).await??;
        let chain = match said.chain {
            wit::ChainKind::Standalone => ChainKind::Standalone,
            wit::ChainKind::Incremental => ChainKind::Incremental,
            wit::ChainKind::Log => ChainKind::Log,
        };
        let (method, engines, media_types) = (said.method, said.engines, said.media_types);
        Ok(Description {
            name: said.name,
            version: said.version,
            config_schema: said.config_schema,
            grants: said.grants.into_iter().map(|asked| (asked.grant, asked.reason)).collect(),
            method: Some(MethodDescription { method, engines, media_types, chain }),
        })
    }

    pub(crate) async fn validate(&self, mut store: Store<PluginState>, config: String) -> Answer<()> {
        let instance = self.instance(&mut store).await?;
        let plugin = instance.bulkhead_method_method();
        let answer = store.run_concurrent(async |accessor| plugin.call_validate(accessor, config).await).await??;
        Ok(answer.map_err(Into::into))
    }

    pub(crate) async fn backup(&self, mut store: Store<PluginState>, request: BackupRequest) -> Answer<model::Report> {
        let instance = self.instance(&mut store).await?;
        let plugin = instance.bulkhead_method_method();
        let writer = writer(store.data_mut())?;
        let request = wit::BackupRequest {
            backup: request.backup.into(),
            service: service(request.service),
            config: request.config.to_string(),
            chain: request.chain.into_iter().map(link).collect(),
        };
        let answer =
            store.run_concurrent(async |accessor| plugin.call_backup(accessor, request, writer).await).await??;
        Ok(answer.map(report).map_err(Into::into))
    }

    pub(crate) async fn restore(&self, mut store: Store<PluginState>, request: RestoreRequest) -> Answer<Restored> {
        let instance = self.instance(&mut store).await?;
        let plugin = instance.bulkhead_method_method();
        let reader = reader(store.data_mut())?;
        let request = wit::RestoreRequest {
            service: service(request.service),
            config: request.config.to_string(),
            chain: request.chain.into_iter().map(link).collect(),
            until: request.until.map(stop),
        };
        let answer =
            store.run_concurrent(async |accessor| plugin.call_restore(accessor, request, reader).await).await??;
        let restored = |said: wit::Restored| Restored { positions: positions(said.positions) };
        Ok(answer.map(restored).map_err(Into::into))
    }

    pub(crate) async fn check(&self, mut store: Store<PluginState>, request: CheckRequest) -> Answer<Vec<Finding>> {
        let instance = self.instance(&mut store).await?;
        let plugin = instance.bulkhead_method_method();
        let reader = reader(store.data_mut())?;
        let request = wit::CheckRequest { service: service(request.service), link: link(request.link) };
        let answer =
            store.run_concurrent(async |accessor| plugin.call_check(accessor, request, reader).await).await??;
        Ok(answer.map(|found| found.into_iter().take(MOST_FINDINGS).map(finding).collect()).map_err(Into::into))
    }
}

fn service(service: Service) -> wit::Service {
    wit::Service { id: service.id.into(), engine: service.engine, server: service.server }
}

fn link(link: Link) -> wit::Link {
    let object = |object: crate::Object| artifacts::Object {
        name: object.name,
        media_type: object.media_type,
        plain_bytes: object.plain_bytes,
    };
    wit::Link {
        backup: link.backup.into(),
        method: link.method.into(),
        objects: link.objects.into_iter().map(object).collect(),
        report: wit::Report {
            server_version: link.report.server_version,
            point_in_time: link.report.point_in_time,
            positions: link.report.positions,
        },
    }
}

fn report(said: wit::Report) -> model::Report {
    model::Report {
        server_version: bounded(said.server_version, 256),
        point_in_time: said.point_in_time.map(|text| bounded(text, 64)),
        positions: positions(said.positions),
    }
}

fn positions(said: Vec<(String, String)>) -> Vec<(String, String)> {
    let position = |(name, value): (String, String)| (bounded(name, 256), bounded(value, 64 << 10));
    said.into_iter().take(256).map(position).collect()
}

fn stop(stop: Stop) -> wit::Stop {
    match stop {
        Stop::Time(instant) => wit::Stop::Time(instant.to_string()),
        Stop::Transaction(position) => wit::Stop::Transaction(position),
    }
}

fn finding(said: wit::Finding) -> Finding {
    let severity = match said.severity {
        wit::Severity::Info => Severity::Info,
        wit::Severity::Warning => Severity::Warning,
        wit::Severity::Error => Severity::Error,
    };
    Finding { severity, subject: bounded(said.subject, 1 << 10), message: bounded(said.message, 4 << 10) }
}
