//! Where keys lie in the bucket, and in which parts objects travel.

use bulkhead_plugin_sdk::storage::check_key;
use bulkhead_plugin_sdk::{Failure, Result};
use object_store::path::Path;

const MIB: usize = 1 << 20;
/// The smallest part that all services take.
const SMALLEST_PART_MIB: usize = 5;
/// The longest prefix: what is left of the 1024 bytes of a key is for the host.
const PREFIX_BYTES: usize = 512;
/// What is in flight of one object at most. Memory comes to about twice that.
const IN_FLIGHT_MIB: usize = 64;
/// Parts of the first size. After them parts are twice as large, later four times, so that the most parts of an object (10,000) are
/// not also its end.
const PARTS_OF_ONE_SIZE: usize = 2500;

/// Where keys lie in the bucket.
#[derive(Clone, Debug)]
pub struct Layout {
    prefix: String,
    parts: Parts,
}

/// In which parts objects travel.
#[derive(Clone, Copy, Debug)]
pub struct Parts {
    bytes: usize,
    parallel: usize,
    grow: bool,
}

impl Layout {
    /// Checks what a configuration says of it.
    ///
    /// # Errors
    /// `invalid`, naming the key.
    pub fn new(prefix: &str, parts: Parts) -> Result<Self> {
        let prefix = prefix.trim_matches('/');
        if !prefix.is_empty() {
            check_key(prefix).map_err(|failure| failure.context("configuration: `prefix`"))?;
        }
        if prefix.len() > PREFIX_BYTES {
            return Err(Failure::invalid(format!("configuration: `prefix` is longer than {PREFIX_BYTES} bytes")));
        }
        Ok(Self { prefix: prefix.to_owned(), parts })
    }

    /// How objects are cut.
    pub fn parts(&self) -> Parts {
        self.parts
    }

    /// The object of a key.
    ///
    /// # Errors
    /// `invalid` for what is no key.
    pub fn path(&self, key: &str) -> Result<Path> {
        Path::parse(self.name(key)).map_err(|_| Failure::invalid("the key is none"))
    }

    /// The bucket's own name of a key, or of the beginning of keys.
    pub fn name(&self, key: &str) -> String {
        if self.prefix.is_empty() { key.to_owned() } else { format!("{}/{key}", self.prefix) }
    }

    /// The key of a name in the bucket, unless it is not one of ours.
    pub fn key<'a>(&self, name: &'a str) -> Option<&'a str> {
        let key = match self.prefix.as_str() {
            "" => name,
            prefix => name.strip_prefix(prefix)?.strip_prefix('/')?,
        };
        check_key(key).is_ok().then_some(key)
    }
}

impl Parts {
    /// Parts of `mebibytes`, so many in flight. `grow` for services that count parts and take them in different sizes.
    ///
    /// # Errors
    /// `invalid`, naming the key and what it may hold.
    pub fn new(mebibytes: usize, parallel: usize, grow: bool) -> Result<Self> {
        if !(SMALLEST_PART_MIB..=IN_FLIGHT_MIB).contains(&mebibytes) {
            let message =
                format!("configuration: `part_size_mib` is {SMALLEST_PART_MIB} to {IN_FLIGHT_MIB}, not {mebibytes}");
            return Err(Failure::invalid(message));
        }
        if parallel == 0 || parallel * mebibytes > IN_FLIGHT_MIB {
            let most = IN_FLIGHT_MIB / mebibytes;
            let message =
                format!("configuration: `parallel` is 1 to {most} with parts of {mebibytes} MiB, not {parallel}");
            return Err(Failure::invalid(message).with_hint("smaller parts allow more of them at once"));
        }
        Ok(Self { bytes: mebibytes * MIB, parallel, grow })
    }

    /// The size of a part, by its number from 0.
    pub fn bytes(self, number: usize) -> usize {
        self.bytes * self.factor(number)
    }

    /// How many parts travel at once.
    pub fn parallel(self, number: usize) -> usize {
        (self.parallel / self.factor(number)).max(1)
    }

    fn factor(self, number: usize) -> usize {
        match number / PARTS_OF_ONE_SIZE {
            _ if !self.grow => 1,
            0 => 1,
            1 => 2,
            _ => 4,
        }
        .min((IN_FLIGHT_MIB * MIB / self.bytes).max(1))
    }
}
