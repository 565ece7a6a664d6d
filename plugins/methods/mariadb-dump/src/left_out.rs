//! What a dump is made without, because the server itself cannot read it: one table or view that is broken does not keep everything
//! else from being backed up.

use bulkhead_plugin_sdk::method::{Failure, Report, Result};
use mariadb_check::Broken;

use crate::names::bounded;

/// Names them in the report, and gives the arguments that leave them out.
///
/// # Errors
/// For one that holds data, which is damaged: a dump without it would hide that. For one whose name no argument can hold.
pub fn arguments(broken: &[Broken], report: &mut Report) -> Result<Vec<String>> {
    let mut arguments = Vec::new();
    for object in broken {
        let Broken { reason, dangling, .. } = object;
        if !dangling {
            return Err(Failure::other(
                "database",
                format!("the server cannot read `{object}`, which is damaged: {reason}"),
            )
            .with_hint("repair it (CHECK TABLE, REPAIR TABLE), restore it from a backup, or drop it"));
        }
        if [&object.schema, &object.name].iter().any(|name| !can_be_named(name)) {
            return Err(Failure::unsupported(format!(
                "the server cannot open `{object}`, and a name like that cannot be left out of a dump: {reason}"
            ))
            .with_hint("repair or drop it"));
        }
        arguments.push(format!("--ignore-table={object}"));
    }
    if !broken.is_empty() {
        let names: Vec<String> = broken.iter().map(ToString::to_string).collect();
        report.add("left_out", bounded(&names));
    }
    Ok(arguments)
}

/// As the host lets names into arguments.
fn can_be_named(name: &str) -> bool {
    !name.starts_with('-') && !name.contains(|c: char| c.is_control() || matches!(c, '.' | '/' | '\\' | ';'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(name: &str, dangling: bool) -> Broken {
        Broken { schema: "m".to_owned(), name: name.to_owned(), reason: "no child (1168)".to_owned(), dangling }
    }

    #[test]
    fn a_dump_says_what_it_lacks_and_does_not_hide_damage() {
        let mut report = Report::new("10.11.19-MariaDB");
        let without = arguments(&[broken("u", true), broken("old view", true)], &mut report).unwrap();
        assert_eq!(without, ["--ignore-table=m.u", "--ignore-table=m.old view"]);
        assert_eq!(report.position("left_out"), Some("m.u, m.old view"));

        let damaged = arguments(&[broken("u", true), broken("t", false)], &mut report).unwrap_err();
        assert!(damaged.message.contains("`m.t`") && damaged.hint.is_some(), "{}", damaged.message);
        let odd = arguments(&[broken("a.b", true)], &mut report).unwrap_err();
        assert!(odd.message.contains("`m.a.b`"), "{}", odd.message);
        let mut whole = Report::new("10.11.19-MariaDB");
        assert!(arguments(&[], &mut whole).unwrap().is_empty() && whole.position("left_out").is_none());
    }
}
