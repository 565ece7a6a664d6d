//! Tells what it can see, and looks through its memory for what is none of its business.
//!
//! Configuration: `look_for` are texts, each written backwards, so that what it finds is not its own configuration. Credentials: any. A
//! put fails with what it saw: the variables and arguments, the files, and which of the texts stand anywhere in its memory, nearly all of
//! which it takes.

use std::fs;

use bulkhead_plugin_sdk::storage::*;

/// Somewhat less than a component may have: one that asks for more is ended.
const TAKEN_BYTES: usize = 100 << 20;

struct Guest {
    look_for: Vec<String>,
    credentials: Option<String>,
}

#[derive(serde::Deserialize)]
struct Config {
    look_for: Vec<String>,
}

impl StoragePlugin for Guest {
    type Bucket = Self;

    fn describe() -> Description {
        Description::new("looks-around", "0.1.0").config_schema(r#"{"type":"object"}"#)
    }

    async fn open(config: &str, credentials: Option<String>) -> Result<Self> {
        let config: Config = serde_json::from_str(config).map_err(|error| Failure::invalid(error.to_string()))?;
        Ok(Self { look_for: config.look_for, credentials })
    }
}

impl Bucket for Guest {
    async fn put(&self, _key: &str, _data: Source, _options: PutOptions) -> Result<u64> {
        let found: Vec<&str> = self
            .look_for
            .iter()
            .filter(|text| in_memory(text))
            .map(|text| {
                if self.credentials.as_deref().is_some_and(|own| own.contains(&backwards(text))) {
                    "own"
                } else {
                    "other"
                }
            })
            .collect();
        let environment: Vec<_> = std::env::vars().map(|(name, _)| name).collect();
        let arguments: Vec<_> = std::env::args().collect();
        let files: Vec<_> =
            ["/", "/proc", "/etc", "/root", "."].into_iter().filter(|dir| fs::read_dir(dir).is_ok()).collect();
        Err(Failure::denied(format!(
            "memory of {} bytes: {found:?}. environment: {environment:?}. arguments: {arguments:?}. files: {files:?}",
            memory_bytes()
        )))
    }

    async fn get(&self, key: &str, _range: Option<ByteRange>) -> Result<Source> {
        Err(Failure::not_found(key))
    }

    async fn head(&self, _key: &str) -> Result<Option<Entry>> {
        Ok(None)
    }

    async fn list(&self, _prefix: &str, _after: Option<&str>, _limit: u32) -> Result<Page> {
        Ok(Page { entries: Vec::new(), next: None })
    }

    async fn delete(&self, _key: &str) -> Result<()> {
        Ok(())
    }
}

fn backwards(text: &str) -> String {
    text.chars().rev().collect()
}

fn memory_bytes() -> usize {
    core::arch::wasm32::memory_size::<0>() << 16
}

/// Whether the text stands backwards anywhere in the memory, after nearly all that can be had has been taken.
fn in_memory(text: &str) -> bool {
    while memory_bytes() < TAKEN_BYTES && core::arch::wasm32::memory_grow::<0>(16) != usize::MAX {}
    let text = text.as_bytes();
    let byte = |at: usize| {
        // A volatile read: this memory belongs to no object that the compiler knows.
        #[expect(unsafe_code, reason = "the guest looks where it has no business")]
        unsafe {
            std::ptr::with_exposed_provenance::<u8>(at).read_volatile()
        }
    };
    let last = memory_bytes() - text.len();
    (1..last).any(|at| text.iter().rev().enumerate().all(|(number, wanted)| byte(at + number) == *wanted))
}

register_storage!(Guest);
