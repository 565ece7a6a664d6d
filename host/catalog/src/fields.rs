//! Values between rows and types.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use bulkhead_model::{Failure, Result, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::any::AnyRow;
use sqlx::{Any, Decode, Row, Type};

/// A row, read by the names of its columns. A value that does not parse is a fault of the catalog, never a panic.
pub(crate) struct Fields<'r>(pub(crate) &'r AnyRow);

impl<'r> Fields<'r> {
    fn get<T: Decode<'r, Any> + Type<Any>>(&self, column: &str) -> Result<T> {
        self.0.try_get(column).map_err(|error| malformed(column, &error))
    }

    pub(crate) fn text(&self, column: &str) -> Result<String> {
        self.get(column)
    }

    pub(crate) fn optional_text(&self, column: &str) -> Result<Option<String>> {
        self.get(column)
    }

    /// An id, a state, a method.
    pub(crate) fn parsed<T: FromStr<Err: Display>>(&self, column: &str) -> Result<T> {
        self.text(column)?.parse().map_err(|error: T::Err| malformed(column, &error))
    }

    pub(crate) fn optional_parsed<T: FromStr<Err: Display>>(&self, column: &str) -> Result<Option<T>> {
        let text = self.optional_text(column)?;
        text.map(|text| text.parse().map_err(|error: T::Err| malformed(column, &error))).transpose()
    }

    pub(crate) fn number(&self, column: &str) -> Result<i64> {
        self.get(column)
    }

    pub(crate) fn optional_number(&self, column: &str) -> Result<Option<i64>> {
        self.get(column)
    }

    /// A size or a count.
    pub(crate) fn unsigned<T: TryFrom<i64, Error: Display>>(&self, column: &str) -> Result<T> {
        T::try_from(self.number(column)?).map_err(|error| malformed(column, &error))
    }

    pub(crate) fn optional_unsigned<T: TryFrom<i64, Error: Display>>(&self, column: &str) -> Result<Option<T>> {
        let number = self.optional_number(column)?;
        number.map(|number| T::try_from(number).map_err(|error| malformed(column, &error))).transpose()
    }

    pub(crate) fn flag(&self, column: &str) -> Result<bool> {
        Ok(self.number(column)? != 0)
    }

    /// Microseconds.
    pub(crate) fn duration(&self, column: &str) -> Result<Duration> {
        self.unsigned(column).map(Duration::from_micros)
    }

    pub(crate) fn time(&self, column: &str) -> Result<Timestamp> {
        Ok(Timestamp::from_micros(self.number(column)?))
    }

    pub(crate) fn optional_time(&self, column: &str) -> Result<Option<Timestamp>> {
        Ok(self.optional_number(column)?.map(Timestamp::from_micros))
    }

    pub(crate) fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T> {
        serde_json::from_str(&self.text(column)?).map_err(|error| malformed(column, &error))
    }

    pub(crate) fn optional_json<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>> {
        let text = self.optional_text(column)?;
        text.map(|text| serde_json::from_str(&text).map_err(|error| malformed(column, &error))).transpose()
    }
}

fn malformed(column: &str, error: &impl Display) -> Failure {
    Failure::internal(format!("the catalog holds a malformed `{column}`: {error}"))
}

/// A size for a BIGINT column. Sizes past 8 EiB do not occur; they would stay at the end of the scale.
pub(crate) fn big(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// JSON for a TEXT column.
pub(crate) fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Failure::internal(format!("cannot be written as JSON: {error}")))
}

/// [`json`] of what may be missing.
pub(crate) fn optional_json(value: Option<&impl Serialize>) -> Result<Option<String>> {
    value.map(json).transpose()
}

/// Text from outside for a TEXT column: PostgreSQL refuses a NUL. (JSON escapes it.)
pub(crate) fn plain(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
