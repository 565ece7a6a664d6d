//! The directory that holds the objects, and what its errors mean.

use bulkhead_plugin_sdk::storage::{Entry, Failure, Result};

use crate::wasi::{
    Descriptor, DescriptorFlags, DescriptorStat, DescriptorType, ErrorCode, OpenFlags, PathFlags, preopens,
};

/// Where the host opens the target's directory.
const PREOPEN: &str = "/root";

/// The target's directory. Everything is named relative to it; WASI resolves no path out of it.
pub struct Root(pub Descriptor);

impl Root {
    /// The directory that the host has opened for this target.
    pub fn preopened() -> Result<Self> {
        preopens::get_directories()
            .into_iter()
            .find(|(_, path)| path == PREOPEN)
            .map(|(directory, _)| Self(directory))
            .ok_or_else(|| {
                Failure::denied("the target's directory is not open to the plugin").with_hint("grant directory:root")
            })
    }

    /// Opens a directory below the root; the empty path is the root itself.
    pub fn directory(&self, path: &str) -> Result<Descriptor, ErrorCode> {
        let path = if path.is_empty() { "." } else { path };
        self.0.open_at(PathFlags::empty(), path, OpenFlags::DIRECTORY, DescriptorFlags::READ)
    }

    /// What lies at a path, without following a link there.
    pub fn stat(&self, path: &str) -> Result<Option<DescriptorStat>> {
        match self.0.stat_at(PathFlags::empty(), path) {
            Ok(stat) => Ok(Some(stat)),
            Err(ErrorCode::NoEntry | ErrorCode::NotDirectory) => Ok(None),
            Err(code) => Err(failure(code, "cannot look up the object")),
        }
    }

    /// The object at a key, when there is one.
    pub fn entry(&self, key: &str) -> Result<Option<Entry>> {
        Ok(self.stat(key)?.and_then(|stat| entry(key, &stat)))
    }
}

/// The entry of a file; links, directories and the rest are no objects.
pub fn entry(key: &str, stat: &DescriptorStat) -> Option<Entry> {
    if stat.type_ != DescriptorType::RegularFile {
        return None;
    }
    let modified = stat.data_modification_timestamp.as_ref();
    let modified_us = modified.map_or(0, |time| time.seconds * 1_000_000 + u64::from(time.nanoseconds / 1000));
    Some(Entry { key: key.to_owned(), bytes: stat.size, modified_us })
}

/// What a file error means to the host.
pub fn failure(code: ErrorCode, doing: &str) -> Failure {
    match code {
        ErrorCode::InsufficientSpace | ErrorCode::Quota => Failure::unavailable("no space left in the target")
            .with_hint("free space in the target's directory, or delete backups"),
        ErrorCode::Access | ErrorCode::NotPermitted => Failure::denied(format!("{doing}: permission denied"))
            .with_hint("the host's user needs read and write access to the target's directory"),
        ErrorCode::ReadOnly => Failure::denied(format!("{doing}: the file system is read-only")),
        ErrorCode::Loop => Failure::denied(format!("{doing}: it is a symbolic link")),
        ErrorCode::NoEntry => Failure::not_found(format!("{doing}: no such object")),
        ErrorCode::NotDirectory => Failure::conflict(format!("{doing}: a part of the key is an object itself")),
        ErrorCode::IsDirectory => Failure::conflict(format!("{doing}: other keys lie below this key")),
        ErrorCode::Exist => Failure::conflict(format!("{doing}: it exists")),
        ErrorCode::NameTooLong => Failure::invalid(format!("{doing}: the key is too long for the file system")),
        ErrorCode::FileTooLarge => {
            Failure::unsupported(format!("{doing}: the file system does not hold files of this size"))
        }
        other => Failure::unavailable(format!("{doing}: {}", other.name())),
    }
}
