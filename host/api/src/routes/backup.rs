//! `/backups`.

mod delete;
mod list;
mod show;
mod verify;

pub use delete::delete;
pub use list::list;
pub use show::show;
pub use verify::verify;
