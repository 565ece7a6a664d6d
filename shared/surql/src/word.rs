//! Words, as far as they tell a division from a regular expression.

/// Words after which a value begins, in lower case.
const BEFORE_VALUES: [&str; 45] = [
    "allinside",
    "and",
    "anyinside",
    "as",
    "assert",
    "by",
    "computed",
    "contains",
    "containsall",
    "containsany",
    "containsnone",
    "containsnot",
    "content",
    "default",
    "else",
    "excepting",
    "fetch",
    "from",
    "if",
    "in",
    "inside",
    "intersects",
    "is",
    "let",
    "limit",
    "matches",
    "merge",
    "noneinside",
    "not",
    "notinside",
    "on",
    "only",
    "or",
    "outside",
    "patch",
    "replace",
    "return",
    "select",
    "set",
    "split",
    "then",
    "throw",
    "value",
    "when",
    "where",
];
/// The longest word that matters.
const LONGEST: usize = 12;

/// A word while it comes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Word {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Word {
    pub(crate) fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte.to_ascii_lowercase();
        }
        self.length = self.length.saturating_add(1);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Whether it begins a script when a bracket follows.
    pub(crate) fn is_function(&self) -> bool {
        self.text() == Some("function")
    }

    pub(crate) fn precedes_value(&self) -> bool {
        self.text().is_some_and(|word| BEFORE_VALUES.binary_search(&word).is_ok())
    }

    fn text(&self) -> Option<&str> {
        std::str::from_utf8(self.bytes.get(..self.length)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_can_be_searched() {
        assert!(BEFORE_VALUES.is_sorted());
        assert!(BEFORE_VALUES.iter().all(|word| word.len() <= LONGEST && !word.contains(char::is_uppercase)));
    }
}
