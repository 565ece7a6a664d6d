//! What somebody is to be allowed: the fields `role` and `services`.

use std::collections::BTreeSet;

use bulkhead_engine::{SERVICES_HINT, ServiceConfig};
use bulkhead_model::{Result, ServiceId};

use super::Fields;
use crate::auth::Grant;

impl Fields {
    /// The fields `role`, and `services` when it is not for all: each must be one of `own`, the organization's. (Those that only another
    /// host reaches are not known here.)
    ///
    /// # Errors
    /// `invalid`.
    pub fn grant(&self, own: &[&ServiceConfig]) -> Result<Grant> {
        self.grant_of(|id| own.iter().any(|service| service.id == *id))
    }

    fn grant_of(&self, is_own: impl Fn(&ServiceId) -> bool) -> Result<Grant> {
        let role = self.required("role", "operator")?;
        let Some(services) = self.list::<ServiceId>("services")? else { return Ok(Grant { role, services: None }) };
        if services.is_empty() {
            return Err(self.wrong("services", "is empty").with_hint("leave it out for all services"));
        }
        if let Some((at, id)) = services.iter().enumerate().find(|(_, id)| !is_own(id)) {
            let wrong = self.wrong(&format!("services[{at}]"), format_args!("names no service: there is no `{id}`"));
            return Err(wrong.with_hint(SERVICES_HINT));
        }
        Ok(Grant { role, services: Some(BTreeSet::from_iter(services)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_for_all_services_or_for_some_that_there_are() {
        let (db1, db2): (ServiceId, ServiceId) = ("db1".parse().unwrap(), "db2".parse().unwrap());
        let read = |body: &str| {
            let grant =
                Fields::from_json(body.as_bytes()).and_then(|fields| fields.grant_of(|id| [&db1, &db2].contains(&id)));
            grant.map_err(|failure| failure.message)
        };
        assert_eq!(read(r#"{"role": "viewer"}"#).unwrap().services, None);
        assert_eq!(read(r#"{"role": "viewer", "services": null}"#).unwrap().services, None);
        let narrowed = read(r#"{"role": "viewer", "services": ["db2", "db1", "db2"]}"#).unwrap();
        assert_eq!(narrowed.services, Some([db1.clone(), db2.clone()].into()));
        for (body, message) in [
            // Nothing at all must not come out as everything.
            (r#"{"role": "viewer", "services": []}"#, "`services` is empty"),
            (r#"{"role": "viewer", "services": ["db1", "db3"]}"#, "`services[1]` names no service: there is no `db3`"),
            (r#"{"role": "root"}"#, "`role`: `root` is no role: use viewer, operator or administrator"),
            ("{}", "`role` is missing"),
        ] {
            assert_eq!(read(body).unwrap_err(), message);
        }
    }
}
