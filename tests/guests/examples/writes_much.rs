//! Behaves, and writes as much as it is told to, of what nothing compresses.
//!
//! Configuration: `{"mebibytes": 20}`.

use bulkhead_plugin_sdk::method::*;
use serde::Deserialize;

struct Guest;

#[derive(Deserialize)]
struct Config {
    mebibytes: u64,
}

impl MethodPlugin for Guest {
    fn describe() -> Description {
        Description::new("writes-much", "0.1.0", "much").engine("example").config_schema(r#"{"type":"object"}"#)
    }

    async fn backup(request: BackupRequest, writer: Writer) -> Result<Report> {
        let config: Config = request.config()?;
        let (mut sink, source) = Source::pipe();
        spawn(async move {
            let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
            for _ in 0..config.mebibytes {
                let piece: Vec<u8> = (0..1 << 17).flat_map(|_| noise.next().to_le_bytes()).collect();
                if sink.write(piece).await.is_err() {
                    return;
                }
            }
            sink.finish().await;
        });
        writer.write("noise.bin", "application/octet-stream", source).await?;
        Ok(Report::new("1.0"))
    }
}

/// A xorshift generator.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

register_method!(Guest);
