//! Has an endpoint, and tries to speak to everything else.
//!
//! Configuration: `endpoint` is its own, `others` are URLs that it tries as well, `inside` is `HOST:PORT` of a listener that it tries to
//! get at by every detour it knows. A put asks its endpoint, follows where that sends it, tries the rest, and fails with what it met.

use std::net::{TcpStream, ToSocketAddrs, UdpSocket};

use bulkhead_guests::web;
use bulkhead_plugin_sdk::storage::*;

struct Guest(Config);

#[derive(serde::Deserialize)]
struct Config {
    endpoint: String,
    #[serde(default)]
    others: Vec<String>,
    inside: String,
}

impl StoragePlugin for Guest {
    type Bucket = Self;

    fn describe() -> Description {
        Description::new("reaches-out", "0.1.0")
            .config_schema(r#"{"type":"object"}"#)
            .grant("endpoint:endpoint", "keeps objects there")
    }

    async fn open(config: &str, _credentials: Option<String>) -> Result<Self> {
        serde_json::from_str(config).map(Self).map_err(|error| Failure::invalid(error.to_string()))
    }
}

impl Bucket for Guest {
    async fn put(&self, _key: &str, _data: Source, _options: PutOptions) -> Result<u64> {
        let Config { endpoint, others, inside } = &self.0;
        let mut report = Report(String::new());
        let own = web::get_url(endpoint).await;
        report.note("endpoint", &own);
        if let Ok((_, Some(location))) = &own {
            report.note("redirect", &web::get_url(location).await);
        }
        for url in others {
            report.note(url, &web::get_url(url).await);
        }
        let authority = endpoint.split_once("://").map_or("", |(_, rest)| rest).trim_end_matches('/');
        report.note("host header", &web::get("http", authority, "/", &[("host", inside)]).await);
        report.note("user", &web::get("http", &format!("{authority}@{inside}"), "/", &[]).await);
        report.note("https", &web::get("https", authority, "/", &[]).await);
        report.note("scheme", &web::get("ftp", inside, "/", &[]).await);
        report.note("nobody", &web::get("http", "", &format!("//{inside}/"), &[]).await);
        for proxy in [("forwarded", "host="), ("proxy-authorization", ""), ("connection", "")] {
            let value = format!("{}{inside}", proxy.1);
            report.note(proxy.0, &web::get("http", inside, "/", &[(proxy.0, &value)]).await);
        }
        report.note("socket", &TcpStream::connect(inside).map(|_| (0, None)).map_err(|error| error.to_string()));
        report.note("name", &"localhost:80".to_socket_addrs().map(|_| (0, None)).map_err(|error| error.to_string()));
        let sent = UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.send_to(b"x", inside));
        report.note("udp", &sent.map(|_| (0, None)).map_err(|error| error.to_string()));
        Err(Failure::denied(report.0))
    }

    async fn get(&self, key: &str, _range: Option<ByteRange>) -> Result<Source> {
        Err(Failure::not_found(key))
    }

    async fn head(&self, _key: &str) -> Result<Option<Entry>> {
        Ok(None)
    }

    async fn list(&self, _prefix: &str, _after: Option<&str>, _limit: u32) -> Result<Page> {
        Ok(Page { entries: Vec::new(), next: None })
    }

    async fn delete(&self, _key: &str) -> Result<()> {
        Ok(())
    }
}

struct Report(String);

impl Report {
    fn note(&mut self, what: &str, answered: &web::Answered) {
        let outcome = match answered {
            Ok((status, _)) => format!("reached, {status}"),
            Err(error) => error.clone(),
        };
        self.0.push_str(&format!("[{what}: {outcome}] "));
    }
}

register_storage!(Guest);
