//! What `INFO FOR DB` and `INFO FOR TABLE` tell of, and whether an export has it.

use bulkhead_plugin_sdk::method::Series;

/// What becomes of a part of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Definitions of this kind, which the export has.
    Exported(&'static str),
    /// Definitions of this kind, which servers before that one leave out.
    ExportedFrom(&'static str, Series),
    /// Definitions of this kind, which no server that is known here exports.
    LeftOut(String),
    /// What is not part of the data, or is counted elsewhere.
    Elsewhere,
}

const V3_0: Series = Series { major: 3, minor: 0 };
/// From 3.0.3, to be exact.
const V3_1: Series = Series { major: 3, minor: 1 };

/// A part of `INFO FOR DB`.
pub fn of_database(part: &str) -> Part {
    match part {
        "accesses" => Part::Exported("ACCESS"),
        "analyzers" => Part::Exported("ANALYZER"),
        "apis" => Part::ExportedFrom("API", V3_1),
        "buckets" => Part::ExportedFrom("BUCKET", V3_1),
        "configs" => Part::ExportedFrom("CONFIG", V3_1),
        "functions" => Part::Exported("FUNCTION"),
        "models" => Part::LeftOut("MODEL".to_owned()),
        "modules" => Part::ExportedFrom("MODULE", V3_1),
        "params" => Part::Exported("PARAM"),
        "sequences" => Part::ExportedFrom("SEQUENCE", V3_0),
        "tables" => Part::Elsewhere,
        "users" => Part::Exported("USER"),
        unknown => Part::LeftOut(kind(unknown)),
    }
}

/// A part of `INFO FOR TABLE`.
pub fn of_table(part: &str) -> Part {
    match part {
        "events" => Part::Exported("EVENT"),
        "fields" => Part::Exported("FIELD"),
        "indexes" => Part::Exported("INDEX"),
        // Queries of connections that are open, and views, which are tables themselves.
        "lives" | "tables" => Part::Elsewhere,
        unknown => Part::LeftOut(kind(unknown)),
    }
}

/// What a definition of a part begins with, as far as can be guessed: `policies` are made by `DEFINE POLICY`.
fn kind(part: &str) -> String {
    let one = match part.strip_suffix("ies") {
        Some(stem) => format!("{stem}y"),
        None => part.strip_suffix('s').unwrap_or(part).to_owned(),
    };
    one.to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_newer_server_has_is_named_too() {
        assert_eq!(of_database("policies"), Part::LeftOut("POLICY".to_owned()));
        assert_eq!(of_table("triggers"), Part::LeftOut("TRIGGER".to_owned()));
        assert_eq!(of_table("lives"), Part::Elsewhere);
    }
}
