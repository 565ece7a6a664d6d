//! The credentials file of AWS's tools: profiles in brackets, `key = value` lines below.

use std::collections::BTreeMap;

use bulkhead_model::{Failure, Result, nearest};
use serde_json::{Map, Value};

use super::Credentials;
use crate::config::SecretText;

/// The one profile that is read.
const PROFILE: &str = "default";

/// Keys of the file, and what the plugin calls them.
const SECRETS: [(&str, &str, bool); 3] = [
    ("aws_access_key_id", "access_key_id", true),
    ("aws_secret_access_key", "secret_access_key", true),
    ("aws_session_token", "session_token", false),
];
const PLACE: [(&str, &str); 2] = [("region", "region"), ("endpoint_url", "endpoint")];

const FORM: &str = "write [default], then aws_access_key_id = ..., aws_secret_access_key = ..., and region = ... below";

/// Reads the profile `[default]`.
pub(super) fn read(file: &str) -> Result<Credentials> {
    let profile = profile(file)?;
    let value = |key: &str| profile.get(key).map(String::as_str).filter(|value| !value.is_empty());
    let mut credentials = Map::new();
    for (key, name, required) in SECRETS {
        match value(key) {
            Some(text) if text.contains(|c: char| c.is_whitespace() || c.is_control()) => {
                return Err(Failure::invalid(format!("`{key}` of [{PROFILE}] has blanks in it"))
                    .with_hint("take the value as it was given, on one line, without quotes or remarks"));
            }
            Some(text) => {
                credentials.insert(name.to_owned(), text.into());
            }
            None if required => return Err(missing(key, &profile)),
            None => {}
        }
    }
    let place = PLACE.iter().filter_map(|(key, name)| value(key).map(|value| (*name, value.to_owned()))).collect();
    Ok(Credentials { credentials: SecretText::new(Value::Object(credentials).to_string()), place })
}

fn missing(key: &str, profile: &BTreeMap<String, String>) -> Failure {
    let failure = Failure::invalid(format!("`{key}` is missing from [{PROFILE}]"));
    // Only what is nearly the key itself is named: a line may be a secret that lost its place.
    let strange = |found: &&str| found.starts_with("aws_") && !SECRETS.iter().any(|(known, ..)| known == found);
    match nearest(key, profile.keys().map(String::as_str).filter(strange)) {
        Some(found) => failure.with_hint(format!("is `{found}` meant for it?")),
        None => failure.with_hint(FORM),
    }
}

/// The lines of `[default]`. Other profiles are passed over.
fn profile(file: &str) -> Result<BTreeMap<String, String>> {
    let wrong = |line: usize, what: &str| Failure::invalid(format!("line {line} {what}")).with_hint(FORM);
    let (mut section, mut found) = (None, None);
    for (at, line) in file.lines().enumerate() {
        let (at, line) = (at + 1, line.trim());
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            let name = name.strip_suffix(']').ok_or_else(|| wrong(at, "begins a profile whose `]` is missing"))?;
            section = Some(name.trim() == PROFILE);
            if section == Some(true) && found.replace(BTreeMap::new()).is_some() {
                return Err(wrong(at, "begins the profile [default] a second time"));
            }
            continue;
        }
        let (key, value) = line.split_once('=').ok_or_else(|| wrong(at, "is no `key = value`"))?;
        let Some(within) = section else { return Err(wrong(at, "stands before the first [profile]")) };
        let twice = found
            .as_mut()
            .filter(|_| within)
            .and_then(|profile| profile.insert(key.trim().to_owned(), value.trim().to_owned()));
        if twice.is_some() {
            return Err(wrong(at, "gives a value a second time"));
        }
    }
    found.ok_or_else(|| Failure::invalid("the credentials have no profile [default]").with_hint(FORM))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_as_the_tools_write_it_is_read() {
        let file = "# made by hand\r\n[work]\r\naws_access_key_id=NO\r\n\r\n[default]\r\naws_access_key_id = AK\r\n\
                    aws_secret_access_key = S/K+x=\r\naws_session_token=T\r\noutput = json\r\nregion=us-east-2\r\n";
        let read = read(file).unwrap();
        let credentials: Value = serde_json::from_str(read.credentials.expose()).unwrap();
        let expected = serde_json::json!({"access_key_id": "AK", "secret_access_key": "S/K+x=", "session_token": "T"});
        assert_eq!(credentials, expected);
        assert_eq!(read.place, [("region", "us-east-2".to_owned())]);
    }

    #[test]
    fn each_mistake_is_named_by_its_line_or_key() {
        for (file, why) in [
            ("", "the credentials have no profile [default]"),
            ("[work]\naws_access_key_id=AK", "the credentials have no profile [default]"),
            ("[default\nx=1", "line 1 begins a profile whose `]` is missing"),
            ("[default]\nhunter2", "line 2 is no `key = value`"),
            ("hunter2=1", "line 1 stands before the first [profile]"),
            ("[default]\nregion=a\nregion=b", "line 3 gives a value a second time"),
            ("[default]\n[default]", "line 2 begins the profile [default] a second time"),
            ("[default]\naws_secret_access_key=hunter2", "`aws_access_key_id` is missing from [default]"),
            ("[default]\naws_access_key_id=AK\naws_secret_acces_key=hunter2", "`aws_secret_access_key` is missing"),
            ("[default]\naws_access_key_id=AK\naws_secret_access_key=", "`aws_secret_access_key` is missing"),
            (
                "[default]\naws_access_key_id=AK\naws_secret_access_key=hunter2 # old",
                "`aws_secret_access_key` of [default] has blanks",
            ),
        ] {
            let failure = read(file).unwrap_err();
            assert!(failure.message.starts_with(why), "{file}: {failure}");
            assert!(failure.hint.is_some() && !failure.to_string().contains("hunter2"), "{failure}");
        }
        let typo = read("[default]\naws_access_key_id=AK\naws_secret_acces_key=x").unwrap_err();
        assert_eq!(typo.hint.as_deref(), Some("is `aws_secret_acces_key` meant for it?"));
    }
}
