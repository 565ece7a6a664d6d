//! How connections are served, and who is not listened to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use bulkhead_api::{HttpConfig, Metrics, MetricsAccess, RateLimit, serve};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::host::{Heard, Host, token};

/// Far above what anything here takes, also beside a build.
const PATIENCE: Duration = Duration::from_secs(60);

async fn listen(host: &Host) -> (SocketAddr, tokio::task::JoinHandle<std::io::Result<()>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (address, tokio::spawn(serve(listener, host.api.clone())))
}

/// All that comes until the connection ends.
async fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut text)).await.unwrap().unwrap();
    String::from_utf8(text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_sends_no_whole_head_is_left_and_their_place_is_free() {
    let http = HttpConfig { header_deadline: Duration::from_millis(300), connections_max: 1, ..HttpConfig::default() };
    let host = Host::start_with(http).await;
    let (address, _server) = listen(&host).await;
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    // There is one place, and it is taken: this one waits for it.
    let mut next = TcpStream::connect(address).await.unwrap();
    next.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let answer = rest(&mut next).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("x-request-id: "), "{answer}");
    assert!(!rest(&mut slow).await.contains("200 OK"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_streams_and_idle_connections_and_then_the_server() {
    let host = Host::start().await;
    let (_, job) = host.scheduled("db1", None).await;
    let (address, server) = listen(&host).await;
    let _idle = TcpStream::connect(address).await.unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let ask = format!(
        "GET /v1/jobs/{}/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n",
        job.id,
        token("acme", "viewer")
    );
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut begun = [0; 12];
    stream.read_exact(&mut begun).await.unwrap();
    assert_eq!(&begun, b"HTTP/1.1 200");
    host.close.send(true).unwrap();
    rest(&mut stream).await;
    tokio::time::timeout(PATIENCE, server).await.expect("the server ends").unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

fn from(address: &str, path: &str, bearer: Option<&str>) -> Request<Body> {
    let address: SocketAddr = format!("{address}:1234").parse().unwrap();
    let mut request = Request::get(path).extension(ConnectInfo(address));
    if let Some(bearer) = bearer {
        request = request.header("authorization", format!("Bearer {bearer}"));
    }
    request.body(Body::empty()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_requests_are_told_when_to_come_back() {
    let few = RateLimit { burst: 3.try_into().unwrap(), per_minute: 1.try_into().unwrap() };
    let http = HttpConfig { rate: Some(few), failures: Some(few), ..HttpConfig::default() };
    let host = Host::start_with(http).await;
    let viewer = token("acme", "viewer");
    let ask = async |address: &str, bearer: &str| host.send(from(address, "/v1/services", Some(bearer))).await;
    for _ in 0..3 {
        assert_eq!(ask("192.0.2.1", &viewer).await.status, 200);
    }
    let check = |heard: &Heard| {
        assert_eq!((heard.status, heard.json()["code"].clone()), (429, json!("rate-limited")), "{}", heard.text);
        let seconds: u64 = heard.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
    };
    check(&ask("192.0.2.2", &viewer).await);
    assert_eq!(ask("192.0.2.1", &token("other", "viewer")).await.status, 200, "others are not disturbed");
    // Whoever guesses is told to wait; behind one address may be others whose credential counts.
    for _ in 0..3 {
        assert_eq!(ask("192.0.2.3", "guess").await.status, 401);
    }
    check(&ask("192.0.2.3", "guess").await);
    assert_eq!(ask("192.0.2.3", &token("other", "viewer")).await.status, 200);
    assert_eq!(ask("192.0.2.4", "guess").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_for_whom_they_are_configured() {
    let render = Arc::new(|| "bulkhead_jobs 0\n".to_owned());
    let with =
        |access| HttpConfig { metrics: Metrics { access, render: Some(render.clone()) }, ..HttpConfig::default() };
    let (here, there) = ("127.0.0.1", "192.0.2.1");
    for (access, asks) in [
        (MetricsAccess::Off, vec![(here, None, 404)]),
        (MetricsAccess::Loopback, vec![(here, None, 200), (there, None, 403)]),
        (MetricsAccess::Open, vec![(there, None, 200)]),
        (
            MetricsAccess::Token("s3cret".to_owned()),
            vec![(there, Some("s3cret"), 200), (here, None, 401), (here, Some("s3cre"), 401)],
        ),
    ] {
        let host = Host::start_with(with(access)).await;
        for (address, bearer, status) in asks {
            let heard = host.send(from(address, "/metrics", bearer)).await;
            assert_eq!(heard.status, status, "{address} {bearer:?}: {}", heard.text);
        }
    }
    // A proxy here speaks for others.
    let host = Host::start_with(with(MetricsAccess::Loopback)).await;
    let mut forwarded = from(here, "/metrics", None);
    forwarded.headers_mut().insert("x-forwarded-for", "192.0.2.1".parse().unwrap());
    assert_eq!(host.send(forwarded).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_origins_may_call_only_when_configured() {
    let ask = async |host: &Host, origin: &str| {
        let headers = [("origin", origin), ("access-control-request-method", "GET")];
        host.ask("OPTIONS", "/v1/services", &headers, None).await
    };
    let console = "https://console.example.com";
    let host = Host::start().await;
    let closed = ask(&host, console).await;
    assert_eq!((closed.status, closed.header("access-control-allow-origin")), (405, None));
    let host = Host::start_with(HttpConfig { cors_origins: vec![console.to_owned()], ..HttpConfig::default() }).await;
    assert_eq!(ask(&host, console).await.header("access-control-allow-origin"), Some(console));
    assert_eq!(ask(&host, "https://evil.example").await.header("access-control-allow-origin"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_and_its_reader_need_no_network() {
    let host = Host::start().await;
    let page = host.ask("GET", "/docs/", &[], None).await;
    assert!(page.status == 200 && page.text.contains("swagger-ui"), "{}", page.text);
    assert!(!page.text.contains("http://") && !page.text.contains("https://"), "{}", page.text);
    assert!(page.text.contains("\"/openapi.json\""), "{}", page.text);
    // Each file that the page names is there.
    let named = page.text.split('"').filter_map(|word| word.strip_prefix("./")).collect::<Vec<_>>();
    assert!(named.len() >= 4, "{named:?}");
    for file in named {
        assert_eq!(host.ask("GET", &format!("/docs/{file}"), &[], None).await.status, 200, "{file}");
    }
    assert_eq!(host.ask("GET", "/docs", &[], None).await.header("location"), Some("/docs/"));
    let first = host.ask("GET", "/openapi.json", &[], None).await;
    assert_eq!(first.text.as_bytes(), bulkhead_api::document().json);
    assert_eq!(host.ask("GET", "/v1/openapi.json", &[], None).await.text, first.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_never_ends_is_not_waited_for() {
    let http = HttpConfig { request_deadline: Duration::from_millis(200), ..HttpConfig::default() };
    let host = Host::start_with(http).await;
    let endless = tokio_stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let request = Request::post("/v1/restores")
        .header("authorization", format!("Bearer {}", token("acme", "administrator")))
        .header("content-type", "application/json");
    let heard = host.send(request.body(Body::from_stream(endless)).unwrap()).await;
    assert_eq!((heard.status, heard.json()["code"].clone()), (503, json!("deadline")), "{}", heard.text);
    assert_eq!(heard.header("retry-after"), Some("5"));
}
