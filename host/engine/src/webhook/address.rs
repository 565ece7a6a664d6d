//! To which addresses notices may go: a webhook's url is a tenant's wish, and the host stands where tenants do not.

use std::net::IpAddr;

use bulkhead_model::{Failure, Result, is_public_address};
use url::{Host, Url};

/// Longer ones are no addresses.
const URL_BYTES: usize = 2048;

/// The operator's exceptions: names and addresses that may be private.
#[derive(Clone, Debug, Default)]
pub(super) struct Allowed(Vec<String>);

impl Allowed {
    pub fn new(hosts: &[String]) -> Self {
        Self(hosts.iter().map(|host| plain_host(host)).collect())
    }

    /// Whether this host, as it stands in a url, may have any address.
    pub fn covers(&self, host: &str) -> bool {
        self.0.contains(&plain_host(host))
    }
}

/// Without the brackets of an IPv6 address, the dot at the end of a name, and capitals.
fn plain_host(host: &str) -> String {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// Checks a webhook's url and answers it in its one spelling. A name is only resolved, and its addresses checked, when something is
/// sent there: they may change in between.
///
/// # Errors
/// `invalid`, naming the field.
pub(super) fn check_url(text: &str, allowed: &Allowed) -> Result<String> {
    let wrong = |what: &str| Failure::invalid(format!("`url` {what}")).with_hint("write e.g. https://example.com/hook");
    if text.len() > URL_BYTES {
        return Err(wrong("is too long"));
    }
    let url = Url::parse(text).map_err(|error| wrong(&format!("is no address: {error}")))?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err(wrong("must begin with https:// or http://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(
            "must not hold a user or password: they would be shown to everybody who may see the webhook",
        ));
    }
    if url.fragment().is_some() {
        return Err(wrong("must not have a fragment (`#...`)"));
    }
    let private = match url.host() {
        None => return Err(wrong("names no host")),
        Some(Host::Domain(name)) => {
            let name = plain_host(name);
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(ip)) => !is_public_address(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => !is_public_address(IpAddr::V6(ip)),
    };
    if private && !url.host_str().is_some_and(|host| allowed.covers(host)) {
        return Err(refused());
    }
    Ok(url.into())
}

/// What is said when an address is not public. Not which: that is nobody's business outside.
pub(super) fn refused() -> Failure {
    Failure::denied("the host of `url` has a private address")
        .with_hint("use a public one, or let the operator add the host to [webhooks] allow_private_hosts")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_leads_inside_is_refused_in_every_spelling() {
        let nobody = Allowed::default();
        for inside in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0177.0.0.1:80/x",
            "http://[::1]:8080/",
            "http://[::ffff:127.0.0.1]/",
            "https://localhost/",
            "https://LOCALHOST./",
            "http://a.localhost/",
            "http://169.254.169.254/latest/meta-data",
            "http://①②⑦.0.0.1/",
        ] {
            assert_eq!(check_url(inside, &nobody).unwrap_err().message, refused().message, "{inside}");
        }
        for no in
            ["", "hook", "ftp://example.com/", "https://user:pw@example.com/", "https://example.com/#x", "https://"]
        {
            assert!(check_url(no, &nobody).unwrap_err().message.starts_with("`url` "), "{no}");
        }
        let hosts = ["127.0.0.1", "Hooks.Internal", "::1"].map(str::to_owned);
        let allowed = Allowed::new(&hosts);
        for yes in ["http://0x7f.1:9/x", "http://hooks.internal./", "http://[::1]/", "https://example.com/hook?a=b"] {
            check_url(yes, &allowed).unwrap();
        }
        assert!(check_url("http://127.0.0.2/", &allowed).is_err());
        assert_eq!(check_url("HTTPS://Example.COM", &nobody).unwrap(), "https://example.com/");
    }
}
