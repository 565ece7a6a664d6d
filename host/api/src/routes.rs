//! The handlers: `<noun>/<verb>.rs`.

pub mod api_key;
pub mod audit;
pub mod backup;
pub mod host;
pub mod job;
pub mod member;
pub mod method;
pub mod organization;
pub mod plugin;
pub mod restore;
pub mod schedule;
pub mod service;
pub mod target;
pub mod webhook;

use utoipa_axum::router::OpenApiRouter;

use crate::Api;

/// What callers with a credential can do.
pub fn guarded() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .merge(schedule::routes())
        .merge(backup::routes())
        .merge(restore::routes())
        .merge(service::routes())
        .merge(job::routes())
        .merge(plugin::routes())
        .merge(method::routes())
        .merge(target::routes())
        .merge(organization::routes())
        .merge(member::routes())
        .merge(api_key::routes())
        .merge(audit::routes())
        .merge(webhook::routes())
}
