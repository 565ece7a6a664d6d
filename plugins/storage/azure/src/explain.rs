//! What the service's refusals mean.

use bulkhead_plugin_sdk::storage::Failure;
use chrono::{DateTime, Utc};
use object_bucket::{Fault, Operation, Refusal};

use crate::service::AzureService;

/// A clock that is so far off has signatures refused.
const SKEW_SECONDS: i64 = 15 * 60;

/// What a refusal means, and what can be done about it.
pub fn fault(service: &AzureService, refusal: &Refusal) -> Fault {
    let failing = refusal.operation.failing();
    let account = &service.config.account;
    let container = &service.config.container;
    match refusal.code.as_str() {
        "ContainerNotFound" | "ContainerBeingDeleted" | "ContainerDisabled" => {
            let failure =
                Failure::invalid(format!("{failing}: there is no container `{container}` in account `{account}`"));
            Fault::ended(failure.with_hint("make it, or correct `container`"))
        }
        "BlobAlreadyExists" | "UnauthorizedBlobOverwrite" => refusal.exists(),
        "Md5Mismatch" | "Crc64Mismatch" => refusal.damaged(),
        // Another writer of the same blob has completed: its blocks and ours lay together.
        "InvalidBlockList" => {
            let message = "cannot keep the object: somebody else wrote it at the same time";
            Fault::passing(Failure::conflict(message).with_retry(true))
        }
        "BlobArchived" => Fault::ended(
            Failure::unsupported(format!("{failing}: it lies in the archive tier"))
                .with_hint("move the blob to another tier with the service's own tools first"),
        ),
        "BlobImmutableDueToPolicy" => Fault::ended(
            Failure::denied(format!("{failing}: a policy of the container keeps it as it is"))
                .with_hint("retention has to be longer than the policy"),
        ),
        "AuthorizationFailure" if !refusal.message.contains("authenticate") => Fault::ended(
            Failure::denied(format!("{failing}: the account does not let this host or key in"))
                .with_hint("check the account's network rules, and that it takes keys (shared key access)"),
        ),
        "AccountIsDisabled" => Fault::ended(Failure::denied(format!("{failing}: account `{account}` is disabled"))),
        "AuthorizationFailure"
        | "AuthenticationFailed"
        | "InvalidAuthenticationInfo"
        | "NoAuthenticationInformation" => Fault::ended(unknown(refusal, account)),
        "AuthorizationPermissionMismatch"
        | "InsufficientAccountPermissions"
        | "AuthorizationServiceMismatch"
        | "AuthorizationResourceTypeMismatch" => Fault::ended(forbidden(refusal)),
        // What Azurite says of sums that differ.
        _ if refusal.message.to_ascii_lowercase().contains("md5 doesn't match") => refusal.damaged(),
        _ => match refusal.status.as_u16() {
            401 => Fault::ended(unknown(refusal, account)),
            403 => Fault::ended(forbidden(refusal)),
            _ => refusal.fault(),
        },
    }
}

/// The key or signature is not taken.
fn unknown(refusal: &Refusal, account: &str) -> Failure {
    let failing = refusal.operation.failing();
    let date = refusal.headers.get("date").and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| DateTime::parse_from_rfc2822(date).ok());
    let ahead = date.map_or(0, |date| Utc::now().signed_duration_since(date).num_seconds());
    if ahead.abs() >= SKEW_SECONDS {
        let failure = Failure::denied(format!("{failing}: the clock of this host is {ahead} s ahead of the service's"));
        return failure.with_hint("set the host's clock");
    }
    Failure::denied(format!("{failing}: account `{account}` does not take the key or signature")).with_hint(
        "give the target the account's present key, or a shared access signature that has not ended or been withdrawn",
    )
}

/// The signature is good, and does not allow this.
fn forbidden(refusal: &Refusal) -> Failure {
    let permission = match refusal.operation {
        Operation::Put | Operation::Begin | Operation::Part | Operation::Complete | Operation::Abort => "write (w)",
        Operation::Get | Operation::Head => "read (r)",
        Operation::Delete => "delete (d)",
        Operation::List | Operation::Uploads => "list (l)",
        Operation::Authorize => "signing in",
    };
    let failure = Failure::denied(refusal.sentence());
    failure.with_hint(format!("allow {permission}: a shared access signature for the container needs sp=rwdl"))
}
