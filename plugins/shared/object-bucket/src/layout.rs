//! Where keys lie in the bucket, and in which parts objects travel.

use bulkhead_plugin_sdk::storage::check_key;
use bulkhead_plugin_sdk::{Failure, Result};
use object_store::path::Path;

const MIB: usize = 1 << 20;
/// The smallest part that all services take.
const SMALLEST_PART_MIB: usize = 5;
/// The longest prefix: what is left of the 1024 bytes of a key is for the host.
const PREFIX_BYTES: usize = 512;
/// What is held of one object at most: the parts in flight and the one that is being read. With it a sandbox of 128 MiB is enough.
const HELD_MIB: usize = 72;
/// The largest part: one in flight, one being read.
const LARGEST_PART_MIB: usize = HELD_MIB / 2;
/// Parts of the first size, for services that take parts in different sizes. After them parts are twice as large, later four times: a
/// limited number of parts holds larger objects so.
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
    count: Count,
}

/// How many parts an object may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// So many, of different sizes as well.
    Growing(usize),
    /// So many, all of one size but the last.
    Even(usize),
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
    /// Parts of `mebibytes`, so many in flight.
    ///
    /// # Errors
    /// `invalid`, naming the key and what it may hold.
    pub fn new(mebibytes: usize, parallel: usize, count: Count) -> Result<Self> {
        if !(SMALLEST_PART_MIB..=LARGEST_PART_MIB).contains(&mebibytes) {
            let range = format!("{SMALLEST_PART_MIB} to {LARGEST_PART_MIB}");
            return Err(Failure::invalid(format!("configuration: `part_size_mib` is {range}, not {mebibytes}")));
        }
        let most = HELD_MIB / mebibytes - 1;
        if !(1..=most).contains(&parallel) {
            let message =
                format!("configuration: `parallel` is 1 to {most} with parts of {mebibytes} MiB, not {parallel}");
            return Err(Failure::invalid(message).with_hint("smaller parts allow more of them at once"));
        }
        Ok(Self { bytes: mebibytes * MIB, parallel, count })
    }

    /// The size of a part, by its number from 0.
    ///
    /// # Errors
    /// `unsupported` when an object has no more parts.
    pub fn bytes(self, number: usize) -> Result<usize> {
        let (Count::Growing(most) | Count::Even(most)) = self.count;
        if number < most {
            return Ok(self.bytes * self.factor(number));
        }
        let failure = Failure::unsupported(format!("cannot keep the object: it is too large for {most} parts"));
        Err(failure.with_hint("raise `part_size_mib` of the target, and lower `parallel`"))
    }

    /// How many parts travel at once.
    pub fn parallel(self, number: usize) -> usize {
        let factor = self.factor(number);
        let most = HELD_MIB * MIB / (self.bytes * factor) - 1;
        (self.parallel / factor).clamp(1, most)
    }

    fn factor(self, number: usize) -> usize {
        let wanted = match (self.count, number / PARTS_OF_ONE_SIZE) {
            (Count::Even(_), _) | (_, 0) => 1,
            (_, 1) => 2,
            _ => 4,
        };
        wanted.min(LARGEST_PART_MIB * MIB / self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(mebibytes: usize, parallel: usize, count: Count) -> Parts {
        Parts::new(mebibytes, parallel, count).unwrap()
    }

    /// The largest object, in GiB.
    fn largest(parts: Parts) -> usize {
        (0..).map_while(|number| parts.bytes(number).ok()).sum::<usize>() >> 30
    }

    #[test]
    fn a_limited_number_of_parts_holds_large_objects() {
        assert_eq!(largest(parts(8, 4, Count::Growing(10_000))), 214);
        assert_eq!(largest(parts(36, 1, Count::Growing(10_000))), 351);
        assert_eq!(largest(parts(8, 4, Count::Even(50_000))), 390);
    }

    #[test]
    fn what_is_held_stays_bounded() {
        for (mebibytes, parallel) in [(5, 13), (8, 4), (8, 8), (16, 3), (18, 3), (24, 2), (36, 1)] {
            let parts = parts(mebibytes, parallel, Count::Growing(10_000));
            for number in [0, 2499, 2500, 4999, 5000, 9999] {
                let held = parts.bytes(number).unwrap() * (parts.parallel(number) + 1);
                assert!(held <= HELD_MIB * MIB, "{mebibytes} x {parallel} at {number}: {held}");
            }
        }
    }

    #[test]
    fn names_that_are_no_keys_are_nobodys() {
        let parts = parts(8, 4, Count::Even(1));
        let layout = Layout::new("/a/b/", parts).unwrap();
        assert_eq!(layout.name("c/d"), "a/b/c/d");
        assert_eq!(layout.key("a/b/c/d"), Some("c/d"));
        for name in ["a/bc/d", "a/b", "a/b/", "a/b/c//d", "a/b/c d", "c/d"] {
            assert_eq!(layout.key(name), None, "{name}");
        }
        assert_eq!(Layout::new("", parts).unwrap().key("c/d"), Some("c/d"));
    }
}
