//! A plain S3 client that looks into a server without any of the code under test.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;

use super::TargetEntry;
use super::sign::{Signer, now};
use crate::http::{Answer, Request, encode};
use crate::problem::Result;

/// Speaks to one bucket of one server, path style.
#[derive(Clone)]
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
        self.signer.sign(request, &self.address.to_string(), now())
    }

    /// Signs a request as it would have been signed so long ago.
    pub fn sign_late(&self, request: Request, ago: Duration) -> Request {
        self.signer.sign(request, &self.address.to_string(), now() - ago)
    }

    /// The same client with other keys.
    #[must_use]
    pub fn with_keys(&self, id: &str, secret: &str) -> Self {
        let signer = Signer { access_key: id.to_owned(), secret_key: secret.to_owned(), ..self.signer.clone() };
        Self { signer, ..self.clone() }
    }

    /// The same client that signs for another region.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        Self { signer: Signer { region: region.to_owned(), ..self.signer.clone() }, ..self.clone() }
    }

    /// The target of the plugin `s3` that keeps its objects below `prefix`.
    pub(super) fn entry(&self, prefix: &str) -> TargetEntry {
        TargetEntry {
            plugin: "s3",
            config: json!({
                "bucket": self.bucket,
                "prefix": prefix,
                "region": self.signer.region,
                "endpoint": format!("http://{}", self.address),
            }),
            credentials: json!({
                "access_key_id": self.signer.access_key,
                "secret_access_key": self.signer.secret_key,
            }),
        }
    }

    /// The keys and sizes of all objects that begin with `prefix`, in the order of the keys' bytes.
    pub fn objects(&self, prefix: &str) -> Result<Vec<(String, u64)>> {
        let objects = self.listed(&self.bucket, prefix)?;
        let size = |object: &str| element(object, "Size").and_then(|size| size.parse().ok()).unwrap_or_default();
        Ok(objects.into_iter().map(|(key, object)| (key, size(&object))).collect())
    }

    /// The keys of a bucket's objects and what the server says of each, as XML; in the order of the keys' bytes, whatever the
    /// server's is.
    pub(super) fn listed(&self, bucket: &str, prefix: &str) -> Result<Vec<(String, String)>> {
        let mut found = Vec::new();
        let mut from = String::new();
        loop {
            let target = format!("/{bucket}?list-type=2&prefix={}{from}", encode(prefix, false));
            let page = self.send(Request::new("GET", target, b""))?.good()?.text();
            let objects = elements(&page, "Contents").into_iter();
            found.extend(objects.map(|object| (element(&object, "Key").unwrap_or_default(), object)));
            match element(&page, "NextContinuationToken") {
                Some(token) => from = format!("&continuation-token={}", encode(&token, false)),
                None => {
                    found.sort();
                    return Ok(found);
                }
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
            .replace("&#34;", "\"")
            .replace("&apos;", "'")
            .replace("&#39;", "'")
            .replace("&amp;", "&"),
    )
}
