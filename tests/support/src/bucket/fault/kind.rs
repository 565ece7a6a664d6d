//! What a request asks of a store, whichever of the three languages it is in.

use crate::http::Request;

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An object in one request.
    Put,
    /// Begins an upload in parts; Azure has none.
    Begin,
    /// A part, or block.
    Part,
    /// Makes an object of parts.
    Complete,
    /// Gives an upload up; Azure has none.
    Abort,
    /// The bytes of an object, or some.
    Get,
    /// What is known of an object.
    Head,
    /// A page of keys.
    List,
    /// Unfinished uploads.
    ListUploads,
    /// Removes an object.
    Delete,
    /// A token for credentials.
    Token,
}

impl Kind {
    /// By method, path and query.
    pub(super) fn of(request: &Request) -> Self {
        let query = request.query();
        let comp = query.iter().find(|(name, _)| name == "comp").map(|(_, value)| value.as_str());
        let list = request.asks("list-type") || request.asks("prefix") || request.asks("max-keys");
        match request.method.as_str() {
            "POST" if request.path() == "/token" => Self::Token,
            "POST" if request.asks("uploads") => Self::Begin,
            "POST" => Self::Complete,
            "PUT" if request.asks("partNumber") || comp == Some("block") => Self::Part,
            "PUT" if comp == Some("blocklist") => Self::Complete,
            "PUT" => Self::Put,
            "DELETE" if request.asks("uploadId") => Self::Abort,
            "DELETE" => Self::Delete,
            "HEAD" => Self::Head,
            _ if request.asks("uploads") => Self::ListUploads,
            _ if list || comp == Some("list") => Self::List,
            _ => Self::Get,
        }
    }
}
