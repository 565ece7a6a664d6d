//! `[tools.NAME]`: where native programs lie that are not to be searched on `PATH`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Context;
use super::reader::{Section, nearest};

/// The tools that have an argument policy.
pub const KNOWN: &[&str] = &["mariadb-backup", "mbstream", "mariadb-dump", "mariadb", "mariadb-binlog"];

/// Reads every `[tools.NAME]`.
pub fn read(root: &Section<'_>, context: &Context) -> BTreeMap<String, PathBuf> {
    let mut tools = BTreeMap::new();
    let Some(section) = root.table("tools") else { return tools };
    for name in section.keys() {
        let Some(tool) = section.table(name) else { continue };
        if !KNOWN.contains(&name) {
            let hint = nearest(name, KNOWN.iter().copied())
                .map_or_else(|| format!("known: {}", KNOWN.join(", ")), |known| format!("did you mean `{known}`?"));
            section.wrong(name, format!("there is no tool `{name}`"), hint);
        }
        match tool.text("path") {
            None => tool.wrong("path", "is missing", format!("write path = \"/usr/bin/{name}\", or remove the table")),
            Some(_) => {
                if let Some(path) = tool.file("path", &context.base) {
                    if path.is_file() {
                        tools.insert(name.to_owned(), path);
                    } else {
                        let hint = "name the program itself, or remove the table to search it on PATH";
                        tool.wrong("path", format!("{} is no file", path.display()), hint);
                    }
                }
            }
        }
        tool.finish();
    }
    tools
}
