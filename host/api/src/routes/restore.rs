//! `/restores`.

mod create;
mod hide;
mod list;
mod show;

pub use create::create;
pub use hide::hide;
pub use list::list;
pub use show::show;

use bulkhead_model::{Failure, RestoreId, Result};

/// Restores are numbered; anything else names none.
fn number(text: &str) -> Result<RestoreId> {
    text.parse().map(RestoreId).map_err(|_| Failure::not_found(format!("there is no restore `{text}`")))
}
