//! What callers ask of the engine.

use bulkhead_model::{Method, ServiceId, TargetId};

/// Make a backup now.
#[derive(Clone, Debug)]
pub struct CreateBackup {
    /// Of which service.
    pub service: ServiceId,
    /// By which method.
    pub method: Method,
    /// The name a person gives it.
    pub name: Option<String>,
    /// Once it has succeeded, keep this many good backups of its service and method; `None` takes the service's own retention.
    pub retention: Option<u32>,
    /// Where to; `None` takes the default target.
    pub target: Option<TargetId>,
}

/// Restore a backup.
#[derive(Clone, Debug)]
pub struct CreateRestore {
    /// The service that is restored; not necessarily the one that was backed up.
    pub service: ServiceId,
    /// Id, unique prefix of it, or name of the backup.
    pub backup: String,
}
