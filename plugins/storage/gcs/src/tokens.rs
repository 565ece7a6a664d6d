//! Tokens, for which a service account's signed statement is exchanged.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use bulkhead_plugin_sdk::storage::Failure;
use chrono::{DateTime, TimeDelta, Utc};
use futures::lock;
use http::header::{CONTENT_TYPE, DATE};
use http::{HeaderMap, Request};
use object_bucket::{Fault, Operation, Retry, ask, text};
use object_store::client::HttpRequestBody;
use serde::Deserialize;
use url::form_urlencoded;

use crate::account::Account;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// A token that ends so soon is taken anew.
const FRESH: TimeDelta = TimeDelta::minutes(5);
/// How many refused tokens are replaced before the refusal is believed.
const REFUSALS: u32 = 3;

/// The token of a service account, taken when it is needed.
pub struct Tokens {
    account: Account,
    taking: lock::Mutex<()>,
    token: Mutex<Option<Token>>,
    refused: AtomicU32,
}

struct Token {
    bearer: String,
    end: DateTime<Utc>,
}

#[derive(Deserialize)]
struct Given {
    access_token: String,
    #[serde(default)]
    expires_in: u32,
}

#[derive(Deserialize)]
struct Refused {
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("account", &self.account).finish_non_exhaustive()
    }
}

impl Tokens {
    pub fn new(account: Account) -> Self {
        Self { account, taking: lock::Mutex::new(()), token: Mutex::new(None), refused: AtomicU32::new(0) }
    }

    /// A token that is good for a while. One request at a time takes one.
    ///
    /// # Errors
    /// When the account cannot sign in.
    pub async fn get(&self) -> Result<String, Fault> {
        let _taking = self.taking.lock().await;
        if let Some(bearer) = self.fresh() {
            return Ok(bearer);
        }
        let mut retry = Retry::default();
        loop {
            match self.exchange().await {
                Ok(given) => {
                    let token = Token {
                        bearer: given.access_token.clone(),
                        end: Utc::now() + TimeDelta::seconds(given.expires_in.into()),
                    };
                    *self.token.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(token);
                    return Ok(given.access_token);
                }
                // Tried often enough here: the request that wants the token does not begin anew.
                Err(fault) => retry.wait(fault).await.map_err(|fault| Fault::ended(fault.failure))?,
            }
        }
    }

    /// The service refused the token: says whether another one is worth a try.
    pub fn refused(&self) -> bool {
        *self.token.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = None;
        self.refused.fetch_add(1, Ordering::Relaxed) < REFUSALS
    }

    fn fresh(&self) -> Option<String> {
        let token = self.token.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        token.as_ref().filter(|token| token.end - FRESH > Utc::now()).map(|token| token.bearer.clone())
    }

    async fn exchange(&self) -> Result<Given, Fault> {
        let unreadable = || Fault::passing(Failure::unavailable("cannot sign in: the answer cannot be understood"));
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", GRANT)
            .append_pair("assertion", &self.account.assertion(Utc::now()))
            .finish();
        let request = Request::post(self.account.endpoint.as_str())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(HttpRequestBody::from(form))
            .map_err(|_| unreadable())?;
        let answer = ask(request, Operation::Authorize).await?;
        let (parts, body) = answer.into_parts();
        let body = text(body, Operation::Authorize).await?;
        if parts.status.is_success() {
            let given: Given = serde_json::from_str(&body).map_err(|_| unreadable())?;
            let plain = !given.access_token.is_empty() && given.access_token.chars().all(|c| c.is_ascii_graphic());
            return if plain { Ok(given) } else { Err(unreadable()) };
        }
        if parts.status.is_server_error() || matches!(parts.status.as_u16(), 408 | 429) {
            let message = format!("cannot sign in: the service answers {}", parts.status.as_u16());
            return Err(Fault::passing(Failure::unavailable(message)));
        }
        Err(Fault::ended(refusal(&parts.headers, &body)))
    }
}

/// Why an account cannot sign in.
fn refusal(headers: &HeaderMap, body: &str) -> Failure {
    let said: Refused =
        serde_json::from_str(body).unwrap_or(Refused { error: String::new(), error_description: String::new() });
    let why = said.error_description.to_ascii_lowercase();
    let date = headers.get(DATE).and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| DateTime::parse_from_rfc2822(date).ok());
    let skew = date.map_or(0, |date| Utc::now().signed_duration_since(date).num_seconds());
    if why.contains("iat") || why.contains("exp") || skew.abs() > 300 {
        let failure =
            Failure::denied(format!("cannot sign in: the clock of this host is {skew} s ahead of the service's"));
        return failure.with_hint("set the host's clock");
    }
    let failure = Failure::denied("cannot sign in: the service does not take the service account's key");
    let hint = match said.error.as_str() {
        "invalid_grant" if why.contains("account not found") => "the service account was deleted: make another one",
        _ => "the key was deleted or belongs to another account: make a new key and give it to the target",
    };
    failure.with_hint(hint)
}
