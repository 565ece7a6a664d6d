//! SeaweedFS: an S3 server that verifies signatures and their age, checksums and the smallest part, and lists unfinished uploads.
//!
//! Its conditional writes are atomic, but for those that complete an upload. It has keys without rights and takes any key names. What
//! else Amazon's service does and it does not (see [`super::S3`]): it lists folder by folder, so that `a/b` comes before `a-b`; it takes
//! signatures for any region; and it compares no body with the digest that a signature covers.
//!
//! Four processes of one program: `weed server` and `weed mini`, which run all four in one, keep sockets outside of their folder and
//! wait some seconds for each other.

use std::cell::Cell;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;

use serde_json::{Value, json};

use super::client::S3Client;
use super::sign::Signer;
use super::{BUCKET, BucketServer, TargetEntry};
use crate::child::{ServerChild, random_hex};
use crate::http::Request;
use crate::problem::{Problem, Result};
use crate::process;
use crate::program::ServerProgram;

/// The region that clients are told; the server itself knows none.
const REGION: &str = "reef-1";

/// A SeaweedFS server with one bucket and three keys: the owner's, a reader's, and one without rights.
pub struct SeaweedFs {
    client: S3Client,
    reader: Key,
    powerless: Key,
    /// In the order in which they end.
    _processes: [Process; 4],
}

/// An access key.
struct Key {
    id: String,
    secret: String,
}

/// One of the four.
struct Process {
    child: ServerChild,
    /// How the others call it: its address, and the port where it speaks gRPC.
    name: String,
}

impl SeaweedFs {
    /// Starts one.
    pub fn start() -> Result<Self> {
        let (owner, reader, powerless) = (Key::make()?, Key::make()?, Key::make()?);
        let signer =
            Signer { region: REGION.to_owned(), access_key: owner.id.clone(), secret_key: owner.secret.clone() };
        let client = |address| S3Client { address, bucket: BUCKET.to_owned(), signer: signer.clone() };

        let master = Process::start(
            "master",
            |folder| Ok(vec![of("-mdir=", folder), "-peers=none".into(), "-telemetry=false".into()]),
            |_| true,
        )?;
        let (volume, (filer, gateway)) = thread::scope(|scope| {
            let volume = scope.spawn(|| {
                Process::start(
                    "volume",
                    |folder| {
                        let master = format!("-master={}", master.name);
                        Ok(vec![of("-dir=", folder), "-max=100".into(), "-minFreeSpace=1MiB".into(), master])
                    },
                    |_| master.makes_a_volume(),
                )
            });
            let filer = Process::start(
                "filer",
                |folder| {
                    let (socket, master) = (folder.join("socket"), format!("-master={}", master.name));
                    Ok(vec![of("-defaultStoreDir=", folder), of("-localSocket=", &socket), master])
                },
                |_| true,
            )?;
            let gateway = Process::start(
                "s3",
                |folder| {
                    let keys = folder.join("keys.json");
                    fs::write(&keys, identities(&owner, &reader, &powerless).to_string())?;
                    let (socket, filer) = (folder.join("socket"), format!("-filer={}", filer.name));
                    let none = ["-iam=false", "-autoCreateBucket=false", "-port.iceberg=0", "-port.lance=0"];
                    let mut arguments = vec![of("-config=", &keys), of("-localSocket=", &socket), filer];
                    arguments.extend(none.map(str::to_owned));
                    Ok(arguments)
                },
                |address| {
                    let made = client(address).send(Request::new("PUT", format!("/{BUCKET}"), b""));
                    made.is_ok_and(|answer| matches!(answer.status, 200 | 409))
                },
            )?;
            let volume = volume.join().map_err(|_| Problem::new("the thread that starts the volumes ended"))??;
            Ok::<_, Problem>((volume, (filer, gateway)))
        })?;
        let client = client(gateway.child.address());
        client.objects("")?;
        Ok(Self { client, reader, powerless, _processes: [gateway, filer, volume, master] })
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

    /// Credentials in the form of the plugin `s3` that may read and list the bucket, and nothing more.
    pub fn reader(&self) -> Value {
        self.reader.json()
    }

    /// Credentials in the form of the plugin `s3` that the server knows, but that may not touch the bucket.
    pub fn powerless(&self) -> Value {
        self.powerless.json()
    }

    /// Makes another bucket that the owner's key may use.
    pub fn make_bucket(&self, name: &str) -> Result<()> {
        self.client.send(Request::new("PUT", format!("/{name}"), b""))?.good().map(|_| ())
    }
}

impl BucketServer for SeaweedFs {
    fn address(&self) -> SocketAddr {
        self.client.address
    }

    fn target(&self, prefix: &str) -> TargetEntry {
        self.client.entry(prefix)
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

impl Key {
    fn make() -> Result<Self> {
        Ok(Self { id: format!("AK{}", random_hex(18)?.to_uppercase()), secret: random_hex(64)? })
    }

    fn json(&self) -> Value {
        json!({"access_key_id": self.id, "secret_access_key": self.secret})
    }

    fn identity(&self, name: &str, actions: &[String]) -> Value {
        let credentials = json!([{"accessKey": self.id, "secretKey": self.secret}]);
        json!({"name": name, "credentials": credentials, "actions": actions})
    }
}

/// Who may do what, in the server's own words.
fn identities(owner: &Key, reader: &Key, powerless: &Key) -> Value {
    let of_bucket = ["Read", "List"].map(|action| format!("{action}:{BUCKET}"));
    json!({"identities": [
        owner.identity("owner", &["Admin".to_owned()]),
        reader.identity("reader", &of_bucket),
        powerless.identity("powerless", &[]),
    ]})
}

impl Process {
    /// Starts `weed` with that command, and with the arguments that are made of its folder.
    fn start(
        command: &str,
        arguments: impl Fn(&Path) -> Result<Vec<String>>,
        ready: impl Fn(SocketAddr) -> bool,
    ) -> Result<Self> {
        let program = ServerProgram::SeaweedFs.installed()?;
        let grpc = Cell::new(0);
        let prepare = |folder: &Path, port: u16| {
            grpc.set(process::free_port()?);
            let mut server = Command::new(&program);
            server
                // No configuration of the user's, and no more volumes at once than one.
                .env("HOME", folder)
                .env("WEED_MASTER_VOLUME_GROWTH_COPY_1", "1")
                .env("GOMEMLIMIT", "512MiB")
                .args(["-logtostderr=true", &of("-config_dir=", folder), command])
                .args(["-ip=127.0.0.1", "-ip.bind=127.0.0.1", &format!("-port={port}")])
                .arg(format!("-port.grpc={}", grpc.get()))
                .args(arguments(folder)?);
            Ok(server)
        };
        let listens = |address| TcpStream::connect((Ipv4Addr::LOCALHOST, grpc.get())).is_ok() && ready(address);
        let child = ServerChild::start(&format!("seaweedfs-{command}"), prepare, listens)?;
        Ok(Self { name: format!("{}.{}", child.address(), grpc.get()), child })
    }

    /// Asks the master for a place to write to before the first object comes, which would wait for it.
    fn makes_a_volume(&self) -> bool {
        let request = Request::new("GET", format!("/vol/grow?count=1&collection={BUCKET}"), b"");
        request.send(self.child.address()).is_ok_and(|answer| answer.status == 200)
    }
}

/// An option whose value is a path.
fn of(option: &str, path: &Path) -> String {
    format!("{option}{}", path.display())
}
