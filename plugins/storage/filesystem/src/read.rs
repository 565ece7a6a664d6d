//! Reading an object.

use std::ops::Range;

use bulkhead_plugin_sdk::storage::{ByteRange, Failure, Result, Sink, Source, spawn};

use crate::root::{Root, failure};
use crate::wasi::{Descriptor, DescriptorFlags, DescriptorType, ErrorCode, OpenFlags, PathFlags};

/// Bytes handed on at a time. The host reads at most 64 KiB a call; a larger piece saves meetings of sender and receiver.
const BLOCK: usize = 512 << 10;

/// Opens the object, or a part of it.
pub fn get(root: &Root, key: &str, range: Option<ByteRange>) -> Result<Source> {
    let opened = root.0.open_at(PathFlags::empty(), key, OpenFlags::empty(), DescriptorFlags::READ);
    let file = opened.map_err(|code| match code {
        ErrorCode::NotDirectory => failure(ErrorCode::NoEntry, "cannot read the object"),
        code => failure(code, "cannot read the object"),
    })?;
    let stat = file.stat().map_err(|code| failure(code, "cannot read the object"))?;
    if stat.type_ != DescriptorType::RegularFile {
        return Err(failure(ErrorCode::NoEntry, "cannot read the object"));
    }
    let range = match range {
        Some(range) => range.within(stat.size)?,
        None => 0..stat.size,
    };
    let (sink, source) = Source::pipe();
    spawn(send(file, range, sink));
    Ok(source)
}

/// Sends a part of the file. The size was taken when the object was opened: a file that has shrunk since is a broken object.
async fn send(file: Descriptor, range: Range<u64>, mut sink: Sink) {
    let mut offset = range.start;
    let mut buffer = Vec::with_capacity(BLOCK);
    while offset < range.end {
        while buffer.len() < BLOCK && offset < range.end {
            let want = (range.end - offset).min((BLOCK - buffer.len()) as u64);
            match file.read(want, offset) {
                Ok((bytes, _)) if bytes.is_empty() => {
                    return sink.fail(Failure::corrupt("the object's file shrank while it was read")).await;
                }
                Ok((bytes, _)) => {
                    offset += bytes.len() as u64;
                    buffer.extend_from_slice(&bytes);
                }
                Err(code) => return sink.fail(failure(code, "cannot read the object")).await,
            }
        }
        match sink.write_back(buffer).await {
            Ok(emptied) => buffer = emptied,
            // The reader has what it wanted.
            Err(_) => return,
        }
    }
    sink.finish().await;
}
