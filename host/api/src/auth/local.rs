//! Without tokens: only for calls that this machine makes to itself.

use std::net::IpAddr;

use axum::http::{HeaderMap, header};
use bulkhead_model::Failure;

use crate::problem::Problem;

/// Without tokens, a page in a browser of this machine could call the API. It cannot hide the names it uses.
pub fn check(headers: &HeaderMap) -> Result<(), Problem> {
    for name in [header::HOST, header::ORIGIN] {
        if let Some(value) = headers.get(&name)
            && !value.to_str().is_ok_and(is_local)
        {
            return Err(Problem::from(
                Failure::denied(format!("without tokens, only calls to this machine's own name are served: `{name}`"))
                    .with_hint("call 127.0.0.1 or localhost, or configure a secret under [auth]"),
            ));
        }
    }
    Ok(())
}

fn is_local(name: &str) -> bool {
    let host = name.rsplit_once("://").map_or(name, |(_, rest)| rest);
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_tokens_foreign_pages_and_rebound_names_are_refused() {
        let check = |name: header::HeaderName, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            check(&headers).is_ok()
        };
        for good in ["127.0.0.1:7070", "localhost", "[::1]:7070"] {
            assert!(check(header::HOST, good), "{good}");
        }
        for bad in ["evil.example:7070", "127.0.0.1.evil.example", "10.0.0.1"] {
            assert!(!check(header::HOST, bad), "{bad}");
        }
        assert!(check(header::ORIGIN, "http://localhost:3000"));
        assert!(!check(header::ORIGIN, "https://evil.example") && !check(header::ORIGIN, "null"));
    }
}
