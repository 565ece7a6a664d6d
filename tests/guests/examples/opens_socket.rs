//! Opens connections, and asks for a name.
//!
//! Configuration: `{"address": "127.0.0.1:3307"}` is one more address that it tries.

use std::net::{TcpStream, UdpSocket};

use bulkhead_plugin_sdk::method::*;

struct Guest;

impl MethodPlugin for Guest {
    fn describe() -> Description {
        Description::new("opens-socket", "0.1.0", "opens-socket")
            .engine("mariadb")
            .config_schema(r#"{"type":"object"}"#)
    }

    async fn backup(request: BackupRequest, _writer: Writer) -> Result<Report> {
        let config: Config = request.config()?;
        let mut refusals = String::new();
        for address in
            config.address.as_deref().into_iter().chain(["127.0.0.1:3306", "169.254.169.254:80", "localhost:22"])
        {
            match TcpStream::connect(address) {
                Ok(_) => return Ok(Report::new(address)),
                Err(error) => refusals.push_str(&format!("{address}: {error}. ")),
            }
        }
        match UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.send_to(b"x", "127.0.0.1:53")) {
            Ok(_) => return Ok(Report::new("udp")),
            Err(error) => refusals.push_str(&format!("udp: {error}. ")),
        }
        if std::env::vars().next().is_some() {
            return Ok(Report::new("environment"));
        }
        Err(Failure::denied(refusals))
    }
}

#[derive(serde::Deserialize)]
struct Config {
    address: Option<String>,
}

register_method!(Guest);
