//! A plain S3 client that looks into a server without any of the code under test.

use std::net::SocketAddr;

use super::sign::Signer;
use crate::http::{Answer, Request, encode};
use crate::problem::Result;

/// Speaks to one bucket of one server, path style.
pub struct S3Client {
    pub(super) address: SocketAddr,
    pub(super) bucket: String,
    pub(super) signer: Signer,
}

impl S3Client {
    /// Signs a request to the server and sends it.
    pub fn send(&self, request: Request) -> Result<Answer> {
        self.sign(request).send(self.address)
    }

    /// Signs a request to the server.
    pub fn sign(&self, request: Request) -> Request {
        self.signer.sign(request, &self.address.to_string())
    }

    /// The keys and sizes of all objects that begin with `prefix`.
    pub fn objects(&self, prefix: &str) -> Result<Vec<(String, u64)>> {
        let mut found = Vec::new();
        let mut from = String::new();
        loop {
            let (bucket, prefix) = (&self.bucket, encode(prefix, false));
            let target = format!("/{bucket}?list-type=2&prefix={prefix}{from}");
            let page = self.send(Request::new("GET", target, b""))?.good()?.text();
            found.extend(elements(&page, "Contents").iter().map(|object| {
                let size = element(object, "Size").and_then(|size| size.parse().ok());
                (element(object, "Key").unwrap_or_default(), size.unwrap_or_default())
            }));
            match element(&page, "NextContinuationToken") {
                Some(token) => from = format!("&continuation-token={}", encode(&token, false)),
                None => return Ok(found),
            }
        }
    }

    /// The bytes of an object.
    pub fn read(&self, key: &str) -> Result<Vec<u8>> {
        Ok(self.send(Request::new("GET", self.target(key), b""))?.good()?.body)
    }

    /// Makes an object.
    pub fn write(&self, key: &str, bytes: &[u8]) -> Result<()> {
        self.send(Request::new("PUT", self.target(key), bytes))?.good().map(|_| ())
    }

    /// The keys of uploads that were begun and neither completed nor aborted.
    pub fn unfinished(&self) -> Result<Vec<String>> {
        let page = self.send(Request::new("GET", format!("/{}?uploads", self.bucket), b""))?.good()?.text();
        Ok(elements(&page, "Upload").iter().filter_map(|upload| element(upload, "Key")).collect())
    }

    fn target(&self, key: &str) -> String {
        format!("/{}/{}", self.bucket, encode(key, true))
    }
}

/// The contents of all elements of that name.
pub(super) fn elements(text: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let parts = text.split(&open).skip(1);
    parts.filter_map(|part| part.split_once(&close)).map(|(inner, _)| inner.to_owned()).collect()
}

/// The text of the first element of that name.
pub(super) fn element(text: &str, name: &str) -> Option<String> {
    let text = elements(text, name).into_iter().next()?;
    Some(
        text.replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&apos;", "'")
            .replace("&amp;", "&"),
    )
}
