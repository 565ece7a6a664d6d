use serde_json::json;

use super::*;

const TWO: Series = Series { major: 2, minor: 6 };
const THREE: Series = Series { major: 3, minor: 3 };

fn census(tables: &[(&str, u64)]) -> Census {
    let tables = tables.iter().map(|(name, records)| ((*name).to_owned(), Count::of(*records))).collect();
    Census { tables, ..Census::default() }
}

fn exported(tables: &[(&str, u64)]) -> BTreeMap<String, Table> {
    tables.iter().map(|(name, records)| ((*name).to_owned(), Table { records: *records, view: false })).collect()
}

/// What is said of an export of `has` records of a table that had `before` and then `after`.
fn said(before: u64, after: u64, has: u64) -> Vec<String> {
    let [before, after] = [before, after].map(|records| census(&[("a", records)]));
    before.differences(&after, &exported(&[("a", has)]), &BTreeMap::new())
}

#[test]
fn a_table_that_stood_still_has_exactly_its_records_however_large_it_is() {
    assert!(said(100_000, 100_000, 100_000).is_empty());
    for has in [99_999, 100_001, 0] {
        assert_eq!(said(100_000, 100_000, has), [format!("table a: {has} records here, 100000 there")]);
    }
}

#[test]
fn a_table_that_moved_a_little_has_lost_no_more_than_that() {
    for has in [99_998, 100_000, 100_001, 100_002, 100_004] {
        assert!(said(100_000, 100_002, has).is_empty(), "{has}");
    }
    // One in a hundred of them would be 1000.
    for has in [99_997, 99_001, 100_005] {
        assert_eq!(said(100_002, 100_000, has), [format!("table a: {has} records here, 100000 to 100002 there")]);
    }
}

#[test]
fn a_table_is_seen_to_move_at_later_looks_and_one_that_stands_still_is_not_excused() {
    let before = census(&[("moves", 50), ("still", 50)]);
    let mut after = before.clone();
    let has = exported(&[("moves", 53), ("still", 49)]);
    assert_eq!(before.tables_that_differ(&after, &has), ["moves", "still"]);
    after.see_tables_of(&census(&[("moves", 47), ("still", 50)]));
    assert_eq!(before.tables_that_differ(&after, &has), ["still"]);
    assert!(!before.stands_still(&after, "moves") && before.stands_still(&after, "still"));
    assert!(!before.stands_still(&after, "nowhere"));
}

#[test]
fn a_table_that_is_missing_is_named() {
    let both = census(&[("a", 1)]);
    let none = BTreeMap::new();
    assert_eq!(both.differences(&both, &exported(&[]), &none), ["table a: none records here, 1 there"]);
    assert_eq!(
        both.differences(&both, &exported(&[("a", 1), ("b", 1)]), &none),
        ["table b: 1 records here, none there"]
    );
    // One that came meanwhile may be in it or not.
    let after = census(&[("a", 1), ("new", 5)]);
    assert!(both.differences(&after, &exported(&[("a", 1)]), &none).is_empty());
    assert!(both.differences(&after, &exported(&[("a", 1), ("new", 3)]), &none).is_empty());
}

#[test]
fn what_an_export_leaves_out_is_named_by_kind_also_what_is_not_known() {
    let mut census = Census::default();
    let info = json!({
        "functions": {"f": ""}, "tables": {"t": ""}, "models": {"m<1>": ""}, "buckets": {"b": "", "c": ""},
        "sequences": {"s": ""}, "policies": {"p": ""}, "configs": {},
    });
    census.add(&info, "", kinds::of_database);
    census.add(&json!({"events": {"e": ""}, "lives": {"l": ""}, "triggers": {"x": ""}}), "t", kinds::of_table);
    let counts = |kinds: &[(&str, u64)]| kinds.iter().map(|(kind, number)| ((*kind).to_owned(), *number)).collect();
    let exported: BTreeMap<String, u64> = counts(&[("FUNCTION", 1), ("EVENT", 1)]);

    let mut old = census.clone();
    let left_out = old.take_left_out(TWO, &exported);
    let named: Vec<_> = left_out.iter().map(|(kind, names)| format!("{kind} {}", names.join(" "))).collect();
    assert_eq!(named, ["BUCKET b c", "MODEL m<1>", "POLICY p", "SEQUENCE s", "TRIGGER t.x"]);
    assert!(old.differences(&old, &BTreeMap::new(), &exported).is_empty());

    // A server that exports buckets and sequences has lost them.
    let mut new = census.clone();
    assert!(new.take_left_out(THREE, &exported).keys().eq(["MODEL", "POLICY", "TRIGGER"]));
    let lost = new.differences(&new, &BTreeMap::new(), &exported);
    assert_eq!(lost, ["BUCKET: 0 definitions here, 2 there", "SEQUENCE: 0 definitions here, 1 there"]);

    // What is exported after all is counted.
    let all: BTreeMap<String, u64> =
        counts(&[("FUNCTION", 1), ("EVENT", 1), ("BUCKET", 2), ("SEQUENCE", 1), ("POLICY", 2)]);
    assert!(census.take_left_out(THREE, &all).keys().eq(["MODEL", "TRIGGER"]));
    assert_eq!(census.differences(&census, &BTreeMap::new(), &all), ["POLICY: 2 definitions here, 1 there"]);
}
