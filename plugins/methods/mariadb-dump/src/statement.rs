//! Telling the statements apart by which the server states accounts and their rights.

/// Where a statement belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Rights everywhere or in a whole database. Needs nothing else to exist.
    Account,
    /// Which roles the account may take.
    Membership,
    /// Which role it has from the start; it has to be a member then.
    DefaultRole,
    /// A table, column or routine, which has to exist.
    Object,
}

/// The scope of a line of `SHOW GRANTS`.
pub fn scope(grant: &str) -> Scope {
    let bare = without_quoted(grant);
    match bare.split_once(" ON ") {
        // `GRANT SELECT ON *.* TO`, `GRANT SELECT ON .* TO`, `GRANT PROXY ON @ TO`
        Some((_, target)) if target.starts_with("*.* ") || target.starts_with(".* ") || target.starts_with('@') => {
            Scope::Account
        }
        Some(_) => Scope::Object,
        // `SET DEFAULT ROLE role FOR account`
        None if bare.starts_with("SET ") => Scope::DefaultRole,
        // `GRANT role TO account`
        None => Scope::Membership,
    }
}

/// Whether a line of `SHOW GRANTS` is about a package or its body.
pub fn on_package(grant: &str) -> bool {
    without_quoted(grant).split_once(" ON ").is_some_and(|(_, target)| target.starts_with("PACKAGE "))
}

/// Leaves out what stands in quotes, where names and secrets may look like anything.
pub fn without_quoted(statement: &str) -> String {
    let mut bare = String::new();
    let mut inside = None;
    let mut chars = statement.chars();
    while let Some(c) = chars.next() {
        match inside {
            None if matches!(c, '`' | '\'' | '"') => inside = Some(c),
            None => bare.push(c),
            // A doubled quote ends and begins again, which comes to the same.
            Some(quote) if c == quote => inside = None,
            Some(quote) if c == '\\' && quote != '`' => drop(chars.next()),
            Some(_) => {}
        }
    }
    bare
}

#[cfg(test)]
mod tests {
    use super::{Scope, on_package, scope};

    #[test]
    fn names_that_look_like_syntax_do_not_change_the_scope() {
        let account = [
            "GRANT USAGE ON *.* TO `a`@`%` IDENTIFIED BY PASSWORD '*6C7A'",
            "GRANT SELECT ON `shop`.* TO `reader`",
            "GRANT SELECT ON `odd``name ON x`.* TO `reader` WITH GRANT OPTION",
            "GRANT PROXY ON ''@'' TO 'a'@'%' WITH GRANT OPTION",
        ];
        let membership = ["GRANT `boss` TO `a`@`%` WITH ADMIN OPTION", "GRANT `who ON earth` TO `a`@`%`"];
        let object = [
            "GRANT SELECT (`name`, `id`) ON `shop`.`customers` TO `a`@`%`",
            "GRANT INSERT ON `shop`.`.* TO ` TO `a`@`%`",
            "GRANT EXECUTE ON PROCEDURE `shop`.`p1` TO `a`@`%`",
        ];
        for grant in account {
            assert_eq!(scope(grant), Scope::Account, "{grant}");
        }
        for grant in membership {
            assert_eq!(scope(grant), Scope::Membership, "{grant}");
        }
        assert_eq!(scope("SET DEFAULT ROLE `boss` FOR `a`@`%`"), Scope::DefaultRole);
        for grant in object {
            assert_eq!(scope(grant), Scope::Object, "{grant}");
            assert!(!on_package(grant), "{grant}");
        }
        assert!(on_package("GRANT EXECUTE ON PACKAGE `shop`.`counters` TO `a`@`%`"));
        assert!(on_package("GRANT EXECUTE ON PACKAGE BODY `shop`.`counters` TO `a`@`%`"));
        assert!(!on_package("GRANT EXECUTE ON FUNCTION `PACKAGE `.`x ON PACKAGE ` TO `a`@`%`"));
    }
}
