//! The object stores are what the tests believe them to be: they keep bytes, list them, and refuse strangers.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bulkhead_test_support::bucket::{
    Answer, Azurite, BUCKET, BucketServer, Fault, FaultProxy, Gcs, Kind, Request, S3, S3Client, SeaweedFs,
};
use serde_json::Value;
use sha2::{Digest, Sha256};

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
fn seaweedfs() {
    let server = SeaweedFs::start().unwrap();
    keeps_and_lists(&server);
    let client = server.client();
    let again = Request::new("PUT", format!("/{BUCKET}/other"), b"x").header("if-none-match", "*");
    assert_eq!(client.send(again).unwrap().status, 412);
    let big = begun(client, "big");
    let beside = format!("/{BUCKET}/other/beside");
    client.send(Request::new("PUT", beside, b"x")).unwrap().good().unwrap();
    assert_eq!(server.objects("other").unwrap().len(), 2, "an object below the name of another one");
    assert_eq!(server.unfinished().unwrap(), ["big"]);

    // Parts that are too small, and bodies that are not what their sum says.
    let parts = [1, 2].map(|number| part(client, "big", &big, number, b"small"));
    let small = complete(client, "big", &big, &parts);
    assert!(small.status == 400 && small.text().contains("EntityTooSmall"), "{}", small.text());
    for sum in ["x-amz-checksum-crc64nvme", "x-amz-checksum-sha256", "content-md5"] {
        let other = if sum.ends_with("256") { "A".repeat(43) + "=" } else { "A".repeat(22) + "==" };
        let other = if sum.ends_with("nvme") { "AAAAAAAAAAA=".to_owned() } else { other };
        let wrong = Request::new("PUT", format!("/{BUCKET}/wrong"), b"x").header(sum, other);
        let refused = client.send(wrong).unwrap();
        assert!(refused.status == 400 && refused.text().contains("BadDigest"), "{sum}: {}", refused.text());
    }

    // Who may do what, and with a signature of when.
    let read = || Request::new("GET", format!("/{BUCKET}/other"), b"");
    for (minutes, status) in [(0, 200), (10, 200), (20, 403), (1500, 403)] {
        let late = client.sign_late(read(), Duration::from_secs(60 * minutes));
        let answer = late.send(server.address()).unwrap();
        assert_eq!(answer.status, status, "after {minutes} minutes: {}", answer.text());
        assert!(status == 200 || answer.text().contains("RequestTimeTooSkewed"), "{}", answer.text());
    }
    let as_other = |keys: &Value, request: Request| {
        let key = |name: &str| keys[name].as_str().unwrap();
        let other = client.with_keys(key("access_key_id"), key("secret_access_key"));
        other.send(request).unwrap().status
    };
    let write = || Request::new("PUT", format!("/{BUCKET}/by-others"), b"x");
    let list = || Request::new("GET", format!("/{BUCKET}?list-type=2"), b"");
    for (keys, statuses) in [(server.reader(), [200, 200, 403]), (server.powerless(), [403, 403, 403])] {
        let found = [read(), list(), write()].map(|request| as_other(&keys, request));
        assert_eq!(found, statuses, "{keys}");
    }

    server.make_bucket("second").unwrap();
    let nowhere = client.send(Request::new("PUT", "/third/x", b"x")).unwrap();
    assert_eq!(nowhere.status, 404, "no bucket is made by writing to it");
}

/// Of puts and of uploads that want an absent key, begun at once, one alone succeeds.
#[test]
fn racing_conditional_writes() {
    const WRITERS: usize = 8;
    let service = S3::start().unwrap();
    let (server, client) = (service.server(), service.client());
    for (key, bytes) in [("race/small", 100), ("race/large", 3 << 20)] {
        // SeaweedFS itself: its puts are atomic.
        let put = |writer: u8| {
            let put = Request::new("PUT", format!("/{BUCKET}/{key}"), &vec![writer; bytes]);
            server.client().send(put.header("if-none-match", "*")).unwrap().status
        };
        let statuses = at_once(WRITERS, put);
        let winners: Vec<_> = (0..WRITERS).filter(|writer| statuses[*writer] == 200).collect();
        assert!(winners.len() == 1 && statuses.iter().all(|status| [200, 412].contains(status)), "{statuses:?}");
        assert!(server.read(key).unwrap() == vec![u8::try_from(winners[0]).unwrap(); bytes], "the winner's object");
    }
    // The completion of uploads: the front before it.
    let uploads: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let upload = begun(client, "race/parts");
            let part = part(client, "race/parts", &upload, 1, &[u8::try_from(writer).unwrap(); 100]);
            (upload, part)
        })
        .collect();
    let complete = |writer: u8| {
        let (upload, part) = &uploads[usize::from(writer)];
        let request = completion("race/parts", upload, std::slice::from_ref(part)).header("if-none-match", "*");
        client.send(request).unwrap().status
    };
    let statuses = at_once(WRITERS, complete);
    let winners: Vec<_> = (0..WRITERS).filter(|writer| statuses[*writer] == 200).collect();
    assert!(winners.len() == 1 && statuses.iter().all(|status| [200, 412].contains(status)), "{statuses:?}");
    assert_eq!(server.read("race/parts").unwrap(), [u8::try_from(winners[0]).unwrap(); 100]);
}

