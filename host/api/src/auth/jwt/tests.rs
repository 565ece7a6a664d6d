use std::sync::Arc;
use std::time::Duration;

use bulkhead_catalog::NewMember;
use bulkhead_model::{Clock, TestClock};

use super::*;
use crate::auth::config::Hs256;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const NOW: i64 = 1_700_000_000;

struct Scene {
    clock: Arc<TestClock>,
    catalog: Catalog,
    tokens: Tokens,
    _dir: tempfile::TempDir,
}

impl Scene {
    async fn new(checks: TokenChecks) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock::new(Timestamp::from_micros(NOW * 1_000_000)));
        let url = format!("sqlite:{}", dir.path().join("catalog.db").display());
        let catalog = Catalog::open(&url, clock.clone()).await.unwrap();
        let hs256 = Some(Hs256 { secret: Arc::from(SECRET), checks });
        let tokens = Tokens::new(AuthConfig { hs256, jwks: None }).unwrap();
        Self { clock, catalog, tokens, _dir: dir }
    }

    async fn check(&self, token: &str) -> Result<Caller, String> {
        let answer = self.tokens.check(token, self.clock.now(), &self.catalog).await;
        answer.map_err(|problem| serde_json::to_value(problem).unwrap()["detail"].as_str().unwrap().to_owned())
    }

    async fn claims(&self, claims: serde_json::Value) -> Result<Caller, String> {
        let header = jsonwebtoken::Header::new(Algorithm::HS256);
        let key = jsonwebtoken::EncodingKey::from_secret(SECRET);
        self.check(&jsonwebtoken::encode(&header, &claims, &key).unwrap()).await
    }
}

fn claims() -> Claims {
    let roles = vec!["operator".to_owned(), "juggler".to_owned()];
    Claims { sub: "ann".to_owned(), org: "acme".to_owned(), roles, exp: NOW + 60, ..Claims::default() }
}

#[tokio::test]
async fn a_token_counts_until_it_expires_and_gives_its_highest_known_role() {
    let scene = Scene::new(TokenChecks::default()).await;
    let token = mint(SECRET, &claims()).unwrap();
    let caller = scene.check(&token).await.unwrap();
    assert_eq!((caller.subject.as_str(), caller.organization.as_str()), ("ann", "acme"));
    assert!(caller.require(Role::Operator).is_ok());
    assert!(caller.require(Role::Administrator).is_err());
    scene.clock.advance(Duration::from_secs(60));
    assert_eq!(scene.check(&token).await.unwrap_err(), "the token has expired");
}

