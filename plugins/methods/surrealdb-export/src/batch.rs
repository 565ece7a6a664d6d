//! Records on their way into one request.

use crate::tally::{FLAT, in_parts};

/// Records of one request.
pub struct Batch {
    kind: BatchKind,
    records: usize,
    /// Parts of records that are nested too deeply for the server to read; they are run before.
    parts: Vec<u8>,
    parts_count: usize,
    sql: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum BatchKind {
    Records,
    Edges,
    /// Edges that are no records.
    Relate,
}

impl BatchKind {
    fn begin(self) -> &'static [u8] {
        match self {
            Self::Records => b"INSERT [ ",
            Self::Edges => b"INSERT RELATION [ ",
            Self::Relate => b"",
        }
    }

    fn between(self) -> &'static [u8] {
        match self {
            Self::Records | Self::Edges => b", ",
            Self::Relate => b";\n",
        }
    }

    fn end(self) -> &'static [u8] {
        match self {
            Self::Records | Self::Edges => b" ];\n",
            Self::Relate => b";\n",
        }
    }
}

impl Batch {
    pub fn new(kind: BatchKind) -> Self {
        Self { kind, records: 0, parts: Vec::new(), parts_count: 0, sql: kind.begin().to_vec() }
    }

    /// Whether another record of this kind may be added: there are fewer than `records`, and not more than `bytes`.
    pub fn has_room(&self, kind: BatchKind, records: usize, bytes: usize) -> bool {
        self.kind == kind && self.records < records && self.sql.len() + self.parts.len() <= bytes
    }

    /// Adds a record in which `depth` brackets are open at once.
    pub fn push(&mut self, record: &[u8], depth: usize) {
        if self.records > 0 {
            self.sql.extend_from_slice(self.kind.between());
        }
        self.records += 1;
        if depth <= FLAT {
            self.sql.extend_from_slice(record);
            return;
        }
        let shallow = in_parts(&String::from_utf8_lossy(record), self.parts_count);
        self.parts_count += shallow.parts.len();
        for part in &shallow.parts {
            self.parts.extend_from_slice(part.as_bytes());
            self.parts.extend_from_slice(b";\n");
        }
        self.sql.extend_from_slice(shallow.value.as_bytes());
    }

    /// The request, which begins with `option`.
    pub fn finish(self, option: &[u8]) -> Vec<u8> {
        [option, &self.parts, &self.sql, self.kind.end()].concat()
    }
}
