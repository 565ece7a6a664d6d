use axum::Json;
use axum::extract::State;
use bulkhead_catalog::BackupFilter;
use bulkhead_model::{BackupState, Failure, Result};
use utoipa::IntoParams;

use crate::Api;
use crate::auth::Viewer;
use crate::dto::{BackupDto, BackupPage};
use crate::fields::{Fields, QueryFields};
use crate::problem::Answer;

const DEFAULT_PAGE_SIZE: u32 = 100;
const MAX_PAGE_SIZE: u32 = 1_000;

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the parameters, for their document and the list of known ones")]
struct ListQuery {
    /// Only those of this service.
    service_id: Option<String>,
    /// Only those of this method.
    r#type: Option<String>,
    /// Only those in this state.
    status: Option<String>,
    #[param(minimum = 1)]
    page: Option<u32>,
    #[param(minimum = 1, maximum = 1000)]
    page_size: Option<u32>,
}

/// `GET /backups`: newest first, a page at a time.
#[utoipa::path(get, path = "/backups", operation_id = "backups.list", tag = "backups", params(ListQuery),
    responses((status = 200, description = "Newest first, a page at a time", body = BackupPage)))]
pub async fn list(
    State(api): State<Api>,
    Viewer(caller): Viewer,
    QueryFields(query): QueryFields,
) -> Answer<Json<BackupPage>> {
    let filter = filter(query)?;
    let page_size = u64::from(filter.page_size);
    let (backups, total) = api.engine.catalog().backups(&caller.organization, &filter).await?;
    let backups = backups.into_iter().map(BackupDto::from).collect();
    Ok(Json(BackupPage { backups, backups_count: total, pages_count: total.div_ceil(page_size) }))
}

fn filter(query: Fields) -> Result<BackupFilter> {
    let query = query.only_params::<ListQuery>()?;
    Ok(BackupFilter {
        service: query.parsed("service_id")?,
        services: None,
        method: query.parsed("type")?,
        state: query.text("status")?.map(state).transpose()?,
        page: query.number("page", 1..=u32::MAX, 1)?,
        page_size: query.number("page_size", 1..=MAX_PAGE_SIZE, DEFAULT_PAGE_SIZE)?,
    })
}

/// SkySQL's words, and those of the command line.
fn state(text: &str) -> Result<BackupState> {
    let word = text.to_lowercase();
    let word = match word.as_str() {
        "pending" => "scheduled",
        "in_progress" => "running",
        "completed" => "succeeded",
        "canceled" => "cancelled",
        other => other,
    };
    word.parse().map_err(|_| {
        Failure::invalid(format!("`status`: `{text}` is no status"))
            .with_hint("use Scheduled, Running, Succeeded, Failed, Cancelled or Deleting")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_take_skysqls_words_and_refuse_others() {
        let read = |pairs: &[(&str, &str)]| {
            filter(Fields::from_query(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())?)
        };
        let filter = read(&[("type", "physical"), ("status", "Succeeded"), ("page", "3")]).unwrap();
        assert_eq!(filter.method.unwrap().as_str(), "full");
        assert_eq!((filter.state, filter.page, filter.page_size), (Some(BackupState::Succeeded), 3, 100));
        for bad in [("page", "0"), ("page_size", "1001"), ("status", "Done"), ("servise_id", "x"), ("type", "A B")] {
            assert!(read(&[bad]).is_err(), "{bad:?}");
        }
        assert!(read(&[("page", "1"), ("page", "2")]).is_err());
    }
}
