use axum::Json;
use axum::extract::{Query, State};
use bulkhead_catalog::BackupFilter;
use bulkhead_model::{BackupState, Failure, Result};

use crate::Api;
use crate::auth::Viewer;
use crate::dto::{BackupDto, BackupPage};
use crate::fields::Fields;
use crate::problem::Answer;

const DEFAULT_PAGE_SIZE: u32 = 100;
const MAX_PAGE_SIZE: u32 = 1_000;

/// `GET /backups`: newest first, a page at a time.
pub async fn list(
    State(api): State<Api>,
    Viewer(caller): Viewer,
    Query(query): Query<Vec<(String, String)>>,
) -> Answer<Json<BackupPage>> {
    let filter = filter(Fields::from_query(query)?)?;
    let page_size = u64::from(filter.page_size);
    let (backups, total) = api.engine.catalog().backups(&caller.organization, &filter).await?;
    let backups = backups.into_iter().map(BackupDto::from).collect();
    Ok(Json(BackupPage { backups, backups_count: total, pages_count: total.div_ceil(page_size) }))
}

fn filter(query: Fields) -> Result<BackupFilter> {
    let query = query.only(&["service_id", "type", "status", "page", "page_size"])?;
    Ok(BackupFilter {
        service: query.parsed("service_id")?,
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
