//! What a storage component can reach: its target's endpoint, and nothing else.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

use bulkhead_test_support::bucket::{Fault, FaultProxy, TargetEntry};
use bulkhead_test_support::workspace;
use serde_json::{Value, json};

use super::{options, target};
use crate::scene::Scene;

/// A port that nobody may come to, on every address of this machine.
struct Inside(TcpListener);

impl Inside {
    fn listen() -> Self {
        let listener = TcpListener::bind("[::]:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port()))
    }

    fn nobody_came(&self) {
        let came = self.0.accept().map(|(_, from)| from);
        assert_eq!(came.expect_err("a component reached a port of this machine").kind(), ErrorKind::WouldBlock);
    }
}

#[test]
fn a_component_reaches_its_endpoint_and_nothing_else() {
    let inside = Inside::listen();
    let port = inside.port();
    let endpoint = FaultProxy::start(inside.address()).unwrap();
    endpoint.inject(&[], 0, usize::MAX, Fault::Redirect(format!("http://{}/latest/meta-data/", inside.address())));
    let others: Vec<String> =
        ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "127.1", "2130706433", "0x7f000001", "[::ffff:127.0.0.1]"]
            .iter()
            .map(|host| format!("http://{host}:{port}/"))
            .chain(
                [
                    "http://169.254.169.254/latest/meta-data/",
                    "http://metadata.google.internal/",
                    "https://bulkhead.invalid/",
                ]
                .map(str::to_owned),
            )
            .collect();
    let config = json!({
        "endpoint": format!("http://{}", endpoint.address()),
        "others": others,
        "inside": inside.address().to_string(),
    });
    let entry = TargetEntry { plugin: "reaches-out", config, credentials: Value::Null };
    let extra = target("elsewhere", &entry) + "[plugins.reaches-out]\ngrants = [\"endpoint:endpoint\"]\n";
    let (options, _plugins) = options(&[workspace::guest("reaches_out")], extra);
    let scene = Scene::start(options);

    let asked = scene.ask("small", "minimal", Some("elsewhere"));
    let job = scene.fails(&asked, "denied", &["[endpoint: reached, 307]", "[redirect: ErrorCode::HttpRequestDenied]"]);
    let report = job["failure"]["message"].as_str().unwrap();
    for place in others.iter().map(String::as_str).chain(["redirect", "https", "forwarded"]) {
        assert!(report.contains(&format!("[{place}: ErrorCode::HttpRequestDenied]")), "{place}: {report}");
    }
    assert_eq!(report.matches("reached").count(), 1, "{report}");
    assert_eq!(endpoint.seen().len(), 1, "{:?}", endpoint.seen());
    inside.nobody_came();
    let refused = "refused a request to what is not an endpoint of this target";
    assert!(scene.host.log().contains(refused), "{}", scene.host.log_tail());
}
