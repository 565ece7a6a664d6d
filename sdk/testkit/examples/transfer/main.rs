//! Puts one object through a storage component and gets it again: what `cargo xtask bench --only bucket` compares with a native client.

mod order;

use std::fs::File;
use std::io::Read;

use bulkhead_runtime::{ByteSource, StorageConfig};
use bulkhead_testkit::storage_plugin;
use order::{Meter, Order, noise};
use serde_json::json;

#[tokio::main]
async fn main() {
    let order = Order::read();
    let plugin = storage_plugin(&order.component).await;
    let credentials = Some(order.credentials.to_string());
    let config = StorageConfig { config: order.config.clone(), credentials, operator: true };
    let bucket = plugin.open(config).await.expect("the target opens");

    let meter = Meter::start();
    let (write, completion, source) = ByteSource::pipe().expect("a pipe can be made");
    let bytes = order.bytes;
    let sender = tokio::task::spawn_blocking(move || {
        noise(write, bytes).expect("all bytes are taken");
        completion.end(Ok(bytes));
    });
    let kept = bucket.put(&order.key, source, false).await.expect("the object is kept");
    sender.await.expect("the sender ends");
    assert_eq!(kept, bytes);
    let put = meter.stop();

    let meter = Meter::start();
    let source = bucket.get(&order.key, None).await.expect("the object is there");
    let reader = tokio::task::spawn_blocking(move || drain(File::from(source.data)));
    assert_eq!(reader.await.expect("the reader ends"), bytes);
    assert_eq!(ByteSource::ended(source.done).await.expect("all was sent"), bytes);
    let get = meter.stop();
    println!("{}", json!({"put": put, "get": get}));
}

fn drain(mut from: File) -> u64 {
    let mut buffer = vec![0; 1 << 20];
    let mut sum = 0;
    loop {
        match from.read(&mut buffer).expect("the bytes can be read") {
            0 => return sum,
            read => sum += read as u64,
        }
    }
}
