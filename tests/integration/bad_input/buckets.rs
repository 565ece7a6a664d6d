//! Buckets, options and credentials that are wrong: what is said names the field, helps, and repeats no secret.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bulkhead_test_support::{BulkheadHost, HostOptions, ServiceEntry};
use serde_json::{Value, json};

const SECRET: &str = "hunter2";

fn encoded(text: &str) -> Value {
    STANDARD.encode(text).into()
}

/// Address, credentials, and what the answer says.
fn credentials() -> Vec<(&'static str, Value, &'static str)> {
    let sas = |more: &str| encoded(&json!({"sas_token": format!("sv=2024-11-04&sig=hunter2{more}")}).to_string());
    let google = |more: Value| {
        let mut key = json!({"type": "service_account", "client_email": "a@b.iam.gserviceaccount.com"});
        key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        encoded(&key.to_string())
    };
    vec![
        ("s3://my-bucket", json!("hunter2 is no base64"), "the text is not base64"),
        ("s3://my-bucket", encoded("hunter2"), "line 1 is no `key = value`"),
        ("s3://my-bucket", encoded("[work]\naws_access_key_id = AK"), "the credentials have no profile [default]"),
        ("s3://my-bucket", encoded("[default]\naws_access_key_id = AK"), "`aws_secret_access_key` is missing"),
        (
            "s3://my-bucket",
            encoded("[default]\naws_access_key_id = AK\naws_secret_acess_key = hunter2"),
            "is `aws_secret_acess_key` meant for it?",
        ),
        (
            "s3://my-bucket",
            encoded("[default]\naws_access_key_id = AK\naws_secret_access_key = hunter2 hunter2"),
            "`aws_secret_access_key` of [default] has blanks in it",
        ),
        ("s3://my-bucket", google(json!({})), "the key of a Google service account"),
        ("gs://my-bucket", encoded("[default]\naws_secret_access_key = hunter2"), "not the key of a service account"),
        (
            "gs://my-bucket",
            encoded("{\"type\": \"service_account\", \"private_key\": \"hunter2"),
            "are not JSON from line 1",
        ),
        (
            "gs://my-bucket",
            encoded(r#"{"type": "authorized_user", "refresh_token": "hunter2"}"#),
            "not the key of a service account",
        ),
        ("gs://my-bucket", google(json!({})), "`private_key` is missing"),
        ("gs://my-bucket", google(json!({"private_key": "hunter2"})), "`private_key` is no RSA key in PEM form"),
        ("azure://myaccount/my-box", encoded("AccountKey=hunter2"), "the credentials are not JSON"),
        ("azure://myaccount/my-box", encoded("{}"), "`account_key` and `sas_token` are missing"),
        ("azure://myaccount/my-box", encoded(r#"{"account_key": "hunter2!"}"#), "`account_key` is no base64"),
        ("azure://myaccount/my-box", encoded(r#"{"account_key": "aGk=", "sas_token": "hunter2"}"#), "one is enough"),
        ("azure://myaccount/my-box", encoded(r#"{"sas_token": "hunter2"}"#), "is no shared access signature"),
        ("azure://myaccount/my-box", sas("&se=2020-01-01T00:00:00Z"), "has ended at 2020-01-01T00:00:00Z"),
        ("azure://myaccount/my-box", sas("&sp=rl"), "does not allow to"),
    ]
}

/// Addresses that name no bucket.
const ADDRESSES: [(&str, &str); 9] = [
    ("my-bucket", "`my-bucket` is no bucket"),
    ("https://my-bucket.s3.amazonaws.com", "is no bucket"),
    ("s3://", "names no bucket"),
    ("s3://b", "names the bucket `b`, which none can be called"),
    ("s3://my bucket", "names the bucket `my bucket`"),
    ("s3://AKIA:hunter2@my-bucket", "must not hold a user or a password"),
    ("s3://my-bucket/a/../b", "has a path with"),
    ("gs://my-bucket//a", "has a path with an empty part"),
    ("azure://myaccount", "names no container"),
];

#[test]
fn what_is_wrong_with_a_bucket_is_said_without_its_secret() {
    let services = vec![ServiceEntry::without_server("small")];
    let host = BulkheadHost::start(HostOptions { services, ..HostOptions::default() }).unwrap();
    let authorization = format!("Authorization: Bearer {}", host.token("acme", "administrator").unwrap());
    let refused = |path: &str, body: &Value, words: &str| {
        let headers = [authorization.as_str(), "Content-Type: application/json"];
        let answer = host.http("POST", path, &headers, body.to_string().as_bytes()).unwrap();
        let at = format!("{path} {body}: {} {}", answer.status, answer.body);
        let problem = answer.json().unwrap();
        assert_eq!((answer.status, &problem["code"]), (400, &json!("invalid")), "{at}");
        assert!(answer.body.contains(words), "`{words}` is not said of {at}");
        assert!(problem["hint"].is_string() || words.contains("one is enough"), "no hint: {at}");
        assert!(!answer.body.contains(SECRET), "{at}");
    };
    let schedule = |address: &str, credentials: &Value| {
        json!({"service_id": "small", "backup_type": "full", "schedule": "once",
            "external_storage": {"bucket": {"path": address, "credentials": credentials}}})
    };
    let source = |address: &str, credentials: &Value| {
        json!({"service_id": "small", "key": "backup.xb",
            "external_source": {"bucket": address, "method": "mariabackup", "credentials": credentials}})
    };
    let target =
        |address: &str, credentials: &Value| json!({"id": "own", "bucket": address, "credentials": credentials});
    let aws = encoded("[default]\naws_access_key_id = AK\naws_secret_access_key = hunter2");
    for (address, words) in ADDRESSES {
        refused("/v1/targets", &target(address, &aws), words);
        refused("/v1/backups/schedules", &schedule(address, &aws), words);
        refused("/v1/restores", &source(address, &aws), words);
    }
    for (address, credentials, words) in credentials() {
        refused("/v1/targets", &target(address, &credentials), words);
    }
    let page = host.json(&["target", "list"]).unwrap();
    assert_eq!(page["targets_count"], 1, "nothing was made: {page}");
    // Nor on the command line, where a file is read.
    let file = host.dir().join("credentials");
    std::fs::write(&file, "[default]\naws_secret_access_key = hunter2\n").unwrap();
    let create =
        ["target", "create", "own", "--bucket", "s3://my-bucket", "--credentials-file", file.to_str().unwrap()];
    let said = host.run(&create).unwrap();
    assert!(said.code != Some(0) && said.stderr.contains("`aws_access_key_id` is missing"), "{said:?}");
    let said =
        host.run(&["target", "create", "own", "--bucket", "s3://my-bucket", "--credentials-file", "/nowhere"]).unwrap();
    assert!(said.code == Some(2) && said.stderr.contains("the credentials /nowhere cannot be read"), "{said:?}");
    assert!(!host.log().contains(SECRET) && !said.stderr.contains(SECRET));
}
