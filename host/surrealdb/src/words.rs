//! Failures out of what a server says.

use bulkhead_model::{Failure, FailureKind};
use http::StatusCode;
use serde_json::Value;

use crate::server::Server;

/// More of a server's words than this helps nobody.
const MOST_WORDS: usize = 1000;

/// The failure of one statement.
pub(crate) fn statement_failure(words: &str) -> Failure {
    let said = short(words);
    if words.contains("Not enough permissions") || words.contains("IAM error") {
        return Failure::denied(said).with_hint("the user needs the role OWNER");
    }
    if words.contains("This transaction can be retried") || words.contains("read or write conflict") {
        return Failure::conflict(said).with_retry(true);
    }
    if words.contains("exceeded the timeout") {
        return Failure::unavailable(said);
    }
    Failure::invalid(said)
}

/// Whether a statement failed only because another one of its transaction has.
pub(crate) fn is_consequence(words: &str) -> bool {
    words.starts_with("The query was not executed due to")
}

/// The failure of a whole request. `body` is what came with the status.
pub(crate) fn request_failure(server: &Server, status: StatusCode, body: &[u8]) -> Failure {
    let address = server.address();
    let said = || {
        let said: Option<Value> = serde_json::from_slice(body).ok();
        let field = |name| said.as_ref()?.get(name)?.as_str().map(short).filter(|text| !text.is_empty());
        field("information").or_else(|| field("description")).or_else(|| field("details"))
    };
    let words = || said().unwrap_or_else(|| format!("status {}", status.as_u16()));
    match status {
        StatusCode::UNAUTHORIZED => Failure::denied(format!(
            "{address} does not know user {:?} at {}, or not this password",
            server.user, server.login
        ))
        .with_hint("check user, password and `login` of the service"),
        StatusCode::FORBIDDEN => Failure::denied(format!(
            "{address} does not allow this to user {:?} at {}: {}",
            server.user,
            server.login,
            words()
        ))
        .with_hint("the user needs the role OWNER, and the server must allow the HTTP routes it is asked for"),
        StatusCode::PAYLOAD_TOO_LARGE => Failure::invalid(format!("{address} does not take requests of this size"))
            .with_hint("raise SURREAL_HTTP_MAX_SQL_BODY_SIZE or SURREAL_HTTP_MAX_IMPORT_BODY_SIZE of the server"),
        StatusCode::TOO_MANY_REQUESTS => Failure::unavailable(format!("{address} is asked too often: {}", words())),
        status if status.is_server_error() => Failure::unavailable(format!("{address} failed: {}", words())),
        StatusCode::NOT_FOUND => {
            Failure::new(FailureKind::Other("protocol".to_owned()), format!("{address} is no SurrealDB server"))
                .with_hint("check host and port of the service")
        }
        _ => Failure::invalid(format!("{address} refused: {}", words())),
    }
}

/// The first line of what was said, and where. Further lines repeat the statement, which may hold a password.
fn short(words: &str) -> String {
    let mut lines = words.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut said: String = lines.next().unwrap_or("no reason given").chars().take(MOST_WORDS).collect();
    let position = lines.find_map(|line| line.strip_prefix("-->")).map(|at| at.trim().trim_matches(['[', ']']));
    if let Some((line, column)) = position.and_then(|at| at.split_once(':')) {
        said = format!("{said} (line {line}, column {column})");
    }
    said
}

#[cfg(test)]
mod tests {
    use bulkhead_model::FailureKind;

    use super::*;
    use crate::server::Login;

    fn server() -> Server {
        Server {
            host: "db.internal".to_owned(),
            port: 8000,
            tls: false,
            user: "backup".to_owned(),
            password: "hunter2".to_owned(),
            login: Login::Namespace("app".to_owned()),
        }
    }

    #[test]
    fn a_refused_user_is_named_with_its_level() {
        let failure = request_failure(&server(), StatusCode::UNAUTHORIZED, b"{}");
        assert_eq!(failure.kind, FailureKind::Denied);
        assert!(failure.message.contains("\"backup\" at namespace \"app\""), "{failure}");
        let failure = request_failure(&server(), StatusCode::SERVICE_UNAVAILABLE, b"<html>");
        assert_eq!((failure.kind, failure.retry), (FailureKind::Unavailable, true));
    }

    #[test]
    fn a_statement_with_a_password_in_it_is_not_repeated() {
        let body = br#"{"code":400,"information":"Parse error: Unexpected token\n --> [3:7]\n  |\n3 | DEFINE USER a PASSWORD 'hunter2'\n"}"#;
        let failure = request_failure(&server(), StatusCode::BAD_REQUEST, body);
        assert_eq!(failure.message, "db.internal:8000 refused: Parse error: Unexpected token (line 3, column 7)");
    }

    #[test]
    fn what_may_pass_is_tried_again() {
        let words = "Failed to commit transaction due to a read or write conflict. This transaction can be retried";
        assert!(statement_failure(words).retry);
        assert!(!statement_failure("The table 'a' does not exist").retry);
        let words = "IAM error: Not enough permissions to perform this action";
        assert_eq!(statement_failure(words).kind, FailureKind::Denied);
    }
}
