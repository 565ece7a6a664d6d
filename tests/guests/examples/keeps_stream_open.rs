//! Sends some bytes, and never says that they were all.

use bulkhead_plugin_sdk::method::*;

struct Guest;

impl MethodPlugin for Guest {
    fn describe() -> Description {
        Description::new("keeps-stream-open", "0.1.0", "keeps-stream-open").engine("mariadb")
    }

    async fn backup(_request: BackupRequest, writer: Writer) -> Result<Report> {
        let (mut sink, source) = Source::pipe();
        spawn(async move {
            let _gone = sink.write("the beginning").await;
            std::future::pending::<()>().await;
            sink.finish().await;
        });
        writer.write("data.txt", "text/plain", source).await?;
        Ok(Report::new("1.0"))
    }
}

register_method!(Guest);
