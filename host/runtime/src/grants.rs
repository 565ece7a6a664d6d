//! What a plugin may do: it asked in its description, and the operator agreed.

use std::collections::BTreeSet;

use bulkhead_model::{Failure, Result};

/// The two yeses of one plugin.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grants {
    plugin: String,
    asked: BTreeSet<String>,
    given: BTreeSet<String>,
}

impl Grants {
    /// `operator` is what the configuration says; without it a bundled plugin is given what it asked for, any other nothing.
    pub(crate) fn new(
        plugin: &str,
        asked: impl IntoIterator<Item = String>,
        operator: Option<&[String]>,
        bundled: bool,
    ) -> Self {
        let asked: BTreeSet<String> = asked.into_iter().collect();
        let given = match operator {
            Some(grants) => grants.iter().cloned().collect(),
            None if bundled => asked.clone(),
            None => BTreeSet::new(),
        };
        Self { plugin: plugin.to_owned(), asked, given }
    }

    /// Whether both said yes.
    pub(crate) fn allows(&self, grant: &str) -> bool {
        self.asked.contains(grant) && self.given.contains(grant)
    }

    /// As [`Grants::allows`], with the refusal in words.
    pub(crate) fn check(&self, grant: &str) -> Result<()> {
        if self.allows(grant) {
            return Ok(());
        }
        let (plugin, thing) = (&self.plugin, describe(grant));
        Err(Failure::denied(if self.asked.contains(grant) {
            format!("plugin `{plugin}` asked for {thing}; grant it under [plugins.{plugin}] grants")
        } else {
            format!("plugin `{plugin}` uses {thing}, which it does not ask for in its description")
        }))
    }

    /// What the plugin asked for of one kind, e.g. of `directory:` the configuration keys that name host directories.
    pub(crate) fn asked(&self, kind: &str) -> impl Iterator<Item = &str> {
        self.asked.iter().filter_map(move |grant| grant.strip_prefix(kind))
    }
}

/// `tool:x` as "tool `x`".
fn describe(grant: &str) -> String {
    match grant.split_once(':') {
        Some((kind, name)) => format!("{kind} `{name}`"),
        None => format!("`{grant}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_needs_two_yeses() {
        let asked = || ["tool:y".to_owned(), "scratch".to_owned()];
        let operator = ["tool:y".to_owned(), "tool:z".to_owned()];
        let grants = Grants::new("x", asked(), Some(&operator), true);
        assert!(grants.check("tool:y").is_ok());
        assert!(!grants.allows("scratch"), "the operator's list counts for bundled plugins too");
        assert_eq!(
            grants.check("tool:z").unwrap_err().message,
            "plugin `x` uses tool `z`, which it does not ask for in its description"
        );
        assert!(Grants::new("x", asked(), None, true).allows("scratch"));
        assert_eq!(
            Grants::new("x", asked(), None, false).check("tool:y").unwrap_err().message,
            "plugin `x` asked for tool `y`; grant it under [plugins.x] grants"
        );
    }
}
