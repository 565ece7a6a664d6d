//! Garage: an S3 server that verifies signatures, digests and checksums, and lists unfinished uploads.
//!
//! Its features: quotas, keys without rights, any key names. It ignores conditions on writes (see [`super::S3s`]) and takes requests
//! whatever their date.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use super::client::S3Client;
use super::sign::Signer;
use super::{BUCKET, BucketServer, TargetEntry};
use crate::child::{ServerChild, random_hex};
use crate::http::Request;
use crate::problem::{Problem, Result};
use crate::process;
use crate::program::ServerProgram;

/// The only region it knows.
const REGION: &str = "garage";

const COMMAND_DEADLINE: Duration = Duration::from_secs(30);

/// A Garage server with one bucket and one key.
pub struct Garage {
    child: ServerChild,
    client: S3Client,
}

impl Garage {
    /// Starts one.
    pub fn start() -> Result<Self> {
        let program = ServerProgram::Garage.installed()?;
        let (access_key, secret_key) = (format!("GK{}", random_hex(24)?), random_hex(64)?);
        let prepare = |folder: &Path, port: u16| {
            fs::write(config(folder), settings(folder, port)?)?;
            let mut server = Command::new(&program);
            server
                .env("GARAGE_DEFAULT_ACCESS_KEY", &access_key)
                .env("GARAGE_DEFAULT_SECRET_KEY", &secret_key)
                .env("GARAGE_DEFAULT_BUCKET", BUCKET)
                .arg("-c")
                .arg(config(folder))
                .args(["server", "--single-node", "--default-bucket"]);
            Ok(server)
        };
        let signer =
            Signer { region: REGION.to_owned(), access_key: access_key.clone(), secret_key: secret_key.clone() };
        let client = |address| S3Client { address, bucket: BUCKET.to_owned(), signer: signer.clone() };
        let child = ServerChild::start("garage", prepare, |address| client(address).objects("").is_ok())?;
        let client = client(child.address());
        Ok(Self { child, client })
    }

    /// A client that looks into it.
    pub const fn client(&self) -> &S3Client {
        &self.client
    }

    /// The region, access key and secret key, for tools.
    pub fn keys(&self) -> (&str, &str, &str) {
        let signer = &self.client.signer;
        (&signer.region, &signer.access_key, &signer.secret_key)
    }

    /// From now on the bucket is full at so many bytes.
    pub fn fill_at(&self, bytes: u64) -> Result<()> {
        self.command(&["bucket", "set-quotas", "--max-size", &format!("{bytes}B"), BUCKET]).map(|_| ())
    }

    /// Credentials in the form of the plugin `s3` that the server knows, but that may not touch the bucket unless `rights` has
    /// `--read`, `--write`.
    pub fn other_key(&self, rights: &[&str]) -> Result<serde_json::Value> {
        let shown = self.command(&["key", "create", "other"])?;
        let value = |name: &str| {
            let line = shown.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'));
            line.map(|value| value.trim().to_owned()).ok_or_else(|| Problem::new(format!("no {name} in: {shown}")))
        };
        let (id, secret) = (value("Key ID")?, value("Secret key")?);
        if !rights.is_empty() {
            self.command(&[&["bucket", "allow", BUCKET, "--key", &id], rights].concat())?;
        }
        Ok(json!({"access_key_id": id, "secret_access_key": secret}))
    }

    /// Its own command line.
    fn command(&self, arguments: &[&str]) -> Result<String> {
        let mut command = process::command(ServerProgram::Garage.installed()?);
        command.arg("-c").arg(config(self.child.folder())).args(arguments);
        let finished = process::run(&mut command, b"", COMMAND_DEADLINE)?;
        if finished.code == Some(0) {
            return Ok(String::from_utf8_lossy(&finished.stdout).into_owned());
        }
        Err(Problem::new(format!("garage {arguments:?}: {}", finished.stderr)))
    }

    /// Makes another bucket that the key may use.
    pub fn make_bucket(&self, name: &str) -> Result<()> {
        self.client.send(Request::new("PUT", format!("/{name}"), b""))?.good().map(|_| ())
    }
}

impl BucketServer for Garage {
    fn address(&self) -> SocketAddr {
        self.child.address()
    }

    fn target(&self, prefix: &str) -> TargetEntry {
        s3_target(&self.client, prefix)
    }

    fn objects(&self, prefix: &str) -> Result<Vec<(String, u64)>> {
        self.client.objects(prefix)
    }

    fn read(&self, key: &str) -> Result<Vec<u8>> {
        self.client.read(key)
    }

    fn write(&self, key: &str, bytes: &[u8]) -> Result<()> {
        self.client.write(key, bytes)
    }

    fn unfinished(&self) -> Result<Vec<String>> {
        self.client.unfinished()
    }
}

/// A target of the plugin `s3`.
pub(super) fn s3_target(client: &S3Client, prefix: &str) -> TargetEntry {
    TargetEntry {
        plugin: "s3",
        config: json!({
            "bucket": client.bucket,
            "prefix": prefix,
            "region": client.signer.region,
            "endpoint": format!("http://{}", client.address),
        }),
        credentials: json!({
            "access_key_id": client.signer.access_key,
            "secret_access_key": client.signer.secret_key,
        }),
    }
}

fn config(folder: &Path) -> PathBuf {
    folder.join("garage.toml")
}

fn settings(folder: &Path, port: u16) -> Result<String> {
    let (rpc, admin) = (process::free_port()?, process::free_port()?);
    let (folder, secret, token) = (folder.display(), random_hex(64)?, random_hex(32)?);
    Ok(format!(
        r#"metadata_dir = "{folder}/meta"
data_dir = "{folder}/data"
db_engine = "sqlite"
metadata_fsync = false
data_fsync = false
replication_factor = 1
rpc_bind_addr = "127.0.0.1:{rpc}"
rpc_public_addr = "127.0.0.1:{rpc}"
rpc_secret = "{secret}"

[s3_api]
s3_region = "{REGION}"
api_bind_addr = "127.0.0.1:{port}"
root_domain = ".s3.localhost"

[admin]
api_bind_addr = "127.0.0.1:{admin}"
admin_token = "{token}"
"#
    ))
}
