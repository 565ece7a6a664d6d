use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;

use bulkhead_surrealdb::{Login, Scope};

use super::*;

/// A directory that goes with the test.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _best_effort = std::fs::remove_dir_all(&self.0);
    }
}

fn config(service: &str, folder: &Folder) -> GatewayConfig {
    let server = |port| Server {
        host: "127.0.0.1".to_owned(),
        port,
        tls: false,
        user: "root".to_owned(),
        password: "nobody asks".to_owned(),
        login: Login::Root,
    };
    GatewayConfig {
        service: service.to_owned(),
        token: Some(Token::new("a word")),
        main: server(1),
        replica: server(2),
        scope: Scope { namespace: "app".to_owned(), database: "main".to_owned() },
        directory: folder.0.join(service),
        fsync: Fsync::Always,
        query_deadline: Duration::from_secs(1),
        limits: Limits::default(),
    }
}

/// Status and body of an answer.
async fn ask(address: SocketAddr, head: &'static str, token: &'static str) -> String {
    let ask = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        write!(stream, "{head} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    tokio::task::spawn_blocking(ask).await.unwrap()
}

#[tokio::test]
async fn a_damaged_front_door_is_closed_and_says_why_until_it_is_mended() {
    let folder = Folder(std::env::temp_dir().join(format!("bulkhead-front-door-{}", std::process::id())));
    let damaged = folder.0.join("damaged/position.json");
    std::fs::create_dir_all(damaged.parent().unwrap()).unwrap();
    std::fs::write(&damaged, "not what the host writes").unwrap();
    let listen = bind("127.0.0.1:0".parse().unwrap()).await.unwrap().local_addr().unwrap();
    let door = Door::start(listen, config("damaged", &folder)).await;

    let refused = ask(listen, "POST /ingest", "a word").await;
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("retry-after"), "{refused}");
    assert!(
        refused.contains("SSP_NOT_READY: the front door is closed") && refused.contains("position.json"),
        "{refused}"
    );
    let status = ask(listen, "GET /status", "a word").await;
    assert!(status.contains(r#""state":"closed""#) && status.contains("position.json"), "{status}");
    for head in ["GET /status", "POST /proxy/query"] {
        let stranger = ask(listen, head, "another").await;
        assert!(stranger.starts_with("HTTP/1.1 401") && !stranger.contains("position.json"), "{stranger}");
    }
    let health = ask(listen, "GET /health", "another").await;
    assert!(health.starts_with("HTTP/1.1 200") && health.ends_with(r#"{"status":"closed"}"#), "{health}");

    // Nothing is restored behind a door that cannot be closed, and it is not looked at all the time.
    let failure = door.close().await.unwrap_err();
    assert!(failure.message.contains("front door of `damaged` cannot be opened"), "{failure}");
    std::fs::remove_file(&damaged).unwrap();
    assert!(door.open().await.is_err());
    if let State::Down(down) = &mut *door.state.lock().await {
        down.tried = down.tried.checked_sub(AGAIN).unwrap();
    }
    door.close().await.unwrap();
    let health = ask(listen, "GET /health", "another").await;
    assert!(health.ends_with(r#"{"status":"restoring"}"#), "{health}");
    let State::Up(gateway) = &*door.state.lock().await else { panic!("it is down") };
    gateway.shutdown().await;
}

#[tokio::test]
async fn an_address_in_use_keeps_one_front_door_closed_and_nothing_else() {
    let folder = Folder(std::env::temp_dir().join(format!("bulkhead-front-door-in-use-{}", std::process::id())));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let door = Door::start(taken.local_addr().unwrap(), config("late", &folder)).await;
    let failure = door.open().await.unwrap_err();
    assert!(failure.message.contains("cannot listen on"), "{failure}");
}
