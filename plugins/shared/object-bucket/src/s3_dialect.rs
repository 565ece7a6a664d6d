//! What the interfaces of S3 and of Google's XML have in common.

use bulkhead_plugin_sdk::{Failure, Result};
use chrono::DateTime;
use http::Method;
use object_store::client::{HttpRequest, HttpRequestBody};
use serde::Deserialize;
use url::{Url, form_urlencoded};

use crate::{Connector, Listed, Operation, Service, Unfinished, xml};

/// What a request to an S3-like service is for.
pub fn operation(request: &HttpRequest) -> Operation {
    let query = request.uri().query().unwrap_or_default();
    let mut has = [false; 4];
    for (name, _) in form_urlencoded::parse(query.as_bytes()) {
        for (has, known) in has.iter_mut().zip(["uploads", "uploadId", "partNumber", "list-type"]) {
            *has |= name == known;
        }
    }
    let [uploads, upload, _part, list] = has;
    match *request.method() {
        Method::POST if uploads => Operation::Begin,
        Method::POST => Operation::Complete,
        Method::PUT if upload => Operation::Part,
        Method::PUT => Operation::Put,
        Method::DELETE if upload => Operation::Abort,
        Method::DELETE => Operation::Delete,
        Method::HEAD => Operation::Head,
        _ if uploads => Operation::Uploads,
        _ if list => Operation::List,
        _ => Operation::Get,
    }
}

/// Questions about a bucket of which `object_store` knows only a part: any beginning of names, and unfinished uploads.
#[derive(Clone, Debug)]
pub struct S3Dialect {
    /// Where the bucket is.
    pub bucket: Url,
}

impl S3Dialect {
    /// See [`Service::list`].
    ///
    /// # Errors
    /// When the question could not be answered.
    pub async fn list<S: Service>(
        &self,
        connector: Connector<S>,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Listed> {
        let limit = limit.to_string();
        let mut about = vec![("list-type", "2"), ("max-keys", &limit), ("prefix", prefix)];
        about.extend(after.map(|after| ("start-after", after)));
        let answer = connector.question(self.question(&about)?).await?;
        let answer: ListBucketResult = xml::read(answer.as_bytes(), Operation::List.failing())?;
        let last = answer.contents.last().map(|object| object.key.clone());
        let objects = answer.contents.into_iter().map(|object| {
            let modified = DateTime::parse_from_rfc3339(&object.last_modified).map_or(0, |time| time.timestamp());
            (object.key, object.size, modified)
        });
        let objects = objects.collect();
        Ok(Listed { objects, more_after: last.filter(|_| answer.is_truncated) })
    }

    /// See [`Service::unfinished`].
    ///
    /// # Errors
    /// When the question could not be answered.
    pub async fn unfinished<S: Service>(
        &self,
        connector: Connector<S>,
        prefix: &str,
        after: Option<&Unfinished>,
    ) -> Result<Vec<Unfinished>> {
        let mut about = vec![("uploads", ""), ("prefix", prefix)];
        about.extend(after.iter().flat_map(|after| [("key-marker", &*after.name), ("upload-id-marker", &*after.id)]));
        let answer = connector.question(self.question(&about)?).await?;
        let answer: ListMultipartUploadsResult = xml::read(answer.as_bytes(), Operation::Uploads.failing())?;
        let uploads = answer.upload.into_iter().map(|upload| Unfinished {
            name: upload.key,
            id: upload.upload_id,
            begun_us: DateTime::parse_from_rfc3339(&upload.initiated)
                .map_or(u64::MAX, |time| u64::try_from(time.timestamp_micros()).unwrap_or(0)),
        });
        Ok(uploads.collect())
    }

    fn question(&self, about: &[(&str, &str)]) -> Result<HttpRequest> {
        let mut url = self.bucket.clone();
        url.query_pairs_mut()
            .extend_pairs(about.iter().filter(|(name, value)| *name == "uploads" || !value.is_empty()));
        let request = http::Request::get(url.as_str()).body(HttpRequestBody::empty());
        request.map_err(|_| Failure::invalid("the request cannot be written"))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListBucketResult {
    #[serde(default)]
    is_truncated: bool,
    #[serde(default)]
    contents: Vec<Contents>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Contents {
    key: String,
    size: u64,
    last_modified: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListMultipartUploadsResult {
    #[serde(default)]
    upload: Vec<Upload>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Upload {
    key: String,
    upload_id: String,
    initiated: String,
}
