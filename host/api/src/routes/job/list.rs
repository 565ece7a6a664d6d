use axum::Json;
use axum::extract::State;
use bulkhead_catalog::JobFilter;
use bulkhead_model::{Failure, JobKind, JobState, Result};
use utoipa::IntoParams;

use crate::Api;
use crate::auth::Viewer;
use crate::dto::{JobDto, JobPage, Kind, Status, state_word};
use crate::fields::{Paged, QueryFields};
use crate::problem::Answer;

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the parameters, for their document")]
struct ListQuery {
    /// Only those on this service.
    #[param(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    service_id: Option<String>,
    /// Only those of this kind.
    #[param(inline)]
    kind: Option<Kind>,
    /// Only those in this state; the command line's words are understood too.
    #[param(inline)]
    status: Option<Status>,
    /// The page, from 1.
    #[param(minimum = 1, default = 1)]
    page: Option<u32>,
    /// Jobs on a page.
    #[param(minimum = 1, maximum = 1000, default = 50)]
    page_size: Option<u32>,
}

/// `GET /jobs`: newest first, a page at a time.
#[utoipa::path(get, path = "/jobs", operation_id = "jobs.list", tag = "jobs", params(ListQuery),
    responses((status = 200, description = "Newest first, a page at a time", body = JobPage)))]
pub async fn list(
    State(api): State<Api>,
    Viewer(caller): Viewer,
    QueryFields(query): QueryFields,
) -> Answer<Json<JobPage>> {
    let page = query.page()?;
    let kind = |text: &str| -> Result<JobKind> {
        let failure = || Failure::invalid(format!("`{}` is no kind of job", text.escape_debug()));
        text.parse().map_err(|_| failure().with_hint("use backup, restore, verify or expire"))
    };
    let filter = JobFilter {
        service: query.parsed("service_id")?,
        services: caller.visible_services(),
        kind: query.read("kind", kind)?,
        state: query.read("status", state)?,
        page: page.page,
        page_size: page.page_size,
    };
    let (jobs, total) = api.engine.catalog().jobs(&caller.organization, &filter).await?;
    let jobs = jobs.into_iter().map(JobDto::from).collect();
    Ok(Json(JobPage { jobs, jobs_count: total, pages_count: Paged::new(total, page).pages }))
}

/// SkySQL's words, and those of the command line.
pub fn state(text: &str) -> Result<JobState> {
    state_word(text).parse().map_err(|_| {
        Failure::invalid(format!("`{}` is no status", text.escape_debug()))
            .with_hint("use Scheduled, Running, Succeeded, Failed or Cancelled")
    })
}
