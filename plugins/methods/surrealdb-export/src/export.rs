//! One export, from the server to the backup.

use bulkhead_plugin_sdk::method::{Failure, Result, Sink, Source, Writer, info, spawn};
use futures::channel::oneshot;

use crate::plugin::MEDIA_TYPE;
use crate::scope::Database;
use crate::server::{Export, Server};
use crate::tally::{Counted, Tally};

/// Exports a database into an object, and says what it holds.
pub async fn run(server: &Server, database: &Database, object: &str, writer: &Writer) -> Result<Counted> {
    let export = server.export(database).await?;
    let (sink, source) = Source::pipe();
    let (send, receive) = oneshot::channel();
    spawn(async move {
        if let Some(counted) = pass(export, sink).await {
            let _gone = send.send(counted);
        }
    });
    let written = writer.write(object, MEDIA_TYPE, source).await?;
    info!("exported a database"; "database" => database, "plain_bytes" => written.plain_bytes, "stored_bytes" => written.stored_bytes);
    receive.await.map_err(|_| Failure::corrupt("the export did not end"))
}

/// Passes an export on, and counts what is in it. Its end is a success only when it has one.
async fn pass(mut export: Export, mut sink: Sink) -> Option<Counted> {
    let mut tally = Tally::new();
    let ended = loop {
        match export.piece().await {
            Ok(Some(piece)) => {
                if let Err(failure) = tally.push(&piece) {
                    break Err(failure);
                }
                if sink.write(piece).await.is_err() {
                    // The writer has failed, and says so itself.
                    return None;
                }
            }
            Ok(None) => break tally.finish(),
            Err(failure) => break Err(failure),
        }
    };
    match ended {
        Ok(counted) => {
            sink.finish().await;
            Some(counted)
        }
        Err(failure) => {
            sink.fail(failure).await;
            None
        }
    }
}
