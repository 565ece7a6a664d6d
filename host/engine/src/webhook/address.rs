//! To which addresses notices may go: a webhook's url is a tenant's wish, and the host stands where tenants do not.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bulkhead_model::{Failure, Result};
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
        Some(Host::Ipv4(ip)) => !is_public(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => !is_public(IpAddr::V6(ip)),
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

/// Whether an address is one of the public internet, by the registries of special-purpose addresses (RFC 6890).
pub(super) fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let special = match ip.octets() {
        // This network; loopback; multicast, reserved and broadcast.
        [0 | 127 | 224..=255, ..] => true,
        // Carrier-grade translation.
        [100, second, ..] => second & 0xc0 == 64,
        // Protocol assignments, and the anycast of 6to4.
        [192, 0, 0, _] | [192, 88, 99, _] => true,
        // Benchmarks.
        [198, 18 | 19, ..] => true,
        _ => false,
    };
    !(special || ip.is_private() || ip.is_link_local() || ip.is_documentation())
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let segments = ip.segments();
    let v4_in = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        // Mapped (`::ffff:a.b.c.d`) and translated (`64:ff9b::a.b.c.d`) IPv4.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4_in(high, low),
        // 6to4 carries an IPv4 address.
        [0x2002, high, low, ..] => v4_in(high, low),
        // Protocol assignments with Teredo, and documentation.
        [0x2001, second, ..] => second >= 0x200 && second != 0xdb8,
        [0x3fff, second, ..] => second >= 0x1000,
        // Everything else that is assigned to the internet begins with 001.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_internet_are_public() {
        for public in ["93.184.216.34", "1.1.1.1", "100.128.0.1", "172.32.0.1", "2606:4700::1111", "::ffff:1.1.1.1"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for private in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.1",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "3fff::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
    }

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
