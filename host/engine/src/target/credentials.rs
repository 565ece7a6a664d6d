//! Credentials of buckets as people have them, and as storage plugins take them. No failure of this file quotes what it has read.

mod aws;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use bulkhead_model::{Failure, Result};
use serde_json::{Map, Value};

use crate::config::SecretText;

/// Longer ones are no credentials: a service account's key has 2.4 kB.
const BYTES_MAX: usize = 64 << 10;

/// What a credentials file says.
#[derive(Debug)]
pub(super) struct Credentials {
    /// In the plugin's own form: JSON.
    pub credentials: SecretText,
    /// What it says of the place, as keys of the plugin's configuration.
    pub place: Vec<(&'static str, String)>,
}

impl Credentials {
    /// Puts what they say of the place into a configuration that does not say it itself.
    ///
    /// # Errors
    /// `invalid` when they are for another endpoint.
    pub fn into_config(self, config: &mut Map<String, Value>) -> Result<SecretText> {
        for (key, value) in self.place {
            let said = config.entry(key).or_insert_with(|| value.clone().into());
            let same = said.as_str().is_some_and(|said| said.trim_end_matches('/') == value.trim_end_matches('/'));
            if key == "endpoint" && !same {
                return Err(Failure::invalid("the file names another endpoint in `endpoint_url` than the target has")
                    .with_hint("take the credentials of this endpoint, or remove the line"));
            }
        }
        Ok(self.credentials)
    }
}

/// Reads SkySQL's form: a credentials file in base64.
///
/// # Errors
/// `invalid`, with what is wrong and how to make it right.
pub(super) fn from_base64(plugin: &str, text: &str) -> Result<Credentials> {
    // `base64` breaks its lines.
    let text: String = text.split_ascii_whitespace().collect();
    if text.is_empty() {
        return Err(Failure::invalid("the text is empty").with_hint(ENCODE));
    }
    if text.len() > BYTES_MAX {
        return Err(Failure::invalid(format!("the text is longer than {BYTES_MAX} bytes")).with_hint(ENCODE));
    }
    let bytes = STANDARD.decode(&text).or_else(|_| STANDARD_NO_PAD.decode(&text));
    let bytes = bytes.map_err(|_| Failure::invalid("the text is not base64").with_hint(ENCODE))?;
    let file = String::from_utf8(bytes).map_err(|_| {
        Failure::invalid("the base64 holds no text").with_hint("encode the credentials file itself, nothing packed")
    })?;
    from_file(plugin, &file)
}

/// Reads what an operator keeps in a file or a variable: a credentials file as it is, or in base64. What it says of the place goes to
/// the configuration.
///
/// # Errors
/// `invalid`, with what is wrong and how to make it right; never with the credentials in it.
pub fn operators_credentials(plugin: &str, text: &str, config: &mut Map<String, Value>) -> Result<SecretText> {
    // Neither a brace nor a bracket nor a remark is in the alphabet of base64.
    let read = match text.trim_start_matches('\u{feff}').trim_start().starts_with(['{', '[', '#', ';']) {
        true => from_file(plugin, text)?,
        false => from_base64(plugin, text)?,
    };
    read.into_config(config)
}

const ENCODE: &str = "encode the credentials file: `base64 < credentials`";

/// Reads a credentials file: that of AWS, or JSON in the plugin's own form.
///
/// # Errors
/// `invalid`, with what is wrong and how to make it right.
pub(super) fn from_file(plugin: &str, file: &str) -> Result<Credentials> {
    // Windows puts a mark before its texts.
    let file = file.strip_prefix('\u{feff}').unwrap_or(file).trim();
    if file.starts_with('{') {
        let value = serde_json::from_str(file).map_err(|error| {
            // Its place alone: the words of the error may quote what stands there.
            let at = format!("line {}, column {}", error.line(), error.column());
            Failure::invalid(format!("the credentials are not JSON from {at} on"))
                .with_hint("take the file as it was downloaded")
        })?;
        return from_json(plugin, &value);
    }
    match plugin {
        "s3" => aws::read(file),
        "gcs" => Err(Failure::invalid("the credentials are not the key of a service account")
            .with_hint("take the JSON file that the console of Google Cloud gives for a key of a service account")),
        "azure" => Err(Failure::invalid("the credentials are not JSON")
            .with_hint("write {\"account_key\": \"...\"} or {\"sas_token\": \"...\"}")),
        _ => Err(Failure::invalid("the credentials are not JSON").with_hint("write an object, {...}")),
    }
}

/// Takes credentials that are JSON already. What must stand in them, the plugin says.
///
/// # Errors
/// `invalid` for what is no object, or known to be for another plugin.
pub(super) fn from_json(plugin: &str, value: &Value) -> Result<Credentials> {
    let Some(object) = value.as_object() else {
        return Err(Failure::invalid("the credentials are no JSON object").with_hint("write {...}"));
    };
    let kind = object.get("type").and_then(Value::as_str);
    match (plugin, kind) {
        ("gcs", Some("service_account")) => {}
        ("gcs", _) => {
            return Err(Failure::invalid(
                "the credentials are not the key of a service account: `type` says otherwise",
            )
            .with_hint("make a key of a service account; a user's own credentials and federated ones do not work"));
        }
        (_, Some("service_account")) => {
            return Err(Failure::invalid("the credentials are the key of a Google service account")
                .with_hint("such a key is for a bucket gs://..."));
        }
        _ => {}
    }
    Ok(Credentials { credentials: SecretText::new(value.to_string()), place: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_without_what_was_read() {
        let secret = "hunter2hunter2";
        for (plugin, file, why) in [
            ("s3", format!("{{\"access_key_id\": \"{secret}"), "the credentials are not JSON from line 1"),
            ("s3", "{\"type\": \"service_account\"}".to_owned(), "the credentials are the key of a Google"),
            ("s3", format!("aws_secret_access_key={secret}"), "line 1 stands before"),
            ("gcs", format!("[default]\naws_secret_access_key={secret}"), "the credentials are not the key of a"),
            (
                "gcs",
                format!("{{\"type\": \"authorized_user\", \"refresh_token\": \"{secret}\"}}"),
                "the credentials are not the key",
            ),
            ("azure", format!("AccountKey={secret}"), "the credentials are not JSON"),
            ("other", format!("[\"{secret}\"]"), "the credentials are not JSON"),
        ] {
            for read in [from_file(plugin, &file), from_base64(plugin, &STANDARD.encode(&file))] {
                let failure = read.unwrap_err();
                assert!(failure.message.starts_with(why), "{plugin} {file}: {failure}");
                assert!(failure.hint.is_some() && !failure.to_string().contains("hunter2"), "{failure}");
            }
        }
        for (text, why) in [
            ("", "the text is empty"),
            ("%%%", "the text is not base64"),
            (secret, "the text is not base64"),
            (&STANDARD.encode([0xff, 0xfe, 0x00]), "the base64 holds no text"),
            (&"A".repeat(BYTES_MAX + 4), "the text is longer than"),
        ] {
            let failure = from_base64("s3", text).unwrap_err();
            assert!(failure.message.starts_with(why) && failure.hint.is_some(), "{text}: {failure}");
        }
    }

    #[test]
    fn broken_lines_and_missing_padding_do_no_harm() {
        let file = "[default]\naws_access_key_id=AK\naws_secret_access_key=SK\n";
        let encoded = STANDARD.encode(file);
        let (front, back) = encoded.split_at(20);
        for text in [format!("{front}\n{back}\n"), encoded.trim_end_matches('=').to_owned()] {
            let read = from_base64("s3", &text).unwrap();
            assert_eq!(read.credentials.expose(), r#"{"access_key_id":"AK","secret_access_key":"SK"}"#);
        }
    }
}
