//! A token in the place of the password: a server works tens of milliseconds on each password that it is shown, by design.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;
use wasmtime_wasi_http::WasiBody;

use super::client::Client;
use crate::{Connection, SignIn};

/// The most time for a token to come.
const DEADLINE: Duration = Duration::from_secs(30);
/// The longest answer with a token.
const ANSWER_BYTES: usize = 64 << 10;
/// How long a token counts that does not say so itself.
const UNSAID: Duration = Duration::from_secs(600);
/// How long a server that gives no token is not asked again.
const REFUSED: Duration = Duration::from_secs(60);

/// What is known of the user's token.
pub(super) struct Session {
    path: String,
    /// What is posted there.
    credentials: Bytes,
    known: Mutex<Option<Known>>,
}

struct Known {
    /// `None` when the server gave none.
    token: Option<HeaderValue>,
    until: Instant,
}

impl Session {
    pub(super) fn new(connection: &Connection, sign_in: &SignIn) -> Self {
        let mut credentials = json!({"user": connection.user, "pass": connection.password});
        for (field, value) in &sign_in.fields {
            credentials[field] = json!(value);
        }
        Self { path: sign_in.path.clone(), credentials: credentials.to_string().into(), known: Mutex::default() }
    }

    /// The token as a header, asked for when there is none that counts. `None` when the server gives none: then the password has to do.
    pub(super) async fn token(&self, client: &Client, server: &Uri) -> Option<HeaderValue> {
        self.token_at(Instant::now(), self.sign_in(client, server)).await
    }

    async fn token_at(&self, now: Instant, sign_in: impl Future<Output = Option<Value>>) -> Option<HeaderValue> {
        let mut known = self.known.lock().await;
        if let Some(known) = known.as_ref().filter(|known| now < known.until) {
            return known.token.clone();
        }
        let given = sign_in.await.and_then(|answer| read(&answer));
        let (token, lasts) = given.map_or((None, REFUSED), |(token, lasts)| (Some(token), lasts));
        *known = Some(Known { token: token.clone(), until: now + lasts });
        token
    }

    /// The server does not take this token. The password is shown for a while: what stands before the server may know nothing of tokens.
    pub(super) async fn refuse(&self, token: &HeaderValue) {
        self.refuse_at(Instant::now(), token).await;
    }

    async fn refuse_at(&self, now: Instant, token: &HeaderValue) {
        let mut known = self.known.lock().await;
        // Another request may have brought a newer one already.
        if known.as_ref().is_some_and(|known| known.token.as_ref() == Some(token)) {
            *known = Some(Known { token: None, until: now + REFUSED });
        }
    }

    async fn sign_in(&self, client: &Client, server: &Uri) -> Option<Value> {
        let uri = Uri::builder().scheme(server.scheme()?.clone()).authority(server.authority()?.clone());
        let json = HeaderValue::from_static("application/json");
        let body: WasiBody = Full::new(self.credentials.clone()).map_err(|never| match never {}).boxed_unsync();
        let request = Request::post(uri.path_and_query(self.path.as_str()).build().ok()?)
            .header(CONTENT_TYPE, json.clone())
            .header(ACCEPT, json)
            .body(body)
            .ok()?;
        let answer = async {
            let answer = client.send(request).await.ok().filter(|answer| answer.status().is_success())?;
            let body = Limited::new(answer.into_body(), ANSWER_BYTES).collect().await.ok()?;
            serde_json::from_slice(&body.to_bytes()).ok()
        };
        tokio::time::timeout(DEADLINE, answer).await.ok().flatten()
    }
}

/// The header, and how long to use it: three quarters of the time that it counts.
fn read(answer: &Value) -> Option<(HeaderValue, Duration)> {
    let token = answer.get("token")?.as_str()?;
    let mut header = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
    header.set_sensitive(true);
    let claims = token.split('.').nth(1).and_then(|claims| BASE64_URL_SAFE_NO_PAD.decode(claims).ok());
    let claims: Option<Value> = claims.and_then(|claims| serde_json::from_slice(&claims).ok());
    let second = |name: &str| claims.as_ref()?.get(name)?.as_u64();
    let counts = second("exp").zip(second("iat")).map(|(end, begin)| Duration::from_secs(end.saturating_sub(begin)));
    Some((header, counts.unwrap_or(UNSAID) * 3 / 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_token_is_asked_for_once_until_it_ends_or_is_refused() {
        let session = Session { path: String::new(), credentials: Bytes::new(), known: Mutex::default() };
        let start = Instant::now();
        let claims = BASE64_URL_SAFE_NO_PAD.encode(json!({"iat": 1000, "exp": 1400}).to_string());
        let given = |name: &str| Some(json!({"token": format!("{name}.{claims}.x")}));
        let ask = async |second, answer: Option<Value>| {
            let token = session.token_at(start + Duration::from_secs(second), async { answer }).await;
            token.map(|token| token.to_str().unwrap().split('.').next().unwrap().to_owned())
        };
        assert_eq!(ask(0, given("one")).await.unwrap(), "Bearer one");
        assert_eq!(ask(299, given("two")).await.unwrap(), "Bearer one");
        assert_eq!(ask(301, given("two")).await.unwrap(), "Bearer two");
        let two = session.token_at(start, async { None }).await.unwrap();
        session.refuse_at(start + Duration::from_secs(302), &two).await;
        assert_eq!(ask(303, given("three")).await, None, "a server that takes none is left alone for a while");
        assert_eq!(ask(362, None).await, None, "and so is one that gives none");
        assert_eq!(ask(363, given("three")).await, None);
        assert_eq!(ask(422, given("three")).await.unwrap(), "Bearer three");
        session.refuse_at(start, &two).await;
        assert_eq!(ask(423, None).await.unwrap(), "Bearer three", "an older one was refused");
        assert!(!format!("{two:?}").contains("two"), "a token is not shown");
    }
}
