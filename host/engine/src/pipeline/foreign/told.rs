//! Failures on their way through readers that know only `io::Error`.

use std::error::Error;
use std::fmt;
use std::io::{self, Read};

use bulkhead_model::Failure;

/// A failure inside an `io::Error`.
#[derive(Debug)]
struct Told(Failure);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl Error for Told {}

/// Gives a failure to whoever reads.
pub(super) fn told(failure: Failure) -> io::Error {
    io::Error::other(Told(failure))
}

/// The failure that whoever is read from has given; of its own, a reader finds nothing but damage.
pub(super) fn heard(error: &io::Error, what: &str) -> Failure {
    find(error).unwrap_or_else(|| Failure::corrupt(format!("{what}: {error}")))
}

/// Readers wrap the errors of those they read from, some in errors of their own.
fn find(error: &io::Error) -> Option<Failure> {
    let mut cause: &(dyn Error + 'static) = error.get_ref()?;
    loop {
        if let Some(Told(failure)) = cause.downcast_ref::<Told>() {
            return Some(failure.clone());
        }
        if let Some(failure) = cause.downcast_ref::<io::Error>().and_then(find) {
            return Some(failure);
        }
        cause = cause.source()?;
    }
}

/// A reader whose errors say which layer of the file does not decode.
pub(super) struct Layer<R> {
    pub(super) what: &'static str,
    pub(super) reader: R,
}

impl<R: Read> Read for Layer<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.reader.read(into).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            _ => told(heard(&error, self.what)),
        })
    }
}
