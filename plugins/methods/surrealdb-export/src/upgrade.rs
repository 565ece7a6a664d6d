//! What servers of 3.x write otherwise than those of 2.x, as far as it can be said without understanding a definition.

/// What follows the type of a field.
const AFTER_TYPE: [&str; 7] =
    [" DEFAULT ", " READONLY", " VALUE ", " ASSERT ", " REFERENCE", " PERMISSIONS ", " COMMENT "];
/// How large 2.x made the parts of a full-text index; 3.x does not ask.
const SIZES: [&str; 8] = [
    "DOC_IDS_ORDER",
    "DOC_LENGTHS_ORDER",
    "POSTINGS_ORDER",
    "TERMS_ORDER",
    "DOC_IDS_CACHE",
    "DOC_LENGTHS_CACHE",
    "POSTINGS_CACHE",
    "TERMS_CACHE",
];

/// `FLEXIBLE` stands behind the type.
pub fn field(definition: &str) -> String {
    let Some((before, rest)) = definition.split_once(" FLEXIBLE TYPE ") else { return definition.to_owned() };
    let end = AFTER_TYPE.iter().filter_map(|word| rest.find(word)).min().unwrap_or(rest.len());
    let (kind, after) = rest.split_at(end);
    format!("{before} TYPE {kind} FLEXIBLE{after}")
}

/// A full-text index is called so.
pub fn index(definition: &str) -> String {
    let Some((before, after)) = definition.split_once(" SEARCH ANALYZER ") else { return definition.to_owned() };
    let mut kept = Vec::new();
    let mut words = after.split(' ');
    while let Some(word) = words.next() {
        if SIZES.contains(&word) {
            words.next();
        } else {
            kept.push(word);
        }
    }
    format!("{before} FULLTEXT ANALYZER {}", kept.join(" "))
}
