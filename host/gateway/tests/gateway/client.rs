//! Requests to a front door.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

/// One connection, which is kept.
pub struct Client(BufReader<TcpStream>);

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: String,
    pub body: String,
}

impl Client {
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Self(BufReader::new(stream)))
    }

    pub fn get(&mut self, path: &str) -> io::Result<Answer> {
        self.ask(&format!("GET {path} HTTP/1.1\r\nhost: door\r\n\r\n"))
    }

    pub fn post(&mut self, path: &str, body: &Value) -> io::Result<Answer> {
        let body = body.to_string();
        let length = body.len();
        self.ask(&format!("POST {path} HTTP/1.1\r\nhost: door\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"))
    }

    /// An event about a row of its own.
    pub fn ingest(&mut self, table: &str, op: &str, id: &str, record: Value) -> io::Result<Answer> {
        self.post("/ingest", &json!({ "table": table, "op": op, "id": id, "record": record }))
    }

    pub fn status(&mut self) -> Value {
        serde_json::from_str(&self.get("/status").unwrap().body).unwrap()
    }

    fn ask(&mut self, request: &str) -> io::Result<Answer> {
        self.0.get_mut().write_all(request.as_bytes())?;
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.0.read_line(&mut head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
        let mut answer = Answer { status, headers: head.to_ascii_lowercase(), body: String::new() };
        let length: usize = answer.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        answer.body = String::from_utf8(body).map_err(io::Error::other)?;
        Ok(answer)
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")))
    }

    /// The number that an event was given.
    pub fn sequence(&self) -> u64 {
        assert_eq!(self.status, 200, "{self:?}");
        self.header("bulkhead-sequence").and_then(|number| number.parse().ok()).unwrap()
    }
}
