use axum::Json;
use axum::extract::State;
use bulkhead_model::Role;

use super::parse;
use crate::Api;
use crate::auth::Viewer;
use crate::dto::RecoveryWindow;
use crate::path::Id;
use crate::problem::Answer;

/// `GET /services/{id}/recovery-window`: the instants that the service can be restored to, and the gaps between them, each with its cause.
///
/// A good backup restores to its own instant; where logs continue it without a hole, to every second until their end.
#[utoipa::path(get, path = "/services/{id}/recovery-window", operation_id = "services.recovery_window", tag = "services",
    params(("id" = String, Path, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")),
    responses((status = 200, description = "Newest first", body = RecoveryWindow)))]
pub async fn recovery_window(
    State(api): State<Api>,
    Viewer(caller): Viewer,
    Id(id): Id,
) -> Answer<Json<RecoveryWindow>> {
    let id = parse(&id)?;
    caller.on(Role::Viewer, &id)?;
    let window = api.engine.recovery_window(&caller.organization, &id).await?;
    if window.intervals.is_empty() && window.gaps.is_empty() {
        // Of a service of another host there may be backups; one without any has to be known here.
        api.engine.service(&caller.organization, &id)?;
    }
    Ok(Json(RecoveryWindow::new(id, window)))
}
