//! Listing blobs: the service goes on from a mark of its own, not from a name.

use bulkhead_plugin_sdk::storage::{Failure, Result};
use chrono::DateTime;
use http::Request;
use object_bucket::{Connector, Listed, Operation, read_xml};
use object_store::client::HttpRequestBody;
use serde::Deserialize;
use url::Url;

use crate::service::AzureService;

/// The most blobs that are put in order here.
const MOST_UNORDERED: usize = 100_000;

/// Blobs whose name starts with `prefix` and comes after `after`.
///
/// Pages before `after` are read and dropped. An account with a hierarchical namespace lists folder by folder, which is not the order
/// of the names' bytes: there everything is read and put in order.
pub async fn list(
    container: &Url,
    connector: Connector<AzureService>,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Listed> {
    let mut found: Vec<(String, u64, i64)> = Vec::new();
    let mut last = String::new();
    let mut ordered = true;
    let mut marker = String::new();
    loop {
        let mut question = container.clone();
        question.query_pairs_mut().append_pair("restype", "container").append_pair("comp", "list");
        if !prefix.is_empty() {
            question.query_pairs_mut().append_pair("prefix", prefix);
        }
        if !marker.is_empty() {
            question.query_pairs_mut().append_pair("marker", &marker);
        }
        let request = Request::get(question.as_str()).body(HttpRequestBody::empty());
        let request = request.map_err(|_| Failure::invalid("the request cannot be written"))?;
        let answer = connector.question(request).await?;
        let answer: EnumerationResults = read_xml(answer.as_bytes(), Operation::List.failing())?;
        for blob in answer.blobs.blob {
            let Some(name) = blob.name.plain() else { continue };
            if blob.properties.resource_type.as_deref() == Some("directory") {
                continue;
            }
            ordered &= name > last;
            last.clone_from(&name);
            if after.is_none_or(|after| name.as_str() > after) {
                let modified = DateTime::parse_from_rfc2822(&blob.properties.last_modified);
                found.push((name, blob.properties.content_length, modified.map_or(0, |time| time.timestamp())));
            }
        }
        marker = answer.next_marker.unwrap_or_default();
        if marker.is_empty() || (ordered && found.len() > limit) {
            break;
        }
        if !ordered && found.len() > MOST_UNORDERED {
            let failure =
                Failure::unsupported("cannot list the objects: the account lists more than 100000 blobs out of order");
            return Err(failure.with_hint("use an account without a hierarchical namespace"));
        }
    }
    if !ordered {
        found.sort_unstable();
    }
    let more = found.len() > limit || !marker.is_empty();
    found.truncate(limit);
    let more_after = found.last().filter(|_| more).map(|(name, ..)| name.clone());
    Ok(Listed { objects: found, more_after })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EnumerationResults {
    #[serde(default)]
    blobs: Blobs,
    next_marker: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Blobs {
    #[serde(default)]
    blob: Vec<Blob>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Blob {
    name: Name,
    properties: Properties,
}

#[derive(Deserialize)]
struct Name {
    #[serde(rename = "@Encoded", default)]
    encoded: bool,
    #[serde(rename = "$text", default)]
    text: String,
}

impl Name {
    /// Names that XML cannot hold come in another form, and are no keys.
    fn plain(self) -> Option<String> {
        (!self.encoded).then_some(self.text)
    }
}

#[derive(Deserialize)]
struct Properties {
    #[serde(rename = "Last-Modified")]
    last_modified: String,
    #[serde(rename = "Content-Length")]
    content_length: u64,
    #[serde(rename = "ResourceType")]
    resource_type: Option<String>,
}
