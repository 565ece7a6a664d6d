//! Values that are nested deeper than servers read.
//!
//! A server stores a value that came to it as a parameter deeper than it reads text: servers of 2.x read 100 brackets that are open at once,
//! those of 3.0 only 18. A deep value can still be put together from parts, each of which is flat enough.

use crate::scanner::{Mark, Scanner};

/// A value in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shallow {
    /// Statements to be run before, in order: `LET $name_1 = ...`.
    pub parts: Vec<String>,
    /// The value, which names parts.
    pub value: String,
    /// The most brackets that are open at once in a part or in the value: a record id or the like cannot be taken apart.
    pub depth: usize,
}

/// A bracket that is open, or the text around all of them.
#[derive(Default)]
struct Level {
    text: String,
    /// Brackets that are open at once in it, without those of parts.
    depth: usize,
    /// Whether it is a value, in nothing but values.
    is_value: bool,
}

/// Takes a value apart so that, as far as possible, no more than `most` brackets are open at once in any part of it. The parts are called
/// `name`, followed by numbers from `first` on.
pub fn shallow(value: &str, most: usize, name: &str, first: usize) -> Shallow {
    let bytes = value.as_bytes();
    let mut scanner = Scanner::new();
    let mut around = Level::default();
    let mut open: Vec<Level> = Vec::new();
    let mut parts = Vec::new();
    let mut deepest = 0;
    let (mut at, mut copied) = (0, 0);
    while let Some(mark) = scanner.next(bytes, &mut at) {
        match mark {
            Mark::Open(bracket) => {
                // Up to the bracket, which begins the next level.
                let begin = at - 1;
                open.last_mut().unwrap_or(&mut around).text.push_str(value.get(copied..begin).unwrap_or_default());
                copied = begin;
                let is_value =
                    bracket != b'(' && open.last().is_none_or(|outer| outer.is_value && begins_value(&bytes[..begin]));
                open.push(Level { is_value, ..Level::default() });
            }
            Mark::Close => {
                let Some(mut level) = open.pop() else { continue };
                level.text.push_str(value.get(copied..at).unwrap_or_default());
                copied = at;
                level.depth += 1;
                let outer = open.last_mut();
                if outer.is_some() && level.depth >= most && level.is_value && ends_value(&bytes[at..]) {
                    deepest = deepest.max(level.depth);
                    let part = format!("${name}_{}", first + parts.len());
                    parts.push(format!("LET {part} = {}", level.text));
                    outer.unwrap_or(&mut around).text.push_str(&part);
                } else {
                    let outer = outer.unwrap_or(&mut around);
                    outer.text.push_str(&level.text);
                    outer.depth = outer.depth.max(level.depth);
                }
            }
            Mark::Comma | Mark::Colon | Mark::End => {}
        }
    }
    // Brackets that are not closed stay as they are.
    for level in open {
        around.text.push_str(&level.text);
        around.depth = around.depth.max(level.depth + 1);
    }
    around.text.push_str(value.get(copied..).unwrap_or_default());
    Shallow { parts, value: around.text, depth: deepest.max(around.depth) }
}

/// Whether what follows is a whole value: an element of a list or a field of an object. The key of a record id follows its colon without
/// space, and what is a function or a future is no value.
fn begins_value(before: &[u8]) -> bool {
    let trimmed = before.trim_ascii_end();
    match trimmed.last() {
        Some(b'[' | b',') => true,
        Some(b':') => trimmed.len() < before.len(),
        _ => false,
    }
}

/// Whether a value ends before this: it is not the first part of a range or the like.
fn ends_value(after: &[u8]) -> bool {
    matches!(after.trim_ascii_start().first(), Some(b',' | b']' | b'}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(depth: usize) -> String {
        (0..depth).fold("'leaf; ]}'".to_owned(), |inner, _| format!("{{ children: [{inner}] }}"))
    }

    /// What a server makes of it: parts in the places of their names.
    fn together(shallow: &Shallow) -> String {
        let mut text = shallow.value.clone();
        for part in shallow.parts.iter().rev() {
            let (name, value) = part.strip_prefix("LET ").unwrap().split_once(" = ").unwrap();
            assert_eq!(text.matches(name).count(), 1, "{name} in {text}");
            text = text.replace(name, value);
        }
        text
    }

    #[test]
    fn a_deep_value_comes_in_flat_parts_that_make_it_again() {
        for depth in [1, 4, 5, 8, 30, 120] {
            let value = format!("{{ a: [1, {{ b: t:{{ x: [1] }} }}], content: {}, id: doc:1 }}", nested(depth));
            let taken = shallow(&value, 10, "part", 7);
            assert_eq!(together(&taken), value, "{depth}");
            assert!(taken.depth <= 11, "{depth}: {}", taken.depth);
            assert_eq!(taken.parts.is_empty(), depth < 5, "{depth}: {taken:?}");
            assert!(taken.parts.first().is_none_or(|part| part.starts_with("LET $part_7 = ")), "{taken:?}");
        }
    }

    #[test]
    fn what_is_no_value_of_its_own_stays_where_it_is() {
        for whole in
            ["{ id: t:[[[[1]]]] }", "{ a: <future> { [{ { 1 } }] } }", "{ a: ((((1)))) }", "{ a: |$x| { [[[1]]] } }"]
        {
            let taken = shallow(whole, 3, "part", 1);
            // Its depth says that a server may not read it.
            assert_eq!((taken.parts.len(), taken.value.as_str(), taken.depth), (0, whole, 5), "{whole}");
        }
        let range = "{ a: [[[[1]]]]..[[[[2]]]], b: [[[1]]] }";
        let taken = shallow(range, 3, "part", 1);
        assert_eq!(taken.value, "{ a: [$part_1]..[[[[2]]]], b: $part_2 }");
        assert_eq!(together(&taken), range);
        // What is not closed is not lost.
        assert_eq!(shallow("{ a: [[", 1, "part", 1).value, "{ a: [[");
    }
}
