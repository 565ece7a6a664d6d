//! `[catalog]`: where jobs and backups are recorded.

use std::path::Path;

use super::Context;
use super::reader::Section;

/// Reads `[catalog]`; gives the address with a relative file made absolute.
pub fn read(root: &Section<'_>, context: &Context, data_dir: &Path) -> String {
    let default = format!("sqlite:{}", data_dir.join("catalog.db").display());
    let Some(section) = root.table("catalog") else { return default };
    let url = section.text("url").map_or(default, |url| {
        if let Some(file) = url.strip_prefix("sqlite:") {
            let file = file.strip_prefix("//").unwrap_or(file);
            if file.is_empty() || file == ":memory:" {
                section.wrong("url", "names no file", "write e.g. url = \"sqlite:data/catalog.db\"");
            }
            format!("sqlite:{}", context.base.join(file).display())
        } else {
            if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
                // The address may hold a password: it is not repeated.
                section.wrong(
                    "url",
                    "is neither SQLite nor PostgreSQL",
                    "write url = \"sqlite:data/catalog.db\" or url = \"postgres://user@host/database\"",
                );
            }
            url
        }
    });
    section.finish();
    url
}
