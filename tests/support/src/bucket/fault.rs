//! A proxy that breaks what it is told to break, between a plugin and an object store.
//!
//! It passes requests on as they came, with their `Host`, which signatures cover, and counts what it saw. A message is read whole
//! before it is passed on, so that the place where it breaks is known.

mod kind;

use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::http::{Answer, Request, connect};
use crate::listener::Listener;
use crate::problem::Result;

pub use kind::Kind;

/// What happens to a request or its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request is passed on so much later.
    Delay(Duration),
    /// The store gets half of the request's body, then both connections end.
    CutRequest,
    /// The store has done it, but the connection ends without an answer.
    LoseAnswer,
    /// The connection ends in the middle of the answer's body.
    CutAnswer,
    /// The answer's body is shorter, and its head says that this is all.
    ShortAnswer,
    /// The answer's body comes in chunks and stops between two of them.
    EndChunks,
    /// One byte in the middle of the request's body is another one.
    CorruptRequest,
    /// One byte in the middle of the answer's body is another one.
    CorruptAnswer,
    /// The store is not asked; this status is the answer, with seconds in `Retry-After` if there are any.
    Status(u16, Option<u32>),
    /// The store is not asked; the answer sends the client elsewhere.
    Redirect(String),
    /// The store is not asked; the status is 200 and the body says that it failed, as S3 answers when it fails late.
    LateError,
}

/// A request that passed.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its kind.
    pub kind: Kind,
    /// Its method, path and query.
    pub line: String,
    /// What was done to it.
    pub fault: Option<Fault>,
    /// The status that the store answered, if it was asked and did.
    pub status: Option<u16>,
}

/// Which requests a fault befalls.
struct Rule {
    kinds: Vec<Kind>,
    skip: usize,
    times: usize,
    fault: Fault,
}

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    seen: Vec<Seen>,
}

/// The proxy.
pub struct FaultProxy {
    listener: Listener,
    state: Arc<Mutex<State>>,
}

impl FaultProxy {
    /// Before a store.
    pub fn start(store: SocketAddr) -> Result<Self> {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let listener = Listener::start(move |request, to| serve(&shared, store, &request, to))?;
        Ok(Self { listener, state })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// From now on the next `times` requests of these kinds (all kinds when there is none) meet the fault, after `skip` of them
    /// have passed. The first rule that fits counts.
    pub fn inject(&self, kinds: &[Kind], skip: usize, times: usize, fault: Fault) {
        self.locked(|state| state.rules.push(Rule { kinds: kinds.to_vec(), skip, times, fault }));
    }

    /// Breaks nothing any more, and forgets what it saw.
    pub fn clear(&self) {
        self.locked(|state| *state = State::default());
    }

    /// Everything that passed, in the order in which it came.
    pub fn seen(&self) -> Vec<Seen> {
        self.locked(|state| state.seen.clone())
    }

    /// How many requests of a kind came.
    pub fn count(&self, kind: Kind) -> usize {
        self.locked(|state| state.seen.iter().filter(|seen| seen.kind == kind).count())
    }

    /// How many requests met a fault.
    pub fn broken(&self) -> usize {
        self.locked(|state| state.seen.iter().filter(|seen| seen.fault.is_some()).count())
    }

    fn locked<T>(&self, with: impl FnOnce(&mut State) -> T) -> T {
        with(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    /// Notes a request; its number, and what is to happen to it.
    fn note(&mut self, request: &Request) -> (usize, Option<Fault>) {
        let kind = Kind::of(request);
        let mut fault = None;
        for rule in &mut self.rules {
            if rule.times == 0 || !(rule.kinds.is_empty() || rule.kinds.contains(&kind)) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            rule.times -= 1;
            fault = Some(rule.fault.clone());
            break;
        }
        let line = format!("{} {}", request.method, request.target);
        self.seen.push(Seen { kind, line, fault: fault.clone(), status: None });
        (self.seen.len() - 1, fault)
    }
}

fn serve(state: &Mutex<State>, store: SocketAddr, request: &Request, to: &mut TcpStream) -> Result<bool> {
    let locked = || state.lock().unwrap_or_else(PoisonError::into_inner);
    let (number, fault) = locked().note(request);
    let head = request.method == "HEAD";
    let ask = |request: &Request| -> Result<Answer> {
        let answer = request.send(store)?;
        if let Some(seen) = locked().seen.get_mut(number) {
            seen.status = Some(answer.status);
        }
        Ok(answer)
    };
    match fault {
        None => pass(&ask(request)?, head, to),
        Some(Fault::Delay(time)) => {
            thread::sleep(time);
            pass(&ask(request)?, head, to)
        }
        Some(Fault::CutRequest) => {
            let half = Request { body: request.body[..request.body.len() / 2].to_vec(), ..request.clone() };
            let mut stream = connect(store)?;
            half.write_claiming(&mut stream, store, request.body.len())?;
            end(&stream)?;
            end(to)
        }
        Some(Fault::LoseAnswer) => {
            ask(request)?;
            end(to)
        }
        Some(Fault::CutAnswer) => {
            let answer = ask(request)?;
            to.write_all(answer.head(answer.length(head)).as_bytes())?;
            to.write_all(&answer.body[..answer.body.len() / 2])?;
            end(to)
        }
        Some(Fault::ShortAnswer) => {
            let mut answer = ask(request)?;
            answer.body.truncate(answer.body.len() / 2);
            pass(&answer, head, to)
        }
        Some(Fault::EndChunks) => {
            let answer = ask(request)?;
            let half = &answer.body[..answer.body.len() / 2];
            let text = answer.head(0).replace("content-length: 0", "transfer-encoding: chunked");
            to.write_all(text.as_bytes())?;
            if !half.is_empty() {
                to.write_all(format!("{:x}\r\n", half.len()).as_bytes())?;
                to.write_all(half)?;
                to.write_all(b"\r\n")?;
            }
            end(to)
        }
        Some(Fault::CorruptRequest) => {
            let mut corrupted = request.clone();
            flip(&mut corrupted.body);
            pass(&ask(&corrupted)?, head, to)
        }
        Some(Fault::CorruptAnswer) => {
            let mut answer = ask(request)?;
            flip(&mut answer.body);
            pass(&answer, head, to)
        }
        Some(Fault::Status(status, wait)) => {
            let mut answer = Answer::new(status, "application/xml", failure("SlowDown"));
            answer.headers.extend(wait.map(|seconds| ("retry-after".to_owned(), seconds.to_string())));
            pass(&answer, head, to)
        }
        Some(Fault::Redirect(place)) => {
            let mut answer = Answer::new(307, "application/xml", failure("TemporaryRedirect"));
            answer.headers.push(("location".to_owned(), place));
            pass(&answer, head, to)
        }
        Some(Fault::LateError) => pass(&Answer::new(200, "application/xml", failure("InternalError")), head, to),
    }
}

/// An error in the form of S3; the clients of the others look at the status.
fn failure(code: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>broken on purpose</Message></Error>"
    )
}

fn pass(answer: &Answer, head: bool, to: &mut TcpStream) -> Result<bool> {
    answer.write(head, to)?;
    Ok(true)
}

fn flip(body: &mut [u8]) {
    let middle = body.len() / 2;
    if let Some(byte) = body.get_mut(middle) {
        *byte ^= 1;
    }
}

fn end(stream: &TcpStream) -> Result<bool> {
    // It may be gone already.
    let _ = stream.shutdown(Shutdown::Both);
    Ok(false)
}
