//! A method plugin and its job's own service: it reaches that and nothing else, as the host, and says when its data goes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bulkhead_runtime::{Connection, HttpAccess, SignIn};
use serde_json::Value;

use super::*;

const PASSWORD: &str = "a word nobody guesses";

/// Answers each request with its head, until the process ends.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                match stream.read(&mut byte) {
                    Ok(1) => head.push(byte[0]),
                    _ => break,
                }
            }
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", head.len());
            let _gone = stream.write_all(&[answer.as_bytes(), &head].concat());
        }
    });
    address
}

/// The same, and gives tokens: `one` for the first sign-in, `two` for the second. Takes those that `good` says. Counts what it hears.
fn issuer(good: &'static [&'static str]) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let told = Arc::clone(&heard);
    thread::spawn(move || {
        let mut names = ["one", "two"].iter();
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = Vec::new();
            let mut piece = [0; 4096];
            while !request.windows(4).any(|end| end == b"\r\n\r\n")
                || request.starts_with(b"POST") && !request.ends_with(b"}")
            {
                match stream.read(&mut piece) {
                    Ok(read @ 1..) => request.extend_from_slice(&piece[..read]),
                    _ => break,
                }
            }
            let request = String::from_utf8_lossy(&request).into_owned();
            let line = |begins: &str| {
                request.lines().find(|line| line.to_lowercase().starts_with(begins)).unwrap_or_default().to_owned()
            };
            let shown = line("authorization:");
            let (status, body) = if request.starts_with("POST /signin ") {
                told.lock().unwrap().push(request.lines().last().unwrap_or_default().to_owned());
                let name = names.next().unwrap_or(&"none");
                ("200 OK", format!(r#"{{"token":"{name}"}}"#))
            } else {
                let known = good.iter().any(|good| shown.ends_with(good));
                told.lock().unwrap().push(shown.clone());
                (if known { "200 OK" } else { "401 Unauthorized" }, shown)
            };
            let length = body.len();
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
            let _gone = stream.write_all(answer.as_bytes());
        }
    });
    (address, heard)
}

fn connection(address: SocketAddr, http: Option<HttpAccess>) -> Arc<Connection> {
    Arc::new(Connection {
        host: address.ip().to_string(),
        port: address.port(),
        socket: None,
        user: "root".to_owned(),
        password: PASSWORD.to_owned(),
        throw_away: false,
        http,
    })
}

fn access() -> HttpAccess {
    HttpAccess { headers: vec![("surreal-auth-ns".to_owned(), "app".to_owned())], ..HttpAccess::default() }
}

