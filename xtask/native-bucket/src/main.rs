//! The same as the example `transfer` of the testkit, with `object_store` as it is: same parts, same number of them under way.

#[path = "../../../sdk/testkit/examples/transfer/order.rs"]
mod order;

use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use futures::stream::{FuturesUnordered, StreamExt};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ClientOptions, MultipartUpload, ObjectStoreExt, PutPayload};
use order::{Meter, Order, noise};
use serde_json::json;

#[tokio::main]
async fn main() {
    let order = Order::read();
    assert!(order.component.is_empty() || order.component.ends_with(".wasm"));
    let store = Arc::new(open(&order));
    let number = |key: &str, default: u64| order.config[key].as_u64().unwrap_or(default);
    let (part, parallel) = (number("part_size_mib", 8) << 20, number("parallel", 4) as usize);
    let path = Path::from(order.key.as_str());

    let meter = Meter::start();
    put(&store, &path, order.bytes, part as usize, parallel).await;
    let put = meter.stop();
    let meter = Meter::start();
    get(&store, &path, order.bytes, part, parallel).await;
    let get = meter.stop();
    println!("{}", json!({"put": put, "get": get}));
}

fn open(order: &Order) -> AmazonS3 {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    AmazonS3Builder::new()
        .with_bucket_name(text(&order.config["bucket"]))
        .with_region(text(&order.config["region"]))
        .with_endpoint(text(&order.config["endpoint"]))
        .with_allow_http(true)
        .with_unsigned_payload(true)
        .with_access_key_id(text(&order.credentials["access_key_id"]))
        .with_secret_access_key(text(&order.credentials["secret_access_key"]))
        .with_client_options(ClientOptions::new().with_allow_http(true).with_timeout_disabled())
        .build()
        .expect("the client is made")
}

async fn put(store: &AmazonS3, path: &Path, bytes: u64, part: usize, parallel: usize) {
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).expect("a pipe can be made");
    let _best_effort = rustix::pipe::fcntl_setpipe_size(&write, 1 << 20);
    let sender = tokio::task::spawn_blocking(move || noise(File::from(write), bytes).expect("all bytes are taken"));
    let mut upload = store.put_multipart(path).await.expect("the upload begins");
    let mut from = File::from(read);
    let mut under_way = FuturesUnordered::new();
    loop {
        let (file, piece) = tokio::task::spawn_blocking(move || {
            let mut piece = Vec::with_capacity(part);
            (&mut from).take(part as u64).read_to_end(&mut piece).expect("the bytes can be read");
            (from, piece)
        })
        .await
        .expect("the reader ends");
        from = file;
        if piece.is_empty() {
            break;
        }
        if under_way.len() >= parallel {
            let ended: Option<object_store::Result<()>> = under_way.next().await;
            ended.expect("one is under way").expect("the part is kept");
        }
        under_way.push(tokio::spawn(upload.put_part(PutPayload::from(piece))).map_ended());
    }
    while let Some(ended) = under_way.next().await {
        ended.expect("the part is kept");
    }
    upload.complete().await.expect("the object is kept");
    sender.await.expect("the sender ends");
}

async fn get(store: &Arc<AmazonS3>, path: &Path, bytes: u64, part: u64, parallel: usize) {
    let ranges = (0..bytes.div_ceil(part)).map(|number| number * part..((number + 1) * part).min(bytes));
    let pieces = futures::stream::iter(ranges).map(|range| {
        let (store, path) = (Arc::clone(store), path.clone());
        tokio::spawn(async move { store.get_range(&path, range).await })
    });
    let mut pieces = pieces.buffered(parallel);
    let mut sum = 0;
    while let Some(piece) = pieces.next().await {
        sum += piece.expect("the reader ends").expect("the range is there").len() as u64;
    }
    assert_eq!(sum, bytes);
}

/// The outcome of a task that does not panic.
trait MapEnded<T> {
    fn map_ended(self) -> impl Future<Output = T>;
}

impl<T> MapEnded<T> for tokio::task::JoinHandle<T> {
    async fn map_ended(self) -> T {
        self.await.expect("the task ends")
    }
}
