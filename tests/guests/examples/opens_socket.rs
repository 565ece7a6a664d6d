//! Opens connections, and asks for a name.

use std::net::{TcpStream, UdpSocket};

use bulkhead_plugin_sdk::method::*;

struct Guest;

impl MethodPlugin for Guest {
    fn describe() -> Description {
        Description::new("opens-socket", "0.1.0", "opens-socket").engine("mariadb")
    }

    async fn backup(_request: BackupRequest, _writer: Writer) -> Result<Report> {
        let mut refusals = String::new();
        for address in ["127.0.0.1:3306", "169.254.169.254:80", "localhost:22"] {
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

register_method!(Guest);
