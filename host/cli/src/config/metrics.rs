//! `[metrics]`: who may read them.

use super::Context;
use super::auth::Secret;
use super::reader::Section;

/// Reads `[metrics]`: the token that `/metrics` asks for. Without one, only callers on this machine are answered.
pub fn read(root: &Section<'_>, context: &Context) -> Option<Secret> {
    let section = root.table("metrics")?;
    let token = section.text("token_env").and_then(|variable| {
        let hint = format!("set {variable} to a token; make one with `openssl rand -hex 32`");
        match context.environment.get(&variable).map(Secret::new) {
            Some(Ok(token)) => Some(token),
            Some(Err(message)) => {
                section.wrong("token_env", message.replace("secret", "token"), hint);
                None
            }
            None => {
                section.wrong("token_env", format!("the environment variable {variable} is not set"), hint);
                None
            }
        }
    });
    section.finish();
    token
}
