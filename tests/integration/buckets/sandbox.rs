//! What a storage component can reach: its target's endpoint, and nothing else.

use std::fs;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener};

use bulkhead_test_support::bucket::{BUCKET, BucketServer, Fault, FaultProxy, SeaweedFs, TargetEntry};
use bulkhead_test_support::workspace;
use serde_json::{Value, json};

use super::{credentials, options, target};
use crate::scene::{Scene, files};

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
    let refused = "refused a request to what this plugin may not speak to";
    assert!(scene.host.log().contains(refused), "{}", scene.host.log_tail());
}

#[test]
fn a_redirect_from_the_bucket_is_not_followed_inside() {
    let (inside, bucket) = (Inside::listen(), SeaweedFs::start().unwrap());
    let proxy = FaultProxy::start(bucket.address()).unwrap();
    let entry = bucket.target("redirected").through(proxy.address());
    let limits = "[limits]\nattempts_max = 1\n";
    let (mut options, _plugins) = options(&[], format!("{limits}{}", target("away", &entry)));
    options.environment.push(credentials("away", &entry));
    let scene = Scene::start(options);
    for place in ["http://169.254.169.254/latest/meta-data/".to_owned(), format!("http://{}/", inside.address())] {
        proxy.clear();
        proxy.inject(&[], 0, usize::MAX, Fault::Redirect(place));
        let asked = scene.ask("small", "minimal", Some("away"));
        let job = scene.ended(&asked.job);
        assert_eq!(job["status"], "Failed", "{job}");
        assert!(proxy.broken() > 0);
        inside.nobody_came();
    }
    // It is the redirect that the backups failed for.
    proxy.clear();
    scene.succeeds(&scene.ask("small", "minimal", Some("away")));
}

#[test]
fn a_tenant_cannot_name_what_lies_inside() {
    let inside = Inside::listen();
    let (options, _plugins) = options(&[], String::new());
    let scene = Scene::start(options);
    let make = |id: &str, endpoint: &str| {
        let config = json!({"bucket": BUCKET, "endpoint": endpoint});
        let keys = json!({"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "0".repeat(40)});
        let body = json!({"id": id, "plugin": "s3", "config": config, "credentials": keys});
        scene.host.api("POST", "/v1/targets", &body).unwrap()
    };
    let port = inside.port();
    for host in
        ["127.0.0.1", "[::1]", "localhost", "0.0.0.0", "2130706433", "[::ffff:127.0.0.1]", "a.localhost", "LOCALHOST."]
    {
        for scheme in ["http", "https"] {
            let refused = make("inside", &format!("{scheme}://{host}:{port}"));
            assert_eq!(refused.status, 403, "{scheme}://{host}: {}", refused.body);
            assert!(refused.body.contains("[egress] endpoints"), "{scheme}://{host}: {}", refused.body);
        }
    }
    // Names that only the resolver knows to lead inside: found out when they are resolved.
    for (number, name) in names_that_lead_inside().iter().enumerate() {
        let made = make(&format!("name{number}"), &format!("https://{name}:{port}"));
        assert_eq!(made.status, 201, "{name}: {}", made.body);
        let tested = scene.host.api("POST", &format!("/v1/targets/name{number}/test"), &Value::Null).unwrap();
        let found = tested.json().unwrap();
        assert_eq!(found["ok"], false, "{name}: {found}");
        assert!(found.to_string().contains("private"), "{name}: {found}");
    }
    inside.nobody_came();
}

/// What this machine's own table of names says of itself, besides `localhost`. There may be none: the resolver's own tests need none.
fn names_that_lead_inside() -> Vec<String> {
    let table = fs::read_to_string("/etc/hosts").unwrap_or_default();
    let lines = table.lines().map(|line| line.split('#').next().unwrap_or_default());
    lines
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let address: IpAddr = words.next()?.parse().ok()?;
            let name = words.find(|name| !name.starts_with("localhost") && !name.ends_with(".localhost"))?;
            let inside = match address {
                IpAddr::V4(address) => address.is_loopback() || address.is_private(),
                IpAddr::V6(address) => address.is_loopback(),
            };
            inside.then(|| name.to_owned())
        })
        .collect()
}

#[test]
fn a_component_sees_nothing_of_another_targets_credentials() {
    let bucket = SeaweedFs::start().unwrap();
    let (others, own) = (bucket.keys().2.to_owned(), "a token of the curious target's own");
    let backwards = |text: &str| text.chars().rev().collect::<String>();
    let away = bucket.target("kept");
    let curious = TargetEntry {
        plugin: "looks-around",
        config: json!({"look_for": [backwards(&others), backwards(own)]}),
        credentials: json!({"token": own}),
    };
    let extra = target("away", &away) + &target("curious", &curious);
    let (mut options, _plugins) = options(&[workspace::guest("looks_around")], extra);
    options.environment.extend([credentials("away", &away), credentials("curious", &curious)]);
    let scene = Scene::start(options);

    // Whatever memory the one leaves behind, the other gets none of it.
    for _ in 0..3 {
        scene.succeeds(&scene.ask("small", "minimal", Some("away")));
        let asked = scene.ask("small", "minimal", Some("curious"));
        let seen = [r#": ["own"]. environment: []. arguments: []. files: []"#];
        let job = scene.fails(&asked, "denied", &seen);
        let words = job["failure"]["message"].as_str().unwrap();
        let taken = words.split_once("memory of ").and_then(|(_, rest)| rest.split(' ').next()?.parse::<u64>().ok());
        assert!(taken.is_some_and(|bytes| bytes >= 100 << 20), "{words}");
    }
    assert!(!bucket.objects("kept/").unwrap().is_empty());

    for secret in [others.as_str(), own] {
        let hidden = |bytes: &[u8], place: &str| {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "a secret is in {place}");
        };
        hidden(scene.host.log().as_bytes(), "the log");
        let data = scene.host.dir().join("data");
        for file in files(&data) {
            hidden(&fs::read(&file).unwrap_or_default(), &file.display().to_string());
        }
        for path in ["/v1/targets", "/v1/targets/away", "/v1/jobs", "/v1/backups", "/v1/plugins"] {
            let answer = scene.host.api("GET", path, &Value::Null).unwrap();
            assert!((200..300).contains(&answer.status), "{path}: {}", answer.body);
            hidden(answer.body.as_bytes(), path);
        }
        let line = fs::read(format!("/proc/{}/cmdline", scene.host.pid().unwrap())).unwrap();
        hidden(&line, "the arguments");
    }
}
