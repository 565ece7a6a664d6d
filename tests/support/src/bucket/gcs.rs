//! A front of our own that speaks as Google Cloud Storage's XML API does. It is no third party's server.
//!
//! No emulator has that API's multipart uploads, or checks a token. So this front checks what Google checks (the service account's
//! RS256 assertion, the bearer token and its age, digests, generations) and passes the request on, signed anew, to [`S3`], whose API is
//! nearly the same. Keeping, assembling and listing objects are SeaweedFS's.

mod account;
mod checks;

use std::collections::HashMap;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use self::account::Account;
use super::s3::S3;
use super::{BUCKET, BucketServer, TargetEntry};
use crate::http::{Answer, Request};
use crate::listener::Listener;
use crate::problem::Result;

/// Google's storage with one bucket and one service account.
pub struct Gcs {
    listener: Listener,
    front: Arc<Front>,
}

struct Front {
    s3: S3,
    account: Account,
    /// Conditions are looked at and met by one request at a time.
    writes: Mutex<()>,
    /// The storage classes that objects were asked to have.
    classes: Mutex<HashMap<String, String>>,
}

impl Gcs {
    /// Starts it, and the S3 service behind it.
    pub fn start() -> Result<Self> {
        let front = Arc::new(Front {
            s3: S3::start()?,
            account: Account::make()?,
            writes: Mutex::default(),
            classes: Mutex::default(),
        });
        let serving = Arc::clone(&front);
        let listener = Listener::start(move |request, to| serving.serve(&request, to))?;
        Ok(Self { listener, front })
    }

    /// The service account, as Google's console gives it out.
    pub fn service_account(&self) -> Value {
        self.front.account.json()
    }

    /// No token that was given out until now is taken any more.
    pub fn revoke_tokens(&self) {
        self.front.account.revoke();
    }

    /// How many tokens were given out.
    pub fn tokens_given(&self) -> usize {
        self.front.account.given()
    }

    /// The storage class that an object was asked to have.
    pub fn storage_class(&self, key: &str) -> Option<String> {
        self.front.classes.lock().unwrap_or_else(PoisonError::into_inner).get(&format!("/{BUCKET}/{key}")).cloned()
    }
}

impl BucketServer for Gcs {
    fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    fn target(&self, prefix: &str) -> TargetEntry {
        let endpoint = format!("http://{}", self.address());
        TargetEntry {
            plugin: "gcs",
            config: json!({
                "bucket": BUCKET,
                "prefix": prefix,
                "token_endpoint": format!("{endpoint}/token"),
                "endpoint": endpoint,
            }),
            credentials: self.service_account(),
        }
    }

    fn objects(&self, prefix: &str) -> Result<Vec<(String, u64)>> {
        self.front.s3.objects(prefix)
    }

    fn read(&self, key: &str) -> Result<Vec<u8>> {
        self.front.s3.read(key)
    }

    fn write(&self, key: &str, bytes: &[u8]) -> Result<()> {
        self.front.s3.write(key, bytes)
    }

    fn unfinished(&self) -> Result<Vec<String>> {
        self.front.s3.unfinished()
    }
}

impl Front {
    fn serve(&self, request: &Request, to: &mut TcpStream) -> Result<bool> {
        let answer = match (request.method.as_str(), request.path()) {
            ("POST", "/token") => self.account.exchange(request),
            _ => self.storage(request).or_else(|refused| refused)?,
        };
        answer.write(request.method == "HEAD", to)?;
        Ok(true)
    }

    /// Checks as Google does, then lets S3 do it.
    fn storage(&self, request: &Request) -> std::result::Result<Answer, Result<Answer>> {
        self.account.check_bearer(request).map_err(Ok)?;
        checks::headers(request).map_err(Ok)?;
        let sum = checks::digest(request).map_err(Ok)?;
        let wanted = checks::generation(request).map_err(Ok)?;
        let guard = wanted.map(|_| self.writes.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(wanted) = wanted {
            let found = self.s3.client().send(Request::new("HEAD", request.path(), b"")).map_err(Err)?;
            if checks::generation_of(&found) != wanted {
                return Ok(checks::refusal(412, "PreconditionFailed", "the generation is another"));
            }
        }
        let answer = self.s3.client().send(checks::translated(request)).map_err(Err)?;
        drop(guard);
        if let Some(class) = request.get("x-goog-storage-class") {
            let mut classes = self.classes.lock().unwrap_or_else(PoisonError::into_inner);
            classes.insert(crate::http::decode(request.path()), class.to_owned());
        }
        Ok(checks::answered(answer, sum))
    }
}
