//! s3s-fs: an S3 server over a folder.
//!
//! Its features: conditional writes, signatures that age, the smallest part. It lists no unfinished uploads, so its folder is looked
//! into; and it cannot keep `a` beside `a/b`.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::client::S3Client;
use super::garage::s3_target;
use super::sign::Signer;
use super::{BUCKET, BucketServer, TargetEntry};
use crate::child::{ServerChild, random_hex};
use crate::problem::Result;
use crate::program::ServerProgram;

/// An s3s-fs server with one bucket and one key.
pub struct S3s {
    child: ServerChild,
    client: S3Client,
}

impl S3s {
    /// Starts one.
    pub fn start() -> Result<Self> {
        let program = ServerProgram::S3s.installed()?;
        let (access_key, secret_key) = (random_hex(20)?.to_uppercase(), random_hex(40)?);
        let prepare = |folder: &Path, port: u16| {
            fs::create_dir_all(folder.join("data").join(BUCKET))?;
            let mut server = Command::new(&program);
            server.args(["--host", "127.0.0.1", "--port", &port.to_string(), "--access-key", &access_key]);
            server.args(["--secret-key", &secret_key]).arg(folder.join("data"));
            Ok(server)
        };
        let signer =
            Signer { region: "us-east-1".to_owned(), access_key: access_key.clone(), secret_key: secret_key.clone() };
        let client = |address| S3Client { address, bucket: BUCKET.to_owned(), signer: signer.clone() };
        let child = ServerChild::start("s3s", prepare, |address| client(address).objects("").is_ok())?;
        let client = client(child.address());
        Ok(Self { child, client })
    }

    /// A client that looks into it.
    pub const fn client(&self) -> &S3Client {
        &self.client
    }
}

impl BucketServer for S3s {
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
        let entries = fs::read_dir(self.child.folder().join("data"))?.flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        Ok(names.filter(|name| name.starts_with(".upload")).collect())
    }
}
