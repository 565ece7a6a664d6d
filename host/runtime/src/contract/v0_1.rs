//! Contract version 0.1.

mod host;
mod method;
mod storage;

use bulkhead_model as model;

use self::bindings::bulkhead::host::types;

#[cfg(test)]
pub(crate) use self::bindings::bulkhead::host::types::Failure as WireFailure;
pub(crate) use self::method::MethodContract;
pub(crate) use self::storage::{Location, StorageContract};

/// Generated from `wit/`.
mod bindings {
    wasmtime::component::bindgen!({
        world: "bulkhead:method/method-plugin",
        path: ["../../wit/bulkhead-host", "../../wit/bulkhead-method"],
        imports: {
            "bulkhead:host/tools.[method]process.stdout": store | trappable,
            default: trappable,
        },
        exports: { default: async | store },
        with: {
            "bulkhead:host/tools.process": crate::imports::tools::ProcessHandle,
            "bulkhead:host/artifacts.writer": crate::imports::artifacts::WriterHandle,
            "bulkhead:host/artifacts.reader": crate::imports::artifacts::ReaderHandle,
        },
    });

    /// The storage world, on the same host interfaces.
    pub(super) mod storage {
        wasmtime::component::bindgen!({
            world: "bulkhead:storage/storage-plugin",
            path: ["../../wit/bulkhead-host", "../../wit/bulkhead-storage"],
            imports: { default: trappable },
            exports: { default: async | store },
            with: {
                "bulkhead:host/types": super::bulkhead::host::types,
                "bulkhead:host/log": super::bulkhead::host::log,
            },
        });
    }
}

impl From<model::Failure> for types::Failure {
    fn from(failure: model::Failure) -> Self {
        use model::FailureKind as Kind;
        let kind = match failure.kind {
            Kind::Invalid => types::FailureKind::Invalid,
            Kind::Unsupported => types::FailureKind::Unsupported,
            Kind::Denied => types::FailureKind::Denied,
            Kind::Unavailable => types::FailureKind::Unavailable,
            Kind::Conflict => types::FailureKind::Conflict,
            Kind::NotFound => types::FailureKind::NotFound,
            Kind::Corrupt => types::FailureKind::Corrupt,
            Kind::Cancelled => types::FailureKind::Cancelled,
            Kind::Other(name) => types::FailureKind::Other(name),
        };
        Self { kind, message: failure.message, hint: failure.hint, retry: failure.retry }
    }
}

impl From<types::Failure> for model::Failure {
    fn from(failure: types::Failure) -> Self {
        use types::FailureKind as Kind;
        let kind = match failure.kind {
            Kind::Invalid => model::FailureKind::Invalid,
            Kind::Unsupported => model::FailureKind::Unsupported,
            Kind::Denied => model::FailureKind::Denied,
            Kind::Unavailable => model::FailureKind::Unavailable,
            Kind::Conflict => model::FailureKind::Conflict,
            Kind::NotFound => model::FailureKind::NotFound,
            Kind::Corrupt => model::FailureKind::Corrupt,
            Kind::Cancelled => model::FailureKind::Cancelled,
            Kind::Other(name) => model::FailureKind::Other(bounded(name, 64)),
        };
        let hint = failure.hint.map(|hint| bounded(hint, 4 << 10));
        Self { kind, message: bounded(failure.message, 4 << 10), hint, retry: failure.retry }
    }
}

/// Cuts what a plugin says to what people read.
fn bounded(mut text: String, bytes: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes));
    text
}
