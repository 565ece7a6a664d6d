//! The members of a gzip file, one after the other, and zeros after the last: tapes and `dd` fill a file up with them.

use std::io::{self, BufRead, BufReader, Read};

use bulkhead_model::Failure;
use flate2::bufread::GzDecoder;

use super::told::told;

/// The first byte of a member.
const MAGIC: u8 = 0x1f;

/// Decodes all members.
pub(super) struct Members<R> {
    /// The member that passes; nothing after the last.
    member: Option<GzDecoder<BufReader<R>>>,
}

impl<R: Read> Members<R> {
    pub(super) fn new(input: R) -> Self {
        Self { member: Some(GzDecoder::new(BufReader::new(input))) }
    }
}

impl<R: Read> Read for Members<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let read = member.read(into)?;
            if read > 0 || into.is_empty() {
                return Ok(read);
            }
            let Some(ended) = self.member.take() else { break };
            let mut input = ended.into_inner();
            match fill(&mut input)?.first() {
                None => {}
                Some(&MAGIC) => self.member = Some(GzDecoder::new(input)),
                Some(_) => zeros(&mut input)?,
            }
        }
        Ok(0)
    }
}

/// Reads zeros to the end.
fn zeros(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let bytes = fill(input)?;
        if bytes.iter().any(|byte| *byte != 0) {
            return Err(told(Failure::corrupt("its gzip is followed by trailing garbage").with_hint(
                "if `gzip -t FILE` says that it is ignored, pack the file again: `gzip -dc FILE | gzip > NEW`",
            )));
        }
        match bytes.len() {
            0 => return Ok(()),
            read => input.consume(read),
        }
    }
}

fn fill(input: &mut impl BufRead) -> io::Result<&[u8]> {
    loop {
        match input.fill_buf() {
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    input.fill_buf()
}
