//! Panics after its first bytes.

use bulkhead_plugin_sdk::method::*;

struct Guest;

impl MethodPlugin for Guest {
    fn describe() -> Description {
        Description::new("traps-midway", "0.1.0", "traps-midway").engine("mariadb")
    }

    async fn backup(_request: BackupRequest, writer: Writer) -> Result<Report> {
        let (mut sink, source) = Source::pipe();
        spawn(async move {
            let _gone = sink.write(vec![7; 1 << 20]).await;
            panic!("midway");
        });
        writer.write("data.txt", "text/plain", source).await?;
        Ok(Report::new("1.0"))
    }
}

register_method!(Guest);
