//! Problem answers that only some operations give, for their documents. What all of them may answer is added by `document`.

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::{Ref, RefOr, Response};

macro_rules! answers {
    ($($(#[$doc:meta])* $name:ident => $status:literal;)*) => {
        $(
            $(#[$doc])*
            pub struct $name;

            impl IntoResponses for $name {
                fn responses() -> BTreeMap<String, RefOr<Response>> {
                    [($status.to_owned(), RefOr::Ref(Ref::from_response_name(concat!("Problem", $status))))].into()
                }
            }
        )*
    };
}

answers!(
    /// No credential was sent, or one that does not count.
    Unauthenticated => "401";
    /// Not for this caller.
    Denied => "403";
    /// What the request names does not exist, or belongs to another organization.
    NotFound => "404";
    /// Something is in the way.
    Conflict => "409";
    /// This version, plugin, tool or server cannot do it.
    Unsupported => "422";
);
