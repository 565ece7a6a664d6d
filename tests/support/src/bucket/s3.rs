//! A front of our own that does what Amazon's S3 does and SeaweedFS, which stands behind it, does not.
//!
//! It refuses signatures for another region and bodies that their signature does not cover, and lists in the order of the keys' bytes. Of
//! several uploads that are completed on a condition it lets one meet it, and an upload that is complete is gone. It can be full, and it
//! can be one of those services that do not know conditions on writes. All else passes as it came, so that signatures, checksums and
//! objects are SeaweedFS's.

mod rules;

use std::collections::HashSet;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use super::client::S3Client;
use super::seaweedfs::SeaweedFs;
use super::{BucketServer, TargetEntry};
use crate::http::{Answer, Request};
use crate::listener::Listener;
use crate::problem::Result;

/// An S3 service with one bucket and three keys.
pub struct S3 {
    listener: Listener,
    front: Arc<Front>,
    client: S3Client,
}

struct Front {
    server: SeaweedFs,
    /// Whether it honours conditions on writes.
    conditions: bool,
    /// How many bytes the bucket takes.
    room: Mutex<Option<u64>>,
    /// The ids of uploads that are complete. One is completed at a time, so that conditions are looked at and met at once.
    complete: Mutex<HashSet<String>>,
}

impl S3 {
    /// Starts it, and the SeaweedFS behind it.
    pub fn start() -> Result<Self> {
        Self::with(true)
    }

    /// Starts one that ignores conditions on writes, as some services do. It cannot check the signatures of requests that have one.
    pub fn without_conditions() -> Result<Self> {
        Self::with(false)
    }

    fn with(conditions: bool) -> Result<Self> {
        let server = SeaweedFs::start()?;
        let front = Arc::new(Front { server, conditions, room: Mutex::default(), complete: Mutex::default() });
        let serving = Arc::clone(&front);
        let listener = Listener::start(move |request, to| serving.serve(&request, to))?;
        let client = S3Client { address: listener.address(), ..front.server.client().clone() };
        Ok(Self { listener, front, client })
    }

    /// The server behind it.
    pub fn server(&self) -> &SeaweedFs {
        &self.front.server
    }

    /// A client that is treated as every other one.
    pub const fn client(&self) -> &S3Client {
        &self.client
    }

    /// From now on the bucket is full at so many bytes.
    pub fn fill_at(&self, bytes: u64) {
        *self.front.room.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes);
    }
}

impl BucketServer for S3 {
    fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    fn target(&self, prefix: &str) -> TargetEntry {
        self.client.entry(prefix)
    }

    fn objects(&self, prefix: &str) -> Result<Vec<(String, u64)>> {
        self.server().objects(prefix)
    }

    fn read(&self, key: &str) -> Result<Vec<u8>> {
        self.server().read(key)
    }

    fn write(&self, key: &str, bytes: &[u8]) -> Result<()> {
        self.client.write(key, bytes)
    }

    fn unfinished(&self) -> Result<Vec<String>> {
        self.server().unfinished()
    }
}

impl Front {
    fn serve(&self, request: &Request, to: &mut TcpStream) -> Result<bool> {
        let answer = self.answer(request).or_else(|refused| refused)?;
        answer.write(request.method == "HEAD", to)?;
        Ok(true)
    }

    fn answer(&self, request: &Request) -> std::result::Result<Answer, Result<Answer>> {
        let region = &self.server.client().signer.region;
        rules::region(request, region).map_err(Ok)?;
        rules::digest(request).map_err(Ok)?;
        let room = *self.room.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(room) = room.filter(|_| request.method == "PUT") {
            let objects = self.server.objects("").map_err(Err)?;
            let used = objects.iter().map(|(_, bytes)| bytes).sum();
            rules::room(request, room, used).map_err(Ok)?;
        }
        if request.method == "POST"
            && let Some((_, upload)) = request.query().into_iter().find(|(name, _)| name == "uploadId")
        {
            return self.complete(request, upload).map_err(Err);
        }
        let answer = self.pass(request).map_err(Err)?;
        if answer.status == 200 && request.method == "GET" && request.asks("list-type") && !request.asks("delimiter") {
            return self.page(request).map_err(Err);
        }
        Ok(answer)
    }

    fn complete(&self, request: &Request, upload: String) -> Result<Answer> {
        let mut complete = self.complete.lock().unwrap_or_else(PoisonError::into_inner);
        if complete.contains(&upload) {
            return Ok(rules::gone());
        }
        let answer = self.pass(request)?;
        if answer.status == 200 {
            complete.insert(upload);
        }
        Ok(answer)
    }

    fn pass(&self, request: &Request) -> Result<Answer> {
        let reads = request.method == "GET" || request.method == "HEAD";
        if self.conditions || reads || request.get("if-none-match").is_none() {
            return request.send(self.server.address());
        }
        self.server.client().send(rules::unconditional(request))
    }

    /// A page of a listing that SeaweedFS allows, in order.
    fn page(&self, request: &Request) -> Result<Answer> {
        let query = request.query();
        let asked = |name: &str| query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let bucket = request.path().trim_matches('/');
        let objects = self.server.client().listed(bucket, asked("prefix").unwrap_or_default())?;
        let after = asked("continuation-token").or_else(|| asked("start-after"));
        let most = asked("max-keys").and_then(|most| most.parse().ok()).unwrap_or(1000);
        Ok(rules::page(&objects, after, most))
    }
}
