//! Names of backup methods.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A kind of backup, e.g. `full`. Plugins may bring others. SkySQL's other names are accepted:
/// `physical` is `full`, `logical` is `dump`, `binlog` is `binarylog`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Method(String);

impl Method {
    /// The method's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Method {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = match text {
            "physical" => "full",
            "logical" => "dump",
            "binlog" => "binarylog",
            other => other,
        };
        let ok = (1..=32).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        if ok {
            Ok(Self(name.to_owned()))
        } else {
            Err(format!("`{text}` is no method: use lower-case letters and hyphens, e.g. `full`"))
        }
    }
}

impl TryFrom<String> for Method {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Method> for String {
    fn from(method: Method) -> Self {
        method.0
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skysqls_other_names_are_the_same_methods() {
        for (alias, method) in [("physical", "full"), ("logical", "dump"), ("binlog", "binarylog")] {
            assert_eq!(alias.parse::<Method>().unwrap().as_str(), method);
        }
        assert!("Full".parse::<Method>().is_err());
    }
}
