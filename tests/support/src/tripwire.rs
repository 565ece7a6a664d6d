//! A proxy before an HTTP server that kills it in the middle of what is asked of it.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use crate::http::Request;
use crate::listener::Listener;
use crate::problem::Result;

type Deed = Box<dyn FnOnce() + Send>;

/// What is waited for, and what happens then.
struct Wire {
    text: String,
    deed: Deed,
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
        let wire = Wire { text: text.to_owned(), deed: Box::new(deed) };
        *self.wire.lock().unwrap_or_else(PoisonError::into_inner) = Some(wire);
    }

    /// Whether it still waits.
    pub fn is_set(&self) -> bool {
        self.wire.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

fn pass(wire: &Mutex<Option<Wire>>, server: SocketAddr, request: &Request, to: &mut TcpStream) -> Result<bool> {
    let tripped = {
        let mut wire = wire.lock().unwrap_or_else(PoisonError::into_inner);
        let body = String::from_utf8_lossy(&request.body);
        wire.take_if(|wire| body.contains(&wire.text))
    };
    if let Some(Wire { deed, .. }) = tripped {
        deed();
        return Ok(false);
    }
    let answer = request.send(server)?;
    to.write_all(answer.head(answer.body.len()).as_bytes())?;
    to.write_all(&answer.body)?;
    Ok(true)
}
