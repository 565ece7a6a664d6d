//! Talks to the host's API. Every call has a deadline.

use std::io::{BufRead, BufReader};
use std::ops::ControlFlow;
use std::time::Duration;

use serde_json::Value;
use ureq::http::{Method, Request, Response, request};
use ureq::{Agent, Body};

use crate::exit::{Exit, ExitKind};

const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// Longer than the host's own deadline for a request, so that its answer is heard.
const CALL_DEADLINE: Duration = Duration::from_secs(60);
const ANSWER_LIMIT_BYTES: u64 = 64 << 20;
/// An API key says what it is; everything else is a token.
const API_KEY_PREFIX: &str = "bk_";

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
        self.call(Method::GET, path, None)
    }

    /// DELETE.
    pub fn delete(&self, path: &str) -> Result<Value, Exit> {
        self.call(Method::DELETE, path, None)
    }

    /// POST, with a JSON body when there is something to say.
    pub fn post(&self, path: &str, body: Option<&Value>) -> Result<Value, Exit> {
        self.call(Method::POST, path, body)
    }

    /// PUT of a JSON body.
    pub fn put(&self, path: &str, body: &Value) -> Result<Value, Exit> {
        self.call(Method::PUT, path, Some(body))
    }

    /// PATCH with a JSON body.
    pub fn patch(&self, path: &str, body: &Value) -> Result<Value, Exit> {
        self.call(Method::PATCH, path, Some(body))
    }

    /// A stream of server-sent events, from after the event `last_id` on. It lasts as long as the job does, or the deadline says.
    pub fn events(
        &self,
        path: &str,
        last_id: Option<&str>,
        deadline: Option<Duration>,
    ) -> Result<impl BufRead + use<>, Exit> {
        let mut request = self.request(Method::GET, path).header("accept", "text/event-stream");
        if let Some(id) = last_id {
            request = request.header("last-event-id", id);
        }
        let request = self
            .agent
            .configure_request(request.body(String::new()).map_err(|_| unsendable())?)
            .timeout_global(deadline)
            .timeout_recv_body(None)
            .timeout_recv_response(Some(CALL_DEADLINE))
            .build();
        let response = self.agent.run(request).map_err(|error| self.unreachable(&error))?;
        if !response.status().is_success() {
            return Err(self.answer(Ok(response)).err().unwrap_or_else(unsendable));
        }
        Ok(BufReader::new(response.into_body().into_reader()))
    }

    fn request(&self, method: Method, path: &str) -> request::Builder {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        match &self.token {
            Some(key) if key.starts_with(API_KEY_PREFIX) => request.header("x-api-key", key),
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        }
    }

    fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Exit> {
        let mut request = self.request(method, path);
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = request.body(body).map_err(|_| unsendable())?;
        self.answer(self.agent.run(request))
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

fn unsendable() -> Exit {
    Exit::new(ExitKind::Usage, "the token or the address holds characters that no request can carry")
        .with_hint("check --token and --url")
}

/// One server-sent event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerEvent {
    /// Its kind.
    pub name: String,
    /// What to come back with to miss nothing.
    pub id: Option<String>,
    /// What it says.
    pub data: String,
}

/// Reads events until `each` says break (true) or the stream ends or breaks (false).
pub fn read_events(stream: impl BufRead, each: &mut dyn FnMut(ServerEvent) -> ControlFlow<()>) -> bool {
    let mut event = ServerEvent::default();
    for line in stream.lines() {
        let Ok(line) = line else { return false };
        if line.is_empty() {
            let whole = std::mem::take(&mut event);
            if !whole.data.is_empty() && each(whole).is_break() {
                return true;
            }
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut event.name),
            "id" => event.id = Some(value.to_owned()),
            "data" if event.data.is_empty() => value.clone_into(&mut event.data),
            "data" => event.data = format!("{}\n{value}", event.data),
            // Comments keep the connection alive.
            _ => {}
        }
    }
    false
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
    fn events_are_told_apart_and_an_end_is_no_break() {
        let stream =
            ": alive\n\nevent: log\nid: 3\ndata: {\"a\":1}\n\nevent: end\ndata: {}\n\nevent: late\ndata: x\n\n";
        let mut seen = Vec::new();
        let broke = read_events(stream.as_bytes(), &mut |event| {
            let end = event.name == "end";
            seen.push((event.name, event.id, event.data));
            if end { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let expected = [("log", Some("3"), "{\"a\":1}"), ("end", None, "{}")];
        assert!(broke);
        assert_eq!(seen, expected.map(|(name, id, data)| (name.to_owned(), id.map(str::to_owned), data.to_owned())));
        assert!(!read_events("event: log\ndata: half".as_bytes(), &mut |_| ControlFlow::Break(())));
    }

    #[test]
    fn a_host_that_is_not_there_is_unreachable() {
        // Port 9 (discard) of loopback: nobody listens.
        let client = Client::new("http://127.0.0.1:9/", None).unwrap();
        assert_eq!(client.get("/backups").unwrap_err().kind(), ExitKind::Unreachable);
        assert_eq!(Client::new("127.0.0.1:7070", None).err().unwrap().kind(), ExitKind::Usage);
    }
}
