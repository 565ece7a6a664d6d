//! The object stores are what the tests believe them to be: they keep bytes, list them, and refuse strangers.

use bulkhead_test_support::bucket::{Azurite, BUCKET, BucketServer, Garage, Request, S3s};

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
    let anonymous = Request::new("GET", path, b"").send(server.address()).unwrap();
    assert_eq!(anonymous.status, 403, "{}", anonymous.text());
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
