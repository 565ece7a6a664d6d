//! What an attempt can do, one verb a file.

mod accounts;
mod artifacts;
mod backup;
mod carry;
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

pub(crate) use restore::can_be_swapped;
pub(crate) use stored::{Listing, OBJECTS_MAX, Stored, delete_keys};

/// Whether an attempt of this kind is dropped, in the middle of whatever it does, as soon as its lease is lost: it changes targets
/// alone, and each thing it does there is whole or not done. The others change a service, and have to come to an end that their
/// successors understand.
pub(crate) fn ends_with_its_lease(kind: JobKind) -> bool {
    match kind {
        JobKind::Backup | JobKind::Copy | JobKind::Expire => true,
        JobKind::Restore | JobKind::Reset | JobKind::Verify => false,
    }
}

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
