//! `[auth]`: who may call the API.

use std::fmt;

use bulkhead_api::JwksSource;

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

/// How callers are recognised, besides by API keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// By tokens.
    Jwt {
        /// Signed with this secret.
        secret: Option<Secret>,
        /// Signed by somebody whose public keys are known.
        jwks: Option<Jwks>,
    },
    /// Not at all; only on loopback.
    None,
}

/// Whose tokens count besides the host's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwks {
    /// Where the public keys are.
    pub source: JwksSource,
    /// The claim `iss` that is asked for.
    pub issuer: Option<String>,
    /// The claim `aud` that is asked for.
    pub audience: Option<String>,
}

/// How a person makes a good secret.
pub const SECRET_HINT: &str = "make one with `openssl rand -hex 32`";

/// Reads `[auth]`; `None` when something is wrong, which is noted.
pub fn read(root: &Section<'_>, context: &Context) -> Option<Auth> {
    let Some(section) = root.table("auth") else {
        return from_environment(root, "auth", DEFAULT_SECRET_ENV, context).map(|secret| of_secret(Some(secret)));
    };
    let open = section.choice("mode", &[("jwt", false), ("none", true)], false);
    let variable = section.text("jwt_secret_env");
    let file = section.file("jwt_secret_file", &context.base);
    let jwks = jwks(&section, context);
    let auth = match (open, variable, file) {
        (true, None, None) if jwks.is_none() => Some(Auth::None),
        (true, _, _) => {
            section.wrong("mode", "is \"none\", yet a secret or keys are named", "remove the mode or the others");
            None
        }
        (false, Some(_), Some(_)) => {
            section.wrong("jwt_secret_file", "stands beside jwt_secret_env", "keep one of the two");
            None
        }
        (false, None, Some(file)) => match std::fs::read_to_string(&file) {
            Ok(text) => {
                checked(&section, "jwt_secret_file", &text).map(|secret| Auth::Jwt { secret: Some(secret), jwks })
            }
            Err(error) => {
                let message = format!("{} cannot be read: {error}", file.display());
                section.wrong("jwt_secret_file", message, SECRET_HINT);
                None
            }
        },
        // Whoever has an identity provider needs no secret.
        (false, None, None) if jwks.is_some() && context.environment.get(DEFAULT_SECRET_ENV).is_none() => {
            Some(Auth::Jwt { secret: None, jwks })
        }
        (false, variable, None) => {
            let variable = variable.unwrap_or_else(|| DEFAULT_SECRET_ENV.to_owned());
            from_environment(&section, "jwt_secret_env", &variable, context)
                .map(|secret| Auth::Jwt { secret: Some(secret), jwks })
        }
    };
    section.finish();
    auth
}

fn of_secret(secret: Option<Secret>) -> Auth {
    Auth::Jwt { secret, jwks: None }
}

fn jwks(section: &Section<'_>, context: &Context) -> Option<Jwks> {
    let url = section.text("jwks_url");
    let file = section.file("jwks_file", &context.base);
    if let Some(url) = &url
        && !["https://", "http://"].iter().any(|scheme| url.starts_with(scheme))
    {
        let hint = "write e.g. jwks_url = \"https://login.example.org/.well-known/jwks.json\"";
        section.wrong("jwks_url", format!("`{url}` is no http address"), hint);
    }
    let (issuer, audience) = (section.text("issuer"), section.text("audience"));
    let source = match (url, file) {
        (Some(_), Some(_)) => {
            section.wrong("jwks_file", "stands beside jwks_url", "keep one of the two");
            return None;
        }
        (Some(url), None) => JwksSource::Url(url),
        (None, Some(file)) if file.is_file() => JwksSource::File(file),
        (None, Some(file)) => {
            let hint = "name a file with the public keys of the identity provider, {\"keys\": [...]}";
            section.wrong("jwks_file", format!("{} is no file", file.display()), hint);
            return None;
        }
        (None, None) => {
            for (key, value) in [("issuer", &issuer), ("audience", &audience)] {
                if value.is_some() {
                    section.wrong(
                        key,
                        "is only asked of tokens by jwks_url or jwks_file",
                        "remove it, or name the keys",
                    );
                }
            }
            return None;
        }
    };
    Some(Jwks { source, issuer, audience })
}

fn from_environment(section: &Section<'_>, key: &str, variable: &str, context: &Context) -> Option<Secret> {
    match context.environment.get(variable) {
        Some(text) => checked(section, key, text),
        None => {
            let message = format!("the environment variable {variable} is not set");
            section.wrong(key, message, format!("set it to a secret; {SECRET_HINT}"));
            None
        }
    }
}

fn checked(section: &Section<'_>, key: &str, text: &str) -> Option<Secret> {
    match Secret::new(text) {
        Ok(secret) => Some(secret),
        Err(message) => {
            section.wrong(key, message, SECRET_HINT);
            None
        }
    }
}
