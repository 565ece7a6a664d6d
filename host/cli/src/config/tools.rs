//! `[tools.NAME]`: where native programs lie that are not to be searched on `PATH`, and what else they may read.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bulkhead_model::nearest;

use super::Context;
use super::reader::Section;

/// The tools that have an argument policy, and the programs of throw-away servers.
pub const KNOWN: &[&str] =
    &["mariadb-backup", "mbstream", "mariadb-dump", "mariadb", "mariadb-binlog", "mariadbd", "mariadb-install-db"];

/// What the operator says of tools, by their names.
#[derive(Clone, Debug, Default)]
pub struct Tools {
    /// Where they lie.
    pub paths: BTreeMap<String, PathBuf>,
    /// Files and directories that they may read besides: `mariadb-backup` needs the keys of a server that encrypts at rest.
    pub readable: BTreeMap<String, Vec<PathBuf>>,
}

/// Reads every `[tools.NAME]`.
pub fn read(root: &Section<'_>, context: &Context) -> Tools {
    let mut tools = Tools::default();
    let Some(section) = root.table("tools") else { return tools };
    for name in section.keys() {
        let Some(tool) = section.table(name) else { continue };
        if !KNOWN.contains(&name) {
            let hint = nearest(name, KNOWN.iter().copied())
                .map_or_else(|| format!("known: {}", KNOWN.join(", ")), |known| format!("did you mean `{known}`?"));
            section.wrong(name, format!("there is no tool `{name}`"), hint);
        }
        let readable: Vec<_> = tool.texts("read").into_iter().map(|path| context.base.join(path)).collect();
        for path in readable.iter().filter(|path| !path.exists()) {
            let hint = "name a file or directory that the tool may read, e.g. one with keys for data at rest";
            tool.wrong("read", format!("{} does not exist", path.display()), hint);
        }
        match tool.text("path") {
            None if !readable.is_empty() => {}
            None => tool.wrong("path", "is missing", format!("write path = \"/usr/bin/{name}\", or remove the table")),
            Some(_) => {
                if let Some(path) = tool.file("path", &context.base) {
                    if path.is_file() {
                        tools.paths.insert(name.to_owned(), path);
                    } else {
                        let hint = "name the program itself, or remove the table to search it on PATH";
                        tool.wrong("path", format!("{} is no file", path.display()), hint);
                    }
                }
            }
        }
        if !readable.is_empty() {
            tools.readable.insert(name.to_owned(), readable);
        }
        tool.finish();
    }
    tools
}
