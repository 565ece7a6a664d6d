//! Global transaction ids and how far a log has come.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// A transaction's id, `0-1-15`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gtid {
    /// The stream of transactions that it belongs to.
    pub domain: u32,
    /// The server that made it.
    pub server: u32,
    /// Its number in the domain.
    pub sequence: u64,
}

impl fmt::Display for Gtid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.domain, self.server, self.sequence)
    }
}

impl FromStr for Gtid {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no GTID; one looks like 0-1-15");
        let mut parts = text.trim().split('-').map(|part| part.parse::<u64>());
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Ok(domain)), Some(Ok(server)), Some(Ok(sequence)), None) => Ok(Self {
                domain: domain.try_into().map_err(|_| wrong())?,
                server: server.try_into().map_err(|_| wrong())?,
                sequence,
            }),
            _ => Err(wrong()),
        }
    }
}

/// How far a log or a server has come: the last sequence number of each server in each domain, `0-1-15,0-2-9,5-1-1`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State(BTreeMap<(u32, u32), u64>);

impl State {
    /// Whether no transaction was logged yet.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes a transaction in.
    pub fn advance(&mut self, gtid: Gtid) {
        self.0.insert((gtid.domain, gtid.server), gtid.sequence);
    }

    /// The transaction with the highest number in a domain.
    pub fn last_of(&self, domain: u32) -> Option<Gtid> {
        self.iter().filter(|gtid| gtid.domain == domain).max_by_key(|gtid| gtid.sequence)
    }

    /// The last number of one server in one domain.
    pub fn of(&self, domain: u32, server: u32) -> Option<u64> {
        self.0.get(&(domain, server)).copied()
    }

    /// The domains, ascending.
    pub fn domains(&self) -> impl Iterator<Item = u32> + '_ {
        let mut last = None;
        self.0.keys().map(|(domain, _)| *domain).filter(move |domain| last.replace(*domain) != Some(*domain))
    }

    /// All of it, by domain and server.
    pub fn iter(&self) -> impl Iterator<Item = Gtid> + '_ {
        self.0.iter().map(|((domain, server), sequence)| Gtid { domain: *domain, server: *server, sequence: *sequence })
    }

    /// Whether every domain of the other is here, at least as far.
    pub fn covers(&self, other: &Self) -> bool {
        other.domains().all(|domain| {
            self.last_of(domain).map(|gtid| gtid.sequence) >= other.last_of(domain).map(|gtid| gtid.sequence)
        })
    }

    /// Whether `position`, which names one transaction a domain (as `gtid_binlog_pos` does), is this state.
    pub fn is_at(&self, position: &Self) -> bool {
        position.iter().all(|gtid| self.of(gtid.domain, gtid.server) == Some(gtid.sequence))
            && self.domains().eq(position.domains())
    }

    /// Whether `list`, with which a log begins, goes on from here. It may lack domains: an operator can make the server forget those that
    /// are no longer used. One that lacks all of them is of a server that began anew.
    pub fn continues_as(&self, list: &Self) -> bool {
        list.is_empty() == self.is_empty()
            && list.iter().all(|gtid| self.of(gtid.domain, gtid.server) == Some(gtid.sequence))
    }
}

impl FromIterator<Gtid> for State {
    fn from_iter<I: IntoIterator<Item = Gtid>>(gtids: I) -> Self {
        let mut state = Self::default();
        for gtid in gtids {
            state.advance(gtid);
        }
        state
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, gtid) in self.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{gtid}")?;
        }
        Ok(())
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::parse).collect()
    }
}
