//! A stream processor (SSP) as Sp00ky's: it registers at a front door, loads what the replica holds, and takes events.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::{Value, json};

use crate::http::{Answer, Request};
use crate::listener::Listener;
use crate::problem::{Problem, Result};

/// How often it says that it is alive.
const HEARTBEAT: Duration = Duration::from_millis(100);

/// What it holds and what it went through.
#[derive(Clone, Debug, Default)]
pub struct Lived {
    /// The rows, by their ids.
    pub rows: BTreeMap<String, Value>,
    /// Times it was taken in.
    pub registrations: usize,
    /// Heartbeats that were answered with 404.
    pub unknown: usize,
    /// Heartbeats that were answered with 409.
    pub overflowed: usize,
    /// Registrations that were refused.
    pub refused: usize,
    /// Events in the order in which they came.
    pub events: Vec<Value>,
    ready: bool,
    ended: bool,
}

/// It goes on until it is dropped.
pub struct StreamProcessor {
    lived: Arc<Mutex<Lived>>,
    thread: Option<JoinHandle<()>>,
    _listener: Listener,
}

impl StreamProcessor {
    /// Starts one that follows a table.
    pub fn start(id: &str, door: SocketAddr, table: &str) -> Result<Self> {
        let lived: Arc<Mutex<Lived>> = Arc::default();
        let shared = Arc::clone(&lived);
        let listener = Listener::start(move |request, to| {
            let answer = serve(&mut lock(&shared), &request);
            to.write_all(answer.head(answer.body.len()).as_bytes())?;
            to.write_all(&answer.body)?;
            Ok(true)
        })?;
        let processor = Life {
            id: id.to_owned(),
            url: format!("http://{}", listener.address()),
            door,
            table: table.to_owned(),
            lived: Arc::clone(&lived),
        };
        let thread = thread::spawn(move || processor.live());
        Ok(Self { lived, thread: Some(thread), _listener: listener })
    }

    /// What it holds and what it went through so far.
    pub fn lived(&self) -> Lived {
        lock(&self.lived).clone()
    }
}

impl Drop for StreamProcessor {
    fn drop(&mut self) {
        lock(&self.lived).ended = true;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock(lived: &Mutex<Lived>) -> MutexGuard<'_, Lived> {
    lived.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the front door asks of it.
fn serve(lived: &mut Lived, request: &Request) -> Answer {
    let answer = |status, body: &Value| Answer::new(status, "application/json", body.to_string());
    match (request.method.as_str(), request.path()) {
        ("GET", "/health") => answer(200, &json!({"status": if lived.ready { "ready" } else { "bootstrapping" }})),
        ("POST", "/ingest") => {
            let Ok(event) = serde_json::from_slice::<Value>(&request.body) else { return answer(400, &json!({})) };
            let id = event["id"].as_str().unwrap_or_default().to_owned();
            match event["op"].as_str() {
                Some("DELETE") => lived.rows.remove(&id),
                _ => lived.rows.insert(id, event["record"].clone()),
            };
            lived.events.push(event);
            answer(200, &json!({}))
        }
        _ => answer(404, &json!({})),
    }
}

struct Life {
    id: String,
    url: String,
    door: SocketAddr,
    table: String,
    lived: Arc<Mutex<Lived>>,
}

impl Life {
    fn live(self) {
        while !lock(&self.lived).ended {
            // A front door that is down is tried again, as by a real one.
            let status = self.heartbeat().unwrap_or(0);
            match status {
                404 => lock(&self.lived).unknown += 1,
                409 => lock(&self.lived).overflowed += 1,
                _ => {}
            }
            if matches!(status, 404 | 409) && self.register().is_err() {
                lock(&self.lived).refused += 1;
            }
            thread::sleep(HEARTBEAT);
        }
    }

    fn heartbeat(&self) -> Result<u16> {
        let body = json!({"ssp_id": self.id, "views": 1, "version": "1.0.0"});
        self.post("/ssp/heartbeat", &body).map(|answer| answer.status)
    }

    fn register(&self) -> Result<()> {
        lock(&self.lived).ready = false;
        let body = json!({"ssp_id": self.id, "url": self.url, "version": "1.0.0"});
        let answer = self.post("/ssp/register", &body)?;
        if answer.status != 202 {
            return Err(Problem::new(format!("not taken in: {}", answer.text())));
        }
        let loaded = self.post("/proxy/query", &json!({"query": format!("SELECT * FROM {}", self.table)}))?.good()?;
        let rows = rows(&serde_json::from_slice(&loaded.body).unwrap_or_default());
        let mut lived = lock(&self.lived);
        lived.rows = rows;
        lived.registrations += 1;
        lived.ready = true;
        Ok(())
    }

    fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        let request = Request::new("POST", path, body.to_string().as_bytes());
        request.header("content-type", "application/json").send(self.door)
    }
}

/// The rows of an answer, however deep they lie in it.
fn rows(answer: &Value) -> BTreeMap<String, Value> {
    match answer {
        Value::Array(list) if list.iter().any(|row| row["id"].is_string()) => {
            list.iter().filter_map(|row| Some((row["id"].as_str()?.to_owned(), row.clone()))).collect()
        }
        Value::Array(list) => list.iter().flat_map(rows).collect(),
        Value::Object(object) => object.get("result").map(rows).unwrap_or_default(),
        _ => BTreeMap::new(),
    }
}
