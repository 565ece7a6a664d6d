//! Tokens that must not count.

use bulkhead_test_support::{BulkheadHost, process};
use std::time::Duration;

/// Base64 for URLs, without padding.
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for digit in 0..=chunk.len() {
            text.push(char::from(DIGITS[(bits >> (18 - 6 * digit)) as usize & 63]));
        }
    }
    text
}

/// Header lines with a token that must be refused, by name, and what the refusal says.
pub fn refused(host: &BulkheadHost) -> Vec<(&'static str, Vec<String>, &'static str)> {
    let good = host.token("acme", "viewer").unwrap();
    let [header, _, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("{good}") };
    let claims = base64(br#"{"sub":"x","org":"acme","roles":["administrator"],"exp":4102444800}"#);
    let none = base64(br#"{"alg":"none","typ":"JWT"}"#);
    let other_algorithm = base64(br#"{"alg":"HS512","typ":"JWT"}"#);
    let foreign = host
        .run_with(
            &[("BULKHEAD_JWT_SECRET", "another secret, as long as the host's own one is")],
            &["token", "create", "--organization", "acme", "--role", "administrator"],
        )
        .unwrap();
    let bearer = |token: &str| vec![format!("Authorization: Bearer {token}")];
    vec![
        ("missing", Vec::new(), "no credential was sent"),
        ("another scheme", vec!["Authorization: Basic YTpi".to_owned()], "does not say `Bearer TOKEN`"),
        ("nonsense", bearer("x"), "the token cannot be read"),
        ("empty", bearer(""), "Bearer TOKEN"),
        ("expired", bearer(&expired(host)), "the token has expired"),
        ("foreign", bearer(foreign.stdout.trim()), "the token's signature is wrong"),
        ("more roles than signed", bearer(&format!("{header}.{claims}.{signature}")), "the token's signature is wrong"),
        ("unsigned", bearer(&format!("{none}.{claims}.")), "the token"),
        ("unsigned with a signature", bearer(&format!("{none}.{claims}.{signature}")), "the token"),
        (
            "another algorithm",
            bearer(&format!("{other_algorithm}.{claims}.{signature}")),
            "the token is not signed with HS256",
        ),
    ]
}

fn expired(host: &BulkheadHost) -> String {
    let arguments = ["token", "create", "--organization", "acme", "--role", "viewer", "--expires-in", "1s"];
    let token = host.run_with(&[], &arguments).unwrap().ok().unwrap().stdout.trim().to_owned();
    let authorization = format!("Authorization: Bearer {token}");
    process::wait_until("the token expires", Duration::from_secs(30), || {
        Ok((host.http("GET", "/v1/backups", &[&authorization], b"")?.status == 401).then_some(()))
    })
    .unwrap();
    token
}
