use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bulkhead_model::{Clock as _, TestClock};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{EncodingKey, Header, Validation};
use serde_json::{Value, json};

use super::*;

/// Signs nothing but what this test sends to itself.
const RSA_DER: &str = "\
    MIIEpAIBAAKCAQEAtp8I6uuU6PswAvyPT6m5Amw8AeoXFCFqpw3mE4XwDB9k1YN6vgybGNZXF50c9deXTC4XG4rsWPxIien9ZCWBv/v5Xc3qFU\
    ujEhk5qi6I3GSggbfR3mMTTG/wAjwMME2CRSxxjJUx4nZcXl4FggiYw128GpLeuEpm1vWcJUWD9TGC0vMxpRQPIiu8ClJw//mpnN8oNsMgCXXi\
    UA2wdvUHxXhO//CL5tN3pOLSVetpjvs9M+6sCUtFZul0CZiz9msnYTz+E62CsmeKTZMTKZ9qFNn8sDRjTdpFyO6HQmk9I1QoytSaKnYoE5KBwp\
    ypMugKO9d6gZ0eGNaMWA4OzOLbnQIDAQABAoIBAADJG/vXxpeo0jmav4ct2+my/ffUCPArhSgQIOajfmnVQKJljQ2y0WTuP1Kp0DoAFknfQ05X\
    oXaYbVaCVHZtvsVGJyJvxe7GaepM1OZ82uqnKRw6y337VWN4wxAnZdDeAmJsyxJA0zTEvTVZxD5aCRAXIzbhhhIdq2XzlwBJhJvuvve76CtT4u\
    7Qd1UnV7bWcWW2szIwzhhy9q2HTYXDe5TJ/DNiVht/B8Pvrl3qJMzJDzWC6H65dtiRFaXEnuzBpJwox2t+krf/8Z64rMtz0+XgWDpBm74y7feZ\
    L2TS7ESeGR+oqMfl62waDtPMgAodWYgIQb74Ks60zYGRgPjGrQECgYEA3Uil+7gR5cOSOryQTWfZBk9kderK3cXyN+Pel6W6tFyjv9DqvWNjtp\
    zqsDMk43dh1IhuPUZNq9bI3QSiVdi2RHiw4xQSeBpUctOmjERyeg3SxKERm7wTapk0zrDl5MZlvvDxmMnXePUHVlWU6+Z+bgUQmbrS/WdMo/Zg\
    uPSm7IECgYEA00WYKlB2LhX/xFHB1DDTKwjC01M1lFr5emwbHwSNVrkoKFVqAtrRwPdEQRcOhPYzWm9qcT70DJI4uMBT6dRCfz/kpAKNG4Seat\
    HPJNQ3rvCn+E7ZRomjh7csmNmVR4b3fXOd7a6+5FcyE8d9mVN3h1D9/i2xmQe6UdtfFiuFkR0CgYEAooNPO33kzwyBoVeI1wBUl9jI2/zyvks4\
    56kXeeICK6H5tM73Bt4uhhfaGEuHZPLxS0hjRecS9gfI/uD/Y/LDcaf9qNe99KzJpocgQtWmCVOLnlL4fppy3A/mg4HRZOH8KW4E0QQzlibGG7\
    bApzthUOWxWmWlvOsXkzdHs64hxYECgYBBZWNqhalvLoQTArOauNpEkdusii8lkttyV5A1k7UkSP/zLC06YP1YW7GW7EokQgk3TxGFqFTmp0RD\
    e9T9piRHO0HMurVu9SgMLJGP9tidoAR+SfnbabNiyQJW9dLNZyuoe2dBMTwJdiwcDz4DfeCb1Cgqy34Tvl6gA+V0+VfIyQKBgQCc9VRXkWQeV3\
    WXIEmsCXP5IZ/Fjl25K1JBQTBx3P6gwqDu8Gdt6j5Z3I3Sua66gToatYeWurAt05uptNrQiwNRhrqDdtQUrz8g6tvXHDmPZeMzpl69xQnYcp5w\
    iWch8IyZOzEA3tONVavTDKaHKOFief+tmuWUIYbqb6cE75b7pQ==\
";

