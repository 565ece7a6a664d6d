//! One request to one receiver: to a checked address, bounded in time and size, following nobody.

use std::net::SocketAddr;
use std::time::Duration;

use bulkhead_model::{Failure, Result, is_public_address};
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Error, Timeout};

use super::address::{self, Allowed};

/// A receiver that answers more is not listened to any longer.
const HEAD_BYTES: usize = 16 << 10;

/// Sends. Keeps no connection: each request resolves and checks anew.
#[derive(Clone, Debug)]
pub(super) struct Post {
    agent: Agent,
    deadline: Duration,
}

/// What is sent.
pub(super) struct Letter {
    pub url: String,
    pub id: String,
    pub timestamp: i64,
    pub signature: String,
    pub body: String,
}

impl Post {
    pub fn new(deadline: Duration, allowed: Allowed) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            // A proxy would connect for us, to an address that nobody has checked.
            .proxy(None)
            .timeout_global(Some(deadline))
            .max_response_header_size(HEAD_BYTES)
            .max_idle_connections(0)
            .max_idle_connections_per_host(0)
            .user_agent(concat!("bulkhead/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: Agent::with_parts(config, DefaultConnector::default(), Checked { allowed }), deadline }
    }

    /// Sends and waits for the head of the answer. Blocks.
    ///
    /// # Errors
    /// Why it was not taken, in words for the webhook's owner.
    pub fn send(&self, letter: &Letter) -> Result<()> {
        let answer = self
            .agent
            .post(&letter.url)
            .header("content-type", "application/json")
            .header("webhook-id", &letter.id)
            .header("webhook-timestamp", letter.timestamp.to_string())
            .header("webhook-signature", &letter.signature)
            .send(letter.body.as_bytes());
        match answer {
            // What the receiver says besides is not read.
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) if answer.status().is_redirection() => Err(redirected()),
            Ok(answer) => Err(Failure::unavailable(format!("the receiver answered {}", answer.status().as_u16()))),
            Err(error) => Err(self.explain(error)),
        }
    }

    fn explain(&self, error: Error) -> Failure {
        let deadline = self.deadline.as_secs_f32();
        match error {
            Error::Other(error) if error.is::<Failure>() => match error.downcast::<Failure>() {
                Ok(failure) => *failure,
                Err(_) => Failure::internal("a failure was lost"),
            },
            Error::Timeout(Timeout::Resolve) | Error::HostNotFound => {
                Failure::unavailable("the receiver's name could not be resolved")
            }
            Error::Timeout(_) => Failure::unavailable(format!("the receiver did not answer within {deadline} s")),
            Error::RedirectFailed | Error::TooManyRedirects => redirected(),
            Error::Io(error) => match error.raw_os_error() {
                // Of a name that cannot be resolved there is no number.
                None => Failure::unavailable(format!("the receiver could not be reached: {error}")),
                Some(_) => Failure::unavailable(format!("the receiver could not be reached: {}", error.kind())),
            },
            error => Failure::unavailable(format!("the receiver could not be spoken to: {error}")),
        }
    }
}

fn redirected() -> Failure {
    Failure::unavailable("the receiver redirects, which is not followed").with_hint("set `url` to where it leads")
}

/// Resolves, and refuses what is not public. The connection goes to the very addresses that were looked at.
#[derive(Debug)]
struct Checked {
    allowed: Allowed,
}

impl Resolver for Checked {
    fn resolve(
        &self,
        uri: &Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let found = DefaultResolver::default().resolve(uri, config, timeout)?;
        let public = |address: &SocketAddr| is_public_address(address.ip());
        // All of them: a name with one address inside was not made by accident.
        if uri.host().is_some_and(|host| self.allowed.covers(host)) || found.iter().all(public) {
            return Ok(found);
        }
        Err(Error::Other(Box::new(address::refused())))
    }
}
