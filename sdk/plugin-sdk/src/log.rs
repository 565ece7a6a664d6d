//! Lines for the attempt's log. They are capped by the host, and never hold a secret.

pub use crate::bindings::shared::bulkhead::host::log::{Level, write};

/// Writes a line at a level: a format string and its arguments, then fields as `; "name" => value`.
///
/// ```ignore
/// info!("copied {tables} tables"; "data_bytes" => bytes);
/// ```
#[macro_export]
macro_rules! log_at {
    ($level:ident, $($format:expr),+ $(,)? $(; $($name:expr => $value:expr),+ $(,)?)?) => {
        $crate::log::write(
            $crate::log::Level::$level,
            &::std::format!($($format),+),
            &[$($((::std::string::String::from($name), ::std::string::ToString::to_string(&$value))),+)?],
        )
    };
}

/// For plugin authors; see [`log_at!`].
#[macro_export]
macro_rules! debug {
    ($($line:tt)+) => { $crate::log_at!(Debug, $($line)+) };
}

/// Worth reading; see [`log_at!`].
#[macro_export]
macro_rules! info {
    ($($line:tt)+) => { $crate::log_at!(Info, $($line)+) };
}

/// Worth looking at; see [`log_at!`].
#[macro_export]
macro_rules! warn {
    ($($line:tt)+) => { $crate::log_at!(Warn, $($line)+) };
}

/// Went wrong; see [`log_at!`].
#[macro_export]
macro_rules! error {
    ($($line:tt)+) => { $crate::log_at!(Error, $($line)+) };
}
