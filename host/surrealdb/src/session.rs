//! A token in the place of the password: a server works tens of milliseconds on each password that it is shown, by design.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::server::{Login, Server};

/// How long a token counts that does not say so itself.
const UNSAID: Duration = Duration::from_secs(600);
/// How long a server that gives no token is not asked again.
const REFUSED: Duration = Duration::from_secs(60);

/// What is known of a user's token; shared by the clones of a client.
#[derive(Default)]
pub(crate) struct Session(Mutex<Option<Known>>);

struct Known {
    /// `None` when the server gave none.
    token: Option<HeaderValue>,
    until: Instant,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session")
    }
}

impl Session {
    /// The token, asked for with `sign_in` when there is none that counts. `None` when the server gives none: then the password has to do.
    pub async fn token(&self, now: Instant, sign_in: impl Future<Output = Option<Value>>) -> Option<HeaderValue> {
        let mut known = self.0.lock().await;
        if let Some(known) = known.as_ref().filter(|known| now < known.until) {
            return known.token.clone();
        }
        let given = sign_in.await.and_then(|answer| read(&answer));
        let (token, lasts) = given.map_or((None, REFUSED), |(token, lasts)| (Some(token), lasts));
        *known = Some(Known { token: token.clone(), until: now + lasts });
        token
    }

    /// The server does not take this token any more.
    pub async fn forget(&self, token: &HeaderValue) {
        let mut known = self.0.lock().await;
        // Somebody else may have a newer one already.
        known.take_if(|known| known.token.as_ref() == Some(token));
    }
}

/// What a user is asked for at `/signin`.
pub(crate) fn credentials(server: &Server) -> Value {
    let mut asked = json!({"user": server.user, "pass": server.password});
    match &server.login {
        Login::Root => {}
        Login::Namespace(namespace) => asked["ns"] = json!(namespace),
        Login::Database { namespace, database } => {
            asked["ns"] = json!(namespace);
            asked["db"] = json!(database);
        }
    }
    asked
}

/// The header, and how long to use it: three quarters of the time that it counts.
fn read(answer: &Value) -> Option<(HeaderValue, Duration)> {
    let token = answer.get("token")?.as_str()?;
    let mut header = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
    header.set_sensitive(true);
    let claims = token.split('.').nth(1).and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok());
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
        let (session, start) = (Session::default(), Instant::now());
        let claims = URL_SAFE_NO_PAD.encode(json!({"iat": 1000, "exp": 1400}).to_string());
        let given = |name: &str| Some(json!({"token": format!("{name}.{claims}.x")}));
        let ask = async |second, answer: Option<Value>| {
            let token = session.token(start + Duration::from_secs(second), async { answer }).await;
            token.map(|token| token.to_str().unwrap().split('.').next().unwrap().to_owned())
        };
        assert_eq!(ask(0, given("one")).await.unwrap(), "Bearer one");
        assert_eq!(ask(299, given("two")).await.unwrap(), "Bearer one");
        assert_eq!(ask(301, given("two")).await.unwrap(), "Bearer two");
        let two = session.token(start, async { None }).await.unwrap();
        session.forget(&two).await;
        assert_eq!(ask(302, None).await, None);
        assert_eq!(ask(303, given("three")).await, None, "a server that gives none is left alone for a while");
        assert_eq!(ask(363, given("three")).await.unwrap(), "Bearer three");
        assert!(!format!("{session:?} {two:?}").contains("two"), "a token is not shown");
    }
}
