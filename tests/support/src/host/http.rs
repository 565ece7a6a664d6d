//! The API as a stranger's client meets it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use super::BulkheadHost;
use crate::problem::{Problem, Result};

/// A silent host is a failed test.
const SILENCE: Duration = Duration::from_secs(120);

/// What the API answered.
#[derive(Debug)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// The status line and the headers.
    pub head: String,
    /// All that followed, up to the end of the connection.
    pub body: String,
}

impl HttpAnswer {
    /// The body as JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.body).map_err(|error| Problem::new(format!("no JSON ({error}): {}", self.body)))
    }
}

impl BulkheadHost {
    /// A request with these header lines, sent as it is. The version is 1.0, so the body ends with the connection.
    pub fn http(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Result<HttpAnswer> {
        let address = self.url().trim_start_matches("http://");
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(SILENCE))?;
        stream.set_write_timeout(Some(SILENCE))?;
        let mut head = format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Length: {}\r\n", body.len());
        for header in headers {
            head.push_str(header);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes())?;
        // A host that refuses a body may answer before it has read all of it.
        let _refused = stream.write_all(body);
        let mut answer = Vec::new();
        let ended = stream.read_to_end(&mut answer);
        let text = String::from_utf8_lossy(&answer);
        let (head, body) = text.split_once("\r\n\r\n").ok_or_else(|| {
            Problem::new(format!(
                "{method} {path}: no answer: {text}{}",
                ended.err().map_or_else(String::new, |error| error.to_string())
            ))
        })?;
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status = status.ok_or_else(|| Problem::new(format!("{method} {path}: no status in {head}")))?;
        Ok(HttpAnswer { status, head: head.to_owned(), body: body.to_owned() })
    }

    /// A request as administrator of `acme`, with a JSON body unless it is null.
    pub fn api(&self, method: &str, path: &str, body: &Value) -> Result<HttpAnswer> {
        let authorization = format!("Authorization: Bearer {}", self.token("acme", "administrator")?);
        let json = ["Content-Type: application/json", authorization.as_str()];
        match body {
            Value::Null => self.http(method, path, &json[1..], b""),
            body => self.http(method, path, &json, body.to_string().as_bytes()),
        }
    }
}
