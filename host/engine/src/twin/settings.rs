//! Which settings of a server change what a statement, a row or a file means, and what their values may look like.
//!
//! Values come from servers and from reports, which are stored where tenants can write. Each becomes an argument of a server of the
//! host's own, so only what is listed here, in this form, is ever used.

/// What a setting is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sense {
    /// What statements do, and how rows are read.
    Meaning,
    /// How InnoDB and Aria lay out a new data directory. What was copied brings its own.
    Layout,
}

/// What a value may look like.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// `ON` or `OFF`.
    Switch,
    /// A decimal number, inclusive bounds.
    Number(u64, u64),
    /// One of these words, in any case.
    OneOf(&'static [&'static str]),
    /// A word of letters, digits, `_` and `-`.
    Word,
    /// Such words with commas between, or nothing.
    Words,
    /// `ibdata1:12M:autoextend`, all in the data directory.
    DataFiles,
}

struct Setting {
    name: &'static str,
    sense: Sense,
    form: Form,
}

const fn meaning(name: &'static str, form: Form) -> Setting {
    Setting { name, sense: Sense::Meaning, form }
}

const fn layout(name: &'static str, form: Form) -> Setting {
    Setting { name, sense: Sense::Layout, form }
}

/// Those of every server.
const ENGINES: &[&str] = &["InnoDB", "Aria", "MyISAM", "MEMORY", "CSV"];

/// <https://mariadb.com/kb/en/server-system-variables/>
const SETTINGS: &[Setting] = &[
    meaning("sql_mode", Form::Words),
    meaning("old_mode", Form::Words),
    meaning("explicit_defaults_for_timestamp", Form::Switch),
    meaning("character_set_server", Form::Word),
    meaning("collation_server", Form::Word),
    meaning("default_storage_engine", Form::OneOf(ENGINES)),
    meaning("innodb_strict_mode", Form::Switch),
    meaning("innodb_default_row_format", Form::Word),
    meaning("innodb_file_per_table", Form::Switch),
    meaning("innodb_read_only_compressed", Form::Switch),
    meaning("innodb_ft_min_token_size", Form::Number(0, 16)),
    meaning("innodb_ft_max_token_size", Form::Number(10, 84)),
    meaning("innodb_ft_enable_stopword", Form::Switch),
    meaning("ft_min_word_len", Form::Number(1, 84)),
    meaning("ft_max_word_len", Form::Number(10, 84)),
    meaning("group_concat_max_len", Form::Number(4, u64::MAX)),
    meaning("div_precision_increment", Form::Number(0, 30)),
    meaning("default_week_format", Form::Number(0, 7)),
    meaning("max_sort_length", Form::Number(4, 8 << 20)),
    meaning("max_heap_table_size", Form::Number(16 << 10, 64 << 30)),
    meaning("max_recursive_iterations", Form::Number(0, u64::MAX)),
    meaning("max_sp_recursion_depth", Form::Number(0, 255)),
    meaning("lc_time_names", Form::Word),
    meaning("system_versioning_alter_history", Form::OneOf(&["ERROR", "KEEP"])),
    meaning("updatable_views_with_limit", Form::OneOf(&["YES", "NO"])),
    layout("innodb_page_size", Form::OneOf(&["4096", "8192", "16384", "32768", "65536"])),
    layout("innodb_data_file_path", Form::DataFiles),
    layout("innodb_undo_tablespaces", Form::Number(0, 127)),
    layout("aria_block_size", Form::OneOf(&["1024", "2048", "4096", "8192", "16384", "32768"])),
];

/// All names, as in `SHOW GLOBAL VARIABLES`.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().map(|setting| setting.name)
}

/// The setting of that name and what it is for, when it is on the list and the value has its form.
pub(super) fn admit(name: &str, value: &str) -> Option<(&'static str, Sense)> {
    let setting = SETTINGS.iter().find(|setting| setting.name == name)?;
    setting.form.holds(value).then_some((setting.name, setting.sense))
}

impl Form {
    fn holds(self, value: &str) -> bool {
        let is_word = |word: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
            !word.is_empty() && word.len() <= 64 && word.bytes().all(plain) && !word.starts_with('-')
        };
        match self {
            Self::Switch => matches!(value, "ON" | "OFF"),
            Self::Number(least, most) => {
                let digits = value.len() <= 20 && value.bytes().all(|byte| byte.is_ascii_digit());
                digits && value.parse().is_ok_and(|number| (least..=most).contains(&number))
            }
            Self::OneOf(words) => words.iter().any(|word| word.eq_ignore_ascii_case(value)),
            Self::Word => is_word(value),
            Self::Words => value.len() <= 1024 && (value.is_empty() || value.split(',').all(is_word)),
            Self::DataFiles => is_data_files(value),
        }
    }
}

/// Files named without a directory, with sizes that a new server makes quickly.
fn is_data_files(value: &str) -> bool {
    const SIZE_MAX: u64 = 1 << 40;
    let is_size = |size: &str| {
        let (digits, unit) = match size.strip_suffix(['K', 'M', 'G']) {
            Some(digits) => (
                digits,
                match size.as_bytes().last() {
                    Some(b'K') => 1 << 10,
                    Some(b'M') => 1 << 20,
                    _ => 1 << 30,
                },
            ),
            None => (size, 1),
        };
        let number: Option<u64> = digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()));
        number.and_then(|number| number.checked_mul(unit)).is_some_and(|bytes| bytes <= SIZE_MAX)
    };
    let is_file = |spec: &str| {
        let mut parts = spec.split(':');
        let named = parts.next().is_some_and(|name| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
            !name.is_empty() && name.len() <= 64 && name.bytes().all(plain) && !name.starts_with(['.', '-'])
        });
        let sized = parts.next().is_some_and(is_size);
        let grows = match parts.collect::<Vec<_>>().as_slice() {
            [] | ["autoextend"] => true,
            ["autoextend", "max", most] => is_size(most),
            _ => false,
        };
        named && sized && grows
    };
    value.len() <= 512 && !value.is_empty() && value.split(';').all(is_file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_settings_with_values_of_their_form_are_taken() {
        for (name, good) in [
            ("sql_mode", "STRICT_TRANS_TABLES,NO_ZERO_DATE"),
            ("sql_mode", ""),
            ("innodb_strict_mode", "OFF"),
            ("innodb_page_size", "32768"),
            ("innodb_data_file_path", "ibdata1:64M:autoextend"),
            ("innodb_data_file_path", "ib1:12M;ib2:50M:autoextend:max:500M"),
            ("default_storage_engine", "innodb"),
            ("group_concat_max_len", "18446744073709551615"),
        ] {
            assert!(admit(name, good).is_some(), "{name}={good}");
        }
        for (name, bad) in [
            ("plugin_load", "evil.so"),
            ("init_file", "/etc/passwd"),
            ("sql_mode", "A --plugin-load=x"),
            ("sql_mode", "A,,B"),
            ("collation_server", "../x"),
            ("innodb_strict_mode", "on;"),
            ("innodb_page_size", "12345"),
            ("innodb_data_file_path", "/etc/x:12M"),
            ("innodb_data_file_path", "../x:12M"),
            ("innodb_data_file_path", "ibdata1:99999G"),
            ("innodb_data_file_path", "ibdata1:12Mnewraw"),
            ("default_storage_engine", "CONNECT"),
            ("group_concat_max_len", "+4"),
        ] {
            assert!(admit(name, bad).is_none(), "{name}={bad}");
        }
    }
}
