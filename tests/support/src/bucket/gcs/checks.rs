//! What Google checks in a request, and how its headers and Amazon's translate.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::http::{Answer, Request};

/// Headers of Google's that a request may have.
const KNOWN: [&str; 5] =
    ["x-goog-api-client", "x-goog-hash", "x-goog-if-generation-match", "x-goog-storage-class", "x-goog-user-project"];

/// Headers that mean the same to both.
const SHARED: [&str; 6] = ["content-md5", "content-type", "if-match", "if-none-match", "range", "cache-control"];

const CLASSES: [&str; 4] = ["STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE"];

/// Refuses headers that Google has not, or not with that value.
pub(super) fn headers(request: &Request) -> Result<(), Answer> {
    for (name, value) in &request.headers {
        let name = name.to_ascii_lowercase();
        let known = KNOWN.contains(&name.as_str()) || name.starts_with("x-goog-meta-");
        let foreign = name.starts_with("x-amz-") || (name.starts_with("x-goog-") && !known);
        if foreign {
            return Err(refusal(400, "InvalidArgument", &format!("unknown header {name}")));
        }
        if name == "x-goog-storage-class" && !CLASSES.contains(&value.as_str()) {
            return Err(refusal(400, "InvalidStorageClass", "the storage class is not valid"));
        }
    }
    // For writes Google's conditions are generations.
    if request.method != "GET" && request.method != "HEAD" && request.get("if-none-match").is_some() {
        return Err(refusal(400, "InvalidArgument", "if-none-match is for reads"));
    }
    Ok(())
}

/// Compares the body with the sum that came with it; gives that of a body that is kept.
pub(super) fn digest(request: &Request) -> Result<Option<String>, Answer> {
    if request.method != "PUT" {
        return Ok(None);
    }
    let sum = STANDARD.encode(crc32c(&request.body).to_be_bytes());
    let sent = request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("x-goog-hash"));
    let sent = sent.flat_map(|(_, value)| value.split(',')).filter_map(|part| part.trim().strip_prefix("crc32c="));
    for claimed in sent {
        if claimed != sum {
            return Err(refusal(400, "BadDigest", "the CRC32C you specified did not match what we received"));
        }
    }
    Ok(Some(sum))
}

/// The generation that an object must have: 0 when it must not exist.
pub(super) fn generation(request: &Request) -> Result<Option<u64>, Answer> {
    let wanted = request.get("x-goog-if-generation-match").map(str::parse).transpose();
    wanted.map_err(|_| refusal(400, "InvalidArgument", "x-goog-if-generation-match is no number"))
}

/// The generation of an object that S3 describes; 0 when there is none. Objects with other bytes or times have others.
pub(super) fn generation_of(found: &Answer) -> u64 {
    if found.status != 200 {
        return 0;
    }
    let text = format!("{:?}{:?}", found.get("etag"), found.get("last-modified"));
    u64::from(crc32c(text.as_bytes())) + 1
}

/// The same request in the words of S3.
pub(super) fn translated(request: &Request) -> Request {
    let mut translated = Request::new(&request.method, request.target.clone(), &request.body);
    for (name, value) in &request.headers {
        let name = name.to_ascii_lowercase();
        if SHARED.contains(&name.as_str()) {
            translated = translated.header(&name, value.clone());
        } else if let Some(field) = name.strip_prefix("x-goog-meta-") {
            translated = translated.header(&format!("x-amz-meta-{field}"), value.clone());
        } else if let Some(md5) = value.strip_prefix("md5=").filter(|_| name == "x-goog-hash") {
            translated = translated.header("content-md5", md5);
        }
    }
    translated
}

/// S3's answer in Google's words.
pub(super) fn answered(mut answer: Answer, sum: Option<String>) -> Answer {
    let generation = answer.get("etag").is_some().then(|| generation_of(&answer));
    for (name, _) in &mut answer.headers {
        if let Some(field) = name.to_ascii_lowercase().strip_prefix("x-amz-meta-") {
            *name = format!("x-goog-meta-{field}");
        }
    }
    answer.headers.retain(|(name, _)| !name.starts_with("x-amz-"));
    if let Some(generation) = generation {
        answer.headers.push(("x-goog-generation".to_owned(), generation.to_string()));
    }
    if let Some(sum) = sum.filter(|_| answer.status == 200) {
        answer.headers.push(("x-goog-hash".to_owned(), format!("crc32c={sum}")));
    }
    answer
}

/// A refusal in the form that both services have.
pub(super) fn refusal(status: u16, code: &str, message: &str) -> Answer {
    let body =
        format!("<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{message}</Message></Error>");
    Answer::new(status, "application/xml; charset=UTF-8", body)
}

/// CRC-32C (Castagnoli), eight steps a byte from a table.
fn crc32c(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = table();
    !bytes.iter().fold(!0_u32, |sum, byte| TABLE[((sum ^ u32::from(*byte)) & 0xff) as usize] ^ (sum >> 8))
}

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let mut sum = at as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ 0x82f6_3b78 } else { sum >> 1 };
            bit += 1;
        }
        table[at] = sum;
        at += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_sum_is_castagnolis() {
        assert_eq!(super::crc32c(b"123456789"), 0xe306_9283);
    }
}
