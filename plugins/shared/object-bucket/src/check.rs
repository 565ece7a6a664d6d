//! Checks of configurations and credentials, whose messages name the field and the way out.

use bulkhead_plugin_sdk::{Failure, Result};
use serde_json::{Map, Value};
use url::Url;

/// Reads an address: scheme, host, perhaps a port and a path.
///
/// # Errors
/// `invalid`, naming the key.
pub fn address(key: &str, text: &str) -> Result<Url> {
    let wrong = |why: &str| {
        Failure::invalid(format!("configuration: `{key}` {why}")).with_hint(
            "write scheme and host, and the port if it is not the usual one, e.g. https://storage.example.com",
        )
    };
    let url = Url::parse(text.trim_end_matches('/')).map_err(|_| wrong("is no address"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(wrong("is no http or https address"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("holds a user or a password, which belong into the credentials"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("holds more than an address: nothing after `?` or `#`"));
    }
    Ok(url)
}

/// Checks that a text is one of a few.
///
/// # Errors
/// `invalid`, naming the key and what it may hold.
pub fn one_of(key: &str, text: &str, known: &[&str]) -> Result<()> {
    if known.contains(&text) {
        return Ok(());
    }
    let known: Vec<_> = known.iter().map(|known| format!("`{known}`")).collect();
    Err(Failure::invalid(format!("configuration: `{key}` is {}, and nothing else", known.join(" or "))))
}

/// Checks the name of a bucket and the like: letters, digits and `others`, of a length.
///
/// # Errors
/// `invalid`, naming the key and what it may hold.
pub fn name(key: &str, text: &str, others: &str, length: std::ops::RangeInclusive<usize>) -> Result<()> {
    let (shortest, longest) = (length.start(), length.end());
    if text.is_empty() {
        return Err(Failure::invalid(format!("configuration: `{key}` is empty")));
    }
    if !length.contains(&text.len()) {
        let message = format!("configuration: `{key}` has {shortest} to {longest} characters, not {}", text.len());
        return Err(Failure::invalid(message));
    }
    match text.chars().find(|c| !c.is_ascii_alphanumeric() && !others.contains(*c)) {
        None => Ok(()),
        Some('/' | ':') => {
            Err(Failure::invalid(format!("configuration: `{key}` is a name alone, without scheme or path"))
                .with_hint("what comes after the name of the bucket belongs into `prefix`"))
        }
        Some(c) => Err(Failure::invalid(format!("configuration: `{key}` holds {c:?}, which no such name does"))),
    }
}

/// Checks a text that travels in a header.
///
/// # Errors
/// `invalid`, naming the key.
pub fn word(key: &str, text: &str) -> Result<()> {
    if !text.is_empty() && text.len() <= 2048 && text.chars().all(|c| c.is_ascii_graphic()) {
        return Ok(());
    }
    Err(Failure::invalid(format!("configuration: `{key}` is one word of printable characters")))
}

/// Credentials: a JSON object whose values no message repeats.
pub struct Credentials {
    fields: Map<String, Value>,
    /// How they look.
    form: String,
}

impl Credentials {
    /// Reads them. `form` shows how they look.
    ///
    /// # Errors
    /// `invalid`.
    pub fn parse(credentials: &str, form: &str) -> Result<Self> {
        let none = Self { fields: Map::new(), form: form.to_owned() };
        match serde_json::from_str(credentials) {
            Ok(Value::Object(fields)) => Ok(Self { fields, ..none }),
            Ok(_) => Err(none.wrong("they are no JSON object")),
            // The place alone: the error's text repeats what it stumbled over.
            Err(error) => {
                Err(none.wrong(&format!("they are no JSON (line {}, column {})", error.line(), error.column())))
            }
        }
    }

    fn wrong(&self, why: &str) -> Failure {
        Failure::invalid(format!("credentials: {why}")).with_hint(format!("they are {}", self.form))
    }

    /// Refuses fields that mean nothing.
    ///
    /// # Errors
    /// `invalid`, with the fields there are.
    pub fn only(&self, known: &[&str]) -> Result<()> {
        if self.fields.keys().all(|field| known.contains(&field.as_str())) {
            return Ok(());
        }
        let known: Vec<_> = known.iter().map(|known| format!("`{known}`")).collect();
        Err(self.wrong(&format!("they hold {}, and nothing else", known.join(", "))))
    }

    /// A field that may be missing; null and an empty text are missing as well.
    ///
    /// # Errors
    /// `invalid` when it is no text.
    pub fn optional(&self, field: &str) -> Result<Option<&str>> {
        match self.fields.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.trim()).filter(|text| !text.is_empty())),
            Some(_) => Err(self.wrong(&format!("`{field}` is no text"))),
        }
    }

    /// A field that has to be there.
    ///
    /// # Errors
    /// `invalid` when it is missing or no text.
    pub fn required(&self, field: &str) -> Result<&str> {
        self.optional(field)?.ok_or_else(|| self.wrong(&format!("`{field}` is missing or empty")))
    }

    /// A field of printable characters without spaces, that may be missing.
    ///
    /// # Errors
    /// `invalid` for anything else.
    pub fn optional_word(&self, field: &str) -> Result<Option<&str>> {
        let text = self.optional(field)?;
        if text.is_some_and(|text| !text.chars().all(|c| c.is_ascii_graphic())) {
            let failure = Failure::invalid(format!("credentials: `{field}` holds spaces, line breaks or the like"));
            return Err(failure.with_hint("copy it again, without what is around it"));
        }
        Ok(text)
    }

    /// A field of printable characters without spaces.
    ///
    /// # Errors
    /// `invalid` for anything else.
    pub fn word(&self, field: &str) -> Result<&str> {
        self.required(field)?;
        Ok(self.optional_word(field)?.unwrap_or_default())
    }
}
