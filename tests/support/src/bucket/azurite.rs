//! Azurite: Microsoft's own emulator of Azure Blob Storage, with shared keys and SAS.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::client::{element, elements};
use super::sign::{mac, now};
use super::{BUCKET, BucketServer, TargetEntry};
use crate::child::{ServerChild, random_hex};
use crate::http::{Answer, Request, encode};
use crate::problem::Result;
use crate::program::ServerProgram;

const ACCOUNT: &str = "testaccount";

/// The newest that this Azurite knows.
const API_VERSION: &str = "2025-11-05";

/// An Azurite with one account and one container.
pub struct Azurite {
    child: ServerChild,
    client: Client,
}

impl Azurite {
    /// Starts one.
    pub fn start() -> Result<Self> {
        let program = ServerProgram::Azurite.installed()?;
        let key = STANDARD.encode(random_hex(64)?);
        let prepare = |folder: &Path, port: u16| {
            let mut server = Command::new(&program);
            server
                .env("AZURITE_ACCOUNTS", format!("{ACCOUNT}:{key}"))
                // Telemetry would reach out of this machine.
                .args(["--silent", "--disableTelemetry", "--skipApiVersionCheck", "--blobHost", "127.0.0.1"])
                .args(["--blobPort", &port.to_string(), "--location"])
                .arg(folder.join("data"));
            Ok(server)
        };
        let child = ServerChild::start("azurite", prepare, |_| true)?;
        let client = Client { address: child.address(), key };
        client.send(Request::new("PUT", format!("/{ACCOUNT}/{BUCKET}?restype=container"), b""))?.good()?;
        Ok(Self { child, client })
    }

    /// A SAS for the container with these permissions, e.g. `rwdl`, that ends so many seconds from now.
    pub fn sas(&self, permissions: &str, seconds: i64) -> String {
        let time = |seconds: i64| {
            let moment = now().as_second() + seconds;
            jiff::Timestamp::from_second(moment).map_or_else(|_| String::new(), |at| at.strftime("%FT%TZ").to_string())
        };
        let (start, end) = (time(-3600), time(seconds));
        let resource = format!("/blob/{ACCOUNT}/{BUCKET}");
        // Permissions, times, resource, identifier, addresses, protocol, version, kind, snapshot, encryption scope, five headers.
        let text = format!("{permissions}\n{start}\n{end}\n{resource}\n\n\n\n{API_VERSION}\nc\n\n\n\n\n\n\n");
        let (start, end) = (encode(&start, false), encode(&end, false));
        let signature = encode(&self.client.signature(&text), false);
        format!("sv={API_VERSION}&sr=c&sp={permissions}&st={start}&se={end}&sig={signature}")
    }
}

impl BucketServer for Azurite {
    fn address(&self) -> SocketAddr {
        self.child.address()
    }

    fn target(&self, prefix: &str) -> TargetEntry {
        TargetEntry {
            plugin: "azure",
            config: json!({
                "account": ACCOUNT,
                "container": BUCKET,
                "prefix": prefix,
                "endpoint": format!("http://{}/{ACCOUNT}", self.address()),
            }),
            credentials: json!({"account_key": self.client.key}),
        }
    }

    fn objects(&self, prefix: &str) -> Result<Vec<(String, u64)>> {
        self.client.list(prefix, "")
    }

    fn read(&self, key: &str) -> Result<Vec<u8>> {
        Ok(self.client.send(Request::new("GET", target(key), b""))?.good()?.body)
    }

    fn write(&self, key: &str, bytes: &[u8]) -> Result<()> {
        let request = Request::new("PUT", target(key), bytes).header("x-ms-blob-type", "BlockBlob");
        self.client.send(request)?.good().map(|_| ())
    }

    /// Blobs of which there are blocks only; Azure itself forgets them after a week.
    fn unfinished(&self) -> Result<Vec<String>> {
        let all = self.client.list("", "&include=uncommittedblobs")?;
        let whole = self.client.list("", "")?;
        Ok(all.into_iter().filter(|blob| !whole.contains(blob)).map(|(key, _)| key).collect())
    }
}

fn target(key: &str) -> String {
    format!("/{ACCOUNT}/{BUCKET}/{}", encode(key, true))
}

/// A plain client with the account's key.
struct Client {
    address: SocketAddr,
    key: String,
}

impl Client {
    fn list(&self, prefix: &str, more: &str) -> Result<Vec<(String, u64)>> {
        let prefix = encode(prefix, false);
        let mut found = Vec::new();
        let mut from = String::new();
        loop {
            let target = format!("/{ACCOUNT}/{BUCKET}?comp=list&restype=container&prefix={prefix}{more}{from}");
            let page = self.send(Request::new("GET", target, b""))?.good()?.text();
            found.extend(elements(&page, "Blob").iter().map(|blob| {
                let size = element(blob, "Content-Length").and_then(|size| size.parse().ok());
                (element(blob, "Name").unwrap_or_default(), size.unwrap_or_default())
            }));
            match element(&page, "NextMarker").filter(|marker| !marker.is_empty()) {
                Some(marker) => from = format!("&marker={}", encode(&marker, false)),
                None => return Ok(found),
            }
        }
    }

    /// Signs by the rules of `SharedKey`, and sends.
    fn send(&self, request: Request) -> Result<Answer> {
        let date = now().strftime("%a, %d %b %Y %T GMT").to_string();
        let request = request.header("x-ms-date", date).header("x-ms-version", API_VERSION);
        let mut headers: Vec<String> = request
            .headers
            .iter()
            .filter(|(name, _)| name.starts_with("x-ms-"))
            .map(|(name, value)| format!("{name}:{value}"))
            .collect();
        headers.sort();
        let mut query: Vec<String> = request.query().iter().map(|(name, value)| format!("\n{name}:{value}")).collect();
        query.sort();
        let length = if request.body.is_empty() { String::new() } else { request.body.len().to_string() };
        let (method, path) = (&request.method, request.path());
        // Between the length and the headers stand the values of eight headers that are not sent.
        let text = format!(
            "{method}\n\n\n{length}\n\n\n\n\n\n\n\n\n{}\n/{ACCOUNT}{path}{}",
            headers.join("\n"),
            query.concat()
        );
        let authorization = format!("SharedKey {ACCOUNT}:{}", self.signature(&text));
        request.header("authorization", authorization).send(self.address)
    }

    fn signature(&self, text: &str) -> String {
        STANDARD.encode(mac(&STANDARD.decode(&self.key).unwrap_or_default(), text))
    }
}
