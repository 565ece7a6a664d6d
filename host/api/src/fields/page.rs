//! Pages of lists.

use axum::http::{HeaderName, HeaderValue};
use bulkhead_catalog::Page;
use bulkhead_model::Result;
use utoipa::IntoParams;

use super::Fields;

const DEFAULT_SIZE: u32 = 50;
const MAX_SIZE: u32 = 1_000;

/// How many entries short lists answer unless asked for fewer.
pub const ALL: u32 = MAX_SIZE;

/// The parameters of a short list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the parameters, for their document")]
pub struct ManyQuery {
    /// The page, from 1.
    #[param(minimum = 1, default = 1)]
    page: Option<u32>,
    /// Entries on a page.
    #[param(minimum = 1, maximum = 1000, default = 1000)]
    page_size: Option<u32>,
}

/// The parameters of a list that has no others.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the parameters, for their document")]
pub struct PageQuery {
    /// The page, from 1.
    #[param(minimum = 1, default = 1)]
    page: Option<u32>,
    /// Entries on a page.
    #[param(minimum = 1, maximum = 1000, default = 50)]
    page_size: Option<u32>,
}

impl Fields {
    /// Which page is asked for.
    ///
    /// # Errors
    /// `invalid`.
    pub fn page(&self) -> Result<Page> {
        self.page_of(DEFAULT_SIZE)
    }

    /// The same, with another size unless one is asked for.
    ///
    /// # Errors
    /// `invalid`.
    pub fn page_of(&self, size: u32) -> Result<Page> {
        Ok(Page {
            page: self.number("page", 1..=u32::MAX, 1)?,
            page_size: self.number("page_size", 1..=MAX_SIZE, size)?,
        })
    }
}

/// How many there are on all pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paged {
    /// Entries.
    pub total: u64,
    /// Pages of this size.
    pub pages: u64,
}

impl Paged {
    /// Of a list of `total` entries.
    pub fn new(total: u64, page: Page) -> Self {
        Self { total, pages: total.div_ceil(u64::from(page.page_size.max(1))) }
    }

    /// For lists that answer a bare array: the total in a header.
    pub fn header(total: u64) -> [(HeaderName, HeaderValue); 1] {
        [(HeaderName::from_static("x-total-count"), HeaderValue::from(total))]
    }
}

/// The part of a list that is wholly at hand.
pub fn cut<T>(all: Vec<T>, page: Page) -> Vec<T> {
    let size = usize::try_from(page.page_size).unwrap_or(usize::MAX);
    let before = usize::try_from(page.page.saturating_sub(1)).unwrap_or(usize::MAX).saturating_mul(size);
    all.into_iter().skip(before).take(size).collect()
}
