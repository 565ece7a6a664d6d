//! Positions in MariaDB's replication: which transactions a server has.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The last transaction of each pair of domain and server, as in `@@gtid_binlog_state`: `0-1-15,1-1-3`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GtidState(BTreeMap<(u32, u32), u64>);

impl GtidState {
    /// Whether it names no transaction at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The highest sequence number of a domain, of whatever server.
    pub fn last_of(&self, domain: u32) -> Option<u64> {
        self.0.iter().filter(|((of, _), _)| *of == domain).map(|(_, sequence)| *sequence).max()
    }

    /// The domains that it names, each once.
    pub fn domains(&self) -> Vec<u32> {
        let mut domains: Vec<u32> = self.0.keys().map(|(domain, _)| *domain).collect();
        domains.dedup();
        domains
    }

    /// Each domain, server and sequence number.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u32, u64)> {
        self.0.iter().map(|((domain, server), sequence)| (*domain, *server, *sequence))
    }

    /// The last transaction of a server in a domain.
    pub fn of(&self, domain: u32, server: u32) -> Option<u64> {
        self.0.get(&(domain, server)).copied()
    }

    /// The very last transaction of each domain.
    pub fn lasts(&self) -> impl Iterator<Item = (u32, u32, u64)> {
        self.iter().filter(|(domain, _, sequence)| self.last_of(*domain) == Some(*sequence))
    }

    /// Goes on to whatever `other` has got to.
    pub fn advance(&mut self, other: &Self) {
        for (pair, sequence) in &other.0 {
            let here = self.0.entry(*pair).or_default();
            *here = (*here).max(*sequence);
        }
    }

    /// Whether all transactions that lead to `other` are among those that lead here, each from its own server. Stricter
    /// than [`covers`](Self::covers): what another server wrote in their place is not taken for them.
    pub fn includes(&self, other: &Self) -> bool {
        other.0.iter().all(|(pair, sequence)| self.0.get(pair).is_some_and(|here| here >= sequence))
    }

    /// Whether each domain of `other` has got as far here.
    pub fn covers(&self, other: &Self) -> bool {
        other.domains().into_iter().all(|domain| self.last_of(domain) >= other.last_of(domain))
    }
}

impl FromStr for GtidState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no list of GTIDs: write `domain-server-sequence`, e.g. `0-1-15,1-1-3`");
        let mut state = BTreeMap::new();
        for gtid in text.split(',').map(str::trim).filter(|gtid| !gtid.is_empty()) {
            let mut parts = gtid.split('-');
            let (Some(domain), Some(server), Some(sequence), None) =
                (parts.next(), parts.next(), parts.next(), parts.next())
            else {
                return Err(wrong());
            };
            let pair = (domain.parse().map_err(|_| wrong())?, server.parse().map_err(|_| wrong())?);
            let sequence = sequence.parse().map_err(|_| wrong())?;
            if state.insert(pair, sequence).is_some() {
                return Err(wrong());
            }
        }
        Ok(Self(state))
    }
}

impl TryFrom<String> for GtidState {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<GtidState> for String {
    fn from(state: GtidState) -> Self {
        state.to_string()
    }
}

impl fmt::Display for GtidState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, ((domain, server), sequence)) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            write!(f, "{domain}-{server}-{sequence}")?;
        }
        Ok(())
    }
}
