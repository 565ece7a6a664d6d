//! Pages of a list, and totals that stay cheap.

use bulkhead_model::{Failure, Result};
use sqlx::any::AnyRow;

use crate::catalog::Catalog;
use crate::fields::Fields;
use crate::session::sql_of_parts;

/// A total is exact up to here; one more means "more than that". Counting must not become the dearest part of a list
/// that only grows.
pub(crate) const COUNTED: u64 = 10_000;

/// Which part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The page, from 1.
    pub page: u32,
    /// Entries on a page, at least 1.
    pub page_size: u32,
}

impl Default for Page {
    fn default() -> Self {
        Self { page: 1, page_size: 50 }
    }
}

impl Page {
    fn limit(self) -> i64 {
        i64::from(self.page_size.max(1))
    }

    fn offset(self) -> i64 {
        self.limit().saturating_mul(i64::from(self.page.max(1)) - 1)
    }
}

impl Catalog {
    /// One page of the rows of `table` that meet `clauses` (of `$1`, `$2`, ... for `values`), and how many there are.
    pub(crate) async fn counted_page(
        &self,
        table: &str,
        clauses: &str,
        values: &[Bound],
        order: &str,
        page: Page,
    ) -> Result<(Vec<AnyRow>, u64)> {
        let (limit, offset) = (values.len() + 1, values.len() + 2);
        let mut count = sql_of_parts(format!(
            "SELECT COUNT(*) AS total FROM (SELECT 1 AS one FROM {table} WHERE {clauses} LIMIT ${limit}) AS counted"
        ));
        let mut rows = sql_of_parts(format!(
            "SELECT * FROM {table} WHERE {clauses} ORDER BY {order} LIMIT ${limit} OFFSET ${offset}"
        ));
        for value in values {
            (count, rows) = match value {
                Bound::Text(text) => (count.bind(text.clone()), rows.bind(text.clone())),
                Bound::Number(number) => (count.bind(*number), rows.bind(*number)),
            };
        }
        count = count.bind(i64::try_from(COUNTED + 1).unwrap_or(i64::MAX));
        let total: u64 = match self.rows(count).await?.first() {
            Some(row) => Fields(row).unsigned("total")?,
            None => 0,
        };
        if total > COUNTED && u64::try_from(page.offset()).unwrap_or(u64::MAX) > COUNTED {
            return Err(Failure::invalid(format!("`page` lies past the first {COUNTED} entries of the list"))
                .with_hint("narrow the list with its filters, e.g. `until`"));
        }
        let rows = self.rows(rows.bind(page.limit()).bind(page.offset())).await?;
        Ok((rows, total))
    }
}

/// A value of a clause.
#[derive(Clone, Debug)]
pub(crate) enum Bound {
    Text(String),
    Number(i64),
}

impl From<&str> for Bound {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
