//! Public keys of others (RFC 7517), from a file or an address, kept and read anew.

mod key;
mod source;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bulkhead_model::{Failure, Result, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey};
use tokio::sync::Mutex;

use super::config::JwksSource;
use crate::problem::{Answer, Problem};
use key::Key;
use source::{Source, Stamp};

/// Keys of this age are read anew.
const FRESH: Duration = Duration::from_mins(5);
/// Keys of this age no longer count, when they cannot be read anew.
const STALE: Duration = Duration::from_hours(24);
/// An address is not asked more often than this: neither while it does not answer, nor for keys that it does not have.
const EVERY: Duration = Duration::from_secs(30);

/// A set of public keys.
pub struct KeySet {
    source: Source,
    known: RwLock<Known>,
    /// Held by whoever reads the keys anew.
    turn: Mutex<()>,
}

#[derive(Clone, Default)]
struct Known {
    keys: Arc<[Key]>,
    /// When the keys were read.
    read_at: Option<Timestamp>,
    /// When reading was last tried.
    tried_at: Option<Timestamp>,
    /// What the file looked like when reading was last tried.
    stamp: Option<Stamp>,
}

impl KeySet {
    /// The set at a source. Nothing is read yet.
    ///
    /// # Errors
    /// `invalid` when the address is none that keys may come from.
    pub fn new(source: JwksSource) -> Result<Self> {
        Ok(Self { source: Source::new(source)?, known: RwLock::default(), turn: Mutex::default() })
    }

    /// The key that a token names. One that names none is taken for signed by the only key of its algorithm.
    pub async fn find(&self, kid: Option<&str>, algorithm: Algorithm, now: Timestamp) -> Answer<DecodingKey> {
        let stamp = self.source.stamp().await;
        let mut known = self.known();
        let fresh = known.read_at.is_some_and(|at| now.since(at) < FRESH) && known.stamp == stamp;
        if !fresh {
            known = self.read(stamp, now).await;
        }
        if let Some(found) = known.usable(now)?.pick(kid, algorithm)? {
            return Ok(found);
        }
        // The key may be newer than what is known.
        if fresh && known.may_try(stamp, now) {
            known = self.read(stamp, now).await;
            if let Some(found) = known.usable(now)?.pick(kid, algorithm)? {
                return Ok(found);
            }
        }
        Err(Problem::unauthenticated("the token is signed with a key that this host does not know"))
    }

    fn known(&self) -> Known {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the keys anew, unless that was just tried. One caller reads; the others go on with what is known, or wait when that is
    /// nothing.
    async fn read(&self, stamp: Option<Stamp>, now: Timestamp) -> Known {
        let _turn = match self.turn.try_lock() {
            Ok(turn) => turn,
            Err(_) if self.known().read_at.is_some() => return self.known(),
            Err(_) => self.turn.lock().await,
        };
        let mut known = self.known();
        if !known.may_try(stamp, now) {
            return known;
        }
        known.tried_at = Some(now);
        known.stamp = stamp;
        match self.source.read().await {
            Ok(keys) => {
                known.keys = keys.into();
                known.read_at = Some(now);
            }
            Err(failure) => {
                tracing::warn!(source = %self.source, error = %failure, "the keys of tokens cannot be read");
            }
        }
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known.clone();
        known
    }
}

impl Known {
    fn may_try(&self, stamp: Option<Stamp>, now: Timestamp) -> bool {
        self.stamp != stamp || self.tried_at.is_none_or(|at| now.since(at) >= EVERY)
    }

    /// # Errors
    /// `unavailable` when there are no keys by which a token could be judged: that is no fault of its bearer.
    fn usable(&self, now: Timestamp) -> Result<&Self> {
        match self.read_at {
            Some(at) if now.since(at) < STALE => Ok(self),
            _ => Err(Failure::unavailable("the keys of tokens could not be read")),
        }
    }

    fn pick(&self, kid: Option<&str>, algorithm: Algorithm) -> Answer<Option<DecodingKey>> {
        let named = self.keys.iter().filter(|key| kid.is_none() || key.kid.as_deref() == kid);
        let mut fitting = named.clone().filter(|key| key.algorithm == algorithm);
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(Some(key.decoding.clone())),
            (Some(_), Some(_)) => Err(Problem::unauthenticated(
                "the token does not name the key that it is signed with, in its header `kid`",
            )),
            (None, _) if kid.is_some() && named.count() > 0 => {
                Err(Problem::unauthenticated("the token's algorithm is not that of the key that it names"))
            }
            (None, _) => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests;
