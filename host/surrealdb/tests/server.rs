//! The client against a real server.

use std::time::Duration;

use bulkhead_model::FailureKind;
use bulkhead_surrealdb::{Client, Login, Scope, Server};
use bulkhead_test_support::SurrealDb;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use serde_json::json;

const DEADLINE: Duration = Duration::from_secs(60);

fn of(server: &SurrealDb) -> Server {
    Server {
        host: "127.0.0.1".to_owned(),
        port: server.port(),
        tls: false,
        user: SurrealDb::ROOT.user.to_owned(),
        password: SurrealDb::ROOT.password.to_owned(),
        login: Login::Root,
    }
}

fn scope(database: &str) -> Scope {
    Scope { namespace: "my app".to_owned(), database: database.to_owned() }
}

/// A server with two databases.
async fn started() -> (SurrealDb, Client) {
    let server = tokio::task::spawn_blocking(|| SurrealDb::start().unwrap()).await.unwrap();
    let client = Client::new(&of(&server), DEADLINE).unwrap();
    client
        .run(None, "DEFINE NAMESPACE `my app`; USE NS `my app`; DEFINE DATABASE one; DEFINE DATABASE two;")
        .await
        .unwrap();
    (server, client)
}

/// The first statement signs in; a server that starts again, without its data, knows nothing of that token.
#[tokio::test]
async fn a_token_that_is_not_taken_any_more_is_replaced() {
    let (server, client) = started().await;
    client.run(None, "RETURN 1").await.unwrap();
    let server = tokio::task::spawn_blocking(move || server.launch().map(|()| server)).await.unwrap().unwrap();
    assert_eq!(client.run(None, "RETURN 2").await.unwrap(), [json!(2)]);
    let wrong = Client::new(&Server { password: "not it".to_owned(), ..of(&server) }, DEADLINE).unwrap();
    assert_eq!(wrong.run(None, "RETURN 3").await.unwrap_err().kind, FailureKind::Denied);
}

#[tokio::test]
async fn statements_are_answered_one_by_one() {
    let (_server, client) = started().await;
    client.alive().await.unwrap();
    assert!(client.version().await.unwrap().starts_with("3."));
    let one = scope("one");
    let answers = client.query(Some(&one), "CREATE a:1 SET n = 1 RETURN VALUE n; CREATE a:1; RETURN 2").await.unwrap();
    assert_eq!(answers[0].result, Ok(json!([1])));
    assert!(answers[1].result.as_ref().unwrap_err().contains("already exists"), "{answers:?}");
    assert_eq!(answers[2].result, Ok(json!(2)));

    let failure = client.run(Some(&one), "RETURN 1; CREATE a:1").await.unwrap_err();
    assert!(failure.message.starts_with("statement 2: ") && failure.message.contains("already exists"), "{failure}");
    // What did not run because of another statement is not what is named.
    let failure = client.run(Some(&one), "BEGIN; CREATE a:2; CREATE a:1; CREATE a:3; COMMIT").await.unwrap_err();
    assert!(failure.message.contains("`a:1` already exists") || failure.message.contains("a:1"), "{failure}");
    assert_eq!(client.run(Some(&one), "SELECT VALUE id FROM a").await.unwrap(), [json!(["a:1"])]);
    let failure = client.query(Some(&one), "RETURN 1;\nRETURN +").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Invalid);
    assert!(failure.message.contains("line 2, column"), "{failure}");
    assert!(client.run(Some(&scope("none")), "SELECT * FROM a").await.unwrap_err().message.contains("does not exist"));
}

#[tokio::test]
async fn who_may_not_and_what_is_not_there_is_said() {
    let (server, _) = started().await;
    let wrong = Server { password: "hunter2".to_owned(), ..of(&server) };
    let failure = Client::new(&wrong, DEADLINE).unwrap().query(None, "RETURN 1").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Denied);
    assert!(failure.message.contains("\"root\"") && !failure.to_string().contains("hunter2"), "{failure}");
    // A user of the root level is none of a database.
    let wrong = Server { login: Login::Namespace("my app".to_owned()), ..of(&server) };
    let failure = Client::new(&wrong, DEADLINE).unwrap().query(None, "RETURN 1").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Denied, "{failure}");

    let client = Client::new(&of(&server), DEADLINE).unwrap();
    server.kill().unwrap();
    let failure = client.version().await.unwrap_err();
    assert_eq!((failure.kind.clone(), failure.retry), (FailureKind::Unavailable, true));
    assert!(failure.message.contains(&format!("127.0.0.1:{}", server.port())), "{failure}");
    let odd = Scope { namespace: "日本".to_owned(), database: "a".to_owned() };
    assert_eq!(client.query(Some(&odd), "RETURN 1").await.unwrap_err().kind, FailureKind::Invalid);
}

#[tokio::test]
async fn a_server_that_says_nothing_is_not_waited_for() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server {
        host: "127.0.0.1".to_owned(),
        port: silent.local_addr().unwrap().port(),
        tls: false,
        user: "root".to_owned(),
        password: String::new(),
        login: Login::Root,
    };
    let client = Client::new(&server, Duration::from_millis(200)).unwrap();
    let failure = client.query(None, "RETURN 1").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unavailable);
    assert!(failure.message.contains("did not answer within 0.2 s"), "{failure}");
}

#[tokio::test]
async fn a_database_goes_from_one_place_to_another_and_no_failure_is_hidden() {
    let (_server, client) = started().await;
    let (one, two) = (scope("one"), scope("two"));
    client
        .run(Some(&one), "DEFINE INDEX i ON a FIELDS n UNIQUE; FOR $n IN 0..1200 { CREATE a SET n = $n }")
        .await
        .unwrap();
    client.import(&two, client.export(&one).await.unwrap(), DEADLINE).await.unwrap();
    let count = client.run(Some(&two), "SELECT count() FROM a GROUP ALL").await.unwrap();
    assert_eq!(count, [json!([{ "count": 1200 }])]);
    // Everything is there already: the server takes the request, and each statement fails.
    let failure = client.import(&two, client.export(&one).await.unwrap(), DEADLINE).await.unwrap_err();
    assert!(failure.message.contains("already exists"), "{failure}");

    // A body that breaks off is the reason that is told.
    let half: Vec<Bytes> = client.export(&one).await.unwrap().try_collect().await.unwrap();
    let broken = futures::stream::iter(half.into_iter().take(1).map(Ok))
        .chain(futures::stream::iter([Err(bulkhead_model::Failure::corrupt("the file ends here"))]));
    client.run(Some(&two), "REMOVE TABLE a").await.unwrap();
    let failure = client.import(&two, broken, DEADLINE).await.unwrap_err();
    assert_eq!(failure.message, "the file ends here");
}
