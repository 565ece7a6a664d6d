//! What Amazon refuses in a request, and how its pages look.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::http::{Answer, Request};

/// Refuses a signature for another region, and says which one it has to be.
pub(super) fn region(request: &Request, ours: &str) -> Result<(), Answer> {
    let credential = request.get("authorization").and_then(|value| value.split_once("Credential="));
    let theirs = credential.and_then(|(_, scope)| scope.split('/').nth(2));
    let Some(theirs) = theirs.filter(|theirs| *theirs != ours) else { return Ok(()) };
    let message = format!("The authorization header is malformed; the region '{theirs}' is wrong; expecting '{ours}'");
    let mut answer = refusal(400, "AuthorizationHeaderMalformed", &message, &format!("<Region>{ours}</Region>"));
    // What an answer to HEAD has instead of a body.
    answer.headers.push(("x-amz-bucket-region".to_owned(), ours.to_owned()));
    Err(answer)
}

/// Compares the body with the digest that the signature covers, if it covers one.
pub(super) fn digest(request: &Request) -> Result<(), Answer> {
    let claimed = request.get("x-amz-content-sha256").filter(|claimed| claimed.len() == 64);
    if claimed.is_none_or(|claimed| claimed == hex::encode(Sha256::digest(&request.body))) {
        return Ok(());
    }
    let message = "The provided 'x-amz-content-sha256' header does not match what was computed.";
    Err(refusal(400, "XAmzContentSHA256Mismatch", message, ""))
}

/// Refuses a body that is too large for what is left of the bucket. Services have no word of their own for that in common.
pub(super) fn room(request: &Request, room: u64, used: u64) -> Result<(), Answer> {
    if used + request.body.len() as u64 <= room {
        return Ok(());
    }
    let message = format!("Bucket size quota is reached: {used} of {room} bytes are in use");
    Err(refusal(403, "AccessDenied", &message, ""))
}

/// Says that an upload is not there, or no longer.
pub(super) fn gone() -> Answer {
    refusal(404, "NoSuchUpload", "The specified upload does not exist; it may have been aborted or completed.", "")
}

/// The same request without its condition, and without the signature that covers it.
pub(super) fn unconditional(request: &Request) -> Request {
    let unsigned = ["if-none-match", "authorization", "host", "x-amz-date", "x-amz-content-sha256"];
    let mut headers = request.headers.clone();
    headers.retain(|(name, _)| !unsigned.iter().any(|other| name.eq_ignore_ascii_case(other)));
    Request { headers, ..request.clone() }
}

/// A page of objects, which are sorted, and of which each has what is said of it as XML.
pub(super) fn page(objects: &[(String, String)], after: Option<&str>, most: usize) -> Answer {
    let from = after.map_or(0, |after| objects.partition_point(|(key, _)| key.as_str() <= after));
    let shown = &objects[from..objects.len().min(from.saturating_add(most))];
    let more = from + shown.len() < objects.len();
    let mut body = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult>");
    // Writing to a String cannot fail.
    let _ = write!(body, "<IsTruncated>{more}</IsTruncated><KeyCount>{}</KeyCount>", shown.len());
    if let Some((last, _)) = shown.last().filter(|_| more) {
        let _ = write!(body, "<NextContinuationToken>{}</NextContinuationToken>", escaped(last));
    }
    for (_, object) in shown {
        let _ = write!(body, "<Contents>{object}</Contents>");
    }
    body.push_str("</ListBucketResult>");
    Answer::new(200, "application/xml", body)
}

fn refusal(status: u16, code: &str, message: &str, more: &str) -> Answer {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>"
    );
    Answer::new(status, "application/xml", body)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
