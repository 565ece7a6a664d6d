//! What targets are made of.

use std::collections::BTreeMap;

use bulkhead_engine::{GivenCredentials, SecretText};
use bulkhead_model::Result;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::fields::Fields;

/// Who may use a bucket: a credentials file in base64, as in `external_storage`, or JSON in the plugin's own form.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = TargetCredentials)]
#[expect(dead_code, reason = "for the document")]
pub enum CredentialsSchema {
    /// A file in base64.
    File(CredentialsFile),
    /// In the plugin's own form.
    Plain(BTreeMap<String, Value>),
}

/// A credentials file in base64.
#[derive(Serialize, ToSchema)]
#[schema(min_length = 1)]
pub struct CredentialsFile(String);

/// The field `credentials`. No failure quotes it.
pub fn credentials(body: &Fields) -> Result<Option<GivenCredentials>> {
    Ok(match body.json("credentials") {
        None => None,
        Some(Value::String(_)) => {
            let text = body.text("credentials")?.unwrap_or_default();
            Some(GivenCredentials::File(SecretText::new(text)))
        }
        Some(Value::Object(object)) => {
            Some(GivenCredentials::Plain(SecretText::new(Value::Object(object.clone()).to_string())))
        }
        Some(_) => {
            return Err(body
                .wrong("credentials", "must be text or an object")
                .with_hint("a credentials file in base64, or the plugin's own form, e.g. {\"access_key_id\": ...}"));
        }
    })
}

/// The field `config`.
pub fn config(body: &Fields) -> Result<Option<Map<String, Value>>> {
    match body.json("config") {
        None => Ok(None),
        Some(Value::Object(config)) => Ok(Some(config.clone())),
        Some(_) => Err(body.wrong("config", "must be an object").with_hint("e.g. {\"bucket\": \"my-backups\"}")),
    }
}
