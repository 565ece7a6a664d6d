//! Talks to the host's API. Every call has a deadline.

use std::time::Duration;

use serde_json::Value;
use ureq::http::Response;
use ureq::{Agent, Body};

use crate::exit::{Exit, ExitKind};

const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// Longer than the host's own deadline for a request, so that its answer is heard.
const CALL_DEADLINE: Duration = Duration::from_secs(60);
const ANSWER_LIMIT_BYTES: u64 = 64 << 20;

/// One host, one caller.
pub struct Client {
    agent: Agent,
    base: String,
    token: Option<String>,
}

impl Client {
    /// A client of the host at `url`.
    ///
    /// # Errors
    /// When `url` is no http address.
    pub fn new(url: &str, token: Option<String>) -> Result<Self, Exit> {
        let url = url.trim_end_matches('/');
        let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        let Some(rest) = rest.filter(|rest| !rest.is_empty()) else {
            let exit = Exit::new(ExitKind::Usage, format!("`{url}` is no address of a host"));
            return Err(exit.with_hint("write e.g. --url http://127.0.0.1:7070"));
        };
        let local = ["127.0.0.1", "localhost", "[::1]"].iter().any(|host| rest.starts_with(host));
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT_DEADLINE))
            .timeout_global(Some(CALL_DEADLINE))
            .user_agent(concat!("bulkhead/", env!("CARGO_PKG_VERSION")));
        if local {
            config = config.proxy(None);
        }
        let base = if url.ends_with("/v1") { url.to_owned() } else { format!("{url}/v1") };
        Ok(Self { agent: config.build().new_agent(), base, token })
    }

    /// GET.
    pub fn get(&self, path: &str) -> Result<Value, Exit> {
        let mut request = self.agent.get(format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        self.answer(request.call())
    }

    /// DELETE.
    pub fn delete(&self, path: &str) -> Result<Value, Exit> {
        let mut request = self.agent.delete(format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        self.answer(request.call())
    }

    /// POST, with a JSON body when there is something to say.
    pub fn post(&self, path: &str, body: Option<&Value>) -> Result<Value, Exit> {
        let mut request = self.agent.post(format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        self.answer(match body {
            Some(body) => request.header("content-type", "application/json").send(body.to_string()),
            None => request.send_empty(),
        })
    }

    fn answer(&self, result: Result<Response<Body>, ureq::Error>) -> Result<Value, Exit> {
        let mut response = result.map_err(|error| self.unreachable(&error))?;
        let status = response.status().as_u16();
        let read = response.body_mut().with_config().limit(ANSWER_LIMIT_BYTES).read_to_string();
        let text = read.map_err(|error| self.unreachable(&error))?;
        let document = serde_json::from_str(&text).unwrap_or(Value::Null);
        match status {
            200..300 if document.is_null() && !text.is_empty() => {
                let exit =
                    Exit::new(ExitKind::Failed, format!("{} does not answer as a Bulkhead host does", self.base));
                Err(exit.with_hint("check --url"))
            }
            200..300 => Ok(document),
            _ => {
                let exit = Exit::from_problem(status, document);
                if status == 401 && self.token.is_none() {
                    return Err(Exit::new(ExitKind::Denied, "the host wants a token")
                        .with_hint("set BULKHEAD_TOKEN to what `bulkhead token create` prints"));
                }
                Err(exit)
            }
        }
    }

    fn unreachable(&self, error: &ureq::Error) -> Exit {
        let exit = Exit::new(ExitKind::Unreachable, format!("no answer from {}: {error}", self.base));
        exit.with_hint("is `bulkhead serve` running there? --url or BULKHEAD_URL names another host")
    }
}

/// Makes any text one segment of a path.
pub fn segment(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::with_capacity(text.len()), |mut path, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b':') {
            path.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _written = write!(path, "%{byte:02X}");
        }
        path
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_is_one_segment() {
        assert_eq!(segment("eda3:db1:x-0"), "eda3:db1:x-0");
        assert_eq!(segment("vor Müller/?#"), "vor%20M%C3%BCller%2F%3F%23");
    }

    #[test]
    fn a_host_that_is_not_there_is_unreachable() {
        // Port 9 (discard) of loopback: nobody listens.
        let client = Client::new("http://127.0.0.1:9/", None).unwrap();
        assert_eq!(client.get("/backups").unwrap_err().kind(), ExitKind::Unreachable);
        assert_eq!(Client::new("127.0.0.1:7070", None).err().unwrap().kind(), ExitKind::Usage);
    }
}
