//! `[drills]`: when backups are restored to prove that they can be, and where.

use std::path::PathBuf;

use bulkhead_engine::DrillConfig;
use bulkhead_model::{Expression, Zone};

use super::Context;
use super::automatic::OFF;
use super::reader::Section;

/// What `[drills]` says.
#[derive(Clone, Debug, Default)]
pub struct Drills {
    /// When, for services that say nothing of it.
    pub when: DrillConfig,
    /// Where the data of throw-away servers lies; `None` leaves it to the engine.
    pub directory: Option<PathBuf>,
}

/// Reads `[drills]`.
pub fn read(root: &Section<'_>, context: &Context) -> Drills {
    let Some(section) = root.table("drills") else { return Drills::default() };
    let when = read_keys(&section, &DrillConfig::default());
    let directory = section.file("directory", &context.base);
    section.finish();
    Drills { when, directory }
}

/// The keys of `[drills]` and of `[service.drills]`; what is not said is as in `default`.
pub fn read_keys(section: &Section<'_>, default: &DrillConfig) -> DrillConfig {
    let expression = match section.text("schedule") {
        Some(text) if text == OFF => None,
        Some(_) => section.optional::<Expression>("schedule", "0 5 * * 6"),
        None => default.expression.clone(),
    };
    DrillConfig {
        after_backup: section.boolean("after_backup", default.after_backup),
        expression,
        zone: section.optional::<Zone>("timezone", "Europe/Berlin").unwrap_or_else(|| default.zone.clone()),
    }
}
