//! Where key sets come from.

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use bulkhead_model::{Failure, Result};

use super::key::{Key, read_set};
use crate::auth::config::JwksSource;

const DEADLINE: Duration = Duration::from_secs(5);
const LIMIT: u64 = 1 << 20;

/// What tells one content of a file from another without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
}

pub enum Source {
    File(PathBuf),
    Address { url: String, agent: ureq::Agent },
}

impl Source {
    pub fn new(source: JwksSource) -> Result<Self> {
        match source {
            JwksSource::File(path) => Ok(Self::File(path)),
            JwksSource::Url(url) => {
                check_address(&url)?;
                let config = ureq::Agent::config_builder()
                    .timeout_global(Some(DEADLINE))
                    .max_redirects(0)
                    .user_agent(concat!("bulkhead/", env!("CARGO_PKG_VERSION")));
                Ok(Self::Address { url, agent: config.build().new_agent() })
            }
        }
    }

    /// Of a file, its stamp; `None` when it is not there, and for addresses.
    pub async fn stamp(&self) -> Option<Stamp> {
        let Self::File(path) = self else { return None };
        let data = tokio::fs::metadata(path).await.ok()?;
        Some(Stamp { modified: data.modified().ok(), length: data.len() })
    }

    pub async fn read(&self) -> Result<Vec<Key>> {
        let text = match self {
            Self::File(path) => {
                let data = tokio::fs::metadata(path).await.map_err(|error| Failure::unavailable(error.to_string()))?;
                if data.len() > LIMIT {
                    return Err(Failure::invalid(format!("the file is longer than {LIMIT} bytes")));
                }
                tokio::fs::read(path).await.map_err(|error| Failure::unavailable(error.to_string()))?
            }
            Self::Address { url, agent } => {
                let (url, agent) = (url.clone(), agent.clone());
                let fetched = tokio::task::spawn_blocking(move || fetch(&agent, &url)).await;
                fetched.map_err(|error| Failure::internal(error.to_string()))??
            }
        };
        read_set(&text)
    }
}

fn fetch(agent: &ureq::Agent, url: &str) -> Result<Vec<u8>> {
    let unavailable = |error: ureq::Error| Failure::unavailable(error.to_string());
    let mut answer = agent.get(url).header("accept", "application/json").call().map_err(unavailable)?;
    if answer.status().as_u16() != 200 {
        return Err(Failure::unavailable(format!("the address answers {}", answer.status())));
    }
    answer.body_mut().with_config().limit(LIMIT).read_to_vec().map_err(unavailable)
}

/// Whoever can change the keys on their way can make every token.
fn check_address(url: &str) -> Result<()> {
    let refused = |why: &str| {
        Failure::invalid(format!("the address of the key set {why}"))
            .with_hint("use https://, or http:// on this machine")
    };
    let address: axum::http::Uri = url.parse().map_err(|_| refused("is no address"))?;
    let host = address.host().ok_or_else(|| refused("names no host"))?;
    let loopback = host == "localhost"
        || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    match address.scheme_str() {
        Some("https") => Ok(()),
        Some("http") if loopback => Ok(()),
        _ => Err(refused("is not secure")),
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            // What follows `?` may be secret.
            Self::Address { url, .. } => f.write_str(url.split('?').next().unwrap_or_default()),
        }
    }
}
