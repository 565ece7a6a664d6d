//! Keeping an object: beside its name first, under its name when it is whole and on the disk.

use bulkhead_plugin_sdk::storage::{Failure, Result, Source};

use crate::root::{Root, failure};
use crate::wasi::{Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags};
use crate::{key, prune};

/// Bytes that one call hands to the host. Larger ones gain nothing, smaller ones cost trips.
const BLOCK: usize = 1 << 20;
/// How often the directories of a key are made again because a deletion beside this call has pruned them.
const ATTEMPTS: u32 = 16;

/// Keeps all of `data` under `key`, durably, or nothing.
pub async fn put(root: &Root, key: &str, data: Source, if_absent: bool) -> Result<u64> {
    match root.stat(key)? {
        Some(_) if if_absent => return Err(failure(ErrorCode::Exist, "cannot keep the object")),
        _ => {}
    }
    let (directory_path, name) = key::split(key);
    let temporary = key::temporary();
    let (made, directory, file) = create(root, directory_path, &temporary)?;

    // From here on the temporary name must go, whatever happens.
    let kept = fill(&file, data).await.and_then(|bytes| {
        drop(file);
        publish(&directory, &temporary, name, if_absent)?;
        Ok(bytes)
    });
    if kept.is_err() || if_absent {
        let _gone = directory.unlink_file_at(&temporary);
    }
    if kept.is_err() {
        // No directory stays for an object that never was.
        prune::parents(root, directory_path);
    }
    let bytes = kept?;

    let unsynced = |code| failure(code, "cannot sync the directory");
    directory.sync().map_err(unsynced)?;
    for parent in made {
        parent.sync().map_err(unsynced)?;
    }
    Ok(bytes)
}

/// Opens a new file in a directory that is made where it is missing. Returns the directories in which one was made, that directory and
/// the file.
fn create(root: &Root, directory: &str, name: &str) -> Result<(Vec<Descriptor>, Descriptor, Descriptor)> {
    let mut made = Vec::new();
    for _ in 0..ATTEMPTS {
        match try_create(root, directory, name, &mut made) {
            Ok((directory, file)) => return Ok((made, directory, file)),
            // A deletion has pruned a directory between two steps.
            Err(ErrorCode::NoEntry) => {}
            Err(code) => return Err(failure(code, "cannot make the object's file")),
        }
    }
    Err(Failure::unavailable("cannot make the object's file: its directory keeps vanishing"))
}

fn try_create(
    root: &Root,
    directory: &str,
    name: &str,
    made: &mut Vec<Descriptor>,
) -> Result<(Descriptor, Descriptor), ErrorCode> {
    let opened = match root.directory(directory) {
        Err(ErrorCode::NoEntry) => {
            let ends = directory.match_indices('/').map(|(end, _)| end).chain([directory.len()]);
            for path in ends.map(|end| &directory[..end]) {
                match root.0.create_directory_at(path) {
                    Ok(()) => made.push(root.directory(key::split(path).0)?),
                    Err(ErrorCode::Exist) => {}
                    Err(code) => return Err(code),
                }
            }
            root.directory(directory)?
        }
        opened => opened?,
    };
    let flags = OpenFlags::CREATE | OpenFlags::EXCLUSIVE;
    let file = opened.open_at(PathFlags::empty(), name, flags, DescriptorFlags::WRITE)?;
    Ok((opened, file))
}

/// Writes the source into the file and waits for the disk. Fails unless the source ended well with as many bytes as it says.
async fn fill(file: &Descriptor, data: Source) -> Result<u64> {
    let written = |code| failure(code, "cannot write the object");
    let mut offset = 0;
    let mut chunks = data.chunks(BLOCK);
    while let Some(mut chunk) = chunks.next().await {
        while !chunk.is_empty() {
            let bytes = file.write(chunk, offset).map_err(written)?;
            if bytes == 0 {
                return Err(failure(ErrorCode::Io, "cannot write the object"));
            }
            offset += bytes;
            chunk = &chunk[bytes as usize..];
        }
    }
    let bytes = chunks.finish().await?;
    file.sync().map_err(written)?;
    Ok(bytes)
}

/// Gives the finished file its name, in one step.
fn publish(directory: &Descriptor, temporary: &str, name: &str, if_absent: bool) -> Result<()> {
    let published = if if_absent {
        // A link, unlike a rename, refuses to replace what is there.
        directory.link_at(PathFlags::empty(), temporary, directory, name)
    } else {
        directory.rename_at(temporary, directory, name)
    };
    published.map_err(|code| match code {
        ErrorCode::Unsupported | ErrorCode::TooManyLinks | ErrorCode::NotPermitted if if_absent => {
            Failure::unsupported("the target's file system has no hard links, which keeping an object only once needs")
        }
        ErrorCode::NotEmpty => failure(ErrorCode::IsDirectory, "cannot keep the object"),
        code => failure(code, "cannot keep the object"),
    })
}
