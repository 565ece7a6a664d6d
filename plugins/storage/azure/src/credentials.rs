//! What requests are signed with: the account's key, or a shared access signature.

use bulkhead_plugin_sdk::storage::{Failure, Result};
use chrono::{DateTime, NaiveDate, Utc};
use object_bucket::Credentials;
use object_store::azure::{AzureAccessKey, AzureCredential};
use url::form_urlencoded;

const FORM: &str = r#"{"account_key": "..."} or {"sas_token": "sv=...&sp=rwdl&...&sig=..."}"#;
/// What a signature has to allow.
const PERMISSIONS: [(char, &str); 4] = [('r', "read"), ('w', "write"), ('d', "delete"), ('l', "list")];

/// Reads a target's credentials.
///
/// # Errors
/// `invalid`, naming the field and what is missing.
pub fn parse(credentials: &str) -> Result<AzureCredential> {
    let credentials = Credentials::parse(credentials, FORM)?;
    credentials.only(&["account_key", "sas_token"])?;
    match (credentials.optional_word("account_key")?, credentials.optional_word("sas_token")?) {
        (Some(key), None) => {
            let key = AzureAccessKey::try_new(key).map_err(|_| {
                Failure::invalid("credentials: `account_key` is no base64")
                    .with_hint("copy key1 or key2 of the storage account again, to its last character")
            })?;
            Ok(AzureCredential::AccessKey(key))
        }
        (None, Some(token)) => signature(token).map(AzureCredential::SASToken),
        (Some(_), Some(_)) => {
            Err(Failure::invalid("credentials: they hold both `account_key` and `sas_token`: one is enough"))
        }
        (None, None) => Err(Failure::invalid("credentials: `account_key` and `sas_token` are missing")
            .with_hint(format!("they are {FORM}"))),
    }
}

/// Reads a shared access signature, and says what it lacks.
fn signature(token: &str) -> Result<Vec<(String, String)>> {
    let wrong =
        |why: &str, hint: &str| Err(Failure::invalid(format!("credentials: `sas_token` {why}")).with_hint(hint));
    // A whole address is what the portal offers to copy as well.
    let token = token.rsplit_once('?').map_or(token, |(_, query)| query);
    let fields: Vec<(String, String)> =
        form_urlencoded::parse(token.replace('+', "%2B").as_bytes()).into_owned().collect();
    let field = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    if field("sig").is_none_or(str::is_empty) || field("sv").is_none() {
        return wrong(
            "is no shared access signature: it has no `sv` or no `sig`",
            "copy it again, from `sv=` or `sp=` to the end",
        );
    }
    if let Some(end) = field("se").and_then(moment)
        && end <= Utc::now()
    {
        return wrong(
            &format!("has ended at {}", end.format("%FT%TZ")),
            "make one that is good for as long as backups are to be kept",
        );
    }
    if let Some(start) = field("st").and_then(moment)
        && start > Utc::now()
    {
        return wrong(&format!("begins at {}", start.format("%FT%TZ")), "make one that is good now");
    }
    if field("sr").is_some_and(|kind| kind != "c") {
        return wrong("is for one blob", "make one for the container (sr=c)");
    }
    if field("ss").is_some_and(|services| !services.contains('b')) {
        return wrong("is not for blobs", "allow the blob service (ss=b)");
    }
    if field("srt").is_some_and(|kinds| !(kinds.contains('c') && kinds.contains('o'))) {
        return wrong("is not for containers and objects", "allow both (srt=co)");
    }
    if let Some(allowed) = field("sp") {
        let missing: Vec<_> = PERMISSIONS.iter().filter(|(letter, _)| !allowed.contains(*letter)).collect();
        if !missing.is_empty() {
            let names: Vec<_> = missing.iter().map(|(letter, name)| format!("{name} ({letter})")).collect();
            return wrong(&format!("does not allow to {}", names.join(", ")), "make one with the permissions sp=rwdl");
        }
    }
    Ok(fields)
}

/// A time of a signature, which may be a day alone.
fn moment(text: &str) -> Option<DateTime<Utc>> {
    let whole = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
    let minutes = || chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%MZ").map(|time| time.and_utc());
    let day = || Some(NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0)?.and_utc());
    whole.or_else(|_| minutes()).ok().or_else(day)
}
