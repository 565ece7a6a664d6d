//! How often one may call, and how often one may fail to say who they are.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bulkhead_model::OrganizationId;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::{Caller, Credential};
use crate::Api;
use crate::problem::Problem;

/// After so many looks, what is known of those who have not called for long is forgotten.
const TIDY_EVERY: u64 = 4096;

/// So many at once, then so many a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// At once.
    pub burst: NonZeroU32,
    /// A minute, in the long run.
    pub per_minute: NonZeroU32,
}

impl RateLimit {
    /// Requests of one credential, unless configured otherwise.
    pub const CALLER: Self = Self::of(200, 6_000);
    /// Requests of one address whose credential does not count, unless configured otherwise.
    pub const FAILURES: Self = Self::of(30, 30);

    const fn of(burst: u32, per_minute: u32) -> Self {
        match (NonZeroU32::new(burst), NonZeroU32::new(per_minute)) {
            (Some(burst), Some(per_minute)) => Self { burst, per_minute },
            _ => Self { burst: NonZeroU32::MIN, per_minute: NonZeroU32::MIN },
        }
    }

    fn quota(self) -> Quota {
        let period = Duration::from_mins(1) / self.per_minute.get();
        // The period is not zero: there are fewer numbers in a u32 than nanoseconds in a minute.
        Quota::with_period(period).unwrap_or_else(|| Quota::per_minute(self.per_minute)).allow_burst(self.burst)
    }
}

type CallerKey = (OrganizationId, Credential, String);

/// Counts requests, on this host alone.
pub struct Limits {
    callers: Option<DefaultKeyedRateLimiter<CallerKey>>,
    failures: Option<DefaultKeyedRateLimiter<IpAddr>>,
    looks: AtomicU64,
}

impl Limits {
    /// Counts; `None` for no limit.
    pub fn new(callers: Option<RateLimit>, failures: Option<RateLimit>) -> Self {
        Self {
            callers: callers.map(|limit| RateLimiter::keyed(limit.quota())),
            failures: failures.map(|limit| RateLimiter::keyed(limit.quota())),
            looks: AtomicU64::new(0),
        }
    }

    /// How long a caller has to wait; `None` when they may go on.
    fn wait_of(&self, caller: &Caller) -> Option<Duration> {
        let callers = self.callers.as_ref()?;
        if self.looks.fetch_add(1, Ordering::Relaxed) % TIDY_EVERY == TIDY_EVERY - 1 {
            callers.retain_recent();
            self.failures.iter().for_each(DefaultKeyedRateLimiter::retain_recent);
        }
        let key = (caller.organization.clone(), caller.credential.clone(), caller.subject.clone());
        callers.check_key(&key).err().map(|not_until| not_until.wait_time_from(DefaultClock::default().now()))
    }

    /// Counts a failure of an address; how long it should wait, when that was one too many.
    fn failed(&self, address: IpAddr) -> Option<Duration> {
        let failed = self.failures.as_ref()?.check_key(&network(address));
        failed.err().map(|not_until| not_until.wait_time_from(DefaultClock::default().now()))
    }
}

/// One customer of IPv6 has a whole network of addresses.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
        v4 => v4,
    }
}

/// From where a request came, when that is known.
pub fn peer(request: &Request) -> Option<IpAddr> {
    request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip().to_canonical())
}

/// Recognises the caller, for all that is done for this request, unless there were too many requests lately.
pub async fn authenticate(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let address = peer(&request);
    match api.authenticator.recognise(request.headers(), api.engine.catalog()).await {
        Ok(caller) => {
            let span = tracing::Span::current();
            span.record("organization", caller.organization.as_str());
            span.record("subject", caller.subject.as_str());
            if let Some(wait) = api.limits.wait_of(&caller) {
                return Problem::rate_limited("too many requests with this credential", wait).into_response();
            }
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => {
            // Whoever is recognised is served: behind a proxy or a router, many share an address with one who guesses.
            let guesser = address.filter(|_| problem.status() == StatusCode::UNAUTHORIZED);
            let wait = guesser.and_then(|address| api.limits.failed(address));
            let detail = "too many requests from this address failed to say who they are from";
            wait.map_or(problem, |wait| Problem::rate_limited(detail, wait)).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_callers_rush_and_one_addresss_guessing_do_not_disturb_others() {
        let few = RateLimit::of(2, 1);
        let limits = Limits::new(Some(few), Some(few));
        let ann = Caller::local("acme".parse().unwrap());
        let bob = Caller { subject: "bob".to_owned(), ..ann.clone() };
        assert_eq!([limits.wait_of(&ann), limits.wait_of(&ann)], [None, None]);
        assert!(limits.wait_of(&ann).is_some_and(|wait| wait > Duration::from_secs(50)));
        assert_eq!(limits.wait_of(&bob), None);
        let (guesser, neighbour): (IpAddr, IpAddr) = ("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap());
        assert_eq!([limits.failed(guesser), limits.failed(guesser)], [None, None]);
        assert!(limits.failed(guesser).is_some() && limits.failed(neighbour).is_some());
        assert_eq!(limits.failed("2001:db8:0:1::1".parse().unwrap()), None);
    }
}
