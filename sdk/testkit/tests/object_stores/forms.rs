//! Configurations and credentials of wrong form are refused before anything is asked of a service, with what is wrong and never with
//! what is secret.

use bulkhead_runtime::StoragePlugin;
use bulkhead_test_support::bucket::{Azurite, Gcs};
use serde_json::{Value, json};

use crate::bucket::plugin;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// Asserts that each change of a good configuration is refused with these words.
async fn refuses(plugin: &StoragePlugin, good: &Value, credentials: &Value, rows: &[(&str, Value, &str)]) {
    plugin.validate(good, Some(&credentials.to_string())).await.unwrap_or_else(|failure| panic!("{good}: {failure}"));
    plugin.validate(good, None).await.unwrap_or_else(|failure| panic!("{good}: {failure}"));
    for (key, value, words) in rows {
        let mut config = good.clone();
        config[*key] = value.clone();
        let failure = plugin.validate(&config, None).await.err();
        let failure = failure.unwrap_or_else(|| panic!("{key}: {value} is taken"));
        assert_eq!(failure.kind.code(), "invalid", "{key}: {value}: {failure}");
        assert!(failure.message.contains(words), "{key}: {value}: `{words}` in: {failure}");
    }
}

/// Asserts that credentials are refused with these words and without themselves.
async fn refuses_credentials(plugin: &StoragePlugin, config: &Value, rows: &[(&str, &str)]) {
    for (credentials, words) in rows {
        let failure = plugin.validate(config, Some(credentials)).await.err();
        let failure = failure.unwrap_or_else(|| panic!("{credentials} are taken"));
        let told = format!("{failure} {}", failure.hint.clone().unwrap_or_default());
        assert_eq!(failure.kind.code(), "invalid", "{credentials}: {told}");
        assert!(told.contains(words), "{credentials}: `{words}` in: {told}");
        assert!(!told.contains(SECRET) && !told.contains("hunter2"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3() {
    let plugin = plugin("s3").await;
    let good = json!({ "bucket": "backups", "endpoint": "https://minio.example.com:9000" });
    let credentials = json!({ "access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": SECRET });
    refuses(
        &plugin,
        &good,
        &credentials,
        &[
            ("bucket", json!(""), "`bucket` is empty"),
            ("bucket", json!("ab"), "`bucket` has 3 to 63 characters"),
            ("bucket", json!("s3://backups/x"), "a name alone"),
            ("bucket", json!("back ups"), "`bucket` holds ' '"),
            ("bucket", json!(7), "invalid type"),
            ("region", json!(""), "`region` is empty"),
            ("region", json!("eu west"), "`region` holds ' '"),
            ("prefix", json!("a//b"), "`prefix`"),
            ("prefix", json!("../up"), "`prefix`"),
            ("endpoint", json!("minio.example.com"), "`endpoint` is no address"),
            ("endpoint", json!("ftp://minio.example.com"), "`endpoint` is no http or https address"),
            ("endpoint", json!("https://user:hunter2@minio.example.com"), "the credentials"),
            ("endpoint", json!("https://minio.example.com/?x=1"), "`endpoint` holds more than an address"),
            ("path_style", json!(false), "`path_style` is false"),
            ("part_size_mib", json!(4), "`part_size_mib` is 5 to 36"),
            ("part_size_mib", json!(37), "`part_size_mib` is 5 to 36"),
            ("part_size_mib", json!(-1), "invalid value"),
            ("parallel", json!(0), "`parallel` is 1 to 8"),
            ("parallel", json!(9), "`parallel` is 1 to 8"),
            ("storage_class", json!(""), "`storage_class` is empty"),
            ("server_side_encryption", json!("rot13"), "`server_side_encryption` is `AES256` or `aws:kms`"),
            ("kms_key_id", json!("key"), "`kms_key_id` needs"),
            ("object_lock", json!({ "mode": "strict", "days": 1 }), "`object_lock.mode`"),
            ("object_lock", json!({ "mode": "governance", "days": 0 }), "`object_lock.days` is 1 to 36500"),
            ("object_lock", json!({ "mode": "governance" }), "missing field `days`"),
            ("checksum", json!("md5"), "`checksum` is `crc64nvme` or `none`"),
            ("instance_metadata", json!("169.254.169.254"), "`instance_metadata` is no address"),
            ("buckett", json!("x"), "unknown field `buckett`"),
        ],
    )
    .await;
    let failure = plugin.validate(&json!({}), None).await.unwrap_err();
    assert!(failure.message.contains("missing field `bucket`"), "{failure}");
    let rows = [
        ("", "they are no JSON"),
        ("hunter2", "they are no JSON (line 1"),
        (r#""hunter2""#, "they are no JSON object"),
        ("{}", "`access_key_id` is missing"),
        (r#"{"access_key_id": "AKIA"}"#, "`secret_access_key` is missing"),
        (r#"{"access_key_id": "AKIA", "secret_access_key": ""}"#, "`secret_access_key` is missing or empty"),
        (r#"{"access_key_id": "AKIA", "secret_access_key": 7}"#, "`secret_access_key` is no text"),
        (r#"{"access_key_id": "AKIA", "secret_access_key": "hunter2 hunter2"}"#, "`secret_access_key` holds spaces"),
        (r#"{"access_key_id": "AKIA", "secret_access_key": "hunter2", "hunter2": "x"}"#, "and nothing else"),
        (
            r#"{"access_key_id": "AKIA", "secret_access_key": "hunter2", "session_token": "a\nb"}"#,
            "`session_token` holds",
        ),
    ];
    refuses_credentials(&plugin, &good, &rows).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gcs() {
    let plugin = plugin("gcs").await;
    let account = Gcs::start().unwrap().service_account();
    let good = json!({ "bucket": "backups" });
    refuses(
        &plugin,
        &good,
        &account,
        &[
            ("bucket", json!("gs://backups"), "a name alone"),
            ("endpoint", json!("storage"), "`endpoint` is no address"),
            ("token_endpoint", json!("token"), "`token_endpoint` is no address"),
            ("storage_class", json!("NEAR LINE"), "`storage_class` holds ' '"),
            ("parallel", json!(100), "`parallel` is 1 to 8"),
            ("checksum", json!("none"), "unknown field `checksum`"),
        ],
    )
    .await;
    let changed = |field: &str, value: Value| {
        let mut account = account.clone();
        account[field] = value;
        account.to_string()
    };
    let key = account["private_key"].as_str().unwrap();
    let damaged = key.replacen("MII", "MIJ", 1);
    for (credentials, words) in [
        (changed("type", json!("authorized_user")), "those of a person"),
        (changed("type", Value::Null), "`type` is not `service_account`"),
        (changed("client_email", json!("hunter2")), "`client_email` is no address"),
        (changed("client_email", Value::Null), "`client_email` is missing"),
        (changed("private_key", json!("hunter2")), "`private_key` is no RSA key"),
        (changed("private_key", json!(damaged)), "`private_key` is no RSA key"),
        (changed("token_uri", json!("https://evil.example.com/token")), "`token_endpoint`"),
    ] {
        refuses_credentials(&plugin, &good, &[(&credentials, words)]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn azure() {
    let (plugin, server) = (plugin("azure").await, Azurite::start().unwrap());
    let good = json!({ "account": "acme", "container": "backups" });
    refuses(
        &plugin,
        &good,
        &json!({ "account_key": "aHVudGVyMg==" }),
        &[
            ("account", json!("ac.me"), "`account` holds '.'"),
            ("container", json!("b"), "`container` has 3 to 63 characters"),
            ("container", json!("backups/x"), "a name alone"),
            ("access_tier", json!("Archive"), "`access_tier` is `Hot` or `Cool` or `Cold`"),
            ("checksum", json!("crc64nvme"), "`checksum` is `md5` or `none`"),
            ("endpoint", json!("acme"), "`endpoint` is no address"),
        ],
    )
    .await;
    let sas = |token: String| json!({ "sas_token": token }).to_string();
    for (credentials, words) in [
        ("{}".to_owned(), "`account_key` and `sas_token` are missing"),
        (r#"{"account_key": "hunter2!"}"#.to_owned(), "`account_key` is no base64"),
        (r#"{"account_key": "aHVudGVyMg==", "sas_token": "sv=1&sig=2"}"#.to_owned(), "one is enough"),
        (sas("hunter2".to_owned()), "is no shared access signature"),
        (sas(server.sas("rwdl", -60)), "has ended at"),
        (sas(server.sas("rl", 600)), "write (w), delete (d)"),
        (sas(server.sas("rwdl", 600).replace("sr=c", "sr=b")), "is for one blob"),
        (sas(server.sas("rwdl", 600) + "&ss=f"), "is not for blobs"),
    ] {
        refuses_credentials(&plugin, &good, &[(&credentials, words)]).await;
    }
}
