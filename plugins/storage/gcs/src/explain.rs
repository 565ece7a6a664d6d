//! What the service's refusals mean.

use bulkhead_plugin_sdk::storage::Failure;
use object_bucket::{Fault, Operation, Refusal, Verdict};

use crate::service::GcsService;

/// What a refusal means, and what can be done about it.
pub fn fault(service: &GcsService, refusal: &Refusal) -> Fault {
    let failing = refusal.operation.failing();
    let bucket = &service.config.bucket;
    match refusal.code.as_str() {
        "NoSuchBucket" => {
            let failure = Failure::invalid(format!("{failing}: there is no bucket `{bucket}`"));
            Fault::ended(failure.with_hint("make it, or correct `bucket`"))
        }
        "NoSuchUpload" => Fault::new(Verdict::Absent, Failure::not_found(refusal.sentence())),
        "BadDigest" | "InvalidDigest" => refusal.damaged(),
        "InvalidStorageClass" => {
            let failure = Failure::invalid(format!("{failing}: the service does not know this storage class"));
            Fault::ended(failure.with_hint("correct `storage_class`: STANDARD, NEARLINE, COLDLINE or ARCHIVE"))
        }
        "UserProjectAccountProblem" | "AccountProblem" => {
            Fault::ended(Failure::denied(refusal.sentence()).with_hint("the project's billing account needs attention"))
        }
        "EntityTooSmall" => Fault::ended(
            Failure::invalid(refusal.sentence()).with_hint("the service wants larger parts: raise `part_size_mib`"),
        ),
        _ => match refusal.status.as_u16() {
            // A token can end, or be withdrawn, before its time.
            401 => {
                let failure = Failure::denied(refusal.sentence())
                    .with_hint("the service account is disabled, or its key was deleted");
                if service.tokens.refused() { Fault::passing(failure) } else { Fault::ended(failure) }
            }
            403 if refusal.message.to_ascii_lowercase().contains("quota") => refusal.full(),
            403 => forbidden(bucket, refusal),
            _ => refusal.fault(),
        },
    }
}

/// The account may not do this.
fn forbidden(bucket: &str, refusal: &Refusal) -> Fault {
    let permission = match refusal.operation {
        Operation::Put | Operation::Begin | Operation::Part | Operation::Complete => {
            "storage.objects.create, and storage.objects.delete to replace an object"
        }
        Operation::Abort => "storage.multipartUploads.abort",
        Operation::Get | Operation::Head => "storage.objects.get",
        Operation::Delete => "storage.objects.delete",
        Operation::List => "storage.objects.list",
        Operation::Uploads => "storage.multipartUploads.list",
        Operation::Authorize => return refusal.fault(),
    };
    let hint = format!(
        "give the service account {permission} on bucket `{bucket}`; the role Storage Object Admin has all of them"
    );
    Fault::ended(Failure::denied(refusal.sentence()).with_hint(hint))
}
