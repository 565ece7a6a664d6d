//! What a request is for.

use std::time::Duration;

/// What a request is for: it decides on headers, patience and the words of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A whole object in one request.
    Put,
    /// The begin of an upload in parts.
    Begin,
    /// One part.
    Part,
    /// The end of an upload in parts: the object appears.
    Complete,
    /// The end of an upload that shall leave nothing.
    Abort,
    /// An object or a range of it.
    Get,
    /// What is known of an object.
    Head,
    /// Deleting an object.
    Delete,
    /// A page of a listing.
    List,
    /// A page of the uploads that were begun.
    Uploads,
    /// A token or key to sign requests with.
    Authorize,
}

impl Operation {
    /// What failed, as the beginning of a message.
    pub fn failing(self) -> &'static str {
        match self {
            Self::Put | Self::Begin | Self::Part | Self::Complete => "cannot keep the object",
            Self::Abort => "cannot remove an unfinished upload",
            Self::Get => "cannot read the object",
            Self::Head => "cannot look up the object",
            Self::Delete => "cannot delete the object",
            Self::List => "cannot list the objects",
            Self::Uploads => "cannot list unfinished uploads",
            Self::Authorize => "cannot sign in",
        }
    }

    /// Whether it makes an object appear.
    pub fn publishes(self) -> bool {
        matches!(self, Self::Put | Self::Complete)
    }

    /// How long the answer may take to begin, the request's body included. Putting parts together takes a service minutes.
    pub fn patience(self) -> Duration {
        match self {
            Self::Put | Self::Part | Self::Complete => Duration::from_secs(300),
            _ => Duration::from_secs(30),
        }
    }
}