#[tokio::test]
async fn forged_and_unsigned_tokens_are_refused() {
    let scene = Scene::new(TokenChecks::default()).await;
    let good = mint(SECRET, &claims()).unwrap();
    let (_, rest) = good.split_once('.').unwrap();
    let (body, signature) = rest.split_once('.').unwrap();
    // {"alg":"none"} and {"typ":"JWT","alg":"HS512"}
    let none = format!("eyJhbGciOiJub25lIn0.{body}.");
    let none_signed = format!("eyJhbGciOiJub25lIn0.{body}.{signature}");
    let hs512 = format!("eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzUxMiJ9.{body}.{signature}");
    let other = mint(b"another secret of thirty-two bytes", &claims()).unwrap();
    let early = mint(SECRET, &Claims { nbf: Some(NOW + 30), ..claims() }).unwrap();
    let org = mint(SECRET, &Claims { org: "../x".to_owned(), ..claims() }).unwrap();
    let nobody = mint(SECRET, &Claims { sub: " ".to_owned(), ..claims() }).unwrap();
    assert_eq!(scene.check(&other).await.unwrap_err(), "the token's signature is wrong");
    assert_eq!(scene.check(&hs512).await.unwrap_err(), "the token is not signed with HS256");
    assert_eq!(scene.check(&early).await.unwrap_err(), "the token is not valid yet");
    for token in [none.as_str(), &none_signed, &org, &nobody, "", "a.b.c", body] {
        assert!(scene.check(token).await.is_err(), "{token}");
    }
    let powerless = mint(SECRET, &Claims { roles: vec![], ..claims() }).unwrap();
    assert!(scene.check(&powerless).await.unwrap().require(Role::Viewer).is_err());
    for wrong in [
        serde_json::json!({"sub": "ann", "org": "acme", "roles": ["administrator"]}),
        serde_json::json!({"sub": "ann", "org": "acme", "roles": "administrator", "exp": NOW + 60}),
        serde_json::json!({"org": "acme", "roles": ["administrator"], "exp": NOW + 60}),
    ] {
        assert!(scene.claims(wrong.clone()).await.is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn issuer_audience_and_leeway_are_as_configured() {
    let checks = TokenChecks {
        issuer: Some("https://id.example".to_owned()),
        audience: Some("bulkhead".to_owned()),
        leeway: Duration::from_secs(30),
    };
    let scene = Scene::new(checks).await;
    let token = |iss: &str, aud: serde_json::Value, exp: f64| serde_json::json!({"sub": "ann", "org": "acme", "roles": ["viewer"], "iss": iss, "aud": aud, "exp": exp});
    #[expect(clippy::cast_precision_loss, reason = "seconds of this century are exact in a double")]
    let now = NOW as f64;
    let good = "https://id.example";
    assert!(scene.claims(token(good, "bulkhead".into(), now - 29.5)).await.is_ok());
    assert!(scene.claims(token(good, vec!["other", "bulkhead"].into(), now + 1.0)).await.is_ok());
    for (iss, aud, exp, why) in [
        (good, "bulkhead".into(), now - 30.0, "the token has expired"),
        ("https://evil.example", "bulkhead".into(), now + 1.0, "the token's claim `iss` names another issuer"),
        (good, "other".into(), now + 1.0, "the token is meant for others: its claim `aud` does not name this host"),
        (
            good,
            serde_json::Value::Null,
            now + 1.0,
            "the token is meant for others: its claim `aud` does not name this host",
        ),
    ] {
        assert_eq!(scene.claims(token(iss, aud, exp)).await.unwrap_err(), why);
    }
}

#[tokio::test]
async fn a_token_without_roles_has_those_of_the_member_and_services_only_narrow() {
    let scene = Scene::new(TokenChecks::default()).await;
    let (db1, db2): (ServiceId, ServiceId) = ("db1".parse().unwrap(), "db2".parse().unwrap());
    let token = |sub: &str, org: &str| serde_json::json!({"sub": sub, "org": org, "exp": NOW + 60});
    let nobody = scene.claims(token("ann", "acme")).await.unwrap();
    assert!(nobody.require(Role::Viewer).is_err());
    let member = NewMember {
        organization: "acme".parse().unwrap(),
        subject: "ann".to_owned(),
        role: Role::Operator,
        services: Some(vec![db1.clone()]),
        created_by: "root".to_owned(),
    };
    scene.catalog.put_member(member).await.unwrap();
    let ann = scene.claims(token("ann", "acme")).await.unwrap();
    assert!(ann.on(Role::Operator, &db1).is_ok() && !ann.sees(&db2));
    assert!(scene.claims(token("ann", "other")).await.unwrap().require(Role::Viewer).is_err());
    // A claim cannot widen what the member has.
    let mut wider = token("ann", "acme");
    wider["services"] = serde_json::json!(["db1", "db2"]);
    assert!(!scene.claims(wider).await.unwrap().sees(&db2));
    let narrowed = mint(SECRET, &Claims { services: Some(vec!["db2".to_owned()]), ..claims() }).unwrap();
    let narrowed = scene.check(&narrowed).await.unwrap();
    assert!(narrowed.sees(&db2) && !narrowed.sees(&db1) && narrowed.require_everywhere(Role::Viewer).is_err());
}
