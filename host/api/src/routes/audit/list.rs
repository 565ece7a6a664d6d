use axum::Json;
use axum::extract::State;
use bulkhead_catalog::AuditFilter;
use utoipa::IntoParams;

use crate::Api;
use crate::auth::OrgAdministrator;
use crate::dto::{AuditDto, AuditPage};
use crate::fields::{Paged, QueryFields};
use crate::problem::Answer;

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the parameters, for their document")]
struct ListQuery {
    /// Only by this subject.
    #[param(min_length = 1)]
    subject: Option<String>,
    /// Only of this action: an operation's id, e.g. `restores.create`.
    #[param(min_length = 1)]
    action: Option<String>,
    /// Only from this instant on.
    #[param(format = DateTime)]
    since: Option<String>,
    /// Only before this instant.
    #[param(format = DateTime)]
    until: Option<String>,
    /// The page, from 1.
    #[param(minimum = 1, default = 1)]
    page: Option<u32>,
    /// Entries on a page.
    #[param(minimum = 1, maximum = 1000, default = 50)]
    page_size: Option<u32>,
}

/// `GET /audit`: who changed what, and who was refused; newest first, a page at a time.
#[utoipa::path(get, path = "/audit", operation_id = "audit.list", tag = "access", params(ListQuery),
    responses((status = 200, description = "Newest first, a page at a time", body = AuditPage)))]
pub async fn list(
    State(api): State<Api>,
    OrgAdministrator(caller): OrgAdministrator,
    QueryFields(query): QueryFields,
) -> Answer<Json<AuditPage>> {
    let page = query.page()?;
    let (since, until) = (query.time("since")?, query.time("until")?);
    if since.zip(until).is_some_and(|(since, until)| since > until) {
        return Err(query.wrong("since", "is later than `until`").into());
    }
    let filter = AuditFilter {
        subject: query.text("subject")?.map(str::to_owned),
        action: query.text("action")?.map(str::to_owned),
        since,
        until,
        page: page.page,
        page_size: page.page_size,
    };
    let (entries, total) = api.engine.catalog().audit(&caller.organization, &filter).await?;
    let audit = entries.into_iter().map(AuditDto::from).collect();
    Ok(Json(AuditPage { audit, audit_count: total, pages_count: Paged::new(total, page).pages }))
}
