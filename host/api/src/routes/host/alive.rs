use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

/// The process lives.
#[derive(Serialize, ToSchema)]
pub struct Alive {
    status: Word,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AliveWord)]
#[serde(rename_all = "lowercase")]
enum Word {
    Ok,
}

/// `GET /healthz`: the process lives.
#[utoipa::path(get, path = "/healthz", operation_id = "host.alive", tag = "host", security(()),
    responses((status = 200, description = "It does", body = Alive)))]
pub async fn alive() -> Json<Alive> {
    Json(Alive { status: Word::Ok })
}
