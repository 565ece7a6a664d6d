//! `[auth]`: who may call the API.

use std::fmt;

use super::Context;
use super::reader::Section;

/// Where the secret is looked for when nothing else is said.
pub const DEFAULT_SECRET_ENV: &str = "BULKHEAD_JWT_SECRET";

/// The fewest bytes of a secret that tokens are signed with (RFC 7518, section 3.2).
pub const MIN_SECRET_BYTES: usize = 32;

/// A secret that does not show itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// The bytes, for signing and checking.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Checks the length.
    ///
    /// # Errors
    /// When the secret is too short to be safe.
    pub fn new(text: &str) -> Result<Self, String> {
        let bytes = text.trim_end_matches(['\r', '\n']).as_bytes().to_vec();
        if bytes.len() < MIN_SECRET_BYTES {
            return Err(format!("the secret has {} bytes, at least {MIN_SECRET_BYTES} are needed", bytes.len()));
        }
        Ok(Self(bytes))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// How callers are recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// By a token signed with this secret.
    Jwt(Secret),
    /// Not at all; only on loopback.
    None,
}

/// How a person makes a good secret.
pub const SECRET_HINT: &str = "make one with `openssl rand -hex 32`";

/// Reads `[auth]`; `None` when something is wrong, which is noted.
pub fn read(root: &Section<'_>, context: &Context) -> Option<Auth> {
    let Some(section) = root.table("auth") else {
        return from_environment(root, "auth", DEFAULT_SECRET_ENV, context);
    };
    let open = section.choice("mode", &[("jwt", false), ("none", true)], false);
    let variable = section.text("jwt_secret_env");
    let file = section.file("jwt_secret_file", &context.base);
    let auth = match (open, variable, file) {
        (true, None, None) => Some(Auth::None),
        (true, _, _) => {
            section.wrong("mode", "is \"none\", yet a secret is named", "remove the mode or the secret");
            None
        }
        (false, Some(_), Some(_)) => {
            section.wrong("jwt_secret_file", "stands beside jwt_secret_env", "keep one of the two");
            None
        }
        (false, None, Some(file)) => match std::fs::read_to_string(&file) {
            Ok(text) => checked(&section, "jwt_secret_file", &text),
            Err(error) => {
                let message = format!("{} cannot be read: {error}", file.display());
                section.wrong("jwt_secret_file", message, SECRET_HINT);
                None
            }
        },
        (false, variable, None) => {
            let variable = variable.unwrap_or_else(|| DEFAULT_SECRET_ENV.to_owned());
            from_environment(&section, "jwt_secret_env", &variable, context)
        }
    };
    section.finish();
    auth
}

fn from_environment(section: &Section<'_>, key: &str, variable: &str, context: &Context) -> Option<Auth> {
    match context.environment.get(variable) {
        Some(text) => checked(section, key, text),
        None => {
            let message = format!("the environment variable {variable} is not set");
            section.wrong(key, message, format!("set it to a secret; {SECRET_HINT}"));
            None
        }
    }
}

fn checked(section: &Section<'_>, key: &str, text: &str) -> Option<Auth> {
    match Secret::new(text) {
        Ok(secret) => Some(Auth::Jwt(secret)),
        Err(message) => {
            section.wrong(key, message, SECRET_HINT);
            None
        }
    }
}
