//! The keys of the machine's role, from its metadata service (version 2 of it, which takes a session first).

use std::sync::Arc;

use bulkhead_plugin_sdk::storage::Failure;
use chrono::{DateTime, TimeDelta, Utc};
use futures::lock::Mutex;
use http::{Method, Request};
use object_bucket::{Fault, Operation, ask, text};
use object_store::aws::AwsCredential;
use object_store::client::HttpRequestBody;
use serde::Deserialize;
use url::Url;

/// Keys that end so soon are taken anew.
const FRESH: TimeDelta = TimeDelta::minutes(5);
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";

/// A metadata service, and the keys that it gave last.
pub struct Instance {
    address: Url,
    taken: Mutex<Option<(Arc<AwsCredential>, DateTime<Utc>)>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Role {
    access_key_id: String,
    secret_access_key: String,
    token: String,
    expiration: DateTime<Utc>,
}

impl Instance {
    pub fn new(address: Url) -> Self {
        Self { address, taken: Mutex::new(None) }
    }

    /// Keys that are good for a while.
    ///
    /// # Errors
    /// When the machine has no role, or the service is not there.
    pub async fn keys(&self) -> Result<Arc<AwsCredential>, Fault> {
        let mut taken = self.taken.lock().await;
        if let Some((keys, end)) = taken.as_ref()
            && *end - FRESH > Utc::now()
        {
            return Ok(keys.clone());
        }
        let session = self.ask(Method::PUT, "/latest/api/token", "x-aws-ec2-metadata-token-ttl-seconds", "300").await?;
        let ask = async |path: &str| self.ask(Method::GET, path, "x-aws-ec2-metadata-token", &session).await;
        let roles = ask(ROLES).await?;
        let role = roles.lines().next().unwrap_or_default().trim();
        let role: Role = serde_json::from_str(&ask(&format!("{ROLES}{role}")).await?).map_err(|_| refused())?;
        let keys =
            AwsCredential { key_id: role.access_key_id, secret_key: role.secret_access_key, token: Some(role.token) };
        let keys = Arc::new(keys);
        *taken = Some((keys.clone(), role.expiration));
        Ok(keys)
    }

    async fn ask(&self, method: Method, path: &str, header: &str, value: &str) -> Result<String, Fault> {
        let address = format!("{}{path}", self.address.as_str().trim_end_matches('/'));
        let request = Request::builder().method(method).uri(address).header(header, value);
        let answer = ask(request.body(HttpRequestBody::empty()).map_err(|_| refused())?, Operation::Authorize).await?;
        if !answer.status().is_success() {
            return Err(refused());
        }
        text(answer.into_body(), Operation::Authorize).await
    }
}

fn refused() -> Fault {
    let failure = Failure::denied("cannot sign in: the machine's metadata service gives no keys");
    Fault::ended(failure.with_hint("attach a role to the machine, or give the target an access key"))
}
