//! How many streams of events may be open: each keeps a connection for as long as its job lasts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bulkhead_model::OrganizationId;

use crate::problem::{Answer, Problem};

/// The streams that are open, by organization.
#[derive(Clone)]
pub struct Streams {
    open: Arc<Mutex<HashMap<OrganizationId, usize>>>,
    most: usize,
}

impl Streams {
    /// None is open; of each organization at most `most` may be.
    pub fn new(most: usize) -> Self {
        Self { open: Arc::default(), most }
    }

    /// A place for one more.
    pub fn place(&self, organization: &OrganizationId) -> Answer<Place> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(organization.clone()).or_default();
        if *count >= self.most {
            let detail = "the organization follows as many jobs at once as it may";
            return Err(Problem::rate_limited(detail, Duration::from_secs(10)));
        }
        *count += 1;
        Ok(Place { streams: self.clone(), organization: organization.clone() })
    }
}

/// A place that is free again when this is dropped.
pub struct Place {
    streams: Streams,
    organization: OrganizationId,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.streams.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.organization) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.organization);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_once_its_stream_has_ended() {
        let streams = Streams::new(1);
        let (acme, other) = ("acme".parse().unwrap(), "other".parse().unwrap());
        let place = streams.place(&acme).unwrap();
        assert_eq!(streams.place(&acme).err().unwrap().status().as_u16(), 429);
        assert!(streams.place(&other).is_ok());
        drop(place);
        assert!(streams.place(&acme).is_ok());
    }
}
