//! The object stores are what the tests believe them to be: they keep bytes, list them, and refuse strangers.

use std::time::{Duration, Instant};

use bulkhead_test_support::bucket::{
    Azurite, BUCKET, BucketServer, Fault, FaultProxy, Garage, Gcs, Kind, Request, S3s,
};

fn keeps_and_lists(server: &impl BucketServer) {
    let bytes: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    for key in ["p/b", "p/a b+c%/ü", "other"] {
        server.write(key, &bytes).unwrap();
        assert!(server.read(key).unwrap() == bytes, "{key}");
    }
    let mut found = server.objects("p/").unwrap();
    found.sort();
    assert_eq!(found, [("p/a b+c%/ü".to_owned(), 1_200_000), ("p/b".to_owned(), 1_200_000)]);
    assert!(server.unfinished().unwrap().is_empty());
    assert!(server.read("p/none").is_err());

    let path = if server.target("").plugin == "azure" { "/testaccount/backups/other" } else { "/backups/other" };
    let refusal = if server.target("").plugin == "gcs" { 401 } else { 403 };
    let anonymous = Request::new("GET", path, b"").send(server.address()).unwrap();
    assert_eq!(anonymous.status, refusal, "{}", anonymous.text());
}

#[test]
fn garage() {
    let server = Garage::start().unwrap();
    keeps_and_lists(&server);
    let begun = server.client().send(Request::new("POST", format!("/{BUCKET}/big?uploads"), b"")).unwrap();
    assert_eq!(begun.status, 200, "{}", begun.text());
    assert_eq!(server.unfinished().unwrap(), ["big"]);

    let other = server.other_key(&["--read"]).unwrap();
    assert!(other["access_key_id"].as_str().unwrap().starts_with("GK"), "{other}");
    server.make_bucket("second").unwrap();
    server.fill_at(4 << 20).unwrap();
    let full = server.write("too-much", &vec![1; 2 << 20]).unwrap_err();
    assert!(full.to_string().contains("403"), "{full}");
}

#[test]
fn s3s() {
    let server = S3s::start().unwrap();
    keeps_and_lists(&server);
    let again = Request::new("PUT", format!("/{BUCKET}/other"), b"x").header("if-none-match", "*");
    assert_eq!(server.client().send(again).unwrap().status, 412);
    server.client().send(Request::new("POST", format!("/{BUCKET}/big?uploads"), b"")).unwrap().good().unwrap();
    assert_eq!(server.unfinished().unwrap().len(), 1);
}

#[test]
fn azurite() {
    let server = Azurite::start().unwrap();
    keeps_and_lists(&server);
    let read = |sas: &str| {
        let target = format!("/testaccount/{BUCKET}/other?{sas}");
        Request::new("GET", target, b"").send(server.address()).unwrap().status
    };
    assert_eq!(read(&server.sas("rl", 600)), 200);
    assert_eq!(read(&server.sas("w", 600)), 403);
    assert_eq!(read(&server.sas("r", -60)), 403);
}

#[test]
fn gcs() {
    let server = Gcs::start().unwrap();
    keeps_and_lists(&server);
    let body = b"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=e30.e30.e30";
    let answer = Request::new("POST", "/token", body).send(server.address()).unwrap();
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(answer.text().contains("invalid_grant"), "{}", answer.text());
    assert_eq!(server.tokens_given(), 0);
}

/// Everything that the proxy does is seen from the client's side.
#[test]
fn faults() {
    let server = S3s::start().unwrap();
    server.write("key", &[7; 1000]).unwrap();
    let proxy = FaultProxy::start(server.address()).unwrap();
    // The signature covers the store's own name, so the client has to claim it.
    let request =
        |method: &str, body: &[u8]| server.client().sign(Request::new(method, format!("/{BUCKET}/key"), body));
    let get = || request("GET", b"").send(proxy.address());
    assert_eq!(get().unwrap().body, [7; 1000]);

    for (fault, words) in [
        (Fault::LoseAnswer, "without an answer"),
        (Fault::CutAnswer, "the body ended after 500 of 1000 bytes"),
        (Fault::EndChunks, "a body ended between two chunks"),
    ] {
        proxy.inject(&[], 0, 1, fault.clone());
        let said = get().unwrap_err().to_string();
        assert!(said.contains(words), "{fault:?}: {said}");
    }
    proxy.inject(&[], 0, 1, Fault::ShortAnswer);
    assert_eq!(get().unwrap().body, [7; 500]);
    proxy.inject(&[], 0, 1, Fault::CorruptAnswer);
    assert_eq!(get().unwrap().body[500], 6);
    proxy.inject(&[], 0, 1, Fault::Status(503, Some(3)));
    let answer = get().unwrap();
    assert_eq!((answer.status, answer.get("retry-after")), (503, Some("3")));
    proxy.inject(&[], 0, 1, Fault::Redirect("http://127.0.0.1:1/".to_owned()));
    assert_eq!(get().unwrap().get("location"), Some("http://127.0.0.1:1/"));
    proxy.inject(&[Kind::Get], 0, 1, Fault::LateError);
    let answer = get().unwrap();
    assert!(answer.status == 200 && answer.text().contains("InternalError"), "{}", answer.text());
    let before = Instant::now();
    proxy.inject(&[], 0, 1, Fault::Delay(Duration::from_millis(300)));
    assert_eq!(get().unwrap().body, [7; 1000]);
    assert!(before.elapsed() >= Duration::from_millis(300));

    // A request that breaks changes nothing.
    for fault in [Fault::CutRequest, Fault::CorruptRequest] {
        proxy.inject(&[Kind::Put], 0, 1, fault);
        let put = request("PUT", &[8; 1000]).send(proxy.address());
        assert!(put.is_err() || put.unwrap().status >= 400);
        assert_eq!(server.read("key").unwrap(), [7; 1000]);
    }
    // After two that pass, two are broken.
    proxy.clear();
    proxy.inject(&[Kind::Get], 2, 2, Fault::Status(500, None));
    let statuses: Vec<u16> = (0..5).map(|_| get().unwrap().status).collect();
    assert_eq!(statuses, [200, 200, 500, 500, 200]);
    assert_eq!((proxy.count(Kind::Get), proxy.broken()), (5, 2));
}
