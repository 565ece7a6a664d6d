//! Names of objects in a report, which has to stay short.

/// Names that are given.
pub const NAMED: usize = 10;
/// Characters that are shown of each.
const SHOWN: usize = 130;

/// The first few names, and whether there are more.
pub fn bounded(names: &[String]) -> String {
    let mut list: Vec<String> = names.iter().take(NAMED).map(|name| name.chars().take(SHOWN).collect()).collect();
    if names.len() > NAMED {
        list.push("others".to_owned());
    }
    list.join(", ")
}

#[cfg(test)]
mod tests {
    use super::{NAMED, SHOWN, bounded};

    #[test]
    fn a_report_names_a_few_objects_and_says_that_there_are_more() {
        let names: Vec<String> = (0..=NAMED).map(|number| format!("app.f{number}")).collect();
        assert_eq!(bounded(&names[..2]), "app.f0, app.f1");
        assert!(bounded(&names).ends_with("app.f9, others"), "{}", bounded(&names));
        assert_eq!(bounded(&["x".repeat(10_000)]).len(), SHOWN);
        assert_eq!(bounded(&[]), "");
    }
}
