//! What the service's refusals mean.

use bulkhead_plugin_sdk::storage::Failure;
use chrono::{DateTime, Utc};
use object_bucket::{Fault, Operation, Refusal, Verdict};

use crate::service::S3Service;

/// What a refusal means, and what can be done about it.
pub fn fault(service: &S3Service, refusal: &Refusal) -> Fault {
    let failing = refusal.operation.failing();
    let bucket = &service.config.bucket;
    let denied = |why: &str, hint: String| Fault::ended(Failure::denied(format!("{failing}: {why}")).with_hint(hint));
    match refusal.code.as_str() {
        "NoSuchBucket" => {
            let failure = Failure::invalid(format!("{failing}: there is no bucket `{bucket}` at {}", service.host()));
            Fault::ended(failure.with_hint("make it, or correct `bucket`, `region` or `endpoint`"))
        }
        "NoSuchUpload" => Fault::new(Verdict::Absent, Failure::not_found(refusal.sentence())),
        "SignatureDoesNotMatch" => denied(
            "the secret access key is wrong",
            "correct secret_access_key; it belongs to the access key id that the target has".to_owned(),
        ),
        "InvalidAccessKeyId" => denied(
            "the service does not know the access key",
            "correct access_key_id; a temporary key needs its session_token as well".to_owned(),
        ),
        "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" => denied(
            "the session token has ended or is wrong",
            "give the target fresh credentials: access_key_id, secret_access_key and session_token".to_owned(),
        ),
        "RequestTimeTooSkewed" | "RequestExpired" => denied(
            &format!("the clock of this host is {} that of the service", skew(refusal)),
            "set the host's clock".to_owned(),
        ),
        "PermanentRedirect" | "TemporaryRedirect" | "AuthorizationHeaderMalformed" | "IncorrectEndpoint" => {
            elsewhere(service, refusal)
        }
        "BadDigest" | "InvalidDigest" | "XAmzContentChecksumMismatch" | "XAmzContentSHA256Mismatch" => {
            refusal.damaged()
        }
        "RequestTimeout" | "SlowDown" | "InternalError" | "ServiceUnavailable" | "IncompleteBody" => {
            Fault::passing(Failure::unavailable(refusal.sentence()))
        }
        "QuotaExceeded" | "InsufficientStorage" | "XMinioStorageFull" => refusal.full(),
        "InvalidObjectState" => Fault::ended(
            Failure::unsupported(format!("{failing}: it lies in an archive class"))
                .with_hint("restore the object from its archive class with the service's own tools first"),
        ),
        "EntityTooSmall" => Fault::ended(
            Failure::invalid(refusal.sentence()).with_hint("the service wants larger parts: raise `part_size_mib`"),
        ),
        "NotImplemented" => unsupported(refusal),
        _ if refusal.headers.contains_key("x-amz-bucket-region") && refusal.status.is_redirection() => {
            elsewhere(service, refusal)
        }
        _ => match refusal.status.as_u16() {
            400 if refusal.headers.contains_key("x-amz-bucket-region") && refusal.operation == Operation::Head => {
                elsewhere(service, refusal)
            }
            400 if matches!(refusal.operation, Operation::Put | Operation::Part | Operation::Begin) => {
                let failure = Failure::invalid(refusal.sentence());
                let hint = "a service that does not know the checksum takes uploads with `checksum` = \"none\"";
                Fault::ended(if service.config.checked() { failure.with_hint(hint) } else { failure })
            }
            401 | 403 if refusal.message.to_ascii_lowercase().contains("quota") => refusal.full(),
            401 | 403 => forbidden(service, refusal),
            501 => unsupported(refusal),
            _ => refusal.fault(),
        },
    }
}

/// The key is good, and may not do this.
fn forbidden(service: &S3Service, refusal: &Refusal) -> Fault {
    let bucket = &service.config.bucket;
    let (action, resource) = match refusal.operation {
        Operation::Put | Operation::Begin | Operation::Part | Operation::Complete => ("s3:PutObject", "/*"),
        Operation::Abort => ("s3:AbortMultipartUpload", "/*"),
        Operation::Get | Operation::Head => ("s3:GetObject", "/*"),
        Operation::Delete => ("s3:DeleteObject", "/*"),
        Operation::List => ("s3:ListBucket", ""),
        Operation::Uploads => ("s3:ListBucketMultipartUploads", ""),
        Operation::Authorize => return refusal.fault(),
    };
    let also = match refusal.operation {
        // Who may not list is told `forbidden` of what is missing.
        Operation::Get | Operation::Head => ", and s3:ListBucket to tell a missing object from a forbidden one",
        Operation::Put | Operation::Begin if service.config.object_lock.is_some() => ", and s3:PutObjectRetention",
        Operation::Put | Operation::Begin if service.config.kms_key_id.is_some() => {
            ", and kms:GenerateDataKey and kms:Decrypt of the key"
        }
        _ => "",
    };
    let hint = format!("allow {action} on arn:aws:s3:::{bucket}{resource}{also}; or the key itself is wrong");
    Fault::ended(Failure::denied(refusal.sentence()).with_hint(hint))
}

/// The bucket is in another region.
fn elsewhere(service: &S3Service, refusal: &Refusal) -> Fault {
    let region = refusal.headers.get("x-amz-bucket-region").and_then(|region| region.to_str().ok());
    let region = region.map(str::to_owned).or_else(|| refusal.detail("Region"));
    let ours = &service.config.region;
    match region.filter(|region| region != ours) {
        Some(region) => {
            let failing = refusal.operation.failing();
            let failure = Failure::invalid(format!("{failing}: the bucket is in region {region}, not in {ours}"));
            Fault::ended(failure.with_hint(format!("set `region` to \"{region}\"")))
        }
        None => {
            let failure = Failure::invalid(refusal.sentence());
            Fault::ended(failure.with_hint(format!("correct `region`, which is \"{ours}\", or `endpoint`")))
        }
    }
}

fn unsupported(refusal: &Refusal) -> Fault {
    let failure = Failure::unsupported(refusal.sentence());
    Fault::ended(match refusal.operation {
        Operation::Put | Operation::Begin | Operation::Part => failure.with_hint(
            "leave out what the service does not know: `checksum` = \"none\", no `object_lock`, no `storage_class`",
        ),
        _ => failure,
    })
}

/// How far this host's clock is from the service's, in words.
fn skew(refusal: &Refusal) -> String {
    let date = refusal.headers.get("date").and_then(|date| date.to_str().ok());
    let Some(date) = date.and_then(|date| DateTime::parse_from_rfc2822(date).ok()) else {
        return "too far from".to_owned();
    };
    let ahead = Utc::now().signed_duration_since(date).num_seconds();
    if ahead >= 0 { format!("{ahead} s ahead of") } else { format!("{} s behind", -ahead) }
}
