//! Texts are split where servers split them, however they come.

use proptest::prelude::*;
use surql::{Items, Kind, Open, Splitter, statements};

/// A text and its statements.
const TEXTS: [(&str, &[&str]); 24] = [
    ("", &[]),
    (" ; ;; -- nothing\n", &[]),
    ("RETURN 1", &["RETURN 1"]),
    ("RETURN 1; RETURN 2 ;", &["RETURN 1", "RETURN 2"]),
    ("RETURN ';'; RETURN \";\"; RETURN `;`; RETURN ⟨;⟩;", &["RETURN ';'", "RETURN \";\"", "RETURN `;`", "RETURN ⟨;⟩"]),
    (r#"RETURN 'it\'s;'; RETURN "\\"; RETURN `\`;`;"#, &[r"RETURN 'it\'s;'", r#"RETURN "\\""#, r"RETURN `\`;`"]),
    ("RETURN r'a:1;'; RETURN d\";\"; RETURN b\";\";", &["RETURN r'a:1;'", "RETURN d\";\"", "RETURN b\";\""]),
    ("-- a; b\nRETURN 1; # c;\nRETURN 2; // d;\nRETURN 3", &["RETURN 1", "RETURN 2", "RETURN 3"]),
    ("RETURN 1 /* ; */ + 1; /* * / ; **/ RETURN 2", &["RETURN 1 /* ; */ + 1", "RETURN 2"]),
    // Servers end a comment at these line ends, too.
    ("-- a\u{2028}RETURN 1; -- b\u{85}RETURN 2; -- c\rRETURN 3", &["RETURN 1", "RETURN 2", "RETURN 3"]),
    (
        "DEFINE FUNCTION fn::a($x: int) { LET $y = 1; RETURN { z: $x }; }; RETURN 1;",
        &["DEFINE FUNCTION fn::a($x: int) { LET $y = 1; RETURN { z: $x }; }", "RETURN 1"],
    ),
    ("BEGIN; CREATE a; COMMIT;", &["BEGIN", "CREATE a", "COMMIT"]),
    ("RETURN a->b<-c; RETURN a-b; RETURN --b;\n 1;", &["RETURN a->b<-c", "RETURN a-b", "RETURN --b;\n 1"]),
    // Regular expressions, and what only looks like them.
    ("RETURN /;'/; RETURN [/;/, /\\/;/];", &["RETURN /;'/", "RETURN [/;/, /\\/;/]"]),
    ("SELECT * FROM a WHERE b = /';/ AND c ~ /;/;", &["SELECT * FROM a WHERE b = /';/ AND c ~ /;/"]),
    (
        "ASSERT $value = /;/; RETURN $value / 2; RETURN 4 / 2",
        &["ASSERT $value = /;/", "RETURN $value / 2", "RETURN 4 / 2"],
    ),
    ("RETURN (a)/ 2; RETURN b[0] /2; RETURN $in / 2;", &["RETURN (a)/ 2", "RETURN b[0] /2", "RETURN $in / 2"]),
    ("RETURN <regex> /;/; INSERT [{ a: /;/ }];", &["RETURN <regex> /;/", "INSERT [{ a: /;/ }]"]),
    // Scripts are lexed otherwise: `--` and `#` begin no comments.
    (
        "RETURN function($a, (1)) { let i = 2; i--; /* } */ return `}` + '#'; // }\n }; RETURN 1",
        &["RETURN function($a, (1)) { let i = 2; i--; /* } */ return `}` + '#'; // }\n }", "RETURN 1"],
    ),
    (
        "DEFINE FUNCTION fn::b() { RETURN function() { return 1; }; }; RETURN 1",
        &["DEFINE FUNCTION fn::b() { RETURN function() { return 1; }; }", "RETURN 1"],
    ),
    ("-1; /a;b/; 1", &["-1", "/a;b/", "1"]),
    ("RETURN a:⟨;⟩; RETURN $⟨;⟩; RETURN $`;`", &["RETURN a:⟨;⟩", "RETURN $⟨;⟩", "RETURN $`;`"]),
    ("RETURN '⟨'; RETURN \"`\"; RETURN ⟨\\⟩;⟩", &["RETURN '⟨'", "RETURN \"`\"", "RETURN ⟨\\⟩;⟩"]),
    ("RETURN { a: ';', b: [';', (1; 2)] }; RETURN 1", &["RETURN { a: ';', b: [';', (1; 2)] }", "RETURN 1"]),
];

#[test]
fn texts_are_split_at_their_semicolons() {
    for (text, expected) in TEXTS {
        let found: Vec<_> = statements(text).unwrap().iter().map(|statement| statement.text).collect();
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn a_statement_says_where_it_begins() {
    let text = "-- é\n\n  RETURN 'é'; RETURN 2;\n/* \n */ RETURN 3";
    let found: Vec<_> = statements(text).unwrap().iter().map(|s| (s.offset, s.line, s.column)).collect();
    assert_eq!(found, [(9, 3, 3), (22, 3, 15), (40, 5, 5)]);
    for statement in statements(text).unwrap() {
        assert!(text[usize::try_from(statement.offset).unwrap()..].starts_with(statement.text));
    }
}

#[test]
fn an_open_end_is_named_with_its_beginning() {
    for (text, open, line, column) in [
        ("RETURN 1;\n RETURN 'a;", Open::String, 2, 9),
        ("RETURN `a\\`;", Open::Name, 1, 8),
        ("RETURN ⟨a", Open::Name, 1, 8),
        ("RETURN 1 /* ;", Open::Comment, 1, 10),
        ("RETURN /a;", Open::Regex, 1, 8),
        ("RETURN {a: [1, 2};", Open::Bracket('{'), 1, 8),
        ("RETURN function() { '}'", Open::Script, 1, 19),
    ] {
        let unfinished = statements(text).unwrap_err();
        assert_eq!((unfinished.open, unfinished.at.line), (open, line), "{text}");
        assert!(open == Open::Name || unfinished.at.column == column, "{text}: {unfinished}");
    }
    assert_eq!(statements("RETURN (").unwrap_err().to_string(), "the `(` at line 1, column 8 is not closed");
}

/// The statements of a text that comes in pieces of these sizes, with their offsets.
fn split(text: &str, sizes: &[usize]) -> Result<Vec<(String, u64)>, surql::Unfinished> {
    let mut splitter = Splitter::new();
    let mut found = Vec::new();
    let mut rest = text.as_bytes();
    let mut sizes = sizes.iter().cycle();
    while !rest.is_empty() {
        let size = (*sizes.next().unwrap()).clamp(1, rest.len());
        splitter.push(&rest[..size]);
        rest = &rest[size..];
        while let Some(statement) = splitter.next_statement() {
            found.push((statement.text.to_owned(), statement.offset));
        }
    }
    splitter.finish()?;
    while let Some(statement) = splitter.next_statement() {
        found.push((statement.text.to_owned(), statement.offset));
    }
    Ok(found)
}

/// Texts out of what makes splitting hard.
fn hard() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        ";", "'", "\"", "`", "⟨", "⟩", "\\", "/", "*", "-", "--", "//", "/*", "*/", "#", "\n", " ", "(", ")", "[", "]",
        "{", "}", "a", "é", "$", "function", "RETURN", "WHERE", "1", ":", ",", "\u{2028}", "id: a:1",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pieces_make_no_difference(text in hard(), sizes in prop::collection::vec(1_usize..7, 1..5)) {
        let whole = statements(&text)
            .map(|found| found.iter().map(|s| (s.text.to_owned(), s.offset)).collect::<Vec<_>>());
        prop_assert_eq!(split(&text, &sizes), whole);
    }

    #[test]
    fn good_texts_come_whole_in_any_pieces(sizes in prop::collection::vec(1_usize..9, 1..6)) {
        for (text, _) in TEXTS {
            let whole: Vec<_> = statements(text).unwrap().iter().map(|s| (s.text.to_owned(), s.offset)).collect();
            prop_assert_eq!(split(text, &sizes).unwrap(), whole);
        }
    }

    #[test]
    fn exports_come_apart_the_same_in_any_pieces(sizes in prop::collection::vec(1_usize..9, 1..6)) {
        prop_assert_eq!(items(EXPORT, &sizes), items(EXPORT, &[EXPORT.len()]));
    }
}

const EXPORT: &str = "-- x;\nOPTION IMPORT;\nDEFINE TABLE `a b` TYPE ANY;\n\
    INSERT [ { id: person:1, name: ', [;' }, { a: { id: other:1 }, id: person:⟨2⟩, z: [1, { b: 2 }] } ];\n\
    INSERT RELATION [ { id: `a\\`b`:[1, 2], in: person:1, out: person:2 } ];\n\
    INSERT [ { \"id\": ⟨c\\⟩d⟩:{ x: 1 } }, { x: 1 } ];\nINSERT INTO a [{ id: 1 }];\nRELATE person:1 -> likes -> person:2;\n";

fn items(text: &str, sizes: &[usize]) -> Vec<(Kind, String, u64)> {
    let mut items = Items::new(200);
    let mut found = Vec::new();
    let mut rest = text.as_bytes();
    let mut sizes = sizes.iter().cycle();
    while !rest.is_empty() {
        let size = (*sizes.next().unwrap()).min(rest.len());
        items.push(&rest[..size]).unwrap();
        rest = &rest[size..];
        while let Some(item) = items.next_item() {
            found.push((item.kind, String::from_utf8(item.text).unwrap(), item.at.line));
        }
    }
    assert_eq!(items.finish(), Ok(true));
    found
}

#[test]
fn an_export_comes_apart_into_definitions_and_records() {
    let record = |relation, table: &str, text: &str, line| {
        (Kind::Record { relation, table: Some(table.to_owned()) }, text.to_owned(), line)
    };
    let statement = |text: &str, line| (Kind::Statement, text.to_owned(), line);
    assert_eq!(
        items(EXPORT, &[EXPORT.len()]),
        [
            statement("OPTION IMPORT", 2),
            statement("DEFINE TABLE `a b` TYPE ANY", 3),
            record(false, "person", "{ id: person:1, name: ', [;' }", 4),
            record(false, "person", "{ a: { id: other:1 }, id: person:⟨2⟩, z: [1, { b: 2 }] }", 4),
            record(true, "a`b", "{ id: `a\\`b`:[1, 2], in: person:1, out: person:2 }", 5),
            record(false, "c⟩d", "{ \"id\": ⟨c\\⟩d⟩:{ x: 1 } }", 6),
            (Kind::Record { relation: false, table: None }, "{ x: 1 }".to_owned(), 6),
            statement("INSERT INTO a [{ id: 1 }]", 7),
            statement("RELATE person:1 -> likes -> person:2", 8),
        ]
    );
}

/// As servers write it: the records of the last table, in two statements.
const PARTS: &str = "-- ---\n-- TABLE: last\n-- ---\n\nDEFINE TABLE last;\n\n\n\n-- ---\n-- TABLE DATA: last\n-- ---\n\n\
    INSERT [ { id: last:1, text: 'a\n\n\nb' } ];\nINSERT [ { id: last:2, text: '\n\n-- c\n\n' } ];\n\n";

#[test]
fn the_end_of_a_table_is_told_from_an_export_that_broke_off_behind_a_statement() {
    let closed = |text: &str| {
        let mut items = Items::new(1000);
        for piece in text.as_bytes().chunks(7) {
            items.push(piece).unwrap();
            while items.next_item().is_some() {}
        }
        items.is_closed()
    };
    assert!(closed(PARTS));
    for (end, _) in PARTS.match_indices('\n') {
        let cut = &PARTS[..=end];
        let is_end = cut == PARTS
            || cut.ends_with("DEFINE TABLE last;\n\n")
            || cut.ends_with("last;\n\n\n")
            || cut.ends_with("last;\n\n\n\n");
        assert_eq!(closed(cut), is_end, "{cut}");
    }
    // A table without records, and one of edges that are none.
    let begin = "-- TABLE DATA: last\n-- ---\n\n";
    assert!(!closed(begin) && closed(&format!("{begin}\n")));
    let edges = "RELATE a:1 -> last -> a:2;\nRELATE a:2 -> last -> a:1;\n\n";
    assert!(!closed(&format!("{begin}{edges}")) && closed(&format!("{begin}{edges}\n")));
    assert!(!closed(&format!("{begin}{edges}{edges}")) && closed(&format!("{begin}{edges}{edges}\n")));
}

#[test]
fn a_record_says_how_deep_it_is_and_its_id() {
    let mut items = Items::new(1000);
    items
        .push(b"INSERT [ { id: a:1 }, { id: a:2, b: [{ c: '[[[' }] }, { b: (1, 2), id: a:`]` } ]; LET $a = [[1]];")
        .unwrap();
    let found: Vec<_> =
        std::iter::from_fn(|| items.next_item()).map(|item| (item.depth, item.id().map(str::to_owned))).collect();
    let record = |depth, id: &str| (depth, Some(id.to_owned()));
    assert_eq!(found, [record(1, "a:1"), record(3, "a:2"), record(2, "a:`]`"), (2, None)]);
}

#[test]
fn an_export_that_ends_early_shows_it() {
    for (text, whole) in [("RETURN 1;\n", Some(true)), ("RETURN 1; RETURN", Some(false)), ("INSERT [ { id: a:1", None)]
    {
        let mut items = Items::new(100);
        items.push(text.as_bytes()).unwrap();
        assert_eq!(items.finish().ok(), whole, "{text}");
    }
    let mut items = Items::new(100);
    let long = items.push(format!("RETURN 1;\n RETURN '{}'", "x".repeat(200)).as_bytes()).unwrap_err();
    assert_eq!(long.to_string(), "what begins at line 1, column 10 is longer than 100 bytes");
}
