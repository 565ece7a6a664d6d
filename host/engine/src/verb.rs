//! What an attempt can do, one verb a file.

mod accounts;
mod artifacts;
mod backup;
mod copy;
mod expire;
mod gtids;
mod links;
mod places;
mod replacement;
mod reset;
mod restore;
mod safety;
mod stored;
mod swappable;
mod throw_away;
mod verify;

use bulkhead_model::{JobKind, Result};

use crate::executor::{Outcome, Run};

pub(crate) use stored::{Listing, OBJECTS_MAX, Stored, delete_keys};

/// Does what the job asks for.
pub(crate) async fn run(run: &Run) -> Result<Outcome> {
    match run.job.kind {
        JobKind::Backup => backup::run(run).await,
        JobKind::Restore => restore::run(run).await,
        JobKind::Reset => reset::run(run).await,
        JobKind::Verify => verify::run(run).await,
        JobKind::Expire => expire::run(run).await,
        JobKind::Copy => copy::run(run).await,
    }
}
