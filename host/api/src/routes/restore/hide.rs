use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::number;
use crate::Api;
use crate::auth::Administrator;
use crate::problem::Answer;

/// `DELETE /restores/{id}`: a finished restore leaves the list; the record of it stays.
pub async fn hide(
    State(api): State<Api>,
    Administrator(caller): Administrator,
    Path(id): Path<String>,
) -> Answer<StatusCode> {
    api.engine.catalog().hide_restore(&caller.organization, number(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
