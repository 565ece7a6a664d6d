use std::path::PathBuf;

use bulkhead_api::{Claims, mint};
use bulkhead_model::{Clock, OrganizationId, Role, SystemClock};
use clap::Args;
use serde_json::json;

use crate::config::auth::{Auth, DEFAULT_SECRET_ENV, SECRET_HINT, Secret};
use crate::config::units::parse_duration;
use crate::config::{Environment, load_auth};
use crate::exit::{Exit, ExitKind};
use crate::render::{print, print_json};

/// `bulkhead token create`.
#[derive(Args)]
pub struct Create {
    /// The only organization it opens
    #[arg(long, value_name = "ORG")]
    organization: OrganizationId,
    /// viewer reads, operator also backs up, administrator also restores and deletes
    #[arg(long, value_name = "ROLE")]
    role: Role,
    /// Only for these services
    #[arg(long, value_name = "ID,...", value_delimiter = ',')]
    only: Vec<String>,
    /// How long it is good for
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = parse_duration)]
    expires_in: std::time::Duration,
    /// Whose token it is; stands in the host's log
    #[arg(long, value_name = "NAME", default_value = "cli")]
    subject: String,
    /// The host's configuration; without it, the secret is taken from BULKHEAD_JWT_SECRET
    #[arg(long, value_name = "FILE", env = "BULKHEAD_CONFIG")]
    config: Option<PathBuf>,
}

impl Create {
    pub(super) fn run(self, json: bool) -> Result<(), Exit> {
        let secret = self.secret()?;
        let now = SystemClock.now();
        let expires = now.plus(self.expires_in);
        let seconds = |at: bulkhead_model::Timestamp| at.as_micros().div_euclid(1_000_000);
        let claims = Claims {
            sub: self.subject,
            org: self.organization.to_string(),
            roles: vec![self.role.to_string()],
            exp: seconds(expires),
            iat: Some(seconds(now)),
            services: Some(self.only).filter(|services| !services.is_empty()),
            ..Claims::default()
        };
        let token = mint(secret.bytes(), &claims)?;
        if json {
            print_json(&json!({ "token": token, "expires_at": expires.to_seconds_string() }));
        } else {
            print(&token);
        }
        Ok(())
    }

    fn secret(&self) -> Result<Secret, Exit> {
        let environment = Environment::of_process();
        if let Some(path) = &self.config {
            return match load_auth(path, environment)? {
                Auth::Jwt { secret: Some(secret), .. } => Ok(secret),
                Auth::Jwt { secret: None, .. } => {
                    Err(Exit::new(ExitKind::Usage, "this host has no secret of its own: [auth] names only public keys")
                        .with_hint("get a token from the identity provider, or add jwt_secret_env"))
                }
                Auth::None => Err(Exit::new(ExitKind::Usage, "this host asks for no token: [auth] mode is \"none\"")),
            };
        }
        let Some(text) = environment.get(DEFAULT_SECRET_ENV) else {
            let detail = format!("there is no secret to sign with: {DEFAULT_SECRET_ENV} is not set");
            return Err(
                Exit::new(ExitKind::Usage, detail).with_hint("set it to the host's secret, or name its --config FILE")
            );
        };
        Secret::new(text).map_err(|message| {
            Exit::new(ExitKind::Usage, format!("{DEFAULT_SECRET_ENV}: {message}")).with_hint(SECRET_HINT)
        })
    }
}
