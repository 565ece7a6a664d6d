use axum::Json;
use axum::extract::State;
use bulkhead_catalog::BackupFilter;
use bulkhead_model::{BackupState, Failure, Result};
use utoipa::{IntoParams, ToSchema};

use super::chain;
use crate::Api;
use crate::auth::Viewer;
use crate::dto::{BackupPage, state_word};
use crate::fields::{Fields, Paged, QueryFields};
use crate::problem::Answer;

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the parameters, for their document")]
struct ListQuery {
    /// Only those of this service.
    #[param(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    service_id: Option<String>,
    /// Only those of this method.
    #[param(pattern = "^[a-z-]{1,32}$")]
    r#type: Option<String>,
    /// Only those in this state; the command line's words are understood too.
    #[param(inline)]
    status: Option<StatusQuery>,
    /// The page, from 1.
    #[param(minimum = 1, default = 1)]
    page: Option<u32>,
    /// Backups on a page.
    #[param(minimum = 1, maximum = 1000, default = 50)]
    page_size: Option<u32>,
}

/// SkySQL's words.
#[derive(ToSchema)]
#[expect(dead_code, reason = "for the document")]
enum StatusQuery {
    Scheduled,
    Running,
    Succeeded,
    Failed,
    Cancelled,
    Deleting,
}

/// `GET /backups`: newest first, a page at a time.
#[utoipa::path(get, path = "/backups", operation_id = "backups.list", tag = "backups", params(ListQuery),
    responses((status = 200, description = "Newest first, a page at a time", body = BackupPage)))]
pub async fn list(
    State(api): State<Api>,
    Viewer(caller): Viewer,
    QueryFields(query): QueryFields,
) -> Answer<Json<BackupPage>> {
    let page = query.page()?;
    let filter = BackupFilter { services: caller.visible_services(), ..filter(&query)? };
    let catalog = api.engine.catalog();
    let (backups, total) = catalog.backups(&caller.organization, &filter).await?;
    let backups = chain::described(catalog, &caller.organization, backups).await?;
    Ok(Json(BackupPage { backups, backups_count: total, pages_count: Paged::new(total, page).pages }))
}

fn filter(query: &Fields) -> Result<BackupFilter> {
    let page = query.page()?;
    Ok(BackupFilter {
        service: query.parsed("service_id")?,
        services: None,
        method: query.parsed("type")?,
        state: query.text("status")?.map(state).transpose()?,
        page: page.page,
        page_size: page.page_size,
    })
}

/// SkySQL's words, and those of the command line.
fn state(text: &str) -> Result<BackupState> {
    state_word(text).parse().map_err(|_| {
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
            filter(&Fields::from_query(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())?)
        };
        let filter = read(&[("type", "physical"), ("status", "Succeeded"), ("page", "3")]).unwrap();
        assert_eq!(filter.method.unwrap().as_str(), "full");
        assert_eq!((filter.state, filter.page, filter.page_size), (Some(BackupState::Succeeded), 3, 50));
        for bad in [("page", "0"), ("page_size", "1001"), ("status", "Done"), ("type", "A B")] {
            assert!(read(&[bad]).is_err(), "{bad:?}");
        }
        assert!(read(&[("page", "1"), ("page", "2")]).is_err());
    }
}