fn at_once(writers: usize, write: impl Fn(u8) -> u16 + Sync) -> Vec<u16> {
    let (start, write) = (Barrier::new(writers), &write);
    thread::scope(|scope| {
        let start = &start;
        let begin = |writer: usize| {
            scope.spawn(move || {
                start.wait();
                write(u8::try_from(writer).unwrap())
            })
        };
        let threads: Vec<_> = (0..writers).map(begin).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// The id of a new upload.
fn begun(client: &S3Client, key: &str) -> String {
    let answer = client.send(Request::new("POST", format!("/{BUCKET}/{key}?uploads"), b"")).unwrap().good().unwrap();
    let text = answer.text();
    text.split_once("<UploadId>").and_then(|(_, rest)| rest.split_once("</")).unwrap().0.to_owned()
}

/// Sends a part: its number and tag.
fn part(client: &S3Client, key: &str, upload: &str, number: u32, bytes: &[u8]) -> (u32, String) {
    let target = format!("/{BUCKET}/{key}?partNumber={number}&uploadId={upload}");
    let answer = client.send(Request::new("PUT", target, bytes)).unwrap().good().unwrap();
    (number, answer.get("etag").unwrap().to_owned())
}

fn completion(key: &str, upload: &str, parts: &[(u32, String)]) -> Request {
    let part =
        |(number, tag): &(u32, String)| format!("<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>");
    let parts: String = parts.iter().map(part).collect();
    let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
    Request::new("POST", format!("/{BUCKET}/{key}?uploadId={upload}"), body.as_bytes())
}

fn complete(client: &S3Client, key: &str, upload: &str, parts: &[(u32, String)]) -> Answer {
    client.send(completion(key, upload, parts)).unwrap()
}

/// What the front does that SeaweedFS does not.
#[test]
fn s3() {
    let service = S3::start().unwrap();
    keeps_and_lists(&service);
    let client = service.client();

    let elsewhere = client.in_region("elsewhere-1");
    let refused = elsewhere.send(Request::new("GET", format!("/{BUCKET}/other"), b"")).unwrap();
    assert!(refused.status == 400 && refused.text().contains("AuthorizationHeaderMalformed"), "{}", refused.text());
    assert!(refused.text().contains(&format!("<Region>{}</Region>", service.server().keys().0)), "{}", refused.text());

    let mut other = client.sign(Request::new("PUT", format!("/{BUCKET}/other-body"), b"bytes"));
    other.body = b"bytez".to_vec();
    let refused = other.send(service.address()).unwrap();
    assert!(refused.status == 400 && refused.text().contains("XAmzContentSHA256Mismatch"), "{}", refused.text());
    assert!(service.read("other-body").is_err());

    for key in ["d/x", "d.x", "d-x", "d0", "d/-"] {
        service.write(key, b"x").unwrap();
    }
    let keys = |about: &str| {
        let page = client.send(Request::new("GET", format!("/{BUCKET}?list-type=2&prefix=d{about}"), b"")).unwrap();
        let text = page.good().unwrap().text();
        let parts = text.split("<Key>").skip(1);
        let keys: Vec<_> = parts.map(|part| part.split_once('<').unwrap().0.to_owned()).collect();
        (keys.join(" "), text.contains("<IsTruncated>true"))
    };
    assert_eq!(keys(""), ("d-x d.x d/- d/x d0".to_owned(), false));
    assert_eq!(keys("&max-keys=2"), ("d-x d.x".to_owned(), true));
    assert_eq!(keys("&max-keys=2&continuation-token=d.x"), ("d/- d/x".to_owned(), true));
    assert_eq!(keys("&start-after=d/a"), ("d/x d0".to_owned(), false));

    // SeaweedFS completes an upload as often as it is asked.
    let upload = begun(client, "twice");
    let part = part(client, "twice", &upload, 1, b"once");
    let twice = || complete(client, "twice", &upload, std::slice::from_ref(&part));
    assert_eq!((twice().status, twice().status), (200, 404));
    assert_eq!(complete(service.server().client(), "twice", &upload, std::slice::from_ref(&part)).status, 200);
    assert_eq!(service.read("twice").unwrap(), b"once");

    service.fill_at(4 << 20);
    let full = service.write("too-much", &vec![1; 2 << 20]).unwrap_err();
    assert!(full.to_string().contains("403") && full.to_string().contains("quota"), "{full}");

    let careless = S3::without_conditions().unwrap();
    for bytes in [b"1", b"2"] {
        let put = Request::new("PUT", format!("/{BUCKET}/key"), bytes).header("if-none-match", "*");
        careless.client().send(put).unwrap().good().unwrap();
        assert_eq!(careless.read("key").unwrap(), bytes);
    }
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
    let server = SeaweedFs::start().unwrap();
    server.write("key", &[7; 1000]).unwrap();
    let proxy = FaultProxy::start(server.address()).unwrap();
    // The signature covers the store's own name, so the client has to claim it.
    let request = |method: &str, body: &[u8]| {
        let request = Request::new(method, format!("/{BUCKET}/key"), body);
        let sum = STANDARD.encode(Sha256::digest(body));
        server.client().sign(request.header("x-amz-checksum-sha256", sum))
    };
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
