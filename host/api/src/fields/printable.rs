//! Names that people choose, and names of people: they stand in tables and sentences.

use bulkhead_model::{Failure, Result, is_hidden};

/// Text of 1 to `most` characters that can be read where it is printed.
///
/// # Errors
/// `invalid`.
pub fn printable(text: &str, most: usize) -> Result<String> {
    let fits = (1..=most).contains(&text.chars().count());
    if fits && text.trim() == text && !text.chars().any(is_hidden) {
        return Ok(text.to_owned());
    }
    Err(Failure::invalid(format!("must be 1 to {most} printable characters, without blanks at its ends")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_read_is_taken_as_it_is() {
        for good in ["a", "ann@example.com", "auth0|5f7c", "Ünal Ösiç", &"é".repeat(20)] {
            assert_eq!(printable(good, 20).as_deref(), Ok(good));
        }
        for bad in ["", " ", "ann ", "a\nb", "a\u{7f}", "a\u{202e}b", "a\u{2028}b", &"é".repeat(21)] {
            assert!(printable(bad, 20).is_err(), "{bad:?}");
        }
    }
}