async fn ask(bench: &Bench, connection: &Arc<Connection>, url: &str) -> String {
    let headers = [
        ["authorization", "Basic bWU6bWU="],
        ["surreal-auth-ns", "other"],
        ["surreal-auth-db", "other"],
        ["surreal-ns", "chosen"],
    ];
    let config = json!({"behaviour": "ask", "url": url, "headers": headers});
    let attempt = Attempt { connection: Some(connection.clone()), ..bench.attempt() };
    let service = service();
    let backup = BackupId::new(&service.id, "s");
    let request = BackupRequest { backup, service, config, chain: Vec::new() };
    bench.plugin.backup(attempt, request).await.unwrap_err().message
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_method_reaches_its_own_service_as_the_host_and_nothing_else() {
    let (bench, address) = (Bench::new().await, echo());
    let own = connection(address, Some(access()));
    let said = ask(&bench, &own, "http://service.internal/export?a=1").await.to_lowercase();
    for part in ["get /export?a=1 http/1.1", "surreal-auth-ns: app", "surreal-ns: chosen", &format!("host: {address}")]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    // What the plugin said of who it is does not count, and nothing is sent twice.
    for part in ["bwu6bwu=", "other", "service.internal"] {
        assert!(!said.contains(part), "{part}: {said}");
    }
    assert_eq!(said.matches("authorization: basic ").count(), 1, "{said}");

    let denied = "ErrorCode::HttpRequestDenied";
    for url in [
        format!("http://{address}/"),
        "https://service.internal/".to_owned(),
        "http://service.internal:8000/".to_owned(),
        "http://service.internal.example.org/".to_owned(),
        "http://root@service.internal/".to_owned(),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
    ] {
        assert_eq!(ask(&bench, &own, &url).await, denied, "{url}");
    }
    let heard = bench.heard.0.lock().unwrap().join("\n");
    assert!(heard.contains("refused a request to what this plugin may not speak to"), "{heard}");
    assert!(!heard.contains(PASSWORD), "{heard}");

    // A service that speaks no HTTP has none.
    assert_eq!(ask(&bench, &connection(address, None), "http://service.internal/").await, denied);
    // One that is not there is told from one that is not allowed.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = ask(&bench, &connection(nobody, Some(access())), "http://service.internal/").await;
    assert_eq!(gone, "ErrorCode::ConnectionRefused");
}

/// `Basic` of user and password, as the header says it.
const BASIC: &str = "Basic cm9vdDphIHdvcmQgbm9ib2R5IGd1ZXNzZXM=";

fn with_sign_in() -> Option<HttpAccess> {
    let sign_in = SignIn { path: "/signin".to_owned(), fields: vec![("ns".to_owned(), "app".to_owned())] };
    Some(HttpAccess { sign_in: Some(sign_in), ..access() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_is_shown_a_token_in_the_place_of_the_password() {
    let bench = Bench::new().await;
    let url = "http://service.internal/export";
    let (address, heard) = issuer(&["Bearer one"]);
    let said = ask(&bench, &connection(address, with_sign_in()), url).await;
    assert!(said.contains("authorization: Bearer one"), "{said}");
    let asked: Value = serde_json::from_str(&heard.lock().unwrap()[0]).unwrap();
    assert_eq!(asked, json!({"user": "root", "pass": PASSWORD, "ns": "app"}));
    assert_eq!(heard.lock().unwrap()[1..], ["authorization: Bearer one"]);

    // A token that is not taken, and a server that gives none: the password has to do.
    let (address, heard) = issuer(&[BASIC]);
    let said = ask(&bench, &connection(address, with_sign_in()), url).await;
    assert!(said.contains(BASIC), "{said}");
    assert_eq!(heard.lock().unwrap()[1..], ["authorization: Bearer one".to_owned(), format!("authorization: {BASIC}")]);
    let none = echo();
    let said = ask(&bench, &connection(none, with_sign_in()), url).await;
    assert!(said.contains(BASIC), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_needs_a_grant() {
    let runtime = runtime_of_strangers().await;
    let plugin = runtime.method("example", &"behave".parse().unwrap()).unwrap();
    let bench = Bench { plugin, ..Bench::new().await };
    let own = connection(echo(), Some(access()));
    let said = ask(&bench, &own, "http://service.internal/").await;
    assert!(said.ends_with("ErrorCode::HttpRequestDenied"), "{said}");
}

/// Counts, or fails.
#[derive(Default)]
struct Door {
    begun: AtomicUsize,
    stuck: bool,
}

#[async_trait]
impl Replacing for Door {
    async fn begin(&self) -> Result<()> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        if self.stuck { Err(Failure::unavailable("the door is stuck")) } else { Ok(()) }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_says_once_that_data_goes_and_nothing_else_may() {
    let bench = Bench::new().await;
    let words = bench.failure(json!({"behaviour": "replace"})).await;
    assert_eq!(words, ("denied".to_owned(), "only a restore replaces what a service holds".to_owned()));

    bench.backup(json!({"behaviour": "write", "bytes": 1000, "end": "well"})).await.unwrap();
    let door = Arc::new(Door::default());
    // The plugin says it twice.
    bench.restore_into(Some(door.clone())).await.unwrap();
    assert_eq!(door.begun.load(Ordering::Relaxed), 1);
    bench.restore_into(None).await.unwrap();
    let stuck = Arc::new(Door { stuck: true, ..Door::default() });
    assert_eq!(bench.restore_into(Some(stuck)).await.unwrap_err().message, "the door is stuck");
}
