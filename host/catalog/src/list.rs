//! Lists: rows of an organization that fulfil some conditions, newest first, a page at a time.

use bulkhead_model::{OrganizationId, Result, ServiceId};
use sqlx::any::AnyRow;

use crate::catalog::Catalog;
use crate::fields::big;
use crate::session::{Sql, sql_of_parts};

/// Rows of one table. Columns and conditions are constants of this crate; values are bound.
pub(crate) struct Selection {
    table: &'static str,
    conditions: String,
    values: Vec<String>,
}

impl Selection {
    pub(crate) fn new(table: &'static str, organization: &OrganizationId) -> Self {
        Self { table, conditions: "organization = $1".to_owned(), values: vec![organization.as_str().to_owned()] }
    }

    /// A condition without values, in the words of the partial index that it lets the databases use.
    pub(crate) fn given(&mut self, condition: &str) {
        self.conditions.push_str(" AND ");
        self.conditions.push_str(condition);
    }

    /// Only rows with this value, when there is one.
    pub(crate) fn only(&mut self, column: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.values.push(value.to_owned());
            self.given(&format!("{column} = ${}", self.values.len()));
        }
    }

    /// Only rows with one of these values, when they are given; none at all when there are none.
    pub(crate) fn among<'v>(&mut self, column: &str, values: Option<impl Iterator<Item = &'v str>>) {
        let Some(values) = values else { return };
        let mut values: Vec<String> = values.map(str::to_owned).collect();
        let Some(last) = values.last().cloned() else { return self.given("1 = 0") };
        // To the next power of two, by repeating the last one: few different statements to prepare.
        values.resize(values.len().next_power_of_two(), last);
        let first = self.values.len() + 1;
        self.values.append(&mut values);
        let places: Vec<String> = (first..=self.values.len()).map(|place| format!("${place}")).collect();
        self.given(&format!("{column} IN ({})", places.join(", ")));
    }

    /// Only rows from one value on, up to before another.
    pub(crate) fn between(&mut self, column: &str, from: &str, before: &str) {
        for (relation, value) in [(">=", from), ("<", before)] {
            self.values.push(value.to_owned());
            self.given(&format!("{column} {relation} ${}", self.values.len()));
        }
    }

    /// Only rows of a service, and of some services.
    pub(crate) fn of_services(&mut self, service: Option<&ServiceId>, services: Option<&[ServiceId]>) {
        self.only("service", service.map(ServiceId::as_str));
        self.among("service", services.map(|services| services.iter().map(ServiceId::as_str)));
    }

    /// Reads `columns` of the rows; `rest` are further clauses.
    pub(crate) fn query<'q>(self, columns: &str, rest: &str) -> Sql<'q> {
        let text = format!("SELECT {columns} FROM {} WHERE {} {rest}", self.table, self.conditions);
        self.bound(text)
    }

    fn bound<'q>(self, text: String) -> Sql<'q> {
        let mut query = sql_of_parts(text);
        for value in self.values {
            query = query.bind(value);
        }
        query
    }
}

/// From how many rows passed over on it pays not to look at them.
const FAR: u64 = 1000;

/// A page of a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    /// From 1.
    pub(crate) number: u32,
    /// Rows on a page, at least 1.
    pub(crate) size: u32,
    /// Rows on all pages.
    pub(crate) total: u64,
}

impl Page {
    /// How many rows to read, whether from the old end, and how many to pass over before. The databases walk along what
    /// is passed over, so that the last page must not be sought from the first one.
    fn place(self) -> Option<(u64, bool, u64)> {
        let size = u64::from(self.size.max(1));
        let before = size.saturating_mul(u64::from(self.number.max(1)) - 1);
        let rows = size.min(self.total.checked_sub(before).filter(|left| *left > 0)?);
        let after = self.total - before - rows;
        Some(if before <= after { (rows, false, before) } else { (rows, true, after) })
    }
}

impl Catalog {
    /// The rows of one page, by the columns `order`, the greatest first.
    pub(crate) async fn page(&self, selection: Selection, order: &[&str], page: Page) -> Result<Vec<AnyRow>> {
        let Some((rows, backwards, offset)) = page.place() else { return Ok(Vec::new()) };
        let direction = if backwards { "ASC" } else { "DESC" };
        let order: Vec<String> = order.iter().map(|column| format!("{column} {direction}")).collect();
        // Numbers of our own making, but as values they leave the statement the same for all pages.
        let first = selection.values.len() + 1;
        let (table, conditions) = (selection.table, &selection.conditions);
        let order = order.join(", ");
        let place = format!("{conditions} ORDER BY {order} LIMIT ${first} OFFSET ${}", first + 1);
        let text = match offset {
            0..FAR => format!("SELECT * FROM {table} WHERE {place}"),
            // What is passed over is found in the index alone, without its row.
            _ => format!("SELECT * FROM {table} WHERE id IN (SELECT id FROM {table} WHERE {place}) ORDER BY {order}"),
        };
        let query = selection.bound(text).bind(big(rows)).bind(big(offset));
        let mut rows = self.rows(query).await?;
        if backwards {
            rows.reverse();
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::Page;

    #[test]
    fn a_page_is_sought_from_the_nearer_end() {
        let place = |number, size, total| Page { number, size, total }.place();
        assert_eq!(place(1, 3, 8), Some((3, false, 0)));
        assert_eq!(place(2, 3, 8), Some((3, true, 2)));
        assert_eq!(place(3, 3, 8), Some((2, true, 0)));
        assert_eq!(place(4, 3, 8), None);
        assert_eq!(place(1, 3, 0), None);
        assert_eq!(place(u32::MAX, u32::MAX, 8), None);
        assert_eq!(place(1, 50, 8), Some((8, false, 0)));
    }
}
