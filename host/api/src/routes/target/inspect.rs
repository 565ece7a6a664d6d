use axum::Json;
use axum::extract::State;
use bulkhead_engine::{Inspect, InspectSide};
use bulkhead_model::{Failure, Result};
use utoipa::ToSchema;

use super::parse;
use crate::Api;
use crate::auth::OrgAdministrator;
use crate::dto::InspectionDto;
use crate::fields::Fields;
use crate::path::{Id, found};
use crate::problem::Answer;

/// What is compared.
#[derive(ToSchema)]
#[schema(as = InspectTarget)]
#[expect(dead_code, reason = "the shape of the body, for its document and the list of known fields")]
struct InspectTargetBody {
    /// `target`: what lies there is looked for in the catalog. `catalog`: what the catalog says is looked for there.
    #[schema(inline)]
    side: Side,
    /// The `next` of the answer before.
    #[schema(min_length = 1)]
    after: Option<String>,
    /// Whether backups that the catalog does not know are written down in it.
    #[schema(default = false)]
    register: Option<bool>,
    /// The organization of another installation, whose backups lie there and become one's own, pinned.
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    from_organization: Option<String>,
    /// The service of which backups count as those of `as_service`.
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    from_service: Option<String>,
    /// The service that backups of `from_service` count to.
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    as_service: Option<String>,
}

/// The directions.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "for the document")]
enum Side {
    Target,
    Catalog,
}

/// `POST /targets/{id}/inspect`: compares a part of what lies there with the catalog, and writes down in it what it does not know when
/// asked to. Ask again with `next` until there is none.
#[utoipa::path(post, path = "/targets/{id}/inspect", operation_id = "targets.inspect", tag = "targets",
    params(("id" = String, Path, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")), request_body = InspectTargetBody,
    responses((status = 200, description = "What was found in this part", body = InspectionDto)))]
pub async fn inspect(
    State(api): State<Api>,
    OrgAdministrator(caller): OrgAdministrator,
    Id(id): Id,
    body: Fields,
) -> Answer<Json<InspectionDto>> {
    let body = body.only_of::<InspectTargetBody>()?;
    let register = body.flag("register")?.unwrap_or(false);
    let services = match (body.parsed("from_service")?, body.parsed("as_service")?) {
        (Some(from), Some(to)) => Some((from, to)),
        (None, None) => None,
        _ => {
            return Err(Failure::invalid("`from_service` and `as_service` belong together")
                .with_hint("send both, or neither to keep the services' names")
                .into());
        }
    };
    let ask = Inspect {
        target: parse(&id)?,
        side: body.read("side", side)?.ok_or_else(|| {
            Failure::invalid("`side` is missing").with_hint("add \"side\": \"target\", or \"catalog\"")
        })?,
        after: body.text("after")?.map(str::to_owned),
        register,
        from_organization: body.parsed("from_organization")?,
        services,
    };
    let inspection = found(api.engine.inspect(&caller.organization, &ask).await, "target", &id)?;
    if inspection.registered > 0 {
        tracing::info!(subject = caller.subject, target = id, registered = inspection.registered, "backups registered");
    }
    Ok(Json(inspection.into()))
}

fn side(text: &str) -> Result<InspectSide> {
    match text {
        "target" => Ok(InspectSide::Target),
        "catalog" => Ok(InspectSide::Catalog),
        other => {
            Err(Failure::invalid(format!("`{}` is no side", other.escape_debug())).with_hint("use target or catalog"))
        }
    }
}
