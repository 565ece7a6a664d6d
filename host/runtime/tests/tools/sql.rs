//! SQL on the service's own server.

use std::net::TcpListener;
use std::time::Duration;

use bulkhead_model::FailureKind;
use bulkhead_runtime::Connection;

use crate::support::Server;

const DEADLINE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn answers_come_as_text_and_refusals_by_kind() {
    let server = Server::start().await;
    let connection = &server.connection;
    let sql = "SELECT 1 AS one, NULL AS none, 'ä' AS text, 1.50 AS number, TIMESTAMP'2026-11-20 00:00:00.25' AS at, x'ff41' AS bytes";
    let rows = connection.query(sql, DEADLINE, 1 << 16).await.unwrap();
    assert_eq!(rows.columns, ["one", "none", "text", "number", "at", "bytes"]);
    let values: Vec<_> = rows.rows[0].iter().map(Option::as_deref).collect();
    assert_eq!(values, [Some("1"), None, Some("ä"), Some("1.50"), Some("2026-11-20 00:00:00.25"), Some("\u{fffd}A")]);
    assert!(connection.ping(DEADLINE).await.unwrap().contains("MariaDB"));

    let kind = async |connection: &Connection, sql: &str, deadline, bytes| {
        let failure = connection.query(sql, deadline, bytes).await.unwrap_err();
        assert!(!failure.to_string().contains(&connection.password), "{failure}");
        (failure.kind, failure.retry)
    };
    assert_eq!(kind(connection, "SELEKT 1", DEADLINE, 1 << 16).await, (FailureKind::Invalid, false));
    assert_eq!(kind(connection, "SELECT * FROM mysql.nothing", DEADLINE, 1 << 16).await, (FailureKind::Invalid, false));
    assert_eq!(kind(connection, "SELECT REPEAT('x', 100000)", DEADLINE, 1 << 16).await, (FailureKind::Invalid, false));
    assert_eq!(
        kind(connection, "SELECT seq FROM mysql.seq_1_to_100000", DEADLINE, 1 << 16).await,
        (FailureKind::Invalid, false)
    );
    let short = Duration::from_millis(300);
    assert_eq!(kind(connection, "SELECT SLEEP(20)", short, 1 << 16).await, (FailureKind::Unavailable, true));
    let stranger = Connection { password: "wrong word".to_owned(), ..(**connection).clone() };
    assert_eq!(kind(&stranger, "SELECT 1", DEADLINE, 1 << 16).await, (FailureKind::Denied, false));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (host, user, password) = ("127.0.0.1".to_owned(), "u".to_owned(), "secret".to_owned());
    let connection = Connection { host, port, socket: None, user, password, throw_away: false, http: None };
    // It accepts and says nothing.
    let failure = connection.ping(Duration::from_millis(300)).await.unwrap_err();
    assert_eq!((failure.kind, failure.retry), (FailureKind::Unavailable, true));
    drop(listener);
    let failure = connection.ping(DEADLINE).await.unwrap_err();
    assert_eq!((failure.kind.clone(), failure.retry), (FailureKind::Unavailable, true));
    assert!(failure.message.starts_with(&format!("server at 127.0.0.1:{port} does not answer")), "{failure}");
}