fn rsa() -> EncodingKey {
    EncodingKey::from_rsa_der(&STANDARD.decode(RSA_DER).unwrap())
}

/// PKCS #8 of an Ed25519 seed (RFC 8410).
fn ed25519(seed: u8) -> EncodingKey {
    let head = hex::decode("302e020100300506032b657004220420").unwrap();
    EncodingKey::from_ed_der(&[head, vec![seed; 32]].concat())
}

/// PKCS #8 of a P-256 scalar (RFC 5915).
fn p256(scalar: u8) -> EncodingKey {
    let head = hex::decode("3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420").unwrap();
    EncodingKey::from_ec_der(&[head, vec![scalar; 32]].concat())
}

fn public(key: &EncodingKey, algorithm: Algorithm, kid: &str) -> Value {
    let mut jwk = serde_json::to_value(Jwk::from_encoding_key(key, algorithm).unwrap()).unwrap();
    jwk["kid"] = kid.into();
    jwk
}

fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

/// An address that answers with whatever stands in `answer`, and counts.
struct Server {
    url: String,
    answer: Arc<Mutex<Option<String>>>,
    asked: Arc<AtomicUsize>,
}

impl Server {
    fn start(answer: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/keys?token=secret", listener.local_addr().unwrap());
        let (answer, asked) = (Arc::new(Mutex::new(Some(answer))), Arc::new(AtomicUsize::new(0)));
        let server = Self { url, answer: Arc::clone(&answer), asked: Arc::clone(&asked) };
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _head = stream.read(&mut [0; 4096]).unwrap();
                asked.fetch_add(1, Ordering::SeqCst);
                let body = answer.lock().unwrap().clone();
                let (status, body) = body.map_or(("500 no", String::new()), |body| ("200 OK", body));
                let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                let _gone = stream.write_all(format!("{head}{body}").as_bytes());
            }
        });
        server
    }

    fn answers(&self, answer: Option<String>) {
        *self.answer.lock().unwrap() = answer;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn clock() -> TestClock {
    TestClock::new(Timestamp::parse_rfc3339("2026-07-14T00:00:00Z").unwrap())
}

async fn status(keys: &KeySet, kid: &str, algorithm: Algorithm, clock: &TestClock) -> u16 {
    keys.find(Some(kid), algorithm, clock.now()).await.map_or_else(|problem| problem.status().as_u16(), |_| 200)
}

#[tokio::test]
async fn keys_of_each_kind_check_what_they_signed_and_nothing_else() {
    let signers = [(rsa(), Algorithm::RS256), (p256(7), Algorithm::ES256), (ed25519(7), Algorithm::EdDSA)];
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys.json");
    let mut public: Vec<Value> =
        signers.iter().map(|(key, algorithm)| public(key, *algorithm, &format!("{algorithm:?}"))).collect();
    // With a key that everybody can read, everybody could sign; and one for something else does not count.
    public.push(json!({"kty": "oct", "k": "c2VjcmV0", "kid": "oct", "alg": "HS256"}));
    let mut for_encryption = public[0].clone();
    (for_encryption["kid"], for_encryption["use"]) = ("enc".into(), "enc".into());
    public.push(for_encryption);
    std::fs::write(&path, set(&public)).unwrap();
    let (keys, clock) = (KeySet::new(JwksSource::File(path)).unwrap(), clock());
    for (signer, algorithm) in &signers {
        let kid = format!("{algorithm:?}");
        let token = jsonwebtoken::encode(&Header::new(*algorithm), &json!({"sub": "ann"}), signer).unwrap();
        let key = keys.find(Some(&kid), *algorithm, clock.now()).await.unwrap();
        let mut validation = Validation::new(*algorithm);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        assert!(jsonwebtoken::decode::<Value>(&token, &key, &validation).is_ok(), "{kid}");
        // Also without saying which: there is one of its kind.
        assert!(keys.find(None, *algorithm, clock.now()).await.is_ok(), "{kid}");
        for other in signers.iter().map(|(_, other)| *other).filter(|other| other != algorithm) {
            assert_eq!(status(&keys, &kid, other, &clock).await, 401, "{kid} for {other:?}");
        }
    }
    for kid in ["oct", "enc", "nobody"] {
        assert_eq!(status(&keys, kid, Algorithm::RS256, &clock).await, 401, "{kid}");
    }
}

#[tokio::test]
async fn an_address_is_asked_for_new_keys_but_not_for_every_token() {
    let (old, new) = (public(&ed25519(1), Algorithm::EdDSA, "old"), public(&ed25519(2), Algorithm::EdDSA, "new"));
    let server = Server::start(set(std::slice::from_ref(&old)));
    let (keys, clock) = (KeySet::new(JwksSource::Url(server.url.clone())).unwrap(), clock());
    assert!(!keys.source.to_string().contains("secret"));
    for _ in 0..5 {
        assert_eq!(status(&keys, "old", Algorithm::EdDSA, &clock).await, 200);
        assert_eq!(status(&keys, "new", Algorithm::EdDSA, &clock).await, 401);
    }
    assert_eq!(server.asked(), 1, "a key that nobody knows is no reason to ask again and again");
    server.answers(Some(set(&[old, new])));
    clock.advance(EVERY);
    assert_eq!(status(&keys, "new", Algorithm::EdDSA, &clock).await, 200, "a new key is found");
    assert_eq!(server.asked(), 2);
    // The address is away: what is known counts on, for a day.
    server.answers(None);
    clock.advance(FRESH);
    assert_eq!(status(&keys, "new", Algorithm::EdDSA, &clock).await, 200);
    assert_eq!(status(&keys, "old", Algorithm::EdDSA, &clock).await, 200);
    assert_eq!(server.asked(), 3);
    clock.advance(STALE);
    assert_eq!(status(&keys, "new", Algorithm::EdDSA, &clock).await, 503);
}

#[tokio::test]
async fn a_file_counts_as_soon_as_it_changes_and_a_broken_one_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let path: PathBuf = dir.path().join("keys.json");
    let (keys, clock) = (KeySet::new(JwksSource::File(path.clone())).unwrap(), clock());
    assert_eq!(status(&keys, "a", Algorithm::EdDSA, &clock).await, 503, "there is no file yet");
    std::fs::write(&path, set(&[public(&ed25519(1), Algorithm::EdDSA, "a")])).unwrap();
    assert_eq!(status(&keys, "a", Algorithm::EdDSA, &clock).await, 200);
    std::fs::write(&path, "{").unwrap();
    assert_eq!(status(&keys, "a", Algorithm::EdDSA, &clock).await, 200, "what was known counts on");
    std::fs::write(&path, set(&[public(&ed25519(1), Algorithm::EdDSA, "bb")])).unwrap();
    assert_eq!(status(&keys, "a", Algorithm::EdDSA, &clock).await, 401);
    assert_eq!(status(&keys, "bb", Algorithm::EdDSA, &clock).await, 200);
}

#[test]
fn keys_come_from_secure_addresses_only() {
    for (url, good) in [
        ("https://id.example/keys", true),
        ("http://127.0.0.1:8080/keys", true),
        ("http://[::1]/keys", true),
        ("http://id.example/keys", false),
        ("http://127.0.0.1.evil.example/keys", false),
        ("file:///etc/passwd", false),
        ("keys", false),
    ] {
        assert_eq!(KeySet::new(JwksSource::Url(url.to_owned())).is_ok(), good, "{url}");
    }
}
