//! A recognised caller and what they may do.

use std::collections::BTreeSet;
use std::fmt;

use bulkhead_model::{Failure, OrganizationId, Result, Role, ServiceId};

/// How a caller showed who they are, as the audit trail keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Credential {
    /// By a signed token.
    Token,
    /// By an API key with this prefix.
    Key(String),
    /// Not at all: they sit on this machine.
    Local,
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token => f.write_str("token"),
            Self::Key(prefix) => write!(f, "key:{prefix}"),
            Self::Local => f.write_str("local"),
        }
    }
}

/// A role, on everything of the organization or on some of its services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What may be done.
    pub role: Role,
    /// On which services; `None` for all, and for what belongs to no service.
    pub services: Option<BTreeSet<ServiceId>>,
}

/// A recognised caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Their name.
    pub subject: String,
    /// How they showed that it is theirs.
    pub credential: Credential,
    /// The only organization they see.
    pub organization: OrganizationId,
    /// What they may do in it; empty for nothing.
    pub grants: Vec<Grant>,
}

impl Caller {
    /// Whoever sits on this machine, when nobody has to say who they are.
    pub fn local(organization: OrganizationId) -> Self {
        let grants = vec![Grant { role: Role::Administrator, services: None }];
        Self { subject: "local".to_owned(), credential: Credential::Local, organization, grants }
    }

    /// Whether this role is had on something.
    ///
    /// # Errors
    /// `denied`.
    pub fn require(&self, role: Role) -> Result<()> {
        if self.grants.iter().any(|grant| grant.role >= role) {
            return Ok(());
        }
        Err(self.denied(role, self.highest(|_| true)))
    }

    /// Whether this role is had on the whole organization, as for what belongs to no single service.
    ///
    /// # Errors
    /// `denied`.
    pub fn require_everywhere(&self, role: Role) -> Result<()> {
        let everywhere = |grant: &Grant| grant.services.is_none();
        match self.highest(everywhere) {
            Some(own) if own >= role => Ok(()),
            None if self.grants.iter().any(|grant| grant.role >= role) => {
                let what = self.credential_word();
                let message =
                    format!("this needs the role {role} on the whole organization, the {what} is for some services");
                Err(Failure::denied(message).with_hint(ASK))
            }
            own => Err(self.denied(role, own)),
        }
    }

    /// Whether anything of a service may be known.
    pub fn sees(&self, service: &ServiceId) -> bool {
        self.highest(|grant| grant.covers(service)).is_some()
    }

    /// Whether this role is had on a service.
    ///
    /// # Errors
    /// `not-found` when nothing of the service may be known, as if there were none; `denied` when the role is not enough.
    pub fn on(&self, role: Role, service: &ServiceId) -> Result<()> {
        self.on_part_of(role, service, || {
            Failure::not_found(format!("there is no service `{service}`")).with_hint(bulkhead_engine::SERVICES_HINT)
        })
    }

    /// As [`Caller::on`], for something that belongs to a service; `missing` is what is said of one that does not exist.
    ///
    /// # Errors
    /// `missing`, or `denied`.
    pub fn on_part_of(&self, role: Role, service: &ServiceId, missing: impl FnOnce() -> Failure) -> Result<()> {
        match self.highest(|grant| grant.covers(service)) {
            None => Err(missing()),
            Some(own) if own >= role => Ok(()),
            own => Err(self.denied(role, own)),
        }
    }

    /// The services of which something may be known; `None` for all.
    pub fn visible_services(&self) -> Option<Vec<ServiceId>> {
        let mut visible = BTreeSet::new();
        for grant in &self.grants {
            visible.extend(grant.services.as_ref()?.iter().cloned());
        }
        Some(visible.into_iter().collect())
    }

    fn highest(&self, counts: impl Fn(&Grant) -> bool) -> Option<Role> {
        self.grants.iter().filter(|grant| counts(grant)).map(|grant| grant.role).max()
    }

    fn denied(&self, role: Role, own: Option<Role>) -> Failure {
        let own = own.map_or_else(|| "no role".to_owned(), |own| format!("the role {own}"));
        let what = self.credential_word();
        Failure::denied(format!("this needs the role {role}, the {what} has {own}")).with_hint(ASK)
    }

    fn credential_word(&self) -> &'static str {
        match self.credential {
            Credential::Key(_) => "key",
            Credential::Token | Credential::Local => "token",
        }
    }
}

const ASK: &str = "ask an administrator of your organization for a token";

impl Grant {
    fn covers(&self, service: &ServiceId) -> bool {
        self.services.as_ref().is_none_or(|services| services.contains(service))
    }
}

#[cfg(test)]
mod tests {
    use bulkhead_model::FailureKind;

    use super::*;

    fn service(id: &str) -> ServiceId {
        id.parse().unwrap()
    }

    #[test]
    fn a_narrowed_caller_has_their_role_on_their_services_and_sees_no_other() {
        let grants = vec![
            Grant { role: Role::Operator, services: Some([service("db1")].into()) },
            Grant { role: Role::Viewer, services: Some([service("db2")].into()) },
        ];
        let credential = Credential::Key("abcd1234".to_owned());
        let caller = Caller { subject: "ci".to_owned(), credential, organization: "acme".parse().unwrap(), grants };
        let kind = |result: Result<()>| result.map_err(|failure| failure.kind);
        assert_eq!(kind(caller.on(Role::Operator, &service("db1"))), Ok(()));
        assert_eq!(kind(caller.on(Role::Operator, &service("db2"))), Err(FailureKind::Denied));
        assert_eq!(kind(caller.on(Role::Viewer, &service("db3"))), Err(FailureKind::NotFound));
        assert_eq!(kind(caller.require(Role::Operator)), Ok(()));
        assert_eq!(kind(caller.require_everywhere(Role::Viewer)), Err(FailureKind::Denied));
        assert_eq!(caller.visible_services(), Some(vec![service("db1"), service("db2")]));
        let everywhere = Caller::local("acme".parse().unwrap());
        assert_eq!(
            (everywhere.visible_services(), kind(everywhere.on(Role::Administrator, &service("x")))),
            (None, Ok(()))
        );
        let nothing = Caller { grants: Vec::new(), ..everywhere };
        assert_eq!((nothing.visible_services(), nothing.sees(&service("db1"))), (Some(Vec::new()), false));
    }
}
