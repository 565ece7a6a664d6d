//! Which fields a request knows: those of its documented schema.

use bulkhead_model::{Failure, Result, nearest};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, schema::Schema};

use super::Fields;

impl Fields {
    /// Refuses fields that the schema of `T` does not have.
    ///
    /// # Errors
    /// `invalid`, naming the field and the known one that was probably meant.
    pub fn only_of<T: ToSchema>(self) -> Result<Self> {
        let RefOr::T(Schema::Object(object)) = T::schema() else {
            return Err(Failure::internal("the schema of a request is no object"));
        };
        let known: Vec<&str> = object.properties.keys().map(String::as_str).collect();
        self.only(&known)
    }

    /// Refuses fields outside `known`.
    ///
    /// # Errors
    /// `invalid`, naming the field and the known one that was probably meant.
    pub fn only(self, known: &[&str]) -> Result<Self> {
        let Some(name) = self.map.keys().find(|name| !known.contains(&name.as_str())) else { return Ok(self) };
        let hint = match nearest(name, known.iter().copied()) {
            Some(candidate) => format!("did you mean `{candidate}`?"),
            None if known.is_empty() => "this request takes no fields".to_owned(),
            None => format!("known: {}", known.join(", ")),
        };
        Err(Failure::invalid(format!("unknown field `{}{name}`", self.place)).with_hint(hint))
    }
}
