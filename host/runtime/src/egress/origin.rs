//! Scheme, host and port: what a request is sent to, in one spelling.

use bulkhead_model::{Failure, Result, is_public_address};
use http::Uri;
use url::{Host, Url};

/// Longer ones are no addresses.
const URL_BYTES: usize = 2048;

/// An origin of `http` or `https`. A name is in lower case without a dot at its end, an address in its usual spelling.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Origin {
    https: bool,
    host: Host<String>,
    port: u16,
}

impl Origin {
    /// Of a whole URL, whatever its path. `None` for one with a user or password, too.
    pub(super) fn of_url(text: &str) -> Option<Self> {
        if text.len() > URL_BYTES {
            return None;
        }
        let url = Url::parse(text).ok()?;
        let https = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        if !url.username().is_empty() || url.password().is_some() {
            return None;
        }
        let host = match url.host()? {
            Host::Domain(name) => Host::Domain(name.strip_suffix('.').unwrap_or(name).to_owned()),
            Host::Ipv4(address) => Host::Ipv4(address),
            Host::Ipv6(address) => Host::Ipv6(address),
        };
        Some(Self { https, host, port: url.port_or_known_default()? })
    }

    /// Of a text that is an origin and nothing more.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        if bare { Self::of_url(text) } else { None }
    }

    /// Of a request.
    pub(super) fn of_request(uri: &Uri) -> Option<Self> {
        let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
        // Through the one parser: what is compared is what is connected to.
        Self::parse(&format!("{scheme}://{authority}"))
    }

    pub(super) fn is_https(&self) -> bool {
        self.https
    }

    pub(super) fn host(&self) -> &Host<String> {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Refuses what can be seen to need the operator's word without resolving a name.
    ///
    /// # Errors
    /// `denied`, naming the configuration's `key`.
    pub(super) fn check_public(&self, key: &str) -> Result<()> {
        let private = match &self.host {
            Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
            Host::Ipv4(address) => !is_public_address((*address).into()),
            Host::Ipv6(address) => !is_public_address((*address).into()),
        };
        let refused = |why: &str| {
            Failure::denied(format!("`{key}` of the configuration {why}"))
                .with_hint("use a public https address, or let the operator add this one to [egress] endpoints")
        };
        if private {
            return Err(refused("has a private address"));
        }
        if !self.https { Err(refused("is spoken to in the clear (http://)")) } else { Ok(()) }
    }
}

/// Puts the configuration's values into a template such as `https://{bucket}.s3.{region}.amazonaws.com`. `None` when one is missing
/// or holds anything that could change more than a part of the name.
pub(super) fn fill(template: &str, config: &serde_json::Value) -> Option<String> {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (key, after) = after.split_once('}')?;
        let value = config.get(key)?.as_str()?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
        if value.is_empty() || !value.bytes().all(plain) {
            return None;
        }
        filled.push_str(before);
        filled.push_str(value);
        rest = after;
    }
    filled.push_str(rest);
    Some(filled)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_place_has_one_spelling() {
        let origin = Origin::parse("https://s3.example.com").unwrap();
        for same in ["https://S3.Example.COM:443/", "https://s3.example.com./"] {
            assert_eq!(Origin::parse(same).as_ref(), Some(&origin), "{same}");
        }
        for other in ["http://s3.example.com", "https://s3.example.com:8443", "https://s3.example.com.evil.org"] {
            assert_ne!(Origin::parse(other).as_ref(), Some(&origin), "{other}");
        }
        assert_eq!(Origin::parse("http://0x7f.1:80"), Origin::parse("http://127.0.0.1/"));
        for no in
            ["", "s3.example.com", "ftp://a", "https://u:p@a", "https://u@a", "https://a/b", "https://a?b", "file:///x"]
        {
            assert_eq!(Origin::parse(no), None, "{no}");
        }
        assert_eq!(Origin::of_url("https://s3.example.com/a/b?c"), Some(origin));
        assert_eq!(Origin::of_request(&"https://user@s3.example.com/".parse().unwrap()), None);
    }

    #[test]
    fn a_value_cannot_lead_out_of_its_template() {
        let template = "https://{bucket}.s3.{region}.amazonaws.com";
        let fill = |bucket: &str| fill(template, &json!({"bucket": bucket, "region": "eu-west-1"}));
        assert_eq!(fill("a.b-c").as_deref(), Some("https://a.b-c.s3.eu-west-1.amazonaws.com"));
        for out in ["evil.org/", "evil.org#", "evil.org:1", "u@evil.org", "a\\", "", "é"] {
            assert_eq!(fill(out), None, "{out}");
        }
        assert_eq!(super::fill(template, &json!({"bucket": "a"})), None);
        assert_eq!(
            super::fill("https://storage.googleapis.com", &json!({})).as_deref(),
            Some("https://storage.googleapis.com")
        );
    }
}
