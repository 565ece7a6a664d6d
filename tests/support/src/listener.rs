//! A port of this process, each connection in a thread.

use std::io::BufReader;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::http::Request;
use crate::problem::Result;

/// A client that keeps a connection open without asking anything is let go after this.
const IDLE: Duration = Duration::from_secs(120);

/// Listens until it is dropped.
pub(crate) struct Listener {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Gives each request to `serve`, with the connection to answer on; a connection goes on while that says so.
    pub fn start(serve: impl Fn(Request, &mut TcpStream) -> Result<bool> + Send + Sync + 'static) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let (ended, serve) = (Arc::new(AtomicBool::new(false)), Arc::new(serve));
        let told = Arc::clone(&ended);
        let thread = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if told.load(Ordering::SeqCst) {
                    return;
                }
                let serve = Arc::clone(&serve);
                // A connection that breaks is the client's to notice.
                thread::spawn(move || connection(stream, |request, to| serve(request, to)));
            }
        });
        Ok(Self { address, ended, thread: Some(thread) })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // A last connection lets it see that.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn connection(mut stream: TcpStream, serve: impl Fn(Request, &mut TcpStream) -> Result<bool>) -> Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(IDLE))?;
    stream.set_write_timeout(Some(IDLE))?;
    let mut reader = BufReader::with_capacity(256 << 10, stream.try_clone()?);
    while let Some(request) = Request::read(&mut reader)? {
        if !serve(request, &mut stream)? {
            return Ok(());
        }
    }
    Ok(())
}
