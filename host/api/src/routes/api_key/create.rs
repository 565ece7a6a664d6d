use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use bulkhead_catalog::{ApiKey, NewApiKey};
use bulkhead_model::{Digest, FailureKind, Result, Timestamp};
use utoipa::ToSchema;

use crate::Api;
use crate::auth::{KeyText, OrgAdministrator};
use crate::dto::{MadeApiKey, RoleWord};
use crate::fields::{Fields, printable};
use crate::problem::{Answer, Conflict};

const NAME_LENGTH: usize = 100;

/// Any ten years, with their leap days.
const LONGEST: Duration = Duration::from_hours(24 * 3653);

/// Another text begins the same way once in a trillion times.
const TRIES: usize = 3;

/// What a key is for.
#[derive(ToSchema)]
#[schema(as = CreateApiKey)]
#[expect(dead_code, reason = "the shape of the body, for its document and the list of known fields")]
struct CreateApiKeyBody {
    /// What it is for.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    role: RoleWord,
    /// Only on these services; all when left out.
    #[schema(min_items = 1, max_items = 1000)]
    services: Option<Vec<String>>,
    /// Of no use from then on, at most ten years off; good for ever when left out.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// `POST /api-keys`: makes a key. Its text is in this answer and nowhere else.
#[utoipa::path(post, path = "/api-keys", operation_id = "api_keys.create", tag = "access",
    request_body = CreateApiKeyBody,
    responses((status = 201, description = "The key, with its text", body = MadeApiKey, headers(("Location" = String))),
        Conflict))]
pub async fn create(
    State(api): State<Api>,
    OrgAdministrator(caller): OrgAdministrator,
    body: Fields,
) -> Answer<(StatusCode, [(HeaderName, String); 1], Json<MadeApiKey>)> {
    let body = body.only_of::<CreateApiKeyBody>()?;
    let (name, expires_at) = (name(&body)?, end(&body, api.clock.now())?);
    let grant = body.grant(&api.engine.services(&caller.organization))?;
    // It has no text yet.
    let draft = NewApiKey {
        organization: caller.organization,
        name,
        prefix: String::new(),
        secret_sha256: Digest::new([0; 32]),
        role: grant.role,
        services: grant.services.map(Vec::from_iter),
        created_by: caller.subject.clone(),
        expires_at,
    };
    let (key, text) = make(&api, draft).await?;
    tracing::info!(subject = caller.subject, key = key.prefix, role = %key.role, "API key made");
    let location = format!("/v1/api-keys/{}", key.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(MadeApiKey::new(key, text))))
}

async fn make(api: &Api, draft: NewApiKey) -> Result<(ApiKey, String)> {
    let mut tries = 1;
    loop {
        let text = KeyText::generate()?;
        let new = NewApiKey { prefix: text.prefix, secret_sha256: text.sha256, ..draft.clone() };
        match api.engine.catalog().create_api_key(new).await {
            Err(failure) if failure.kind == FailureKind::Conflict && tries < TRIES => tries += 1,
            made => return Ok((made?, text.text)),
        }
    }
}

fn name(body: &Fields) -> Result<String> {
    let name = body.read("name", |text| printable(text.trim(), NAME_LENGTH))?;
    name.ok_or_else(|| body.wrong("name", "is missing").with_hint("say what it is for, e.g. \"name\": \"nightly\""))
}

fn end(body: &Fields, now: Timestamp) -> Result<Option<Timestamp>> {
    match body.time("expires_at")? {
        Some(end) if end <= now => Err(body.wrong("expires_at", "lies in the past")),
        Some(end) if end > now.plus(LONGEST) => Err(body
            .wrong("expires_at", "is more than ten years off")
            .with_hint("leave it out for a key without an end")),
        end => Ok(end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_ends_within_ten_years_or_never() {
        let now = Timestamp::parse_rfc3339("2026-03-26T17:18:21Z").unwrap();
        let read = |body: &str| Fields::from_json(body.as_bytes()).and_then(|body| end(&body, now));
        assert_eq!(read("{}"), Ok(None));
        for good in ["2026-03-26T17:18:22Z", "2036-03-26T17:18:21Z"] {
            let read = read(&format!(r#"{{"expires_at": "{good}"}}"#));
            assert_eq!(read, Ok(Timestamp::parse_rfc3339(good)), "{good}");
        }
        for bad in
            ["2026-03-26T17:18:21Z", "1999-01-01T00:00:00Z", "2036-03-28T00:00:00Z", "9999-12-31T23:59:59Z", "soon"]
        {
            let failure = read(&format!(r#"{{"expires_at": "{bad}"}}"#)).unwrap_err();
            assert!(failure.message.starts_with("`expires_at`"), "{failure}");
        }
    }
}
