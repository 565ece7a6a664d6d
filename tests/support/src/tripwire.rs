//! A proxy before an HTTP server that kills it, or holds it up, in the middle of what is asked of it.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::http::Request;
use crate::listener::Listener;
use crate::problem::{Problem, Result};

/// A test that has failed lets go of everything anyway.
const LONGEST: Duration = Duration::from_secs(120);

type Deed = Box<dyn FnOnce() + Send>;

/// What is waited for, and what happens then.
struct Wire {
    text: String,
    deed: Deed,
    /// Whether the request goes on afterwards.
    goes_on: bool,
}

/// Passes requests on, until one holds a text.
pub struct Tripwire {
    listener: Listener,
    wire: Arc<Mutex<Option<Wire>>>,
}

impl Tripwire {
    /// Before a server.
    pub fn start(server: SocketAddr) -> Result<Self> {
        let wire: Arc<Mutex<Option<Wire>>> = Arc::default();
        let shared = Arc::clone(&wire);
        let listener = Listener::start(move |request, to| pass(&shared, server, &request, to))?;
        Ok(Self { listener, wire })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Does this, once, instead of passing on the next request whose body holds the text; the connection then breaks.
    pub fn set(&self, text: &str, deed: impl FnOnce() + Send + 'static) {
        self.put(Wire { text: text.to_owned(), deed: Box::new(deed), goes_on: false });
    }

    /// Holds up the next request whose body holds the text, until it is let go.
    pub fn hold(&self, text: &str) -> Held {
        let (come, came) = mpsc::channel();
        let (let_go, released) = mpsc::channel::<()>();
        let deed = move || {
            // Whoever gave up waiting has let it go.
            let _ = come.send(());
            let _ = released.recv_timeout(LONGEST);
        };
        self.put(Wire { text: text.to_owned(), deed: Box::new(deed), goes_on: true });
        Held { came, _let_go: let_go }
    }

    fn put(&self, wire: Wire) {
        *self.wire.lock().unwrap_or_else(PoisonError::into_inner) = Some(wire);
    }

    /// Whether it still waits.
    pub fn is_set(&self) -> bool {
        self.wire.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

/// A request that is held up from its coming until this is dropped.
pub struct Held {
    came: Receiver<()>,
    _let_go: Sender<()>,
}

impl Held {
    /// Waits until it has come.
    pub fn wait(&self, deadline: Duration) -> Result<()> {
        self.came.recv_timeout(deadline).map_err(|_| Problem::new("the request that was to be held up did not come"))
    }
}

fn pass(wire: &Mutex<Option<Wire>>, server: SocketAddr, request: &Request, to: &mut TcpStream) -> Result<bool> {
    let tripped = {
        let mut wire = wire.lock().unwrap_or_else(PoisonError::into_inner);
        let body = String::from_utf8_lossy(&request.body);
        wire.take_if(|wire| body.contains(&wire.text))
    };
    if let Some(Wire { deed, goes_on, .. }) = tripped {
        deed();
        if !goes_on {
            return Ok(false);
        }
    }
    let answer = request.send(server)?;
    to.write_all(answer.head(answer.body.len()).as_bytes())?;
    to.write_all(&answer.body)?;
    Ok(true)
}
