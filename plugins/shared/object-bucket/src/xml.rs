//! The little of XML that answers are read for.

use bulkhead_plugin_sdk::{Failure, Result};
use serde::de::DeserializeOwned;

/// The text of the first element of that name, without further elements in it.
pub fn element(document: &str, name: &str) -> Option<String> {
    let after = document.split_once(&format!("<{name}>"))?.1;
    let text = after.split_once(&format!("</{name}>"))?.0;
    quick_xml::escape::unescape(text).ok().map(|text| text.trim().to_owned())
}

/// Reads an answer.
pub fn read<T: DeserializeOwned>(body: &[u8], failing: &str) -> Result<T> {
    quick_xml::de::from_reader(body)
        .map_err(|_| Failure::unavailable(format!("{failing}: the service gave an answer that cannot be understood")))
}
