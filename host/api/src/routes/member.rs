//! `/members`: who may do what, for callers whose tokens name no roles.

mod delete;
mod list;
mod put;
mod show;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Api;

/// The operations.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(list::list)).routes(routes!(show::show, put::put, delete::delete))
}
