//! HTTP/1.1 as the direct clients, the front and the proxy need it: whole messages in memory, one connection a request.
//!
//! By hand, because a proxy that breaks messages must be able to write broken ones.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::problem::{Problem, Result};

/// A server that says nothing for so long is a failed test.
const SILENCE: Duration = Duration::from_secs(120);

/// More than any test sends at once.
const BODY_LIMIT: u64 = 8 << 30;

/// A request.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `GET`, `PUT` ...
    pub method: String,
    /// Path and query, encoded as they go over the wire.
    pub target: String,
    /// The headers, in their order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers, in their order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without headers.
    pub fn new(method: &str, target: impl Into<String>, body: &[u8]) -> Self {
        Self { method: method.to_owned(), target: target.into(), headers: Vec::new(), body: body.to_vec() }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The value of a header.
    pub fn get(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// The path, as it goes over the wire.
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    /// The pairs of the query, decoded.
    pub fn query(&self) -> Vec<(String, String)> {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(k, v)| (decode(k), decode(v))).collect()
    }

    /// Whether the query has a parameter.
    pub fn asks(&self, parameter: &str) -> bool {
        self.query().iter().any(|(name, _)| name == parameter)
    }

    /// Reads one; nothing at the end of the connection.
    pub(crate) fn read(from: &mut impl BufRead) -> Result<Option<Self>> {
        let Some((first, headers)) = head(from)? else { return Ok(None) };
        let mut words = first.split(' ');
        let (Some(method), Some(target)) = (words.next(), words.next()) else {
            return Err(Problem::new(format!("no request: {first}")));
        };
        let mut request = Self { headers, ..Self::new(method, target, b"") };
        request.body = body(from, &request.headers, Some(0))?;
        Ok(Some(request))
    }

    /// Sends it to a server and reads the answer.
    pub fn send(&self, to: SocketAddr) -> Result<Answer> {
        let mut stream = connect(to)?;
        self.write_claiming(&mut stream, to, self.body.len())?;
        Answer::read(&mut BufReader::new(stream), &self.method)
    }

    /// Writes it with a head that says how many bytes of a body follow.
    pub(crate) fn write_claiming(&self, to: &mut impl Write, address: SocketAddr, length: usize) -> Result<()> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        if self.get("host").is_none() {
            // Writing to a String cannot fail.
            let _ = write!(text, "host: {address}\r\n");
        }
        text.push_str(&head_lines(&self.headers));
        if length > 0 || !matches!(self.method.as_str(), "GET" | "HEAD" | "DELETE") {
            let _ = write!(text, "content-length: {length}\r\n");
        }
        text.push_str("connection: close\r\n\r\n");
        to.write_all(text.as_bytes())?;
        // A server that refuses may answer, and close, before it has read all.
        let _refused = to.write_all(&self.body);
        Ok(())
    }
}

impl Answer {
    /// An answer with a body of a type.
    pub fn new(status: u16, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type".to_owned(), media_type.to_owned())];
        Self { status, headers, body: body.into() }
    }

    /// The value of a header.
    pub fn get(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The answer, unless its status is that of a failure.
    pub fn good(self) -> Result<Self> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        Err(Problem::new(format!("status {}: {}", self.status, self.text())))
    }

    /// Reads the answer to a request with that method.
    pub(crate) fn read(from: &mut impl BufRead, method: &str) -> Result<Self> {
        loop {
            let (first, headers) = head(from)?.ok_or_else(|| Problem::new("the connection ended without an answer"))?;
            let status = first.split(' ').nth(1).and_then(|word| word.parse().ok());
            let status: u16 = status.ok_or_else(|| Problem::new(format!("no status: {first}")))?;
            if status == 100 {
                continue;
            }
            let bodyless = method == "HEAD" || matches!(status, 204 | 304);
            let body = if bodyless { Vec::new() } else { body(from, &headers, None)? };
            return Ok(Self { status, headers, body });
        }
    }

    /// Writes the answer; `head` says that HEAD was asked, whose answers have no body.
    pub(crate) fn write(&self, head: bool, to: &mut impl Write) -> Result<()> {
        to.write_all(self.head(self.length(head)).as_bytes())?;
        if !head {
            to.write_all(&self.body)?;
        }
        Ok(())
    }

    /// The length of the body. An answer to HEAD says how long it would be.
    pub(crate) fn length(&self, head: bool) -> usize {
        let said = self.get("content-length").and_then(|length| length.parse().ok());
        if head { said.unwrap_or(0) } else { self.body.len() }
    }

    /// The head with this length of the body, which follows.
    pub(crate) fn head(&self, length: usize) -> String {
        let mut text = format!("HTTP/1.1 {} -\r\n{}", self.status, head_lines(&self.headers));
        if !matches!(self.status, 204 | 304) {
            let _ = write!(text, "content-length: {length}\r\n");
        }
        text.push_str("\r\n");
        text
    }
}

/// A connection that does not wait for ever.
pub(crate) fn connect(to: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&to, SILENCE)?;
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_write_timeout(Some(SILENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Letters, digits and `-._~` stay; `/` too when it separates segments.
pub(crate) fn encode(text: &str, slashes: bool) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            b'/' if slashes => encoded.push('/'),
            byte => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

/// The opposite of [`encode`].
pub(crate) fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if first == b'%' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What this file writes itself is left out.
fn head_lines(headers: &[(String, String)]) -> String {
    let ours = ["content-length", "transfer-encoding", "connection"];
    let kept = headers.iter().filter(|(name, _)| !ours.iter().any(|our| name.eq_ignore_ascii_case(our)));
    kept.map(|(name, value)| format!("{name}: {value}\r\n")).collect()
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

type Head = (String, Vec<(String, String)>);

fn head(from: &mut impl BufRead) -> Result<Option<Head>> {
    let mut first = String::new();
    if from.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        if from.read_line(&mut line)? == 0 {
            return Err(Problem::new("the connection ended in a head"));
        }
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_owned(), value.trim().to_owned())),
            None => return Ok(Some((first.trim_end().to_owned(), headers))),
        }
    }
}

/// A body without a length has `otherwise` bytes, or goes on to the end of the connection.
fn body(from: &mut impl BufRead, headers: &[(String, String)], otherwise: Option<u64>) -> Result<Vec<u8>> {
    if find(headers, "transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        return chunks(from);
    }
    let length = find(headers, "content-length").map(str::parse).transpose();
    let length = length.map_err(|error| Problem::new(format!("content-length: {error}")))?.or(otherwise);
    let mut bytes = Vec::new();
    from.take(length.unwrap_or(BODY_LIMIT)).read_to_end(&mut bytes)?;
    match length {
        Some(length) if length != bytes.len() as u64 => {
            Err(Problem::new(format!("the body ended after {} of {length} bytes", bytes.len())))
        }
        _ => Ok(bytes),
    }
}

fn chunks(from: &mut impl BufRead) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let mut line = String::new();
        from.read_line(&mut line)?;
        let digits = line.trim_end().split(';').next().unwrap_or_default();
        let length = u64::from_str_radix(digits, 16).map_err(|_| Problem::new("a body ended between two chunks"))?;
        let before = bytes.len() as u64;
        from.take(length).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != before + length {
            return Err(Problem::new("a body ended in a chunk"));
        }
        // The line end of the chunk; after the last one come trailers and an empty line.
        let mut end = String::from("-");
        while !end.trim_end().is_empty() {
            end.clear();
            from.read_line(&mut end)?;
        }
        if length == 0 {
            return Ok(bytes);
        }
    }
}
