use axum::Json;
use axum::extract::State;
use bulkhead_catalog::BackupFilter;
use bulkhead_model::{BackupState, Role};

use super::parse;
use crate::Api;
use crate::auth::Viewer;
use crate::dto::RecoveryWindow;
use crate::fields::{ALL, ManyQuery, Paged, QueryFields};
use crate::path::Id;
use crate::problem::Answer;

/// `GET /services/{id}/recovery-window`: the instants that the service can be restored to, and the gaps between them.
///
/// Each good backup restores to its own instant, so that an interval is as short as one.
#[utoipa::path(get, path = "/services/{id}/recovery-window", operation_id = "services.recovery_window", tag = "services",
    params(("id" = String, Path, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"), ManyQuery),
    responses((status = 200, description = "Newest first, a page of backups at a time", body = RecoveryWindow)))]
pub async fn recovery_window(
    State(api): State<Api>,
    Viewer(caller): Viewer,
    Id(id): Id,
    QueryFields(query): QueryFields,
) -> Answer<Json<RecoveryWindow>> {
    let page = query.page_of(ALL)?;
    let id = parse(&id)?;
    caller.on(Role::Viewer, &id)?;
    let filter = BackupFilter {
        service: Some(id.clone()),
        state: Some(BackupState::Succeeded),
        page: page.page,
        page_size: page.page_size,
        ..BackupFilter::default()
    };
    let (backups, total) = api.engine.catalog().backups(&caller.organization, &filter).await?;
    if total == 0 {
        // Of a service of another host there may be backups; of one without any this host has to know.
        api.engine.service(&caller.organization, &id)?;
    }
    Ok(Json(RecoveryWindow::new(&id, &backups, page.page == 1, Paged::new(total, page))))
}
